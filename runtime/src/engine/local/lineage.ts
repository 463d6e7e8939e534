/**
 * Tasks whose results lie in the store, as long as these are in use: when a result is lost, its task runs again.
 *
 * What a task was given is not kept alive for that, except for what is small. An input that is gone by then is made again
 * first, by the task that made it; so a task stays known as long as a later one depends on it.
 */
import { ObjectLostError, toWireError } from "../../errors.ts";
import { makerOf, type ObjectId, resultOf, type TaskId } from "../../protocol/ids.ts";
import { INLINE_BYTES, type WireResult, type WireValue } from "../../protocol/messages.ts";
import type { Call } from "./calls.ts";
import type { ObjectTable } from "./object-table.ts";

/** What is kept of tasks may take so many bytes; the oldest are forgotten first. */
const KEPT_BYTES = 64 * 1024 ** 2;
/** About what one costs beside the bytes of its arguments. */
const CALL_BYTES = 600;

interface Input {
  readonly index: number;
  readonly id: ObjectId;
  /** Kept when it is small and has nothing inside. */
  readonly value: WireValue | undefined;
}

interface KeptTask {
  /** As it ran last. */
  call: Call;
  readonly inputs: readonly Input[];
  readonly sizeBytes: number;
  /** Its results that this process uses. */
  inUse: number;
  /** Others may use a result although this process does not. */
  isShared: boolean;
  /** Tasks that need a result of this one to run again. */
  dependents: number;
  /** Lost objects that wait for the run under way; undefined when there is none. */
  wanted: Set<ObjectId> | undefined;
}

export interface LineageHooks {
  /** Run the call, whose arguments and results are used for it already. */
  start(call: Call): void;
  /** Say what became of a lost object. */
  publish(objectId: ObjectId, result: WireResult): void;
}

export class Lineage {
  readonly #objects: ObjectTable;
  readonly #hooks: LineageHooks;
  /** Oldest first. */
  readonly #tasks = new Map<TaskId, KeptTask>();
  #bytes = 0;

