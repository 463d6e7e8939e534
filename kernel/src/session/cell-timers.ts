/**
 * Ties timers to the cell whose own code started them, so that stopping the cell stops a loop that sleeps between its
 * steps: it cannot be terminated, because no code of it runs while it waits. Timers that a library starts on behalf of a
 * cell go on; they may keep a connection alive that other cells use.
 */
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import { currentContext, type ExecutionContext } from "./execution-context.ts";

type Callback = (...args: unknown[]) => void;
type Sleep = typeof timersPromises.setTimeout;
/** Any function; names the frame above which a stack is captured. */
type Caller = (...args: never[]) => unknown;

/**
 * Replace Node's timers, global and imported, by ones that an interrupt of their cell stops.
 *
 * @param isUsersFile - is the file with this name (as it appears in stacks) a cell or a file beside the notebook?
 */
export function installCellTimers(isUsersFile: (fileName: string) => boolean): void {
  const { setTimeout: startTimeout, setInterval: startInterval, setImmediate: startImmediate } = timers;
  const tracker = new TimerTracker(isUsersFile);
  const sleep = cancellableSleep(timersPromises.setTimeout, tracker);

  const setTimeout = (callback: Callback, delayMs?: number, ...args: unknown[]): NodeJS.Timeout => {
    const context = tracker.contextOfCaller(setTimeout);
    if (context === undefined || typeof callback !== "function") return startTimeout(callback, delayMs, ...args);
    const timeout = startTimeout(() => {
      untrack();
      Reflect.apply(callback, timeout, args);
    }, delayMs);
    const untrack = tracker.track(context, () => clearTimeout(timeout));
    return timeout;
  };
  const setInterval = (callback: Callback, delayMs?: number, ...args: unknown[]): NodeJS.Timeout => {
    const context = tracker.contextOfCaller(setInterval);
    const interval = startInterval(callback, delayMs, ...args);
    if (context !== undefined) tracker.track(context, () => clearInterval(interval));
    return interval;
  };
  const setImmediate = (callback: Callback, ...args: unknown[]): NodeJS.Immediate => {
    const context = tracker.contextOfCaller(setImmediate);
    if (context === undefined || typeof callback !== "function") return startImmediate(callback, ...args);
    const immediate = startImmediate(() => {
      untrack();
      Reflect.apply(callback, immediate, args);
    });
    const untrack = tracker.track(context, () => clearImmediate(immediate));
    return immediate;
  };
  Object.defineProperty(setTimeout, promisify.custom, { value: sleep });
  Object.defineProperty(setImmediate, promisify.custom, { value: timersPromises.setImmediate });

  for (const target of [globalThis, timers]) Object.assign(target, { setTimeout, setInterval, setImmediate });
  Object.assign(timersPromises, { setTimeout: sleep });
  syncBuiltinESMExports();
}

class TimerTracker {
  readonly #isUsersFile: (fileName: string) => boolean;

  constructor(isUsersFile: (fileName: string) => boolean) {
    this.#isUsersFile = isUsersFile;
  }

  /** The cell that `caller` works for, if the user's own code called it. */
  contextOfCaller(caller: Caller): ExecutionContext | undefined {
    const context = currentContext();
    return context !== undefined && this.#isUsersFile(fileThatCalled(caller)) ? context : undefined;
  }

  /** Have `stop` called when the cell is interrupted; at once when it already is. Returns the way to withdraw it. */
  track(context: ExecutionContext, stop: () => void): () => void {
    if (context.isInterrupted) {
      stop();
      return () => {};
    }
    context.stops.add(stop);
    return () => context.stops.delete(stop);
  }
}

/** A sleep that rejects with an AbortError when its cell is interrupted, so that `finally` blocks of the cell run. */
function cancellableSleep(sleep: Sleep, tracker: TimerTracker): Sleep {
  const cellSleep = (delayMs?: number, value?: unknown, options?: Parameters<Sleep>[2]): Promise<unknown> => {
    const context = tracker.contextOfCaller(cellSleep);
    if (context === undefined) return sleep(delayMs, value, options);
    // A loop that catches the AbortError and sleeps again would spin if this rejected once more.
    if (context.isInterrupted) return new Promise(() => {});
    const controller = new AbortController();
    const signal = options?.signal;
    const abort = (): void => controller.abort(signal?.reason);
    const untrack = tracker.track(context, () => controller.abort());
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
    return sleep(delayMs, value, { ...options, signal: controller.signal }).finally(() => {
      signal?.removeEventListener("abort", abort);
      untrack();
    });
  };
  return cellSleep as Sleep;
}

/** File name of the frame that called `caller`; empty when there is none. */
function fileThatCalled(caller: Caller): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, caller);
  const stack = holder.stack ?? "";
  Error.stackTraceLimit = limit;
  return /(?:\(|at (?:async )?)(\S.*?):\d+:\d+\)?$/.exec(stack)?.[1] ?? "";
}
