/**
 * Runs calls on the main thread: tasks one after the other, an actor's calls up to its concurrency at once.
 *
 * User code starts in a bare promise job. Timers, immediates and ticks push state inside Node that a termination by V8
 * would leave behind; a promise job does not.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { writeSync } from "node:fs";
import { isObjectRef } from "../api/object-ref.ts";
import type { ValueCodec } from "../api/value-codec.ts";
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { STREAM_WINDOW } from "../engine/local/stream-buffer.ts";
import { errorSummary, SerializationError, toWireError } from "../errors.ts";
import { expectSoon } from "../node/wakefulness.ts";
import { type ObjectId, partOf, regionOwnerOf, resultOf, type TaskId } from "../protocol/ids.ts";
import type { ActorSpec, WireValue } from "../protocol/messages.ts";
import { CallLines } from "./call-lines.ts";
import type { UserFunction } from "./code-cache.ts";
import { DebuggedCalls } from "./debugged-calls.ts";
import { iterate } from "./items.ts";
import type { OutputCapture } from "./output-capture.ts";
import type { Client, RunningCall } from "./running-call.ts";
import { classNamesOf, userStack } from "./thrown.ts";

/** How long a cancelled call may take to end before its process is ended. */
const STOP_GRACE_MS = 500;
/** Results of calls shorter than this are collected before they are sent. */
const SHORT_MS = 0.5;
const COLLECT_MS = 1;

/** What `performance.now()` counts from. */
const EPOCH_MS = performance.timeOrigin;

/** Ours stays as it is when the user's are followed. */
const { setImmediate: setLast } = globalThis;
const turn: Promise<void> = Promise.resolve();

export interface ExecutorHooks {
  /** The function that a call runs; a promise while it is being revived. */
  functionOf(running: RunningCall): UserFunction | Promise<UserFunction>;
  /** After `leave`, all is done. */
  onLeft(): void;
}

export class Executor {
  readonly #engine: LocalEngine;
  readonly #codec: ValueCodec;
  readonly #hooks: ExecutorHooks;
  readonly #running = new Map<TaskId, RunningCall>();
  readonly #storage = new AsyncLocalStorage<RunningCall>();
  readonly #averages = new Map<string, number>();
  #isTracked = false;
  /** A call that is over, whose timer fired just now. */
  #resumed: RunningCall | undefined;
  readonly #lines = new CallLines();
  /** Those that began under a debugger. */
  readonly debugged: DebuggedCalls = new DebuggedCalls();
  /** The actor that this process is. */
  #self: object | undefined;
  #isActor = false;
  /** The actor wants its end: what has begun goes on, and nothing begins. */
  #isLeaving = false;
  #current: RunningCall | undefined;
  #blocked = 0;
  #isTold = false;
  /** The process ends in a moment: nothing begins any more. */
  #isEnding = false;
  #isPumpPlanned = false;
  #lastFlushMs = 0;
  #output: OutputCapture | undefined;
  readonly #onStopped = (running: RunningCall): void => this.#limitStopping(running);

  constructor(engine: LocalEngine, codec: ValueCodec, hooks: ExecutorHooks) {
    this.#engine = engine;
    this.#codec = codec;
    this.#hooks = hooks;
  }

  useOutput(output: OutputCapture): void {
    this.#output = output;
  }

