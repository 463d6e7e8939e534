/** Runs the tasks that the shim of a Ray worker hands over, one after the other. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { ValueCodec } from "../api/value-codec.ts";
import { reviveFunction } from "../closure/index.ts";
import {
  ActorDiedError,
  errorFromWire,
  SerializationError,
  TaskFailedError,
  toWireError,
  type WireError,
} from "../errors.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { BecomeOrder, LentValue, RayOrder, RunOrder } from "../protocol/ray.ts";
import type { RemoteValue } from "../protocol/remote.ts";
import { iterate } from "../worker/items.ts";
import type { OutputCapture } from "../worker/output-capture.ts";
import { classNamesOf, userStack } from "../worker/thrown.ts";
import { RayCall } from "./ray-call.ts";
import type { RayWorkerEngine } from "./ray-worker-engine.ts";

/** Answers of short calls travel together, those of so long at most. */
const TOGETHER_MS = 2;

/** How long an actor's code may take to heed its signal before the call is over without it. */
const STOP_GRACE_MS = 500;

type UserFunction = (...args: unknown[]) => unknown;

export class Runner {
  readonly #engine: RayWorkerEngine;
  readonly #codec: ValueCodec;
  readonly #output: OutputCapture;
  readonly #codes = new Map<string, Promise<UserFunction>>();
  /** Waits for refs, so many at once. */
  #blockedOn = 0;
  readonly #running = new Map<TaskId, RayCall>();
  #last: RayCall | undefined;
  /** Tells calls that overlap apart. */
  readonly #storage = new AsyncLocalStorage<RayCall>();
  #isOverlapping = false;
  /** Short calls that wait for the one before them. */
  readonly #behind = new Set<TaskId>();
  /** What made this process an actor. */
  actor: BecomeOrder | undefined;
  #instance: Record<string, unknown> | undefined;
  #isLeaving = false;

  constructor(engine: RayWorkerEngine, codec: ValueCodec, output: OutputCapture) {
    this.#engine = engine;
    this.#codec = codec;
    this.#output = output;
  }

  /** The call whose code runs; the last one, for what it left behind. */
  get current(): RayCall | undefined {
    return this.#storage.getStore() ?? this.#last;
  }

  take(order: RayOrder): void {
    if (order.type === "load") this.#load(order.codeId, order.value);
    else if (order.type === "run") void this.#run(order).then(() => this.#engine.flush());
    else if (order.type === "run-each") void this.#runEach(order.orders);
    else if (order.type === "taken") this.#running.get(order.taskId)?.taken(order.count);
    else if (this.#behind.delete(order.taskId)) this.#drop(order.taskId);
    else this.#running.get(order.taskId)?.stop(order.reason);
  }

  async #runEach(orders: readonly RunOrder[]): Promise<void> {
    for (const { taskId } of orders) this.#behind.add(taskId);
    let flushedAtMs = performance.now();
    for (const order of orders) {
      if (!this.#behind.delete(order.taskId)) continue;
      await this.#run(order);
      if (performance.now() - flushedAtMs < TOGETHER_MS) continue;
      this.#engine.flush();
      // The next ones may have to stop: the event loop hears of it.
      await new Promise((resolve) => setImmediate(resolve));
      flushedAtMs = performance.now();
    }
    this.#engine.flush();
  }

  #drop(taskId: TaskId): void {
    this.#engine.report({ type: "dropped", taskId });
    this.#engine.flush();
  }

