/** Everything that crosses a wire inside a cluster, one union per wire and direction. */
import type { PlacementGroupView, TaskGroupView } from "./cluster-view.ts";
import type { ActorId, ClientId, LeaseId, ObjectId, PlacementGroupId, TaskId, WorkerId } from "./ids.ts";
import type { NodeRow, StackFrame, StateParameters, StateRoute } from "./state.ts";
import type { TaskEvents, TaskListings } from "./task-events.ts";
import type { WireError } from "./wire-error.ts";

/** Rises when an old peer would misread a message. */
export const PROTOCOL_VERSION = 2;

/** Payloads up to this size ride in messages; larger ones lie in the arena. */
export const INLINE_BYTES: number = 100 * 1024;

/** A part of the arena; what `Region` of store/ is. */
export interface WireRegion {
  /** Bytes from the start of the arena. */
  readonly offset: number;
  /** Byte lengths of the buffers in it, in order. */
  readonly lengths: readonly number[];
  /** The region's word in the table that all processes share, and what it says as long as the region holds these buffers. */
  readonly slot: number;
  readonly version: number;
}

/** Where an object's buffers are, for a reader who does not find them where it was told. */
export type ObjectPlace =
  | { readonly region: WireRegion }
  /** A file of the spill directory, laid out as a region is. */
  | { readonly file: string; readonly sizeBytes: number; readonly lengths: readonly number[] }
  /** It was lost and made again, as this. The receiver holds what is inside. */
  | { readonly value: WireValue }
  | { readonly lost: string }
  | { readonly error: WireError };

/** An encoded value on a wire: small buffers ride along, large ones are named by where they lie. */
export interface WireValue {
  readonly bytes: Uint8Array;
  readonly buffers?: readonly Uint8Array[];
  readonly region?: WireRegion;
  /** The last buffer of `region` holds what `bytes` would. */
  readonly isBytesInRegion?: boolean;
  /** The object that the region belongs to: what to hold while it is in use. */
  readonly owner?: ObjectId;
  /** Refs and actor handles inside the value. */
  readonly refs?: readonly ObjectId[];
  readonly handles?: readonly ActorId[];
}

/** What became of an object. */
export type WireResult =
  | { readonly ok: true; readonly value: WireValue }
  | { readonly ok: false; readonly error: WireError }
  /** It existed, or would have; why it does not. */
  | { readonly ok: false; readonly lost: string };

/** The cell run that caused some work; see `Execution` of the notebook. */
export interface WireExecution {
  readonly messageId: string;
  readonly cellId?: string;
  readonly executionCount: number;
}

/** On whose behalf work is done, and where names of actors belong that it uses. */
export interface WireJob {
  readonly jobId: ClientId;
  readonly namespace: string;
}

/** Amounts by resource name, in ten-thousandths. `cpus`, `gpus` and `memoryBytes` (in bytes) are known names. */
export type ResourceAmounts = Readonly<Record<string, number>>;

/** The kind of process that work runs in. Work without one runs in a process like the head's. */
export interface WireEnvironment {
  /** Equal ids are equal environments. */
  readonly id: string;
  readonly envVars: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  /** The driver's working directory: files below it are looked for at the same place below `workingDir`. */
  readonly baseDir?: string;
  /** What npm is asked to install. Equal keys are equal packages. */
  readonly npm?: { readonly specs: readonly string[]; readonly key: string };
  /** How long preparing it may take. */
  readonly setupTimeoutMs?: number;
}

/** Where the bundles of a placement group go. On one node, PACK, SPREAD and STRICT_PACK are the same. */
export type PlacementStrategy = "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";

/** Take resources from a placement group only. */
export interface WirePlacement {
  readonly groupId: PlacementGroupId;
  /** For errors: what the user calls the group. */
  readonly groupName?: string;
  /** Absent: whichever bundle has room. */
  readonly bundleIndex?: number;
}

