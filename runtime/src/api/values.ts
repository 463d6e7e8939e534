/** `put`, `get`, `wait`, `cancel`, `cluster`, `context`. */
import { hostname } from "node:os";
import { fromAmounts } from "../core/resources.ts";
import { clusterBundle } from "../notebook/cluster-card.ts";
import type { ObjectId } from "../protocol/ids.ts";
import type { ClusterDescription, WireExecution } from "../protocol/messages.ts";
import { callerOf } from "./caller-place.ts";
import { currentRuntime } from "./lifecycle.ts";
import { isObjectRef, ObjectRef } from "./object-ref.ts";
import { checkCount } from "./options.ts";
import type { GetOptions } from "./runtime.ts";

/**
 * Store a value in the cluster, as it is now. Large arrays go to shared memory; those of 4 MiB or more
 * are seen there without a copy.
 *
 * @throws ObjectStoreFullError
 */
export function put<T>(value: T): ObjectRef<T> {
  if (isObjectRef(value)) throw new TypeError("put() takes a value; what you passed is a ref already");
  return currentRuntime().put(value, () => callerOf(put));
}

/** Values of refs, in their order. */
export type Values<Refs extends readonly unknown[]> = { -readonly [Index in keyof Refs]: Awaited<Refs[Index]> };

/**
 * The value of a ref, or the values of several. Rejects with the first failure.
 *
 * @throws GetTimeoutError, TaskFailedError, WorkerCrashedError, ActorDiedError, TaskCancelledError, ObjectLostError
 */
export function get<T>(ref: ObjectRef<T>, options?: GetOptions): Promise<T>;
export function get<const Refs extends readonly ObjectRef<unknown>[]>(
  refs: Refs,
  options?: GetOptions,
): Promise<Values<Refs>>;
export function get(
  refs: ObjectRef<unknown> | readonly ObjectRef<unknown>[],
  options: GetOptions = {},
): Promise<unknown> {
  if (isObjectRef(refs)) return refs.runtime.getOne(refs, options);
  if (!Array.isArray(refs)) return Promise.reject(new TypeError("get() takes a ref or an array of refs"));
  for (const ref of refs as readonly unknown[]) {
    if (!isObjectRef(ref)) return Promise.reject(new TypeError("get() takes refs; one of the array's items is none"));
  }
  const [first] = refs as readonly ObjectRef<unknown>[];
  return first === undefined
    ? Promise.resolve([])
    : first.runtime.getAll(refs as readonly ObjectRef<unknown>[], options);
}

/** What `wait` waits for. */
export interface WaitOptions extends GetOptions {
  /** How many refs to wait for. Default 1. */
  readonly count?: number;
}

/**
 * Wait until `count` refs are there (or have failed), or the time is over.
 *
 * @returns those that are there, in their order, at most `count`; and the rest.
 */
export async function wait<T>(
  refs: readonly ObjectRef<T>[],
  options: WaitOptions = {},
): Promise<[ready: ObjectRef<T>[], rest: ObjectRef<T>[]]> {
  const { count = 1, ...rest } = options;
  checkCount("count", count);
  if (count > refs.length) throw new RangeError(`wait() cannot wait for ${count} of ${refs.length} refs`);
  if (refs.length > 0) await currentRuntime().waitFor(refs, count, rest);
  const ready: ObjectRef<T>[] = [];
  const waiting: ObjectRef<T>[] = [];
  let index = 0;
  for (; index < refs.length && ready.length < count; index++) {
    const ref = refs[index] as ObjectRef<T>;
    (ref.isSettled ? ready : waiting).push(ref);
  }
  // Nobody needs to look at the others.
  return [ready, waiting.concat(refs.slice(index))];
}

/** How hard `cancel` is. */
export interface CancelOptions {
  /** Kill the worker process if the task has begun. Default false: its signal aborts, and code that spins is stopped. */
  readonly force?: boolean;
  /** Cancel also what the task has submitted. Default true. */
  readonly recursive?: boolean;
}

/** Cancel a task: its ref fails with TaskCancelledError, and it is not retried. Nothing happens when it is over. */
export function cancel(ref: ObjectRef<unknown>, options: CancelOptions = {}): void {
  if (!isObjectRef(ref)) throw new TypeError("cancel() takes a ref");
  const { force: isForced = false, recursive: isRecursive = true } = options;
  ref.runtime.engine.cancel(ref.id as ObjectId, { isForced, isRecursive });
}

/** What the cluster has and does, now. In a notebook it shows itself as a card. */
export async function cluster(): Promise<ClusterDescription> {
  const description = await currentRuntime().engine.describe();
  // Not enumerable: the description stays plain data for everyone else.
  return Object.defineProperty({ ...description }, Symbol.for("Jupyter.display"), {
    value: () => clusterBundle(description),
  });
}

/** Where code runs. */
export interface TaskContext {
  /** `driver` in the program itself, `worker` in a task or an actor's method. */
  readonly kind: "driver" | "worker";
  readonly taskId?: string;
  readonly name?: string;
  /** 0 at the first run, one more with each retry. */
  readonly attempt?: number;
  /** GPUs that the task or actor was given; CUDA_VISIBLE_DEVICES lists the same. Empty in the driver. */
  readonly gpuIds: readonly string[];
  /** Aborts when the task is cancelled or its `timeoutMs` is over. */
  readonly signal: AbortSignal;
  /** Has the signal aborted? For loops that never await. */
  readonly isCancelled: boolean;
  /** The driver on whose behalf this runs. */
  readonly jobId?: string;
  /** Where names of actors are looked for, unless a call says otherwise. */
  readonly namespace: string;
  readonly workerId?: string;
  /** In an actor: its id, and its name if it has one. */
  readonly actorId?: string;
  readonly actorName?: string;
  /** The machine and the process. */
  readonly node: { readonly host: string; readonly pid: number };
  /** What it was given, in the units of its options: `{ cpus: 1 }`. Empty in the driver. */
  readonly resources: Readonly<Record<string, number>>;
  /** The cell that started this work. */
  readonly execution?: WireExecution;
}

const never = new AbortController().signal;

/** About the task that calls this. */
export function context(): TaskContext {
  const runtime = currentRuntime();
  const { current, worker, job } = runtime;
  const { execution } = runtime.origin();
  const actor = worker?.actor();
  const jobId = job.jobId ?? runtime.engine.jobId;
  const about = {
    namespace: job.namespace,
    node: { host: hostname(), pid: process.pid },
    gpuIds: runtime.gpuIds,
    resources: fromAmounts(actor?.resources ?? current?.resources ?? {}),
    ...(jobId === undefined ? {} : { jobId }),
    ...(worker === undefined ? {} : { workerId: worker.workerId }),
    ...(actor === undefined ? {} : { actorId: actor.actorId }),
    ...(actor?.name === undefined ? {} : { actorName: actor.name }),
    ...(execution === undefined ? {} : { execution }),
  };
  const kind = worker === undefined ? "driver" : "worker";
  if (current === undefined) return { kind, signal: never, isCancelled: false, ...about };
  const { taskId, name, signal, call, isStopping } = current;
  return { kind, taskId, name, attempt: call.attempt, signal, isCancelled: isStopping, ...about };
}
