/**
 * What the Python shim of a Ray worker and the Node process beside it say to each other, over a socket pair. The Node process
 * is to the shim what a driver is to its session: it asks for objects and nested tasks in the messages of remote.ts. Beside
 * these travel the ones here. Frames are those of remote-frames.ts without numbers, each after its length (4 bytes,
 * little-endian). The other end is `runtime/python/mobula_ray/child.py`.
 */
import type { ActorId, ClientId, ObjectId, TaskId } from "./ids.ts";
import type {
  ConcurrencyGroupSpec,
  FromWorker,
  ResourceAmounts,
  WireEnvironment,
  WireExecution,
  WireJob,
} from "./messages.ts";
import type { RemoteValue } from "./remote.ts";
import type { WireError } from "./wire-error.ts";

/** Names the variable that tells the Node process what it is. */
export const RAY_WORKER_VARIABLE = "MOBULA_RAY_WORKER";

export interface RayWorkerOptions {
  /** Its end of the socket pair. */
  readonly fd: number;
  /** Prefix of ids that it makes. */
  readonly clientId: ClientId;
  /** Path of a socket where it tells what code it is in. */
  readonly stackSocket?: string;
  /** With its folders as they lie on this node. */
  readonly environment?: RayEnvironment;
}

/** An environment whose folders travel, in place of the paths that they have at the driver. */
export interface RayEnvironment extends WireEnvironment {
  readonly folders?: readonly RayFolder[];
  /** Why there cannot be one: work that wants it fails with this. */
  readonly problem?: string;
}

/** A folder or file, as a zip archive in the object store; unpacked once on each node. */
export interface RayFolder {
  readonly id: ObjectId;
  /** Equal hashes are equal files. */
  readonly hash: string;
  /** The only file in it, when it is not a folder that was sent. */
  readonly file?: string;
  /** What it is to npm: the place of its spec, and what stands before the path there. Absent: the working directory. */
  readonly package?: { readonly specIndex: number; readonly prefix: string };
  /** Where it lies on this node. */
  readonly path?: string;
}

/** A value for a task. A large one, or one with refs inside, is asked for as an object. */
export type LentValue =
  | { readonly bytes: Uint8Array; readonly buffers?: readonly Uint8Array[] }
  | { readonly id: ObjectId };

/** Run this; `ran` or `threw` answers. One at a time, except for methods of an actor whose calls overlap. */
export interface RunOrder {
  readonly type: "run";
  readonly taskId: TaskId;
  /** Empty for a method. */
  readonly codeId: string;
  readonly name: string;
  readonly depth: number;
  /** 0 at the first run. */
  readonly attempt: number;
  /** Id of the run in Ray's own list of tasks; that of calls that travel together is the same. */
  readonly rayTask?: string;
  readonly resources: ResourceAmounts;
  readonly args: LentValue;
  /** Values of arguments that are refs, in the order of `indexes`. */
  readonly resolved: readonly LentValue[];
  readonly indexes: readonly number[];
  /** It returns an array of so many values. */
  readonly numReturns?: number;
  readonly execution?: WireExecution;
  readonly parent?: TaskId;
  readonly job?: WireJob;
  readonly timeoutMs?: number;
  /** Of the actor that this process is. */
  readonly method?: string;
  /** It gives items, each told by `yielded`. */
  readonly stream?: {
    /** Items that may wait for the shim; it says what it took by `taken`. */
    readonly ahead: number;
    /** Items that have arrived in an earlier run. */
    readonly skip: number;
  };
}

/** Be an actor from now on: the code is a class, `name` its name. Answered as a task is, without a value. */
export interface BecomeOrder extends Omit<RunOrder, "method"> {
  readonly become: true;
  readonly actorId: ActorId;
  readonly actorName?: string;
  /** How often it has lost its process before. */
  readonly restarts: number;
  /** The method that runs first in a restarted actor. */
  readonly onRestart?: string;
  /** More than one, or groups: its calls overlap. */
  readonly maxConcurrency: number;
  readonly groups?: readonly ConcurrencyGroupSpec[];
}

/** The shim to its Node process. */
export type RayOrder =
  /** Code of a function, before the first task that runs it. */
  | { readonly type: "load"; readonly codeId: string; readonly value: LentValue }
  | RunOrder
  | BecomeOrder
  /**
   * Short calls of one function: run them one after the other. Each is answered, in order, but the answers may wait for each other.
   * One that is told to stop before it has begun is answered by `dropped`.
   */
  | { readonly type: "run-each"; readonly orders: readonly RunOrder[] }
  /** Of a stream's items, so many in this run went on. */
  | { readonly type: "taken"; readonly taskId: TaskId; readonly count: number }
  /** The task has to end, soon: after a moment its process is ended. */
  | { readonly type: "stop"; readonly taskId: TaskId; readonly reason: "cancelled" | "timeout" };

/** The Node process to its shim. */
export type RayReport =
  | {
      readonly type: "ran";
      readonly taskId: TaskId;
      readonly values: readonly RemoteValue[];
      /** How long the code ran. */
      readonly tookMs: number;
      /** The actor wants its end, after this. */
      readonly isLeaving?: true;
    }
  | {
      readonly type: "threw";
      readonly taskId: TaskId;
      /** For those who wait for the result. */
      readonly error: WireError;
      /** What was thrown itself, and its classes: for those who decide whether the task runs again. */
      readonly thrown: WireError;
      readonly classNames: readonly string[];
      readonly reason: "error" | "cancelled" | "timeout";
    }
  /** Of a `run-each`: it was told to stop before it had begun. */
  | { readonly type: "dropped"; readonly taskId: TaskId }
  | { readonly type: "yielded"; readonly taskId: TaskId; readonly values: readonly [RemoteValue] }
  /** The task waits for refs, or goes on: meanwhile others may have its CPU. */
  | { readonly type: "blocked"; readonly isBlocked: boolean }
  | { readonly type: "output"; readonly output: LoggedOutput };

/** What a task printed, as the shim writes it to the log file of Ray's worker. */
export type LoggedOutput = Extract<FromWorker, { type: "output" }> & {
  /** Id of the task in Ray's own list; absent or null where Ray does not say. */
  readonly task?: string | null;
  readonly atMs: number;
};
