/**
 * The errors a user meets. Test them with `hasCode(error, "TASK_FAILED")`: cells and workers live in other realms, where
 * `instanceof` fails.
 */
import { fileURLToPath } from "node:url";
import { nearestName } from "./nearest-name.ts";
import { shownId } from "./protocol/ids.ts";
import { fromWireError, toWireError, type WireError } from "./protocol/wire-error.ts";

export { toWireCause, toWireError, type WireCause, type WireError } from "./protocol/wire-error.ts";

/** Stable name of a kind of failure. */
export type ErrorCode =
  | "TASK_FAILED"
  | "WORKER_CRASHED"
  | "OUT_OF_MEMORY"
  | "ACTOR_DIED"
  | "ACTOR_UNAVAILABLE"
  | "PENDING_CALLS_LIMIT"
  | "GET_TIMEOUT"
  | "TASK_CANCELLED"
  | "OBJECT_LOST"
  | "OBJECT_STORE_FULL"
  | "UNSCHEDULABLE"
  | "SERIALIZATION"
  | "ENGINE_CLOSED"
  | "CONNECTION_FAILED"
  | "RUNTIME_ENV_SETUP"
  | "PLACEMENT_GROUP_REMOVED"
  | "QUEUE_EMPTY"
  | "QUEUE_FULL"
  | "QUEUE_CLOSED"
  | "UNSUPPORTED";

/** Folder of this package's modules, as it stands in stacks. */
const OWN_FILES: readonly string[] = [new URL(".", import.meta.url).href, fileURLToPath(new URL(".", import.meta.url))];

const FRAME = /^\s+at /;

/** Which call of theirs went wrong is what users want to see; our own frames stay only where there are no others. */
function withoutOwnFrames(stack: string): string {
  const lines = stack.split("\n");
  const shown = lines.filter((line) => !FRAME.test(line) || !OWN_FILES.some((folder) => line.includes(folder)));
  return shown.some((line) => FRAME.test(line)) ? shown.join("\n") : stack;
}

/** Base of every error of this package. */
export class ClusterError extends Error {
  override readonly name: string = "ClusterError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    if (this.stack !== undefined) this.stack = withoutOwnFrames(this.stack);
  }

  /** This error as plain data, with its cause. */
  toWire(): WireError {
    return toWireError(this);
  }

  /** The error that `wire` describes; of one of the classes below when its `code` says so. */
  static fromWire(wire: WireError): Error {
    return errorFromWire(wire);
  }
}

/** The user's function threw. `cause` holds what it threw; the stack starts with the user's own lines. */
export class TaskFailedError extends ClusterError {
  override readonly name = "TaskFailedError";
  readonly functionName: string;

  constructor(functionName: string, cause: unknown) {
    super("TASK_FAILED", `Task '${functionName}' failed: ${describe(cause)}`, { cause });
    this.functionName = functionName;
    this.stack = stackOfCauseFirst(this, cause);
  }
}

/** The process that ran the task or actor ended: a crash, `process.exit`, or the system's out-of-memory killer. */
export class WorkerCrashedError extends ClusterError {
  override readonly name = "WorkerCrashedError";
  /** What ran there: a task's or actor's name. */
  readonly running: string;
  /** Why the process ended, e.g. `signal SIGKILL` or `exit code 3`. */
  readonly reason: string;

  /** @param stderrTail - the last lines the process wrote to stderr; shown when not empty. */
  constructor(running: string, reason: string, stderrTail = "") {
    super(
      "WORKER_CRASHED",
      `The worker that ran '${running}' ended: ${reason}. If it used too much memory, give it less data at once or set ` +
        `{ memoryBytes }; set { retries } to run it again.${stderrTail ? `\nIts last output:\n${stderrTail}` : ""}`,
    );
    this.running = running;
    this.reason = reason;
  }
}