  constructor(objects: ObjectTable, hooks: LineageHooks) {
    this.#objects = objects;
    this.#hooks = hooks;
    objects.onKeptGone((id, isPublished) => this.#gone(id, isPublished));
  }

  /** For tests and statistics. */
  get keptBytes(): number {
    return this.#bytes;
  }

  // ── keeping ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The call has ended, and these are its results. It still uses what it was given. */
  keep(call: Call, values: readonly WireValue[]): void {
    if (call.stream !== undefined || !values.some(({ region }) => region !== undefined)) return;
    const known = this.#tasks.get(call.taskId);
    if (known !== undefined) return;
    let inUse = 0;
    for (const id of resultsOf(call)) if (this.#objects.keepMark(id)) inUse++;
    if (inUse === 0) return;
    const inputs = call.refs.map(({ index, id }) => ({ index, id, value: smallValue(this.#objects.peek(id)) }));
    const sizeBytes = sizeOf(call, inputs);
    this.#tasks.set(call.taskId, { call, inputs, sizeBytes, inUse, isShared: false, dependents: 0, wanted: undefined });
    this.#bytes += sizeBytes;
    for (const task of this.#madeBy(inputs)) task.dependents++;
    if (call.args.owner !== undefined) this.#objects.use(call.args.owner);
    while (this.#bytes > KEPT_BYTES) this.#forgetOldest();
  }

  #madeBy(inputs: readonly Input[]): KeptTask[] {
    return inputs.flatMap(({ id, value }) => {
      const task = value === undefined ? this.#tasks.get(makerOf(id)) : undefined;
      return task === undefined ? [] : [task];
    });
  }

  #gone(id: ObjectId, isPublished: boolean): void {
    const task = this.#tasks.get(makerOf(id));
    if (task === undefined) return;
    task.inUse--;
    task.isShared ||= isPublished;
    this.#forgetUnneeded([task]);
  }

  #forgetUnneeded(tasks: KeptTask[]): void {
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
      const { inUse, isShared, dependents, wanted } = task;
      if (inUse === 0 && !isShared && dependents === 0 && wanted === undefined) tasks.push(...this.#forget(task));
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#tasks.values();
    if (oldest !== undefined) this.#forgetUnneeded(this.#forget(oldest));
  }

  /** Returns those that it depended on. */
  #forget(task: KeptTask): KeptTask[] {
    if (!this.#tasks.delete(task.call.taskId)) return [];
    this.#bytes -= task.sizeBytes;
    const { owner } = task.call.args;
    if (owner !== undefined) this.#objects.unuse(owner);
    const makers = this.#madeBy(task.inputs);
    for (const maker of makers) maker.dependents--;
    return makers;
  }

  // ── making again ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** A stored result is lost, and somebody wants it. */
  rebuild(objectId: ObjectId, reason: string): void {
    const [result = objectId] = objectId.split("#") as ObjectId[];
    const task = this.#tasks.get(makerOf(result));
    const obstacle = objectId.includes("#") ? obstacleOf(task) : "it was stored by put(), or as an argument";
    if (task === undefined || obstacle !== undefined) {
      this.#hooks.publish(objectId, { ok: false, lost: `${reason}, and it cannot be made again: ${obstacle}` });
      return;
    }
    const isRunning = task.wanted !== undefined;
    task.wanted ??= new Set();
    task.wanted.add(objectId);
    if (!isRunning) this.#run(task);
  }

  #run(task: KeptTask): void {
    const call: Call = {
      ...task.call,
      resolved: undefined,
      retriesLeft: task.call.retriesLeft - 1,
      attempt: task.call.attempt + 1,
      crashes: 0,
      submittedMs: performance.now(),
      isOver: false,
      isReported: false,
      isRebuild: true,
      expectedMs: 0,
    };
    task.call = call;
    // What every call uses until it is over.
    for (const { id, value } of task.inputs) this.#revive(id, value);
    for (const id of call.args.refs ?? []) this.#revive(id, undefined);
    for (const id of call.args.handles ?? []) this.#objects.use(id);
    if (call.args.owner !== undefined) this.#objects.use(call.args.owner);
    for (const id of resultsOf(call)) this.#objects.use(id);
    this.#hooks.start(call);
  }

  /** Use an object that may be gone here; it is made again then, or fails. */
  #revive(id: ObjectId, value: WireValue | undefined): void {
    if (this.#objects.has(id)) {
      this.#objects.use(id);
      return;
    }
    this.#objects.create(id);
    if (value !== undefined) {
      this.#objects.settle(id, value);
      return;
    }
    const maker = this.#tasks.get(makerOf(id));
    const obstacle = obstacleOf(maker);
    if (maker === undefined || obstacle !== undefined) {
      this.#objects.fail(id, new ObjectLostError(id, `it was given up, and it cannot be made again: ${obstacle}`));
      return;
    }
    if (maker.wanted !== undefined) return;
    maker.wanted = new Set();
    this.#run(maker);
  }

  /** A call that made lost results again has ended well. */
  rebuilt(call: Call, values: readonly WireValue[]): void {
    const results = resultsOf(call);
    this.#objects.publishInside(values);
    this.#answer(call, (objectId) => {
      const value = values[results.findIndex((id) => objectId.startsWith(`${id}#`))];
      return value === undefined
        ? { ok: false, lost: "its task returned fewer results this time" }
        : { ok: true, value };
    });
    for (const [index, id] of results.entries()) {
      const value = values[index];
      if (value !== undefined) this.#objects.replace(id, value);
    }
  }

  failed(call: Call, error: Error): void {
    this.#answer(call, (objectId) => {
      const reason = "it was lost, and its task failed when it was run again";
      return { ok: false, error: toWireError(new ObjectLostError(objectId, reason, { cause: error })) };
    });
  }

  #answer(call: Call, resultOfLost: (objectId: ObjectId) => WireResult): void {
    const task = this.#tasks.get(call.taskId);
    const wanted = task?.wanted;
    if (task === undefined || wanted === undefined) return;
    task.wanted = undefined;
    for (const objectId of wanted) this.#hooks.publish(objectId, resultOfLost(objectId));
    this.#forgetUnneeded([task]);
  }
}

/** Why a task cannot run again. */
function obstacleOf(task: KeptTask | undefined): string | undefined {
  if (task === undefined) return "its task is not known any more, or was a stream";
  if (task.call.work.kind === "actor") return "it is the result of an actor's call, which would change the actor again";
  return task.call.retriesLeft > 0 ? undefined : "its task may not run again; give it more { retries }";
}

function resultsOf(call: Call): readonly ObjectId[] {
  return call.returns ?? [resultOf(call.taskId)];
}

function smallValue(value: WireValue | undefined): WireValue | undefined {
  if (value === undefined || value.region !== undefined || value.refs !== undefined || value.handles !== undefined) {
    return undefined;
  }
  return bytesOf(value) <= INLINE_BYTES ? value : undefined;
}

function sizeOf(call: Call, inputs: readonly Input[]): number {
  const inlineBytes = inputs.reduce((sum, { value }) => sum + (value === undefined ? 0 : bytesOf(value)), 0);
  return CALL_BYTES + bytesOf(call.args) + inlineBytes;
}

function bytesOf({ bytes, buffers = [], region }: WireValue): number {
  const parts = [bytes.byteLength, ...buffers.map(({ byteLength }) => byteLength), ...(region?.lengths ?? [])];
  return parts.reduce((sum, length) => sum + length, 0);
}
