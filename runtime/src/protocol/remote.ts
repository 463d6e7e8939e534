/**
 * What a driver on another machine and its session beside the cluster say to each other, over a WebSocket.
 *
 * The driver picks the ids of what it makes, so it never waits for an answer to go on; everything it asks for in one turn
 * travels in one frame. Frames and how lost ones are sent again: remote-frames.ts. Nothing on this wire needs JavaScript:
 * messages are plain msgpack, values are bytes that only drivers and workers read, functions never travel as such.
 *
 * A connection begins with one greeting each way. A session outlives its connections by the lease: a driver that comes
 * back in time with the same session key goes on where it was.
 */
import type { ActorCallSpec, CancelOptions, NewActorSpec, TaskOutcome, TaskSpec } from "../engine/engine.ts";
import type { ActorId, ClientId, ObjectId, PlacementGroupId, TaskId } from "./ids.ts";
import type { ActorDescription, FromWorker, PlacementGroupState } from "./messages.ts";
import type { WireError } from "./wire-error.ts";

/** Rises when an old peer would misread a message. */
export const REMOTE_PROTOCOL = 1;

/** Where a driver's WebSocket goes. */
export const REMOTE_PATH = "/remote";

/** Header of the WebSocket's request: which session the connection is for; made by the driver, known to nobody else. */
export const SESSION_HEADER = "x-mobula-session";

/** Present on every connection but a driver's first: it is not to begin a session. */
export const RESUME_HEADER = "x-mobula-resume";

/** Status of the answer to a connection for a session that is over. */
export const SESSION_GONE_STATUS = 410;

/** Values up to this size ride in messages; larger ones follow as blobs, and results only when they are asked for. */
export const REMOTE_INLINE_BYTES: number = 32 * 1024;

/** How long a session waits for its driver to come back, unless the driver asked for something else. */
export const DEFAULT_LEASE_MS = 60_000;

/** An encoded value. Its bytes ride along, or come as the blob of that number: first `bytes`, then the buffers. */
export type RemoteValue = (
  | { readonly bytes: Uint8Array; readonly buffers?: readonly Uint8Array[] }
  | { readonly blob: number }
) & {
  /** Refs and actors inside the value. From the session: each counts as handed to the driver once more. */
  readonly refs?: readonly ObjectId[];
  readonly handles?: readonly ActorId[];
};

/**
 * What a call gives: one object, called as the task is; several (`numReturns` of the spec), or the items of a stream, which
 * are called `task.0`, `task.1`, ….
 */
export type RemoteResults = "one" | "many" | "stream";

/** The options of a call as the engine's interface has them; those of them that are not plain data travel apart. */
export type RemoteSpec<Spec> = Omit<Spec, "code" | "args" | "shouldRetry">;

/** First message of a driver on every connection. */
export interface RemoteHello {
  readonly type: "hello";
  readonly protocol: number;
  /** Of the package, for messages. */
  readonly version: string;
  /** Prefix of all ids that the driver makes; not used by anybody else in the cluster. */
  readonly clientId: ClientId;
  /** What the driver calls itself. */
  readonly name?: string;
  /** Where it runs, for views. */
  readonly host: string;
  readonly pid: number;
  readonly leaseMs: number;
  /** Number of the last frame that arrived; 0 on the first connection. */
  readonly received: number;
}

/** First message of a session on every connection. */
export type RemoteGreeting =
  | {
      readonly type: "welcome";
      readonly protocol: number;
      readonly version: string;
      readonly received: number;
    }
  /** The connection ends, and so does the attempt. `reason` is a sentence that says what to do. */
  | { readonly type: "refused"; readonly reason: string };

/**
 * Methods of the engine's interface that a driver may ask for, by their names there, with plain data for arguments and
 * answer. An actor that `findActor` finds counts as handed to the driver once more. "Nothing" is null.
 */
export const REMOTE_METHODS = [
  "describe",
  "state",
  "findActor",
  "listActors",
  "endActor",
  "createPlacementGroup",
  "findPlacementGroup",
  "removePlacementGroup",
  "requestResources",
] as const;

export type RemoteMethod = (typeof REMOTE_METHODS)[number];