/** Memory ran short, and the process that ran the task was ended before the system would have ended any. */
export class OutOfMemoryError extends ClusterError {
  override readonly name = "OutOfMemoryError";
  /** What ran there: a task's or actor's name. */
  readonly running: string;
  /** How much memory was in use, and by whom. */
  readonly reason: string;

  constructor(running: string, reason: string) {
    super(
      "OUT_OF_MEMORY",
      `The worker that ran '${running}' was ended: ${reason}. Give each task less data, let fewer run at once with ` +
        "{ memoryBytes } or { cpus }, drop what is not needed any more, or set init({ memoryThreshold }).",
    );
    this.running = running;
    this.reason = reason;
  }
}

/** The actor is gone, and so is its state: it crashed, was killed, or its constructor threw (then see `cause`). */
export class ActorDiedError extends ClusterError {
  override readonly name = "ActorDiedError";
  readonly actorName: string;
  readonly reason: string;

  constructor(actorName: string, reason: string, options?: { cause?: unknown }) {
    super(
      "ACTOR_DIED",
      `Actor '${actorName}' is dead: ${reason}. Make a new one, or set { maxRestarts } to have it started again.`,
      options,
    );
    this.actorName = actorName;
    this.reason = reason;
  }
}

/** The actor's process ended during a call; the actor is started again. Whether the call had an effect is not known. */
export class ActorUnavailableError extends ClusterError {
  override readonly name = "ActorUnavailableError";
  readonly actorName: string;

  /** @param callName - e.g. `Counter.add`. */
  constructor(actorName: string, callName: string) {
    super(
      "ACTOR_UNAVAILABLE",
      `Actor '${actorName}' lost its process during '${callName}', and is started again. Call again, or set ` +
        "{ maxTaskRetries } to have calls repeated.",
    );
    this.actorName = actorName;
  }
}

/** The actor has as many unfinished calls of this process as its `maxPendingCalls` allows. */
export class PendingCallsLimitError extends ClusterError {
  override readonly name = "PendingCallsLimitError";
  readonly actorName: string;
  readonly maxPendingCalls: number;

  constructor(actorName: string, maxPendingCalls: number) {
    super(
      "PENDING_CALLS_LIMIT",
      `Actor '${actorName}' has ${maxPendingCalls} unfinished calls, as many as maxPendingCalls allows. Await some of them before the next.`,
    );
    this.actorName = actorName;
    this.maxPendingCalls = maxPendingCalls;
  }
}

/** The value was not there in time. The task goes on; ask again or cancel it. */
export class GetTimeoutError extends ClusterError {
  override readonly name = "GetTimeoutError";
  readonly timeoutMs: number;

  /** @param what - what was waited for, e.g. `the result of task 'load'`. */
  constructor(what: string, timeoutMs: number) {
    super(
      "GET_TIMEOUT",
      `Waited ${timeoutMs} ms for ${what} in vain. It is still being made: wait longer, or stop it with cancel(ref).`,
    );
    this.timeoutMs = timeoutMs;
  }
}

/** The task was cancelled by `cancel`, by a signal, by its `timeoutMs` or by an interrupt of its cell. */
export class TaskCancelledError extends ClusterError {
  override readonly name = "TaskCancelledError";
  readonly taskName: string;
  readonly reason: string;

  /** @param reason - who cancelled it, e.g. `the cell was interrupted`. */
  constructor(taskName: string, reason: string) {
    super("TASK_CANCELLED", `Task '${taskName}' was cancelled: ${reason}.`);
    this.taskName = taskName;
    this.reason = reason;
  }
}

/** The value existed and is gone, for instance with the node that held it. */
export class ObjectLostError extends ClusterError {
  override readonly name = "ObjectLostError";
  readonly objectId: string;
  readonly reason: string;

  constructor(objectId: string, reason: string, options?: { cause?: unknown }) {
    const id = shownId(objectId);
    super("OBJECT_LOST", `Object ${id} is lost: ${reason}. Run the task or put() that made it again.`, options);
    this.objectId = objectId;
    this.reason = reason;
  }
}