  /** The call whose code runs now; of one that is over, while nothing else runs, for what it left behind. */
  get current(): RunningCall | undefined {
    if (this.#isTracked) return this.#storage.getStore() ?? this.#current;
    return this.#resumed ?? this.#current;
  }

  /** A callback whose code, and what follows it through promises at once, works for the call that runs now. */
  follow(callback: UserFunction): UserFunction {
    const call = this.#isTracked ? undefined : this.current;
    if (call === undefined) return callback;
    const resume = (): void => this.#resume(call);
    return function (this: unknown, ...args: unknown[]): unknown {
      resume();
      return Reflect.apply(callback, this, args);
    };
  }

  #resume(call: RunningCall): void {
    this.#resumed = call === this.#current ? undefined : call;
    if (this.#resumed === undefined) return;
    // Promise reactions come before.
    setLast(() => {
      if (this.#resumed === call) this.#resumed = undefined;
    });
  }

  /** This process is an actor from now on, before its first call. */
  becomeActor({ maxConcurrency, groups }: Pick<ActorSpec, "maxConcurrency" | "groups">): void {
    this.#isActor = true;
    this.#lines.configure(maxConcurrency, groups);
    // Calls overlap, and nothing is ever terminated: async hooks follow each.
    if (!this.#lines.isExclusive) this.#isTracked = true;
  }

  /** The actor is made. It cannot be a result: it lives here only. */
  useSelf(instance: object): void {
    this.#self = instance;
  }

  /** End the actor when the calls that have begun are over; the others never begin. */
  leave(): void {
    this.#isLeaving = true;
  }

  add(running: RunningCall): void {
    if (this.#isEnding || (!this.#isActor && this.#isTold)) {
      // The process waits for something that may need this very call's place, or is about to end.
      running.send({ type: "tasks-returned", taskIds: [running.taskId] });
      this.#dropArguments(running);
      return;
    }
    this.#lines.add(running);
    this.#planPump();
  }

  #planPump(): void {
    if (this.#isPumpPlanned) return;
    this.#isPumpPlanned = true;
    void turn.then(() => this.#pump());
  }

  #pump(): void {
    this.#isPumpPlanned = false;
    if (this.#isLeaving) return;
    const { link } = this.#engine;
    if (link.debuggerFlags.isHeld) {
      void link.released().then(() => this.#planPump());
      return;
    }
    try {
      for (let running = this.#lines.next(); running !== undefined; running = this.#lines.next()) {
        this.#start(running);
        if (this.#isLeaving) return;
      }
    } catch (problem) {
      endBrokenProcess(problem);
    }
  }

  // ── one call ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #start(running: RunningCall): void {
    this.#running.set(running.taskId, running);
    this.#current = running;
    this.#resumed = undefined;
    running.startedMs = performance.now();
    const isShort = (this.#averages.get(codeOf(running)) ?? Number.POSITIVE_INFINITY) < SHORT_MS;
    this.#engine.report.startedHere(running.name, isShort, running.call.isLastChance);
    if (!isShort || running.startedMs - this.#lastFlushMs > COLLECT_MS) this.#sendCollected(running);
    const { call } = running;
    if (this.#lines.isExclusive) this.#engine.link.taskCell.set(call.taskId, EPOCH_MS + running.startedMs);
    if (call.timeoutMs !== undefined) this.#engine.link.limitTask(call.taskId, call.timeoutMs);
    running.onStopped = this.#onStopped;
    if (running.stopReason !== undefined) {
      this.#failed(running, undefined);
      return;
    }
    try {
      const fn = this.#hooks.functionOf(running);
      const args = this.#decodeArguments(running);
      if (typeof fn === "function" && !(args instanceof Promise)) this.#invoke(running, fn, args);
      else {
        Promise.all([fn, args]).then(
          ([fn, args]) => this.#invoke(running, fn, args),
          (error: unknown) => this.#failed(running, error),
        );
      }
    } catch (error) {
      this.#failed(running, error);
    }
  }

  /** Earlier results, and what the head should know, go out before code that may take long. */
  #sendCollected(running: RunningCall): void {
    this.#lastFlushMs = running.startedMs;
    running.flush();
    this.#engine.link.flush();
  }

  #decodeArguments(running: RunningCall): unknown[] | Promise<unknown[]> {
    const { args, resolved = [] } = running.call;
    try {
      const decoded = this.#decode(running, args) as unknown[] | Promise<unknown[]>;
      if (resolved.length === 0 && !(decoded instanceof Promise)) {
        this.#engine.objects.drop(args);
        return decoded;
      }
      const rest = resolved.map(({ value }) => this.#decode(running, value));
      if (!(decoded instanceof Promise || rest.some((value) => value instanceof Promise))) {
        return this.#fill(running, decoded, rest);
      }
      return Promise.all([decoded, ...rest]).then(
        ([list, ...values]) => this.#fill(running, list, values),
        (error: unknown) => {
          this.#dropArguments(running);
          throw error;
        },
      );
    } catch (error) {
      this.#dropArguments(running);
      throw error;
    }
  }

  #decode(running: RunningCall, value: WireValue): unknown {
    const payload = this.#engine.objects.toPayload(value);
    if (!(payload instanceof Promise)) return this.#codec.decode(payload);
    // It comes from a file, or is made again by a task that needs a CPU.
    this.block(running.taskId);
    return payload.finally(() => this.unblock(running.taskId)).then((payload) => this.#codec.decode(payload));
  }

  #fill(running: RunningCall, list: unknown[], values: readonly unknown[]): unknown[] {
    for (const [position, { index }] of (running.call.resolved ?? []).entries()) list[index] = values[position];
    this.#dropArguments(running);
    return list;
  }

  #dropArguments(running: RunningCall): void {
    const { args, resolved = [] } = running.call;
    this.#engine.objects.drop(args);
    for (const { value } of resolved) this.#engine.objects.drop(value);
  }

  #invoke(running: RunningCall, fn: UserFunction, args: unknown[]): void {
    if (running.isOver) return;
    if (this.#engine.link.debuggerFlags.isInspected && running.call.isStream !== true) {
      this.debugged.start(
        () => (!this.#isTracked ? fn(...args) : this.#storage.run(running, () => fn(...args))),
        (value) => this.#finished(running, value),
        (error) => this.#failed(running, error),
      );
      return;
    }
    let result: unknown;
    try {
      result = !this.#isTracked ? fn(...args) : this.#storage.run(running, () => fn(...args));
    } catch (error) {
      this.#failed(running, error);
      return;
    }
    if (running.call.isStream === true) {
      void this.#stream(running, result);
    } else if (isThenable(result) && !isObjectRef(result)) {
      result.then(
        (value) => this.#finished(running, value),
        (error: unknown) => this.#failed(running, error),
      );
    } else this.#finished(running, result);
  }

  /** Send items as they are made, no further ahead of the consumer than the window. */
  async #stream(running: RunningCall, made: unknown): Promise<void> {
    try {
      const items = iterate(made);
      const { taskId, skipItems = 0, streamWindow = STREAM_WINDOW } = running.call;
      for (let index = 0; running.stopReason === undefined; index++) {
        const { done, value } = await items.next();
        if (done === true) break;
        if (index < skipItems) continue;
        this.#output?.flush();
        const wire = this.#toWire(running, value, partOf(taskId, index));
        running.send({ type: "stream-item", taskId, index, value: wire });
        while (index + 1 - running.consumed >= streamWindow && running.stopReason === undefined) {
          await new Promise<void>((resolve) => {
            running.onConsumed = resolve;
          });
        }
      }
      if (running.stopReason === undefined) this.#finished(running, undefined);
      else {
        await items.return?.();
        this.#failed(running, undefined);
      }
    } catch (error) {
      this.#failed(running, error);
    }
  }

  #toWire(running: RunningCall, value: unknown, result: ObjectId): ReturnType<LocalEngine["objects"]["toWire"]> {
    const { objects, clientId } = this.#engine;
    const holder = running.client.clientId;
    const owner = regionOwnerOf(result, running.call.attempt, clientId);
    const wire = objects.toWire(this.#codec.encode(value, "result"), { owner, holder });
    objects.handOver([wire], holder, true);
    return wire;
  }

  #finished(running: RunningCall, value: unknown): void {
    if (running.isOver) return;
    if (running.stopReason !== undefined) {
      this.#failed(running, undefined);
      return;
    }
    const { taskId, numReturns } = running.call;
    if (numReturns !== undefined) {
      this.#returned(running, value, numReturns);
      return;
    }
    if (value === this.#self && value !== undefined) {
      this.#failed(running, new SerializationError(returnsSelf(running.name)));
      return;
    }
    let isEnding = false;
    try {
      const wire = this.#toWire(running, value, resultOf(taskId));
      isEnding = true;
      const durationMs = this.#end(running);
      const { events } = this.#engine;
      const endedMs = running.startedMs + durationMs;
      if (events.finished(durationMs, endedMs)) events.list(running.asEndedRun(endedMs));
      running.send({ type: "task-finished", taskId, value: wire, durationMs });
    } catch (error) {
      if (isEnding) endBrokenProcess(error);
      else this.#failed(running, error);
    }
  }

  /** Several results, each an object of its own. */
  #returned(running: RunningCall, value: unknown, count: number): void {
    const { taskId, name } = running.call;
    try {
      const elements = count === 0 ? [] : value;
      if (!Array.isArray(elements) || elements.length !== count) throw new TypeError(wrongReturns(name, count, value));
      const values = elements.map((element, index) => this.#toWire(running, element, partOf(taskId, index)));
      const durationMs = this.#end(running);
      running.send({ type: "task-returned", taskId, values, durationMs });
    } catch (error) {
      this.#failed(running, error);
    }
  }

  #failed(running: RunningCall, error: unknown): void {
    try {
      this.#fail(running, error);
    } catch (problem) {
      endBrokenProcess(problem);
    }
  }

  #fail(running: RunningCall, error: unknown): void {
    if (running.isOver) return;
    const { taskId } = running;
    const reason = running.stopReason ?? "error";
    const wire = toWireError(error);
    const hasBegun = running.startedMs > 0;
    const durationMs = this.#end(running);
    const run = running.asEndedRun(hasBegun ? running.startedMs + durationMs : performance.now());
    const told = reason === "error" ? errorSummary(wire) : { type: "TASK_CANCELLED", message: stopMessage(running) };
    this.#engine.events.ended(reason === "error" ? "failed" : "cancelled", run, told);
    const shown = wire.stack === undefined ? wire : { ...wire, stack: userStack(wire.stack) };
    running.send({ type: "task-failed", taskId, error: shown, classNames: classNamesOf(error), reason, durationMs });
  }

  /** What was printed goes first, then the result; then the next call. Returns how long it took. */
  #end(running: RunningCall): number {
    running.isOver = true;
    running.onConsumed?.();
    this.#output?.flush();
    if (this.#running.delete(running.taskId)) this.#lines.ended(running);
    if (running.blockedOn > 0) {
      running.blockedOn = 0;
      this.#blocked--;
    }
    this.#tellBlocked();
    if (this.#lines.isExclusive) this.#engine.link.taskCell.clear();
    if (running.call.timeoutMs !== undefined) this.#engine.link.unlimitTask(running.taskId);
    const durationMs = performance.now() - running.startedMs;
    const code = codeOf(running);
    const average = this.#averages.get(code);
    this.#averages.set(code, average === undefined ? durationMs : average + 0.2 * (durationMs - average));
    this.#engine.report.endedHere();
    if (this.#isLeaving) this.#leaveIfDone();
    else if (this.#lines.waitingCount > 0) this.#planPump();
    else expectSoon();
    return durationMs;
  }

  #leaveIfDone(): void {
    if (this.#running.size > 0) return;
    // The last result is sent at the end of this turn.
    void turn.then(() => this.#hooks.onLeft());
  }

  // ── waiting for refs ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Code of this call waits for a ref: others may have its CPU, and what is queued behind it goes elsewhere. */
  block(taskId: TaskId): void {
    const running = this.#running.get(taskId);
    if (running === undefined) return;
    running.blockedOn++;
    if (running.blockedOn === 1) this.#blocked++;
    this.#tellBlocked();
  }

  unblock(taskId: TaskId): void {
    const running = this.#running.get(taskId);
    if (running === undefined || running.blockedOn === 0) return;
    running.blockedOn--;
    if (running.blockedOn === 0) this.#blocked--;
    this.#tellBlocked();
  }

  #tellBlocked(): void {
    const isBlocked = this.#blocked > 0 && this.#blocked >= this.#running.size;
    if (isBlocked === this.#isTold) return;
    this.#isTold = isBlocked;
    this.#engine.link.send({ type: isBlocked ? "worker-blocked" : "worker-unblocked" });
    // An actor's calls have no other place.
    if (isBlocked && !this.#isActor) this.#returnQueued();
  }

  #returnQueued(): void {
    const byClient = new Map<Client, TaskId[]>();
    // Also without anything queued: so the client knows not to push more.
    for (const running of this.#running.values()) byClient.set(running.client, []);
    for (const queued of this.#lines.take(() => true)) {
      byClient.set(queued.client, [...(byClient.get(queued.client) ?? []), queued.taskId]);
      this.#dropArguments(queued);
    }
    for (const [{ socket }, taskIds] of byClient) socket.send({ type: "tasks-returned", taskIds });
  }

  // ── stopping ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Calls that have begun. */
  running(): Iterable<RunningCall> {
    return this.#running.values();
  }

  find(taskId: TaskId): RunningCall | undefined {
    return this.#running.get(taskId);
  }

  /** Stop a call that runs, or drop one that has not begun. Returns whether there was one. */
  stop(taskId: TaskId, reason: "cancelled" | "timeout", isRecursive: boolean): boolean {
    const running = this.#running.get(taskId);
    if (running !== undefined) {
      if (isRecursive) this.#engine.cancelChildren(taskId, false);
      running.stop(reason);
      running.onConsumed?.();
      return true;
    }
    const [queued] = this.#lines.take((each) => each.taskId === taskId);
    if (queued === undefined) return false;
    this.#dropArguments(queued);
    queued.stop(reason);
    this.#failed(queued, undefined);
    return true;
  }

  /** A client is gone: nobody wants its calls. */
  dropClient(client: Client): void {
    for (const queued of this.#lines.take((each) => each.client === client)) this.#dropArguments(queued);
    for (const running of this.#running.values()) {
      if (running.client === client) this.stop(running.taskId, "cancelled", true);
    }
  }

  /** Code that does not heed its signal goes on in the background; a process is cheaper than that. */
  #limitStopping(running: RunningCall): void {
    if (this.#isActor) {
      // Its state, and its other calls, live in this process.
      setTimeout(() => this.#failed(running, undefined), STOP_GRACE_MS).unref();
      return;
    }
    setTimeout(() => {
      if (running.isOver) return;
      this.#isEnding = true;
      running.send({ type: "worker-ending" });
      this.#returnQueued();
      this.#failed(running, undefined);
      running.flush();
      this.#engine.report.report();
      this.#engine.link.endProcess();
    }, STOP_GRACE_MS);
  }

  /** V8 ended what the main thread ran, and dropped all pending microtasks with it. */
  terminated(taskId: TaskId): void {
    const running = this.#running.get(taskId);
    if (running !== undefined) {
      running.stop("cancelled");
      this.#engine.cancelChildren(taskId, false);
      this.#failed(running, undefined);
    } else if (this.#current !== undefined && !this.#current.isOver) {
      // The call ended just before, and the next one was hit: it runs again elsewhere.
      const hit = this.#current;
      this.#end(hit);
      hit.send({ type: "tasks-returned", taskIds: [hit.taskId] });
    }
    this.#isPumpPlanned = false;
    this.#engine.recover();
    this.#planPump();
  }
}

function wrongReturns(name: string, count: number, value: unknown): string {
  const got = Array.isArray(value) ? `an array of ${value.length}` : `no array (${typeof value})`;
  return `'${name}' has numReturns: ${count}, so it must return an array of ${count} values; it returned ${got}`;
}

function stopMessage({ stopReason, call }: RunningCall): string {
  return stopReason === "timeout" ? `it ran longer than ${call.timeoutMs} ms (timeoutMs)` : "it was cancelled";
}

function returnsSelf(name: string): string {
  return `'${name}' returned the actor itself (this), which lives in its own process only; return a value: callers have the handle`;
}

/**
 * This program itself failed, as a rule because user code has changed what it stands on: globals, prototypes. Its callers
 * would wait for ever; the end of the process they hear of.
 */
function endBrokenProcess(problem: unknown): void {
  const text = problem instanceof Error ? problem.stack : String(problem);
  writeSync(2, `A worker cannot go on after what code in it has changed: ${text}\n`);
  process.kill(process.pid, "SIGKILL");
}

function codeOf(running: RunningCall): string {
  const { call } = running;
  return "codeId" in call ? call.codeId : call.method;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === "object" || typeof value === "function") &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