  #load(codeId: string, value: LentValue): void {
    const code = this.#engine.borrow(value, (payload) => reviveFunction(payload, this.#codec.decodeHooks));
    this.#codes.set(codeId, code);
    // Whoever calls it gets the error.
    code.catch(() => {});
  }

  async #run(order: RunOrder | BecomeOrder): Promise<void> {
    const call = new RayCall(order, this.#engine);
    this.#last = call;
    this.#running.set(order.taskId, call);
    if (!this.#isOverlapping) this.#blockedOn = 0;
    const startedAtMs = performance.now();
    try {
      const run = (): Promise<unknown> => this.#work(call);
      const result = this.#isOverlapping ? this.#storage.run(call, run) : run();
      // A task that does not heed its signal ends with this process, which the shim sees to; an actor lives on.
      const isActor = "become" in order || this.actor !== undefined;
      const value = await (isActor ? Promise.race([result, stopped(call)]) : result);
      const values = order.stream === undefined ? this.#results(order, value) : [];
      this.#end(call);
      const leaving = this.#isLeaving ? { isLeaving: true as const } : {};
      const tookMs = performance.now() - startedAtMs;
      this.#engine.report({ type: "ran", taskId: order.taskId, values, tookMs, ...leaving });
    } catch (error) {
      this.#failed(call, error);
    }
  }

  async #work(call: RayCall): Promise<unknown> {
    const { order } = call;
    if ("become" in order) return this.#become(order);
    const made = this.#call(order);
    return order.stream === undefined ? made : this.#stream(call, await made, order.stream);
  }

  /** Send items as they are made, as far ahead as there is room. */
  async #stream(call: RayCall, made: unknown, { ahead, skip }: NonNullable<RunOrder["stream"]>): Promise<void> {
    const items = iterate(made);
    for (let index = 0; !call.isStopping; index++) {
      const { done, value } = await items.next();
      if (done === true) return;
      if (index < skip || call.isStopping) continue;
      this.#output.flush();
      await call.yields(this.#remote(value), ahead);
    }
    await items.return?.();
    throw call.signal.reason;
  }

  #remote(value: unknown): RemoteValue {
    return this.#engine.toRemote(this.#codec.encode(value, "result"));
  }

  async #call(order: RunOrder): Promise<unknown> {
    const fn = order.method === undefined ? await this.#code(order.codeId) : this.#method(order.method);
    const args = await this.#arguments(order);
    return await fn(...args);
  }

  #code(codeId: string): Promise<UserFunction> {
    return this.#codes.get(codeId) ?? Promise.reject(new Error(`${codeId} was not sent`));
  }

  async #become(order: BecomeOrder): Promise<void> {
    this.actor = order;
    this.#isOverlapping = order.maxConcurrency > 1 || order.groups !== undefined;
    const { codeId, restarts, onRestart } = order;
    const type = (await this.#code(codeId)) as unknown as new (...args: unknown[]) => object;
    this.#instance = new type(...(await this.#arguments(order))) as Record<string, unknown>;
    if (restarts > 0 && onRestart !== undefined) await this.#method(onRestart)({ restarts });
  }

  #method(name: string): UserFunction {
    const fn = this.#instance?.[name];
    if (typeof fn !== "function") throw new TypeError(`Actor '${this.actor?.name}' has no method '${name}'`);
    return (...args) => (fn as UserFunction).apply(this.#instance, args);
  }

  /** End the actor when the call that runs is over. */
  leave(): void {
    this.#isLeaving = true;
  }

  async #arguments({ args, resolved, indexes }: RunOrder): Promise<unknown[]> {
    const decode = (value: LentValue): Promise<unknown> =>
      this.#engine.borrow(value, (payload) => this.#codec.decode(payload));
    const [list, ...values] = await Promise.all([args, ...resolved].map(decode));
    for (const [position, index] of indexes.entries()) (list as unknown[])[index] = values[position];
    return list as unknown[];
  }

  #results({ name, numReturns }: RunOrder | BecomeOrder, value: unknown): RemoteValue[] {
    if (value === this.#instance && value !== undefined) throw new SerializationError(returnsSelf(name));
    if (numReturns === undefined) return [this.#remote(value)];
    if (numReturns === 0) return [];
    if (Array.isArray(value) && value.length === numReturns) return value.map((each) => this.#remote(each));
    const got = Array.isArray(value) ? `an array of ${value.length}` : `no array (${typeof value})`;
    const text = `'${name}' has numReturns: ${numReturns}, so it must return an array of ${numReturns} values; it returned ${got}`;
    throw new TypeError(text);
  }

  #failed(call: RayCall, error: unknown): void {
    if (call.isOver) return;
    this.#end(call);
    const thrown = toWireError(error);
    const shown: WireError = thrown.stack === undefined ? thrown : { ...thrown, stack: userStack(thrown.stack) };
    this.#engine.report({
      type: "threw",
      taskId: call.taskId,
      error: failureOf(call, shown),
      thrown: shown,
      classNames: classNamesOf(error),
      reason: call.stopReason ?? "error",
    });
  }

  /** What was printed goes first, then the result. */
  #end(call: RayCall): void {
    call.isOver = true;
    this.#running.delete(call.taskId);
    this.#output.flush();
  }

  // ── waiting for refs ──────────────────────────────────────────────────────────────────────────────────────────────

  block(): void {
    if (this.#blockedOn++ === 0) this.#tell(true);
  }

  unblock(): void {
    if (this.#blockedOn > 0 && --this.#blockedOn === 0) this.#tell(false);
  }

  #tell(isBlocked: boolean): void {
    this.#engine.report({ type: "blocked", isBlocked });
  }
}

/** Rejects some time after the call has to stop: code that waits for something else does not hold up the actor. */
function stopped(call: RayCall): Promise<never> {
  return new Promise((_resolve, reject) => {
    call.onStop(() => setTimeout(() => reject(call.signal.reason), STOP_GRACE_MS).unref());
  });
}

function returnsSelf(name: string): string {
  return `'${name}' returned the actor itself (this), which lives in its own process only; return a value: callers have the handle`;
}

/** What those who wait for the task get; its stack begins with the user's lines. */
function failureOf({ name, order }: RayCall, thrown: WireError): WireError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    const cause = errorFromWire(thrown);
    if (!("become" in order)) return toWireError(new TaskFailedError(name, cause));
    return toWireError(new ActorDiedError(name, `its constructor failed: ${String(cause)}`, { cause }));
  } finally {
    Error.stackTraceLimit = limit;
  }
}
