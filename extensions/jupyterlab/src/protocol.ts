/**
 * The cluster view protocol as the panel uses it. Types come from the runtime's sources and vanish when compiled: the
 * bundle holds nothing of the runtime. The two constants are repeated here; their types make a difference an error.
 */
import type { CLUSTER_VIEW_PROTOCOL as RuntimeProtocol, CLUSTER_VIEW_TARGET as RuntimeTarget } from "mobula/protocol";

export type {
  ActorView,
  ClusterInfo,
  NodeView,
  ResourcesView,
  TaskGroupView,
  ViewReply,
  ViewRequest,
  ViewTopic,
  WorkerView,
} from "mobula/protocol";

/** Comm target that a kernel with a cluster answers. */
export const CLUSTER_VIEW_TARGET: typeof RuntimeTarget = "mobula.cluster.v1";

/** Version of the messages that this panel speaks. */
export const CLUSTER_VIEW_PROTOCOL: typeof RuntimeProtocol = 1;
