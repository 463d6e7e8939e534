/** Types for programs that talk to a cluster: the panel's protocol and what describes a cluster. */
export type {
  ActorView,
  ClusterInfo,
  NodeView,
  ResourcesView,
  TaskGroupView,
  ViewData,
  ViewReply,
  ViewRequest,
  ViewTopic,
  WorkerView,
} from "./cluster-view.ts";
export { CLUSTER_VIEW_PROTOCOL, CLUSTER_VIEW_TARGET } from "./cluster-view.ts";
export type { ClusterDescription } from "./messages.ts";
export { PROTOCOL_VERSION } from "./messages.ts";
