/**
 * The state of one connection between the panel and a kernel's cluster, and what may happen to it. Plain data: the
 * transitions are in `step.ts`, the kernel and the timers in `kernel-link.ts`.
 */
import type {
  ActorView,
  ClusterInfo,
  NodeView,
  ResourcesView,
  TaskGroupView,
  ViewReply,
  ViewRequest,
  ViewTopic,
  WorkerView,
} from "../protocol.ts";
import type { RateBook } from "./rates.ts";

/**
 * What runs behind the notebook. `unknown` until a kernel has said what it is; `shared`: another document of this page
 * has the one connection to the kernel that carries comms.
 */
export type KernelKind = "none" | "unknown" | "mobula" | "other" | "shared";

/** Why a cluster that was there is not there now. */
export type LossReason = "cluster-ended" | "kernel-restarted" | "kernel-died" | "disconnected";

export type Phase =
  | { readonly name: "no-kernel" }
  | { readonly name: "kernel-starting" }
  | { readonly name: "other-kernel"; readonly kernelName: string }
  | { readonly name: "shared-kernel" }
  /** A Mobula kernel that has started no cluster yet, or (`after`) has none any more. */
  | { readonly name: "no-cluster"; readonly after?: LossReason }
  | { readonly name: "connecting" }
  | { readonly name: "live"; readonly cluster: ClusterInfo }
  | { readonly name: "lost"; readonly why: LossReason }
  | { readonly name: "refused"; readonly reason: string };

/**
 * Who looks at the data. `panel`: everything, as it changes. `status`: counters for the status bar, every few seconds.
 * `none`: nobody; the comm stays open and silent.
 */
export type Attention = "panel" | "status" | "none";

/** Last known data of the cluster. A topic that has not arrived yet is absent. */
export interface ClusterData {
  readonly resources?: ResourcesView;
  readonly workers?: readonly WorkerView[];
  /** Of a cluster of several machines. */
  readonly nodes?: readonly NodeView[];
  readonly tasks?: readonly TaskGroupView[];
  readonly actors?: readonly ActorView[];
  /** Past values, oldest first, about one a second. */
  readonly history: readonly ResourcesView[];
  /** Settled tasks of each group over the last seconds. */
  readonly rates: RateBook;
}

/** What became of a request to cancel the tasks of one group. */
export type CancelRequest =
  | { readonly state: "asked"; readonly id: number }
  | { readonly state: "accepted" }
  | { readonly state: "failed"; readonly message: string };

export interface LinkState {
  readonly kernel: KernelKind;
  readonly phase: Phase;
  /** `opening`: the comm is open on this side and the cluster has not said welcome. */
  readonly comm: "closed" | "opening" | "open";
  readonly attention: Attention;
  readonly data: ClusterData;
  /** By group key, see `groupKey`. */
  readonly cancels: ReadonlyMap<string, CancelRequest>;

  /** Failed attempts to open the comm since the last success. */
  readonly attempts: number;
  /** A retry is due within half a second because a cell is running. */
  readonly isRetrySoon: boolean;
  readonly isConnectionDown: boolean;
  readonly subscribed: readonly ViewTopic[];
  /** Topics whose next snapshot ends the current look of the status bar. */
  readonly awaited: readonly ViewTopic[];
  readonly sequences: Readonly<Partial<Record<ViewTopic, number>>>;
  /** Pings sent since the cluster was last heard. */
  readonly unanswered: number;
  readonly nextRequestId: number;
}

/** `retry`: open the comm again. `pulse`: refresh the status bar. `alive`: ping, and notice silence. */
export type LinkTimer = "retry" | "pulse" | "alive";

export type LinkEvent =
  /** Another kernel connection, or news of what the kernel is; comms of an earlier one are gone. */
  | { readonly type: "kernel-changed"; readonly kernel: KernelKind; readonly kernelName: string }
  | { readonly type: "kernel-restarting" }
  | { readonly type: "kernel-ready" }
  | { readonly type: "kernel-died" }
  | { readonly type: "connection-down" }
  | { readonly type: "connection-up" }
  /** A cell runs or prints: the moment when a cluster may have started. */
  | { readonly type: "kernel-active" }
  /** The kernel closed the comm, or it could not be opened. */
  | { readonly type: "comm-closed" }
  | { readonly type: "reply-received"; readonly reply: ViewReply; readonly atMs: number }
  | { readonly type: "timer-fired"; readonly timer: LinkTimer }
  | { readonly type: "attention-changed"; readonly attention: Attention }
  | { readonly type: "reconnect-asked" }
  | { readonly type: "cancel-asked"; readonly function: string; readonly cellId?: string };

export type LinkEffect =
  | { readonly type: "open-comm" }
  | { readonly type: "close-comm" }
  /** Forget the comm without a word: the kernel that knew it is gone. */
  | { readonly type: "drop-comm" }
  | { readonly type: "send"; readonly request: ViewRequest }
  /** Replaces a running timer of the same name. */
  | { readonly type: "start-timer"; readonly timer: LinkTimer; readonly afterMs: number }
  | { readonly type: "stop-timer"; readonly timer: LinkTimer };

/** Identifies a task group: a function as started by one cell. */
export function groupKey(group: { readonly function: string; readonly cellId?: string }): string {
  return `${group.cellId ?? ""}\u0000${group.function}`;
}

/** No data at all. */
export function noData(): ClusterData {
  return { history: [], rates: new Map() };
}

/** A link before anything is known of its kernel. */
export function initialLinkState(attention: Attention): LinkState {
  return {
    kernel: "none",
    phase: { name: "no-kernel" },
    comm: "closed",
    attention,
    data: noData(),
    cancels: new Map(),
    attempts: 0,
    isRetrySoon: false,
    isConnectionDown: false,
    subscribed: [],
    awaited: [],
    sequences: {},
    unanswered: 0,
    nextRequestId: 1,
  };
}
