/** What the head knows, and what can happen to it. */

import type { ActorId, ClientId, LeaseId, ObjectId, PlacementGroupId, TaskId, WorkerId } from "../protocol/ids.ts";
import type {
  ActorCallsReport,
  ActorDeath,
  ActorDescription,
  ActorSpec,
  FromHead,
  MemoryShortage,
  PlacementGroupDescription,
  ProcessEnd,
  ResourceAmounts,
  TaskGroupReport,
  WireEnvironment,
  WireExecution,
  WirePlacement,
  WireRegion,
  WireResult,
  WireScheduling,
} from "../protocol/messages.ts";
import type { WireError } from "../protocol/wire-error.ts";
import type { EnvironmentRecord } from "./environments.ts";
import type { JobRecord } from "./jobs.ts";
import type { NodeIdentity } from "./node-choice.ts";
import type { PlacementGroupRecord } from "./placement-groups.ts";
import { createPool, gpuShares, type Holding, type ResourcePool } from "./resources.ts";
import type { RegionTag } from "./slots.ts";
import { createStore, type SpillFile, type Stored, type StoreState } from "./store-state.ts";

/** A client's wish for workers of one shape. */
export interface Demand {
  readonly clientId: ClientId;
  readonly shape: string;
  readonly resources: ResourceAmounts;
  readonly environmentId: string;
  readonly placement?: WirePlacement;
  /** The cell that hears how its environment is prepared. */
  readonly execution?: WireExecution;
  /** Leases wanted in all. */
  count: number;
  depth: number;
  /** Since when it has had fewer than it wants. */
  sinceMs: number;
}

export interface Lease {
  readonly leaseId: LeaseId;
  readonly clientId: ClientId;
  readonly workerId: WorkerId;
  readonly shape: string;
  readonly resources: ResourceAmounts;
}

export type WorkerWork =
  | { readonly state: "starting" }
  | { readonly state: "idle"; readonly sinceMs: number }
  | { readonly state: "leased"; readonly leaseId: LeaseId; readonly isBlocked: boolean }
  | { readonly state: "actor"; readonly actorId: ActorId; readonly isBlocked: boolean }
  /** Told to die; its end has not been reported yet. */
  | { readonly state: "stopping" };

export interface WorkerRecord {
  readonly workerId: WorkerId;
  pid: number;
  address: string;
  work: WorkerWork;
  /** What its work has been given. It lends its CPUs to others while it is blocked. */
  holding: Holding | undefined;
  /** "" for the default one. */
  readonly environmentId: string;
  /** The GPUs it was shown, once it has had some: a process never sees others afterwards. */
  gpuKey: string | undefined;
  tasksFinished: number;
  running: string | undefined;
  /** Whom it worked for last. */
  lastJobId: ClientId | undefined;
  /** Since when it runs what it runs, as far as reports say. */
  runningSinceMs?: number;
  isLastChance?: boolean;
  /** Told to end for lack of memory. */
  memoryEnd?: MemoryShortage;
}

export interface ActorRecord {
  readonly spec: ActorSpec;
  readonly description: ActorDescription;
  readonly ownerId: ClientId;
  /** The job that made it; undefined when its maker did nothing for anybody by then. */
  readonly jobId: ClientId | undefined;
  restartsLeft: number;
  /** How often its process ended and it was started again. */
  restarts: number;
  /** Ends of its process with little time between them. */
  crashesInRow: number;
  sinceMs: number;
  work:
    | { readonly state: "pending" }
    | { readonly state: "restarting"; readonly notBeforeMs: number }
    | { readonly state: "starting"; readonly workerId: WorkerId; readonly isRestart: boolean }
    | { readonly state: "alive"; readonly workerId: WorkerId; readonly sinceMs: number }
    | { readonly state: "dead"; readonly death: ActorDeath };
  /** Who wants to hear of it, by the id they asked for. */
  readonly watchers: Map<ActorId, Set<ClientId>>;
  callsPending: Map<ClientId, number>;
  callsFinished: number;
}

export interface ObjectRecord {
  readonly objectId: ObjectId;
  /** How often each client holds it. A count may be below 0 for a moment, when a release overtakes a hold. */
  readonly holders: Map<ClientId, number>;
  /** Clients that wait for the result. */
  readonly waiters: Set<ClientId>;
  /** Set when its buffers lie, or lay, in the store. */
  stored?: Stored;
  /** Requests of clients that want to know where its buffers lie. */
  readonly locators: { readonly clientId: ClientId; readonly requestId: number }[];
  /** Known to everybody; `result` follows. */
  publisher?: ClientId;
  result?: WireResult;
}