/** What the head knows when there is no room. */
export interface StoreFullFacts {
  /** Bytes of arrays that some process still reads, so that they cannot be spilled. */
  readonly mappedBytes?: number;
  /** Bytes of objects in files. */
  readonly spilledBytes?: number;
  /** Bytes that files may take; 0 when spilling is off. */
  readonly spillLimitBytes?: number;
  /** The shared-memory mount has less memory than the store may take. */
  readonly isMountFull?: boolean;
  /** Why no file can be written now. */
  readonly diskProblem?: string;
}

/** No room in the object store, also after spilling. Sizes in bytes. */
export class ObjectStoreFullError extends ClusterError {
  override readonly name = "ObjectStoreFullError";
  readonly requestedBytes: number;
  readonly usedBytes: number;
  readonly capacityBytes: number;

  constructor(
    requestedBytes: number,
    usedBytes: number,
    capacityBytes: number,
    options: StoreFullFacts & { cause?: unknown } = {},
  ) {
    super(
      "OBJECT_STORE_FULL",
      `The object store has no room for ${formatBytes(requestedBytes)}: ${formatBytes(usedBytes)} of ` +
        `${formatBytes(capacityBytes)} are in use${mappedPart(options)}${spilledPart(options)}. Drop refs and arrays that are not needed any ` +
        "more, work in smaller pieces, or start with more room: init({ objectStoreBytes, spillBytes, spillDirectory }).",
      options,
    );
    this.requestedBytes = requestedBytes;
    this.usedBytes = usedBytes;
    this.capacityBytes = capacityBytes;
  }
}

function mappedPart({ mappedBytes = 0 }: StoreFullFacts): string {
  return mappedBytes === 0 ? "" : ` (${formatBytes(mappedBytes)} by arrays that are being read)`;
}

function spilledPart({ spilledBytes, spillLimitBytes, isMountFull, diskProblem }: StoreFullFacts): string {
  const mount = isMountFull === true ? ", and its shared-memory mount is full" : "";
  if (spilledBytes === undefined || spillLimitBytes === undefined) return mount;
  if (diskProblem !== undefined) return `${mount}, and nothing can be spilled: ${diskProblem}`;
  if (spillLimitBytes === 0) return `${mount}, and spilling is off`;
  return `${mount}, and ${formatBytes(spilledBytes)} of ${formatBytes(spillLimitBytes)} are spilled`;
}

/** What was asked for can never run here: it needs more than the cluster has. */
export class UnschedulableError extends ClusterError {
  override readonly name = "UnschedulableError";
  readonly what: string;

  /**
   * @param needs - e.g. `{ cpus: 64 }`.
   * @param has - the largest that a node offers, e.g. `{ cpus: 8, gpus: 0 }`.
   * @param explanation - why it can never run, when that is not for want of resources.
   * @param advice - what to do, in a sentence, when its resources have no part in it.
   */
  constructor(
    what: string,
    needs: Readonly<Record<string, number>>,
    has: Readonly<Record<string, number>>,
    explanation?: string,
    advice?: string,
  ) {
    const why = explanation ?? unknownResource(needs, has) ?? `no node has more than ${formatResources(has)}`;
    const needed = `'${what}' needs ${formatResources(needs)}, but ${why}. Ask for less, or start a cluster that has it.`;
    super("UNSCHEDULABLE", advice === undefined ? needed : `'${what}' can run nowhere: ${why}. ${advice}`);
    this.what = what;
  }
}

/** Something that is nowhere may be misspelled. */
function unknownResource(
  needs: Readonly<Record<string, number>>,
  has: Readonly<Record<string, number>>,
): string | undefined {
  const names = Object.keys(has);
  const unknown = Object.keys(needs).find((name) => !KNOWN_RESOURCES.has(name) && !names.includes(name));
  if (unknown === undefined) return undefined;
  const near = nearestName(unknown, names);
  const meant = near === undefined ? "" : ` (did you mean '${near}'?)`;
  return `no node has '${unknown}'${meant}: there are ${formatResources(has)}`;
}

