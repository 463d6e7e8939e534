/** Runs the tasks that the shim of a Ray worker hands over, one after the other. */
import type { ValueCodec } from "../api/value-codec.ts";
import { reviveFunction } from "../closure/index.ts";
import { errorFromWire, TaskFailedError, toWireError, type WireError } from "../errors.ts";
import type { LentValue, RayOrder, RunOrder } from "../protocol/ray.ts";
import type { RemoteValue } from "../protocol/remote.ts";
import type { OutputCapture } from "../worker/output-capture.ts";
import { classNamesOf, userStack } from "../worker/thrown.ts";
import { RayCall } from "./ray-call.ts";
import type { RayWorkerEngine } from "./ray-worker-engine.ts";

type UserFunction = (...args: unknown[]) => unknown;

export class Runner {
  readonly #engine: RayWorkerEngine;
  readonly #codec: ValueCodec;
  readonly #output: OutputCapture;
  readonly #codes = new Map<string, Promise<UserFunction>>();
  /** Waits for refs, so many at once. */
  #blockedOn = 0;
  current: RayCall | undefined;

  constructor(engine: RayWorkerEngine, codec: ValueCodec, output: OutputCapture) {
    this.#engine = engine;
    this.#codec = codec;
    this.#output = output;
  }

  take(order: RayOrder): void {
    if (order.type === "load") this.#load(order.codeId, order.value);
    else if (order.type === "run") void this.#run(order);
    else if (this.current?.taskId === order.taskId) this.current.stop(order.reason);
  }

  #load(codeId: string, value: LentValue): void {
    const code = this.#engine.borrow(value, (payload) => reviveFunction(payload, this.#codec.decodeHooks));
    this.#codes.set(codeId, code);
    // Whoever calls it gets the error.
    code.catch(() => {});
  }

  async #run(order: RunOrder): Promise<void> {
    const call = new RayCall(order, this.#engine);
    this.current = call;
    this.#blockedOn = 0;
    try {
      const fn = await (this.#codes.get(order.codeId) ?? Promise.reject(new Error(`${order.codeId} was not sent`)));
      const args = await this.#arguments(order);
      const values = this.#results(order, await Promise.race([fn(...args), stopped(call)]));
      this.#end(call);
      this.#engine.report({ type: "ran", taskId: order.taskId, values });
    } catch (error) {
      this.#failed(call, error);
    }
    this.#engine.flush();
  }

  async #arguments({ args, resolved, indexes }: RunOrder): Promise<unknown[]> {
    const decode = (value: LentValue): Promise<unknown> =>
      this.#engine.borrow(value, (payload) => this.#codec.decode(payload));
    const [list, ...values] = await Promise.all([args, ...resolved].map(decode));
    for (const [position, index] of indexes.entries()) (list as unknown[])[index] = values[position];
    return list as unknown[];
  }

  #results({ name, numReturns }: RunOrder, value: unknown): RemoteValue[] {
    const remote = (each: unknown): RemoteValue => this.#engine.toRemote(this.#codec.encode(each, "result"));
    if (numReturns === undefined) return [remote(value)];
    if (numReturns === 0) return [];
    if (Array.isArray(value) && value.length === numReturns) return value.map(remote);
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
      error: failureOf(call.name, shown),
      thrown: shown,
      classNames: classNamesOf(error),
      reason: call.stopReason ?? "error",
    });
  }

  /** What was printed goes first, then the result. */
  #end(call: RayCall): void {
    call.isOver = true;
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

/** Rejects when the task has to stop: code that waits for something else does not hold it up. */
function stopped(call: RayCall): Promise<never> {
  return new Promise((_resolve, reject) => {
    call.onStop(() => reject(call.signal.reason));
  });
}

/** What those who wait for the task get; its stack begins with the user's lines. */
function failureOf(name: string, thrown: WireError): WireError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return toWireError(new TaskFailedError(name, errorFromWire(thrown)));
  } finally {
    Error.stackTraceLimit = limit;
  }
}