export interface GroupRecord {
  readonly function: string;
  readonly cellId?: string;
  readonly executionCount?: number;
  readonly jobId: ClientId | undefined;
  /** Unfinished work, by the client that submitted it. */
  readonly queued: Map<ClientId, number>;
  readonly running: Map<ClientId, number>;
  finished: number;
  failed: number;
  cancelled: number;
  retried: number;
  readonly firstAtMs: number;
  lastAtMs: number;
}

/** As a pool: the resources of the node. */
export interface CoreState extends ResourcePool {
  readonly node: NodeIdentity;
  readonly clients: Set<ClientId>;
  /** Drivers that are here, and the last ones that were. */
  readonly jobs: Map<ClientId, JobRecord>;
  readonly workers: Map<WorkerId, WorkerRecord>;
  readonly leases: Map<LeaseId, Lease>;
  /** By client and shape. */
  readonly demands: Map<string, Demand>;
  readonly actors: Map<ActorId, ActorRecord>;
  /** By `nameKey`. */
  readonly actorNames: Map<string, ActorId>;
  /** Ids of actors that were not made, because one of that name lived; to that one's id. */
  readonly actorAliases: Map<ActorId, ActorId>;
  /** Clients that ask for an actor whose creation has not arrived yet. */
  readonly earlyWatchers: Map<ActorId, Set<ClientId>>;
  /** Why actors that are no longer listed died. */
  readonly deaths: Map<ActorId, ActorDeath>;
  readonly objects: Map<ObjectId, ObjectRecord>;
  readonly store: StoreState;
  readonly groups: Map<string, GroupRecord>;
  /** Those in use, but for the default one. */
  readonly environments: Map<string, EnvironmentRecord>;
  readonly placementGroups: Map<PlacementGroupId, PlacementGroupRecord>;
  /** Processes at most. */
  readonly maxWorkers: number;
  /** Somebody was told that there are no more processes. */
  isMaxTold: boolean;
  /** Workers that died before they were ready, since the last that became ready. */
  startFailures: number;
  nextWorker: number;
  nextLease: number;
  lastReclaimMs: number;
}

