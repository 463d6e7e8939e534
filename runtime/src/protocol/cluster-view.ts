/**
 * What a cluster shows of itself: the messages of the comm target `mobula.cluster.v1`, between the head process and a
 * panel in JupyterLab, a terminal or a test. Unknown fields are ignored; an unknown `protocol` is answered by `refused`.
 */

export const CLUSTER_VIEW_TARGET = "mobula.cluster.v1";
export const CLUSTER_VIEW_PROTOCOL = 1;

/** `nodes` is told by clusters of several machines, in place of `workers`. */
export type ViewTopic = "resources" | "workers" | "nodes" | "tasks" | "actors";

export interface ClusterInfo {
  readonly id: string;
  /** `local` or `ray`. */
  readonly engine: string;
  readonly version: string;
  readonly startedAtMs: number;
}

export interface ResourcesView {
  readonly atMs: number;
  /** Slots promised to tasks and actors, of all slots; fractional. */
  readonly cpus: { readonly used: number; readonly total: number };
  /** Load of the machine, 0–100. */
  readonly cpuPercent: number;
  readonly memory: { readonly usedBytes: number; readonly totalBytes: number };
  readonly objectStore: {
    readonly usedBytes: number;
    readonly capacityBytes: number;
    /** What the cluster does not tell is absent. */
    readonly objects?: number;
    readonly spilledBytes?: number;
  };
}

/** A machine of the cluster. */
export interface NodeView {
  readonly id: string;
  readonly host: string;
  readonly isHead: boolean;
  /** Promised to tasks and actors, of all; by resource, in units. */
  readonly resources: Readonly<Record<string, { readonly used: number; readonly total: number }>>;
  /** Load, 0–100, and memory; absent until they are measured. */
  readonly cpuPercent?: number;
  readonly memory?: { readonly usedBytes: number; readonly totalBytes: number };
  /** Tasks of this driver that run there. */
  readonly running: number;
}

export interface WorkerView {
  readonly id: string;
  readonly pid: number;
  readonly state: "starting" | "idle" | "running" | "blocked" | "actor";
  /** Function or actor class it runs. */
  readonly running?: string;
  readonly cpuPercent: number;
  readonly rssBytes: number;
  readonly tasksFinished: number;
}

/** Tasks and actor calls, counted by the cell and function that they belong to. */
export interface TaskGroupView {
  readonly function: string;
  readonly cellId?: string;
  readonly executionCount?: number;
  /** The driver that they belong to. */
  readonly job?: string;
  readonly queued: number;
  readonly running: number;
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly retried: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export interface ActorView {
  readonly id: string;
  readonly class: string;
  readonly name?: string;
  readonly state: "pending" | "alive" | "restarting" | "dead";
  readonly pid?: number;
  readonly callsPending?: number;
  readonly callsFinished?: number;
}

/** A placement group in a list. */
export interface PlacementGroupView {
  readonly id: string;
  readonly name?: string;
  /** What the cluster does not tell is absent. */
  readonly strategy?: "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";
  /** `pending`: it waits for resources. */
  readonly state: "pending" | "created";
  /** It outlives the job that made it. */
  readonly isDetached: boolean;
  readonly job?: string;
  /** In units, as users give them. */
  readonly bundles: readonly {
    readonly resources: Readonly<Record<string, { readonly used?: number; readonly total: number }>>;
    readonly gpuIds: readonly string[];
  }[];
}

export interface ViewData {
  readonly resources: ResourcesView;
  readonly workers: readonly WorkerView[];
  readonly nodes: readonly NodeView[];
  readonly tasks: readonly TaskGroupView[];
  readonly actors: readonly ActorView[];
}

export type ViewRequest =
  | { readonly op: "hello"; readonly protocol: number; readonly topics: readonly ViewTopic[] }
  | { readonly op: "subscribe"; readonly topics: readonly ViewTopic[] }
  | { readonly op: "unsubscribe"; readonly topics: readonly ViewTopic[] }
  /** Cancel every task of a function that one cell started. Answered by `ack` or `error` with the same `id`. */
  | {
      readonly op: "cancel-tasks";
      readonly id: number;
      readonly function: string;
      readonly cellId?: string;
      /** Also what other drivers of the cluster run under that name. Default: only what this panel's driver runs. */
      readonly isOfAllJobs?: boolean;
    }
  | { readonly op: "ping" };

export type ViewReply =
  | { readonly op: "welcome"; readonly protocol: number; readonly cluster: ClusterInfo }
  | { readonly op: "refused"; readonly protocol: number; readonly reason: string }
  /** The whole state of one topic; at most twice a second each. `history`: up to 300 past values, 1 a second, oldest first. */
  | {
      readonly op: "snapshot";
      readonly topic: ViewTopic;
      readonly sequence: number;
      readonly data: ViewData[ViewTopic];
      readonly history?: readonly ResourcesView[];
    }
  | { readonly op: "ack"; readonly id: number }
  | { readonly op: "error"; readonly id: number; readonly message: string }
  | { readonly op: "pong" };
