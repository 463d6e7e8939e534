/** Calls that wait for their turn: in one line, or in one for each concurrency group of an actor. */
import type { ConcurrencyGroupSpec } from "../protocol/messages.ts";
import type { RunningCall } from "./running-call.ts";

interface Line {
  /** Calls in progress at once. */
  readonly limit: number;
  running: number;
  waiting: RunningCall[];
}

export class CallLines {
  #main: Line = { limit: 1, running: 0, waiting: [] };
  #lines: Line[] = [this.#main];
  #byMethod: ReadonlyMap<string, Line> | undefined;
  /** At most one call is in progress. */
  isExclusive = true;

  /** Before the first call. */
  configure(maxConcurrency: number, groups: readonly ConcurrencyGroupSpec[] = []): void {
    this.#main = { limit: maxConcurrency, running: 0, waiting: [] };
    this.#lines = [this.#main];
    this.isExclusive = maxConcurrency === 1 && groups.length === 0;
    if (groups.length === 0) return;
    const byMethod = new Map<string, Line>();
    for (const { maxConcurrency: limit, methods } of groups) {
      const line: Line = { limit, running: 0, waiting: [] };
      this.#lines.push(line);
      for (const method of methods) byMethod.set(method, line);
    }
    this.#byMethod = byMethod;
  }

  #lineOf({ call }: RunningCall): Line {
    return this.#byMethod === undefined || !("method" in call)
      ? this.#main
      : (this.#byMethod.get(call.method) ?? this.#main);
  }

  get waitingCount(): number {
    let count = 0;
    for (const { waiting } of this.#lines) count += waiting.length;
    return count;
  }

  *waiting(): Iterable<RunningCall> {
    for (const { waiting } of this.#lines) yield* waiting;
  }

  add(call: RunningCall): void {
    this.#lineOf(call).waiting.push(call);
  }

  /** The next call that may begin; it counts as running from now on. */
  next(): RunningCall | undefined {
    for (const line of this.#lines) {
      if (line.waiting.length === 0 || line.running >= line.limit) continue;
      line.running++;
      return line.waiting.shift();
    }
    return undefined;
  }

  /** A call that `next` gave is over. */
  ended(call: RunningCall): void {
    this.#lineOf(call).running--;
  }

  /** Take those that match out of their lines. */
  take(matches: (call: RunningCall) => boolean): RunningCall[] {
    const taken: RunningCall[] = [];
    for (const line of this.#lines) {
      if (!line.waiting.some(matches)) continue;
      taken.push(...line.waiting.filter(matches));
      line.waiting = line.waiting.filter((call) => !matches(call));
    }
    return taken;
  }
}