export type CoreEvent =
  | { readonly type: "client-joined"; readonly clientId: ClientId; readonly kind: "worker" }
  | {
      readonly type: "client-joined";
      readonly clientId: ClientId;
      readonly kind: "driver";
      readonly pid: number;
      /** The machine it runs on. */
      readonly host: string;
      /** What it calls itself. */
      readonly name?: string;
      readonly atMs: number;
    }
  | {
      readonly type: "client-left";
      readonly clientId: ClientId;
      readonly atMs: number;
      /** Slots of regions that its process, which lives on, still has mapped. `mappings-ended` follows. */
      readonly mappedSlots?: ReadonlySet<number>;
    }
  /** A process whose client had left has nothing mapped any more. */
  | { readonly type: "mappings-ended"; readonly clientId: ClientId }
  /** Have this many task workers ready before anybody asks. */
  | { readonly type: "workers-wanted"; readonly count: number }
  | {
      readonly type: "worker-joined";
      readonly workerId: WorkerId;
      readonly pid: number;
      readonly address: string;
      readonly atMs: number;
    }
  | { readonly type: "worker-died"; readonly workerId: WorkerId; readonly end: ProcessEnd; readonly atMs: number }
  | {
      readonly type: "demand-changed";
      readonly clientId: ClientId;
      readonly shape: string;
      readonly resources: ResourceAmounts;
      readonly count: number;
      readonly depth: number;
      readonly environment?: WireEnvironment;
      readonly placement?: WirePlacement;
      readonly scheduling?: WireScheduling;
      readonly execution?: WireExecution;
      readonly atMs: number;
    }
  | {
      readonly type: "leases-returned";
      readonly clientId: ClientId;
      readonly leaseIds: readonly LeaseId[];
      readonly atMs: number;
    }
  | { readonly type: "worker-blocked" | "worker-unblocked"; readonly workerId: WorkerId; readonly atMs: number }
  | {
      readonly type: "task-cancel-asked";
      readonly workerId: WorkerId;
      readonly taskId: TaskId;
      readonly isForced: boolean;
      readonly isRecursive: boolean;
    }
  | {
      readonly type: "object-cancel-asked";
      readonly objectId: ObjectId;
      readonly isForced: boolean;
      readonly isRecursive: boolean;
    }
  | {
      readonly type: "group-cancel-asked";
      readonly function: string;
      readonly cellId?: string;
      /** Only what belongs to this job; default all. */
      readonly jobId?: ClientId;
    }
  | {
      readonly type: "actor-asked";
      readonly clientId: ClientId;
      readonly requestId: number;
      readonly spec: ActorSpec;
      readonly description: ActorDescription;
      readonly isGetIfExists: boolean;
      readonly atMs: number;
    }
  | {
      readonly type: "actor-sought";
      readonly clientId: ClientId;
      readonly requestId: number;
      readonly name: string;
      readonly namespace: string;
    }
  | {
      readonly type: "actor-names-asked";
      readonly clientId: ClientId;
      readonly requestId: number;
      readonly namespace: string;
    }
  | { readonly type: "actor-watched"; readonly clientId: ClientId; readonly actorId: ActorId }
  | { readonly type: "actor-ready"; readonly actorId: ActorId; readonly workerId: WorkerId; readonly atMs: number }
  | {
      readonly type: "actor-failed";
      readonly actorId: ActorId;
      readonly error: WireError;
      readonly during: "constructor" | "onRestart";
      readonly atMs: number;
    }
  | { readonly type: "actor-exited"; readonly actorId: ActorId; readonly workerId: WorkerId; readonly atMs: number }
  | {
      readonly type: "actor-kill-asked";
      readonly actorId: ActorId;
      readonly isRestartable: boolean;
      readonly message?: string;
      readonly atMs: number;
    }
  | {
      readonly type: "room-asked";
      readonly requestId: number;
      readonly objectId: ObjectId;
      readonly lengths: readonly number[];
      readonly writer: ClientId;
      /** Who keeps the object: the one that will read it. */
      readonly holder: ClientId;
      /** There was room, but the system had no memory to write it. */
      readonly isMountFull: boolean;
      readonly atMs: number;
    }
  | { readonly type: "region-sealed"; readonly objectId: ObjectId; readonly slot: number }
  /** A process has stored an object in a spare of its own. */
  | {
      readonly type: "spare-stored";
      readonly owner: ClientId;
      readonly objectId: ObjectId;
      readonly tag: RegionTag;
      readonly lengths: readonly number[];
      readonly holder: ClientId;
      readonly atMs: number;
    }
  /** It claimed a spare, and stored nothing there. */
  | { readonly type: "spare-unused"; readonly owner: ClientId; readonly tag: RegionTag }
  /** Answer to `revoke-spares`: the slots of those that nobody had claimed. */
  | {
      readonly type: "spares-revoked";
      readonly regions: readonly WireRegion[];
      readonly slots: ReadonlySet<number>;
      readonly atMs: number;
    }
  /** Its writer could not write it. */
  | { readonly type: "region-abandoned"; readonly objectId: ObjectId; readonly slot: number }
  | { readonly type: "garbage-collected"; readonly clientId: ClientId; readonly atMs: number }
  /** Answer to `scan-pins`. */
  | {
      readonly type: "pins-scanned";
      /** Slots of the regions that some process has mapped. */
      readonly pinned: ReadonlySet<number>;
      readonly mountFreeBytes: number;
      readonly atMs: number;
    }
  /** Answer to `retract-region`. */
  | { readonly type: "region-retracted"; readonly objectId: ObjectId; readonly isMapped: boolean }
  | {
      readonly type: "spill-ended";
      readonly file: string;
      readonly outcome:
        | { readonly isOk: true; readonly checksum: number }
        | { readonly isOk: false; readonly problem: string };
      readonly atMs: number;
    }
  /** Answer to `restore-file` and `check-file`. */
  | {
      readonly type: "file-read";
      readonly file: string;
      readonly outcome: "ok" | "no-memory" | { readonly damage: string };
      readonly atMs: number;
    }
  | {
      readonly type: "object-located";
      readonly clientId: ClientId;
      readonly requestId: number;
      readonly objectId: ObjectId;
    }
  | { readonly type: "objects-held"; readonly clientId: ClientId; readonly objectIds: readonly ObjectId[] }
  | {
      readonly type: "objects-released";
      readonly clientId: ClientId;
      readonly objectIds: readonly ObjectId[];
      readonly counts: readonly number[];
      readonly atMs: number;
    }
  | {
      readonly type: "objects-forgotten";
      readonly clientId: ClientId;
      readonly objectIds: readonly ObjectId[];
      readonly atMs: number;
    }
  | { readonly type: "object-published"; readonly clientId: ClientId; readonly objectId: ObjectId }
  | {
      readonly type: "result-published";
      readonly clientId: ClientId;
      readonly objectId: ObjectId;
      readonly result: WireResult;
    }
  | { readonly type: "object-sought"; readonly clientId: ClientId; readonly objectId: ObjectId }
  | {
      readonly type: "work-reported";
      readonly clientId: ClientId;
      readonly groups: readonly TaskGroupReport[];
      readonly actors: readonly ActorCallsReport[];
      readonly finished?: number;
      readonly running?: string;
      readonly isLastChance?: true;
      readonly atMs: number;
    }
  | { readonly type: "environment-ready"; readonly environmentId: string; readonly atMs: number }
  | {
      readonly type: "environment-failed";
      readonly environmentId: string;
      readonly error: WireError;
      readonly atMs: number;
    }
  | {
      readonly type: "group-asked";
      readonly clientId: ClientId;
      readonly requestId: number;
      readonly description: PlacementGroupDescription;
      readonly isDetached: boolean;
      readonly depth: number;
      readonly atMs: number;
    }
  | { readonly type: "group-sought"; readonly clientId: ClientId; readonly requestId: number; readonly name: string }
  | { readonly type: "group-watched"; readonly clientId: ClientId; readonly groupId: PlacementGroupId }
  | {
      readonly type: "group-remove-asked";
      readonly clientId: ClientId;
      readonly requestId: number;
      readonly groupId: PlacementGroupId;
      readonly atMs: number;
    }
  /** Somebody has to give memory back. */
  | {
      readonly type: "memory-short";
      readonly what: MemoryShortage["what"];
      readonly usedBytes: number;
      readonly totalBytes: number;
      readonly threshold: number;
      readonly workers: readonly { readonly workerId: WorkerId; readonly privateBytes: number }[];
    }
  | { readonly type: "ticked"; readonly atMs: number };