/** A driver to its session. */
export type ToSession =
  /** Code of a function or class; before the first message that names it. */
  | { readonly type: "code"; readonly codeId: string; readonly value: RemoteValue }
  | {
      readonly type: "submit";
      readonly taskId: TaskId;
      readonly codeId: string;
      readonly args: RemoteValue;
      readonly gives: RemoteResults;
      /** Before a run after an error, `retry-asked` wants to know. */
      readonly asksRetry: boolean;
      readonly spec: RemoteSpec<TaskSpec>;
    }
  | {
      readonly type: "call-actor";
      readonly taskId: TaskId;
      readonly args: RemoteValue;
      readonly gives: RemoteResults;
      readonly asksRetry: boolean;
      readonly spec: RemoteSpec<ActorCallSpec>;
    }
  | {
      readonly type: "create-actor";
      readonly id: ActorId;
      readonly codeId: string;
      readonly args: RemoteValue;
      readonly spec: RemoteSpec<NewActorSpec>;
    }
  | { readonly type: "know-actor"; readonly description: ActorDescription }
  /** Tell the state of the group, now and whenever it changes. */
  | { readonly type: "watch-group"; readonly groupId: PlacementGroupId }
  | { readonly type: "kill-actor"; readonly actorId: ActorId; readonly isRestartable: boolean }
  /** Store a value. Answered as the result of a task is. */
  | { readonly type: "put"; readonly id: ObjectId; readonly value: RemoteValue }
  /** Tell when these are there. For objects the driver made itself, the session does so anyway. */
  | { readonly type: "watch"; readonly ids: readonly ObjectId[] }
  /** Send the value of an object that is there. Answered by `value` or `failed`. */
  | { readonly type: "fetch"; readonly id: ObjectId }
  /** The driver is done with these; `counts` says how often each was handed to it. Making one counts as well. */
  | { readonly type: "release"; readonly ids: readonly string[]; readonly counts: readonly number[] }
  | { readonly type: "cancel"; readonly id: ObjectId; readonly options: CancelOptions }
  | { readonly type: "cancel-execution"; readonly messageId: string; readonly reason: string }
  /** The reader of a stream has asked for so many items in all. */
  | { readonly type: "items-wanted"; readonly taskId: TaskId; readonly count: number }
  | { readonly type: "close-stream"; readonly taskId: TaskId }
  | { readonly type: "retry-answer"; readonly number: number; readonly isAccepted: boolean }
  | {
      readonly type: "question";
      readonly number: number;
      readonly method: RemoteMethod;
      readonly args: readonly unknown[];
    }
  /** The driver ends; so does the session, without waiting for the lease. */
  | { readonly type: "bye" };

/** A session to its driver. */
export type FromSession =
  /** The object is there. Larger values are asked for by `fetch`. */
  | { readonly type: "ready"; readonly id: ObjectId; readonly value?: RemoteValue }
  | { readonly type: "failed"; readonly id: ObjectId; readonly error: WireError }
  /** What `fetch` asked for. */
  | { readonly type: "value"; readonly id: ObjectId; readonly value: RemoteValue }
  /** The next item of a stream, an object handed to the driver; `ready` for it follows. */
  | { readonly type: "item"; readonly taskId: TaskId; readonly id: ObjectId }
  | { readonly type: "stream-ended"; readonly taskId: TaskId; readonly error?: WireError }
  /** A call has ended, or runs again. */
  | { readonly type: "call-ended"; readonly taskId: TaskId; readonly outcome: TaskOutcome }
  /** How many tasks of a cell run now; sent when it changes, twice a second at most. */
  | { readonly type: "running"; readonly messageId: string; readonly count: number }
  | { readonly type: "output"; readonly output: Extract<FromWorker, { type: "output" }> }
  /** The function threw; is it to be run again? Answered by `retry-answer`. */
  | {
      readonly type: "retry-asked";
      readonly number: number;
      readonly taskId: TaskId;
      readonly error: WireError;
      readonly classNames: readonly string[];
    }
  | { readonly type: "group-state"; readonly groupId: PlacementGroupId; readonly state: PlacementGroupState }
  | { readonly type: "answer"; readonly number: number; readonly answer: unknown }
  | { readonly type: "no-answer"; readonly number: number; readonly error: WireError }
  /** The session ends, and not because the driver did: its cluster is gone. */
  | { readonly type: "ended"; readonly error: WireError };