/** Which nodes work may run on. All that is there holds. */
export interface WireScheduling {
  /** As evenly as there is room. */
  readonly isSpread?: boolean;
  readonly node?: { readonly id: string; readonly isSoft: boolean };
  /** What it asks of labels, as `labelCondition` reads it. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PlacementGroupDescription {
  readonly groupId: PlacementGroupId;
  readonly name?: string;
  readonly strategy: PlacementStrategy;
  readonly bundles: readonly ResourceAmounts[];
}

export type PlacementGroupState = "pending" | "created" | "removed";

/** Code of a function or class: sent once per connection, then called by its id. */
export interface WireCode {
  readonly codeId: string;
  readonly value: WireValue;
}

export interface WireArgument {
  readonly index: number;
  readonly value: WireValue;
}

export interface TaskCall {
  readonly taskId: TaskId;
  readonly codeId: string;
  /** How errors, views and progress call it. */
  readonly name: string;
  /** The argument list; arguments that were refs are `undefined` in it and stand in `resolved`. */
  readonly args: WireValue;
  readonly resolved?: readonly WireArgument[] | undefined;
  readonly isStream?: boolean | undefined;
  /** Items a streaming task may be ahead of its consumer; STREAM_WINDOW when absent. */
  readonly streamWindow?: number | undefined;
  /** It returns an array of so many values, each an object of its own. */
  readonly numReturns?: number | undefined;
  /** Items that an earlier attempt delivered already. */
  readonly skipItems?: number | undefined;
  /** Longest run time; the worker stops the task afterwards. */
  readonly timeoutMs?: number | undefined;
  readonly execution?: WireExecution | undefined;
  /** 0 for tasks of the driver, one more at each level of nesting. */
  readonly depth: number;
  readonly attempt: number;
  /** It fails when its process ends for lack of memory: others are ended first. */
  readonly isLastChance?: true | undefined;
  /** The task that submitted it. */
  readonly parent?: TaskId | undefined;
  /** How long ago it was submitted, in whole milliseconds; for views. */
  readonly waitedMs?: number | undefined;
}

export interface ActorCall extends Omit<TaskCall, "codeId"> {
  readonly actorId: ActorId;
  readonly method: string;
}

/** A client to a worker, over the worker's data socket. */
export type ToWorker =
  | { readonly type: "data-hello"; readonly protocol: number; readonly clientId: ClientId }
  /** The calls that follow belong to this job. */
  | { readonly type: "use-job"; readonly job: WireJob }
  /** The sender has leased the worker with these resources. */
  | { readonly type: "leased"; readonly resources: ResourceAmounts }
  | { readonly type: "load-code"; readonly code: WireCode }
  /** The calls that follow may use these GPUs. */
  | { readonly type: "use-gpus"; readonly gpuIds: readonly string[] }
  | { readonly type: "run-task"; readonly call: TaskCall }
  | { readonly type: "call-actor"; readonly call: ActorCall }
  /** The consumer of a stream has taken items up to here. */
  | { readonly type: "stream-consumed"; readonly taskId: TaskId; readonly count: number }
  /** Drop a call that has not begun; the control socket handles one that runs. */
  | { readonly type: "drop-task"; readonly taskId: TaskId };

/** A worker to the client whose work it does. */
export type FromWorker =
  | {
      readonly type: "task-finished";
      readonly taskId: TaskId;
      readonly value: WireValue;
      /** Time on the main thread, awaits included. */
      readonly durationMs: number;
    }
  | {
      readonly type: "task-failed";
      readonly taskId: TaskId;
      readonly error: WireError;
      /** Names of the thrown value's classes, most derived first; for `retryOn`. */
      readonly classNames: readonly string[];
      readonly reason: "error" | "cancelled" | "timeout";
      readonly durationMs: number;
    }
  /** As `task-finished`, for a call with `numReturns`. */
  | {
      readonly type: "task-returned";
      readonly taskId: TaskId;
      readonly values: readonly WireValue[];
      readonly durationMs: number;
    }
  | { readonly type: "stream-item"; readonly taskId: TaskId; readonly index: number; readonly value: WireValue }
  /** Not begun, and will not be: the worker waits for something. Submit them elsewhere. */
  | { readonly type: "tasks-returned"; readonly taskIds: readonly TaskId[] }
  /** The process is about to end, although it has not failed: push nothing more, and do not pass it on. */
  | { readonly type: "worker-ending" }
  | {
      readonly type: "output";
      readonly execution?: WireExecution;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
      /** Function or class that printed, and its process. */
      readonly source: string;
      readonly pid: number;
    };

/** Why an actor does not answer any more. */
export interface ActorDeath {
  readonly reason:
    | "killed"
    | "exited"
    | "crashed"
    | "constructor-failed"
    | "out-of-scope"
    | "unschedulable"
    | "environment-failed"
    | "group-removed"
    | "job-ended";
  readonly message: string;
  readonly error?: WireError;
}

export interface ActorSpec {
  readonly actorId: ActorId;
  readonly className: string;
  readonly code: WireCode;
  readonly args: WireValue;
  readonly resolved?: readonly WireArgument[];
  readonly resources: ResourceAmounts;
  readonly environment?: WireEnvironment;
  readonly placement?: WirePlacement;
  readonly scheduling?: WireScheduling;
  readonly job: WireJob;
  readonly name?: string;
  /** Where `name` is unique. */
  readonly namespace?: string;
  /** It outlives its job; otherwise it ends with it. */
  readonly lifetime?: "detached";
  /** Calls that may be in progress at once, of methods in none of `groups`. */
  readonly maxConcurrency: number;
  readonly groups?: readonly ConcurrencyGroupSpec[];
  /** -1: without limit. */
  readonly maxRestarts: number;
  /** The method that runs first in a restarted actor. */
  readonly onRestart?: string;
  readonly execution?: WireExecution;
  readonly depth: number;
}

/** Methods that share a limit of their own, beside those of other groups. */
export interface ConcurrencyGroupSpec {
  readonly name: string;
  readonly maxConcurrency: number;
  readonly methods: readonly string[];
}

/** What a handle needs to reach its actor from any process. */
export interface ActorDescription {
  readonly actorId: ActorId;
  readonly className: string;
  readonly name?: string;
  /** How often a call is repeated when the actor restarts under it; -1 without limit. */
  readonly maxTaskRetries: number;
  readonly methods: readonly string[];
  /** Those of `methods` that are generators. */
  readonly streamMethods: readonly string[];
  /** Calls of one process that may be unfinished at once. */
  readonly maxPendingCalls?: number;
  /** The concurrency group of each method that is in one: calls keep their order inside a group only. */
  readonly groupOf?: Readonly<Record<string, string>>;
}

/** Change in the counts of one function since the last report. `queued` and `running` are absolute. */
export type TaskGroupReport = Omit<TaskGroupView, "job" | "firstAtMs" | "lastAtMs">;

export interface ActorCallsReport {
  readonly actorId: ActorId;
  /** Absolute. */
  readonly pending: number;
  /** Since the last report. */
  readonly finished: number;
}

/** A driver or worker to the head, over the control socket. */
export type ToHead =
  | {
      readonly type: "hello";
      readonly protocol: number;
      readonly clientId: ClientId;
      readonly kind: "driver" | "worker";
      readonly pid: number;
      /** For a driver: what it calls itself, and its machine when that is not the head's. */
      readonly name?: string;
      readonly host?: string;
    }
  /** The worker can take work at `address`. */
  | { readonly type: "worker-ready"; readonly address: string; readonly pid: number }
  /** The client wants `count` leases of this shape in all, those it has included; 0 ends the wish. */
  | {
      readonly type: "demand";
      readonly shape: string;
      readonly resources: ResourceAmounts;
      readonly count: number;
      readonly depth: number;
      readonly environment?: WireEnvironment;
      readonly placement?: WirePlacement;
      readonly scheduling?: WireScheduling;
      /** The cell that hears how its environment is prepared. */
      readonly execution?: WireExecution;
    }
  | { readonly type: "return-leases"; readonly leaseIds: readonly LeaseId[] }
  | { readonly type: "worker-blocked" }
  | { readonly type: "worker-unblocked" }
  | {
      readonly type: "cancel-task";
      readonly workerId: WorkerId;
      readonly taskId: TaskId;
      readonly isForced: boolean;
      readonly isRecursive: boolean;
    }
  /** Cancel what makes an object, wherever that was submitted. */
  | {
      readonly type: "cancel-object";
      readonly objectId: ObjectId;
      readonly isForced: boolean;
      readonly isRecursive: boolean;
    }
  /** Answered by `allocated` or `allocate-failed`. `holder` is who keeps the object: the one that will read it. */
  | {
      readonly type: "allocate";
      readonly requestId: number;
      readonly objectId: ObjectId;
      readonly lengths: readonly number[];
      readonly holder: ClientId;
      /** There was room, but the mount was full when it was to be written; asked again after `abandon`. */
      readonly isMountFull?: boolean;
    }
  /** The region is written. Readers see it by its slot; this is for the head. */
  | { readonly type: "sealed"; readonly objectId: ObjectId; readonly slot: number }
  /** The region was not written, and nobody was told of it. */
  | { readonly type: "abandon"; readonly objectId: ObjectId; readonly slot: number }
  /** An object was stored in a region that the sender had ahead. */
  | {
      readonly type: "spare-stored";
      readonly objectId: ObjectId;
      readonly slot: number;
      readonly version: number;
      readonly lengths: readonly number[];
      readonly holder: ClientId;
    }
  /** Such a region was claimed, and nothing was stored there. */
  | { readonly type: "spare-unused"; readonly slot: number; readonly version: number }
  /** Answer to `collect`, after the releases that came of it. */
  | { readonly type: "collected" }
  /** Answered by `located`. */
  | { readonly type: "locate"; readonly requestId: number; readonly objectId: ObjectId }
  /** Add to how many times `holder` (the sender when absent) holds each object. */
  | { readonly type: "hold"; readonly objectIds: readonly ObjectId[]; readonly holder?: ClientId }
  | { readonly type: "release"; readonly objectIds: readonly ObjectId[]; readonly counts: readonly number[] }
  /** The sender lost the object's maker: it holds it no more, however often it did. */
  | { readonly type: "forget"; readonly objectIds: readonly ObjectId[] }
  /** Make an object known to everybody; its result follows, now or later. The sender holds it once. */
  | { readonly type: "publish"; readonly objectId: ObjectId }
  | { readonly type: "publish-result"; readonly objectId: ObjectId; readonly result: WireResult }
  /** Answered by `object-result` once it is there. */
  | { readonly type: "resolve"; readonly objectId: ObjectId }
  | {
      readonly type: "create-actor";
      readonly spec: ActorSpec;
      readonly description: ActorDescription;
      /** Take the living actor of that name, if there is one. Answered by `actor-registered`. */
      readonly isGetIfExists: boolean;
      readonly requestId: number;
    }
  | { readonly type: "find-actor"; readonly requestId: number; readonly name: string; readonly namespace: string }
  /** Answered by `actors-listed`. */
  | { readonly type: "list-actors"; readonly requestId: number; readonly namespace: string }
  /** Answered by `actor-state`, now and whenever it changes. */
  | { readonly type: "watch-actor"; readonly actorId: ActorId }
  /** `message` says why, for those who call it later. */
  | {
      readonly type: "kill-actor";
      readonly actorId: ActorId;
      readonly isRestartable: boolean;
      readonly message?: string;
    }
  /** The actor has ended itself: what it had begun is done and sent. */
  | { readonly type: "actor-exited"; readonly actorId: ActorId }
  | { readonly type: "actor-ready"; readonly actorId: ActorId }
  /** Its constructor threw, or what it runs after a restart. */
  | {
      readonly type: "actor-failed";
      readonly actorId: ActorId;
      readonly error: WireError;
      readonly during: "constructor" | "onRestart";
    }
  | {
      readonly type: "report";
      readonly groups: readonly TaskGroupReport[];
      readonly actors: readonly ActorCallsReport[];
      /** Tasks a worker has run since the last report, and what it runs now. */
      readonly finished?: number;
      readonly running?: string;
      /** What it runs fails when its process is ended for lack of memory. */
      readonly isLastChance?: true;
    }
  /** Answered by `group-registered` or `group-refused`; what becomes of it, by `group-state`. */
  | {
      readonly type: "create-group";
      readonly requestId: number;
      readonly description: PlacementGroupDescription;
      /** It outlives the job that made it. */
      readonly isDetached: boolean;
      readonly depth: number;
    }
  | { readonly type: "find-group"; readonly requestId: number; readonly name: string }
  /** Answered by `group-state`, now and whenever it changes. */
  | { readonly type: "watch-group"; readonly groupId: PlacementGroupId }
  | { readonly type: "remove-group"; readonly requestId: number; readonly groupId: PlacementGroupId }
  | { readonly type: "describe-cluster"; readonly requestId: number }
  /** Start the head's HTTP server unless it runs. Answered by `http-opened`. */
  | { readonly type: "open-http"; readonly requestId: number }
  /** Let the head look whether its own rules hold; for tests. Answered by `checked`. */
  | { readonly type: "check"; readonly requestId: number }
  /** Runs that ended since the last such message. */
  | { readonly type: "task-events"; readonly events: TaskEvents }
  /** Ask for a route of the state API. Answered by `state-answer`. */
  | {
      readonly type: "query-state";
      readonly requestId: number;
      readonly route: StateRoute;
      readonly parameters: StateParameters;
    }
  /**
   * The debugger of this driver's notebook: workers connect to it, those that run and those that start. Without an address
   * there is none any more. Answered by `debugger-used` when those that run have connected.
   */
  | { readonly type: "use-debugger"; readonly requestId: number; readonly address?: string }
  /** Answers to `list-tasks`, `dump-stack` and `attach-debugger`. */
  | { readonly type: "tasks-listed"; readonly inquiryId: number; readonly listings: TaskListings }
  | { readonly type: "stack-dumped"; readonly inquiryId: number; readonly stack: DumpedStack }
  | { readonly type: "debugger-attached"; readonly inquiryId: number }
  /** Output without a client that waits for it. */
  | { readonly type: "worker-output"; readonly output: Extract<FromWorker, { type: "output" }> }
  | { readonly type: "shutdown" };

export interface LeaseGrant {
  readonly leaseId: LeaseId;
  readonly workerId: WorkerId;
  readonly address: string;
  readonly pid: number;
  /** GPUs that the lease has; absent when it has none. */
  readonly gpuIds?: readonly string[];
}

/** Where an actor is, for those who call it. */
export type ActorState =
  | { readonly state: "pending" | "restarting" }
  | { readonly state: "alive"; readonly workerId: WorkerId; readonly address: string; readonly pid: number }
  | { readonly state: "dead"; readonly death: ActorDeath };

/** The JavaScript that a process's main thread is in. */
export interface DumpedStack {
  /** Innermost first; empty when no JavaScript ran. */
  readonly frames: readonly StackFrame[];
  readonly taskId?: string;
  readonly sinceMs?: number;
}

/** Why the head ended a process for lack of memory. */
export interface MemoryShortage {
  /** Whose memory is nearly used up. */
  readonly what: "the machine" | "its control group" | "the cluster";
  readonly usedBytes: number;
  readonly totalBytes: number;
  /** Part of the total that may be in use. */
  readonly threshold: number;
  /** What the ended process had for itself. */
  readonly processBytes: number;
  /** The processes with the most, largest first. */
  readonly largest: readonly { readonly name: string; readonly pid: number; readonly bytes: number }[];
}

/** How a process ended. */
export interface ProcessEnd {
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stderrTail: string;
  /** Set when the head ended it: `memory` because memory ran short. */
  readonly reason?: "memory";
  /** With the reason `memory`: how short it was. */
  readonly memory?: MemoryShortage;
}

/** What the head finds when it looks at itself. */
export interface HeadCheck {
  /** Rules of the state that do not hold, in words; none in a sound head. */
  readonly broken: readonly string[];
  /** How many there are of each kind of record: what grows without end shows here. */
  readonly counts: Readonly<Record<string, number>>;
  /** Objects it knows, and who holds them; the first hundred. */
  readonly objects: readonly string[];
}

/** What `cluster()` gives: resources, object store, workers and actors at one moment. */
export interface ClusterDescription {
  readonly id: string;
  /** From `init({ name })`. */
  readonly name?: string;
  readonly engine: string;
  readonly version: string;
  readonly startedAtMs: number;
  /** Of the head process, where there is one of ours. */
  readonly pid?: number;
  /** In units, not ten-thousandths. */
  readonly resources: Readonly<Record<string, { readonly used: number; readonly total: number }>>;
  readonly objectStore: {
    readonly usedBytes: number;
    readonly capacityBytes: number;
    /** What the cluster does not tell is absent. */
    readonly objects?: number;
    /** Bytes of objects in files, for want of room. */
    readonly spilledBytes?: number;
    readonly directory?: string;
    readonly hint?: string;
  };
  /** The machines that are alive. */
  readonly nodes: readonly NodeRow[];
  readonly workers: readonly {
    readonly id: string;
    readonly pid: number;
    readonly state: "starting" | "idle" | "running" | "blocked" | "actor";
  }[];
  readonly placementGroups: readonly PlacementGroupView[];
  readonly actors: readonly {
    readonly id: string;
    readonly class: string;
    readonly name?: string;
    readonly state: "pending" | "alive" | "restarting" | "dead";
    readonly pid?: number;
  }[];
}

/** Where the head's HTTP server listens. Every request carries `Authorization: Bearer <token>`. */
export interface HttpAddress {
  /** Without a path: `http://127.0.0.1:41234`. */
  readonly url: string;
  readonly token: string;
}

/** The head to a driver or worker. */
export type FromHead =
  | {
      readonly type: "welcome";
      readonly protocol: number;
      readonly clusterId: string;
      readonly arena: string;
      /** Where objects go that find no room in the arena; there is no such directory before one does. */
      readonly spillDirectory: string;
      readonly viewAddress: string;
      readonly capacityBytes: number;
    }
  | { readonly type: "refused"; readonly reason: string }
  /** The cluster ends, because somebody wants it to. */
  | { readonly type: "closing"; readonly reason: string }
  | { readonly type: "lease-granted"; readonly shape: string; readonly grant: LeaseGrant }
  /** No worker will ever satisfy this shape. */
  | {
      readonly type: "unschedulable";
      readonly shape: string;
      readonly needs: Readonly<Record<string, number>>;
      readonly has: Readonly<Record<string, number>>;
      /** Set when workers would fit but none starts. */
      readonly startFailure?: string;
      /** Why it can never run, when that is not for want of resources of the node. */
      readonly explanation?: string;
      /** What to do then. */
      readonly advice?: string;
    }
  /** Processes of this environment cannot be started. */
  | { readonly type: "environment-failed"; readonly environmentId: string; readonly error: WireError }
  | { readonly type: "group-registered"; readonly requestId: number }
  | {
      readonly type: "group-refused";
      readonly requestId: number;
      readonly reason: "unschedulable" | "name-taken";
      readonly needs: Readonly<Record<string, number>>;
      readonly has: Readonly<Record<string, number>>;
      /** Why it can never be placed, when that is not for want of resources. */
      readonly explanation?: string;
    }
  /** Answer to `find-group`. */
  | { readonly type: "group-found"; readonly requestId: number; readonly description?: PlacementGroupDescription }
  | { readonly type: "group-state"; readonly groupId: PlacementGroupId; readonly state: PlacementGroupState }
  /** Answer to `remove-group`. */
  | { readonly type: "group-removed"; readonly requestId: number }
  /** Others wait: give back idle leases at once and so many busy ones as they drain. */
  | { readonly type: "reclaim"; readonly count: number }
  | { readonly type: "worker-died"; readonly workerId: WorkerId; readonly end: ProcessEnd }
  /** `spares`: as in the message of that name. */
  | {
      readonly type: "allocated";
      readonly requestId: number;
      readonly region: WireRegion;
      readonly spares?: readonly WireRegion[];
    }
  /** Regions to store objects of this size in without asking, until the head takes them back. */
  | { readonly type: "spares"; readonly regions: readonly WireRegion[] }
  | { readonly type: "allocate-failed"; readonly requestId: number; readonly error: WireError }
  /** Others need room: collect garbage and release what it held. Answered by `collected`. */
  | { readonly type: "collect" }
  | { readonly type: "located"; readonly requestId: number; readonly place: ObjectPlace }
  /** The stored result of a task of yours is lost, and wanted: run the task again. Answered by `publish-result` of it. */
  | { readonly type: "rebuild"; readonly objectId: ObjectId; readonly reason: string }
  | { readonly type: "object-result"; readonly objectId: ObjectId; readonly result: WireResult }
  | { readonly type: "actor-registered"; readonly requestId: number; readonly description: ActorDescription }
  | {
      readonly type: "actor-refused";
      readonly requestId: number;
      readonly reason: "unschedulable" | "name-taken" | "group-removed" | "job-ended";
      readonly needs: Readonly<Record<string, number>>;
      readonly has: Readonly<Record<string, number>>;
      /** Why it can never run, when that is not for want of resources of the node. */
      readonly explanation?: string;
      /** What to do then. */
      readonly advice?: string;
    }
  /** Answer to `find-actor`. */
  | { readonly type: "actor-found"; readonly requestId: number; readonly description?: ActorDescription }
  /** Names of living actors, sorted. Answer to `list-actors`. */
  | { readonly type: "actors-listed"; readonly requestId: number; readonly names: readonly string[] }
  | { readonly type: "actor-state"; readonly actorId: ActorId; readonly state: ActorState }
  /** `restarts`: how often it has lost its process. */
  | {
      readonly type: "become-actor";
      readonly spec: ActorSpec;
      readonly restarts: number;
      readonly gpuIds?: readonly string[];
    }
  | { readonly type: "stop-task"; readonly taskId: TaskId; readonly isForced: boolean; readonly isRecursive: boolean }
  /** Another process asks to cancel what this one submitted. */
  | {
      readonly type: "cancel-call";
      readonly objectId: ObjectId;
      readonly isForced: boolean;
      readonly isRecursive: boolean;
    }
  /** Cancel every task of a function that one cell started; from the panel. */
  | { readonly type: "cancel-group"; readonly function: string; readonly cellId?: string }
  | { readonly type: "cluster-described"; readonly requestId: number; readonly cluster: ClusterDescription }
  | { readonly type: "http-opened"; readonly requestId: number; readonly result: HttpAddress | WireError }
  | { readonly type: "checked"; readonly requestId: number; readonly check: HeadCheck }
  | {
      readonly type: "state-answer";
      readonly requestId: number;
      readonly answer: unknown;
      readonly error?: WireError;
    }
  /** Tell what is unfinished here, at most `limit` of the newest. */
  | { readonly type: "list-tasks"; readonly inquiryId: number; readonly limit: number }
  /** Tell where the main thread is. */
  | { readonly type: "dump-stack"; readonly inquiryId: number }
  /** Connect to the debugger of a driver, which listens there on this machine. */
  | {
      readonly type: "attach-debugger";
      readonly inquiryId: number;
      readonly address: string;
      readonly driver: ClientId;
    }
  | { readonly type: "debugger-used"; readonly requestId: number }
  | { readonly type: "output"; readonly output: Extract<FromWorker, { type: "output" }> };