const KNOWN_RESOURCES: ReadonlySet<string> = new Set(["cpus", "gpus", "memoryBytes"]);

/** The `runtimeEnv` of a task or actor cannot be set up: npm failed, or its folder does not exist. */
export class RuntimeEnvError extends ClusterError {
  override readonly name = "RuntimeEnvError";

  /** @param reason - what is wrong and what to do, in whole sentences. */
  constructor(reason: string, options?: { cause?: unknown }) {
    super("RUNTIME_ENV_SETUP", `The runtimeEnv cannot be set up. ${reason}`, options);
  }
}

/** The placement group that a task or actor belonged to was removed, or ended with its job. */
export class PlacementGroupRemovedError extends ClusterError {
  override readonly name = "PlacementGroupRemovedError";

  /** @param what - the task, actor or call that ended with it. */
  constructor(what: string, group: string) {
    super(
      "PLACEMENT_GROUP_REMOVED",
      `'${what}' ended: its placement group '${group}' was removed. Make a new group, or wait for its work before remove().`,
    );
  }
}

/** A value or function cannot travel to another process. `path` says where it is, e.g. `args[0].db`. */
export class SerializationError extends ClusterError {
  override readonly name = "SerializationError";
  readonly path: string | undefined;

  constructor(message: string, options?: { path?: string | undefined; cause?: unknown }) {
    super("SERIALIZATION", message, options);
    this.path = options?.path;
  }
}

/** The engine was closed, or its cluster is gone. */
export class EngineClosedError extends ClusterError {
  override readonly name = "EngineClosedError";

  constructor(reason = "it was closed", options?: { cause?: unknown }) {
    super("ENGINE_CLOSED", `The cluster connection is closed: ${reason}. Call init() to start again.`, options);
  }
}

/** A `Queue` had no item in time. */
export class QueueEmptyError extends ClusterError {
  override readonly name = "QueueEmptyError";

  constructor(timeoutMs: number) {
    super("QUEUE_EMPTY", `The queue is empty${waited(timeoutMs)}. Wait longer, or check that somebody puts items.`);
  }
}

/** A `Queue` had no room in time. */
export class QueueFullError extends ClusterError {
  override readonly name = "QueueFullError";

  constructor(timeoutMs: number) {
    super(
      "QUEUE_FULL",
      `The queue is full${waited(timeoutMs)}. Wait longer, take items faster, or set a larger maxSize.`,
    );
  }
}

/** A `Queue` was closed: it takes no more items, and those it had were taken. */
export class QueueClosedError extends ClusterError {
  override readonly name = "QueueClosedError";

  constructor() {
    super("QUEUE_CLOSED", "The queue is closed. A loop over it ends by itself; make a new Queue for more items.");
  }
}

function waited(timeoutMs: number): string {
  return timeoutMs === 0 ? "" : `, also after ${timeoutMs} ms`;
}

/** No connection to the cluster at this address came about. */
export class ConnectionFailedError extends ClusterError {
  override readonly name = "ConnectionFailedError";
  readonly address: string;

  /** @param reason - what is wrong and what to do, e.g. `nothing listens there: start a cluster with \`mobula start\``. */
  constructor(address: string, reason: string) {
    super("CONNECTION_FAILED", `Cannot connect to ${address}: ${reason}.`);
    this.address = address;
  }
}

/** This engine or platform cannot do what was asked. */
export class UnsupportedError extends ClusterError {
  override readonly name = "UnsupportedError";

  /** @param instead - a sentence on what to do. */
  constructor(what: string, instead: string) {
    super("UNSUPPORTED", `${what} is not supported here. ${instead}`);
  }
}