/** What is to be done with memory and files of the store. */
export type StoreEffect =
  /** A writer may write there. */
  | { readonly type: "open-region"; readonly region: WireRegion }
  /** It is a process's to claim. */
  | { readonly type: "offer-region"; readonly region: WireRegion }
  /** Answered at once by `spares-revoked`. */
  | { readonly type: "revoke-spares"; readonly regions: readonly WireRegion[] }
  /** Readers may map it again. */
  | { readonly type: "publish-region"; readonly region: WireRegion }
  | { readonly type: "free-region"; readonly region: WireRegion; readonly isDiscarded: boolean }
  /** Give the memory of all free ranges back to the system. */
  | { readonly type: "discard-free" }
  /** Answered at once by `pins-scanned`. */
  | { readonly type: "scan-pins" }
  /** Answered at once by `region-retracted`. */
  | { readonly type: "retract-region"; readonly objectId: ObjectId; readonly region: WireRegion }
  | { readonly type: "spill-region"; readonly region: WireRegion; readonly file: string }
  | { readonly type: "restore-file"; readonly file: SpillFile; readonly region: WireRegion }
  | { readonly type: "check-file"; readonly file: SpillFile }
  | { readonly type: "delete-file"; readonly file: string };

export type CoreEffect =
  | { readonly type: "send"; readonly to: ClientId; readonly message: FromHead }
  | { readonly type: "start-worker"; readonly workerId: WorkerId; readonly environment?: WireEnvironment }
  /** Report `environment-ready` or `environment-failed` when processes of it can be started, or cannot. */
  | { readonly type: "prepare-environment"; readonly environment: WireEnvironment }
  | { readonly type: "stop-worker"; readonly workerId: WorkerId }
  | StoreEffect
  | {
      readonly type: "refuse-room";
      readonly to: ClientId;
      readonly requestId: number;
      readonly requestedBytes: number;
      readonly usedBytes: number;
      readonly capacityBytes: number;
      /** What processes have mapped, and cannot be spilled therefore. */
      readonly mappedBytes: number;
      readonly spilledBytes: number;
      readonly spillLimitBytes: number;
      /** The mount has less memory than the store may take. */
      readonly isMountFull: boolean;
      readonly diskProblem?: string;
    };

export interface StateOptions {
  /** Default: one without labels. */
  readonly node?: NodeIdentity;
  /** Default: `0`, `1` and so on. */
  readonly gpuIds?: readonly string[];
  /** Default: no limit. */
  readonly maxWorkers?: number;
  /** Size of the arena. Default 0. */
  readonly capacityBytes?: number;
  /** Bytes that spilled objects may take. Default 0: nothing is spilled. */
  readonly spillLimitBytes?: number;
}

/** @param total - in ten-thousandths, see `toAmounts`. */
export function createState(total: ResourceAmounts, options: StateOptions = {}): CoreState {
  const { gpuIds = [], maxWorkers = Number.POSITIVE_INFINITY, capacityBytes = 0, spillLimitBytes = 0 } = options;
  return {
    node: options.node ?? { id: "node", labels: {} },
    ...createPool(total, gpuShares(total, gpuIds)),
    store: createStore({ capacityBytes, spillLimitBytes }),
    clients: new Set(),
    jobs: new Map(),
    workers: new Map(),
    leases: new Map(),
    demands: new Map(),
    actors: new Map(),
    actorNames: new Map(),
    actorAliases: new Map(),
    earlyWatchers: new Map(),
    deaths: new Map(),
    objects: new Map(),
    groups: new Map(),
    environments: new Map(),
    placementGroups: new Map(),
    maxWorkers,
    isMaxTold: false,
    startFailures: 0,
    nextWorker: 1,
    nextLease: 1,
    lastReclaimMs: 0,
  };
}
