/** Tasks, actors and objects on all cores, in TypeScript. */
export {
  type ActorClass,
  type ActorHandle,
  type ActorMethod,
  actor,
  exitActor,
  kill,
  type NamespaceOptions,
  type RemoteMethod,
} from "./api/actor.ts";
export { ActorPool, type PoolCall } from "./api/actor-pool.ts";
export { asCompleted, type Completed } from "./api/as-completed.ts";
export { type InitOptions, init, shutdown } from "./api/lifecycle.ts";
export { ObjectRef } from "./api/object-ref.ts";
export type { ActorOptions, ConcurrencyGroup, ErrorClass, MethodOptions, TaskOptions } from "./api/options.ts";
export { type Bundle, PlacementGroup, type PlacementGroupOptions, placementGroup } from "./api/placement-group.ts";
export { type PoolFunction, type PoolOptions, pool } from "./api/pool.ts";
export {
  type AnyPythonMethods,
  type PythonActorClass,
  type PythonActorOptions,
  type PythonArguments,
  type PythonMultiTask,
  type PythonStreamingTask,
  type PythonTask,
  type PythonTaskOptions,
  py,
  type WithRefsInside,
} from "./api/python.ts";
export { NdArray, type NumberArray, type PythonKwargs } from "./api/python-values.ts";
export { Queue, type QueueOptions, type QueueWaitOptions } from "./api/queue.ts";
export { type ResourceRequest, requestResources } from "./api/request-resources.ts";
export type { ResultStream } from "./api/result-stream.ts";
export type { GetOptions } from "./api/runtime.ts";
export type { RuntimeEnv } from "./api/runtime-env.ts";
export type { NodeAffinity, SchedulingStrategy } from "./api/scheduling.ts";
export {
  dumpStacks,
  type ListActorsOptions,
  type ListJobsOptions,
  type ListNodesOptions,
  type ListObjectsOptions,
  type ListPlacementGroupsOptions,
  type ListTasksOptions,
  type ListWorkersOptions,
  listActors,
  listJobs,
  listNodes,
  listObjects,
  listPlacementGroups,
  listTasks,
  listWorkers,
  type TimelineOptions,
  timeline,
} from "./api/state.ts";
export {
  type MultiTask,
  type RefsTo,
  type StreamingTask,
  type Task,
  type TaskOf,
  task,
  type WithRefs,
} from "./api/task.ts";
export {
  type CancelOptions,
  cancel,
  cluster,
  context,
  get,
  put,
  type TaskContext,
  type Values,
  type WaitOptions,
  wait,
} from "./api/values.ts";
export {
  ActorDiedError,
  ActorUnavailableError,
  ClusterError,
  ConnectionFailedError,
  EngineClosedError,
  type ErrorCode,
  GetTimeoutError,
  hasCode,
  ObjectLostError,
  ObjectStoreFullError,
  OutOfMemoryError,
  PendingCallsLimitError,
  PlacementGroupRemovedError,
  QueueClosedError,
  QueueEmptyError,
  QueueFullError,
  RuntimeEnvError,
  SerializationError,
  TaskCancelledError,
  TaskFailedError,
  UnschedulableError,
  UnsupportedError,
  WorkerCrashedError,
} from "./errors.ts";
export type { PlacementGroupView } from "./protocol/cluster-view.ts";
export type { ClusterDescription, PlacementStrategy } from "./protocol/messages.ts";
export type {
  ActorRow,
  JobRow,
  NodeRow,
  ObjectRow,
  PlacementGroupRow,
  StackDump,
  StackFrame,
  StateList,
  TaskRow,
  TaskState,
  Timeline,
  TraceEvent,
  WorkerRow,
} from "./protocol/state.ts";
export { VERSION } from "./version.ts";