/** Does `error`, or an error it was caused by when `deep`, carry this code? Works across realms and processes. */
export function hasCode(error: unknown, code: ErrorCode, options: { deep?: boolean } = {}): boolean {
  let current = error;
  for (let depth = 0; depth < 100 && typeof current === "object" && current !== null; depth++) {
    if ((current as { code?: unknown }).code === code) return true;
    if (!options.deep) return false;
    current = (current as { cause?: unknown }).cause;
  }
  return false;
}

const CLASSES: Readonly<Record<ErrorCode, typeof Error>> = {
  TASK_FAILED: TaskFailedError as unknown as typeof Error,
  WORKER_CRASHED: WorkerCrashedError as unknown as typeof Error,
  OUT_OF_MEMORY: OutOfMemoryError as unknown as typeof Error,
  ACTOR_DIED: ActorDiedError as unknown as typeof Error,
  ACTOR_UNAVAILABLE: ActorUnavailableError as unknown as typeof Error,
  PENDING_CALLS_LIMIT: PendingCallsLimitError as unknown as typeof Error,
  GET_TIMEOUT: GetTimeoutError as unknown as typeof Error,
  TASK_CANCELLED: TaskCancelledError as unknown as typeof Error,
  OBJECT_LOST: ObjectLostError as unknown as typeof Error,
  OBJECT_STORE_FULL: ObjectStoreFullError as unknown as typeof Error,
  UNSCHEDULABLE: UnschedulableError as unknown as typeof Error,
  SERIALIZATION: SerializationError as unknown as typeof Error,
  ENGINE_CLOSED: EngineClosedError as unknown as typeof Error,
  CONNECTION_FAILED: ConnectionFailedError as unknown as typeof Error,
  RUNTIME_ENV_SETUP: RuntimeEnvError as unknown as typeof Error,
  PLACEMENT_GROUP_REMOVED: PlacementGroupRemovedError as unknown as typeof Error,
  QUEUE_EMPTY: QueueEmptyError as unknown as typeof Error,
  QUEUE_FULL: QueueFullError as unknown as typeof Error,
  QUEUE_CLOSED: QueueClosedError as unknown as typeof Error,
  UNSUPPORTED: UnsupportedError as unknown as typeof Error,
};

/** The error that `wire` describes. Codes of this package give their class; other errors are `Error`s with the right name. */
export function errorFromWire(wire: WireError): Error {
  return fromWireError(wire, (code) => (code in CLASSES ? CLASSES[code as ErrorCode].prototype : undefined));
}

/** Code or name of an error, and its message; for lists of tasks. */
export function errorSummary(error: Pick<WireError, "name" | "message"> & { readonly code?: unknown }): {
  readonly type: string;
  readonly message: string;
} {
  return { type: typeof error.code === "string" ? error.code : error.name, message: error.message };
}

/** One line about a thrown value. */
function describe(thrown: unknown): string {
  if (thrown instanceof Error || isErrorLike(thrown))
    return thrown.message ? `${thrown.name}: ${thrown.message}` : thrown.name;
  try {
    return String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}

/** Header of ours, then the user's stack: the first line a reader's eye falls on is the line that threw. */
function stackOfCauseFirst(error: Error, cause: unknown): string {
  const ours = error.stack ?? "";
  if (!isErrorLike(cause) || typeof cause.stack !== "string") return ours;
  return [`${error.name}: ${error.message}`, ...framesOf(cause.stack), ...framesOf(ours)].join("\n");
}

function framesOf(stack: string): string[] {
  return stack.split("\n").filter((line) => /^\s+at /.test(line));
}

function isErrorLike(value: unknown): value is Error {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Error).message === "string" &&
    typeof (value as Error).name === "string"
  );
}

/** `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

function formatResources(resources: Readonly<Record<string, number>>): string {
  const parts = Object.entries(resources).map(([name, amount]) =>
    name === "memoryBytes" ? `${formatBytes(amount)} memory` : `${amount} ${name}`,
  );
  return parts.length > 0 ? parts.join(", ") : "nothing";
}
