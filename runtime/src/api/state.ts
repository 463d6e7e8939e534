/** What the cluster has and did: lists of tasks, actors, objects, workers and jobs, and a timeline. */
import type {
  ActorRow,
  JobRow,
  NodeRow,
  ObjectRow,
  PlacementGroupRow,
  StackDump,
  StateList,
  StateParameters,
  TaskRow,
  Timeline,
  WorkerRow,
} from "../protocol/state.ts";
import { currentRuntime } from "./lifecycle.ts";

interface ListOptions {
  /** Rows at most, the newest. Default 100, at most 10 000. */
  readonly limit?: number;
}

type Filter<Row, Field extends keyof Row> = ListOptions & { readonly [Name in Field]?: NonNullable<Row[Name]> };

/** Only tasks with these values are listed. */
export type ListTasksOptions = Filter<
  TaskRow,
  | "id"
  | "name"
  | "state"
  | "job"
  | "parent"
  | "actor"
  | "worker"
  | "pid"
  | "attempt"
  | "errorType"
  | "cellId"
  | "executionCount"
>;
/** Which actors, and how many. */
export type ListActorsOptions = Filter<
  ActorRow,
  "id" | "class" | "name" | "state" | "job" | "worker" | "pid" | "cellId"
>;
/** Which objects, and how many. */
export type ListObjectsOptions = Filter<ObjectRow, "id" | "state" | "owner" | "job">;
/** Which workers, and how many. */
export type ListWorkersOptions = Filter<WorkerRow, "id" | "pid" | "state" | "running" | "client" | "actor">;
/** Which jobs, and how many. */
export type ListJobsOptions = Filter<JobRow, "id" | "name" | "state" | "pid">;
/** Which nodes, and how many. */
export type ListNodesOptions = Filter<NodeRow, "id" | "host" | "state">;
/** Which placement groups, and how many. */
export type ListPlacementGroupsOptions = Filter<PlacementGroupRow, "id" | "name" | "state" | "strategy" | "job">;

/** What `timeline` shows. */
export interface TimelineOptions {
  /** Only tasks of this job. */
  readonly job?: string;
  /** Ended tasks at most, the newest. Default 20 000. */
  readonly limit?: number;
}

/**
 * Runs of tasks and actors' methods, newest first: unfinished ones, and of those that are over the last 100 000. Of
 * many short ones only some are listed; `notes` says how many were left out.
 *
 * @throws UnsupportedError for a filter that there is not
 */
export function listTasks(options: ListTasksOptions = {}): Promise<StateList<TaskRow>> {
  return currentRuntime().engine.state("tasks", parametersOf(options));
}

/** Actors, newest first, dead ones as long as somebody has a handle. */
export function listActors(options: ListActorsOptions = {}): Promise<StateList<ActorRow>> {
  return currentRuntime().engine.state("actors", parametersOf(options));
}

/** Objects that more than one process can see, newest first: large values, and results that were passed on. */
export function listObjects(options: ListObjectsOptions = {}): Promise<StateList<ObjectRow>> {
  return currentRuntime().engine.state("objects", parametersOf(options));
}

/** Worker processes, newest first, with the CPU they used since the last look. */
export function listWorkers(options: ListWorkersOptions = {}): Promise<StateList<WorkerRow>> {
  return currentRuntime().engine.state("workers", parametersOf(options));
}

/** Drivers of the cluster, newest first; those that ended, too. */
export function listJobs(options: ListJobsOptions = {}): Promise<StateList<JobRow>> {
  return currentRuntime().engine.state("jobs", parametersOf(options));
}

/** Machines of the cluster; on a Ray cluster also those that are gone. */
export function listNodes(options: ListNodesOptions = {}): Promise<StateList<NodeRow>> {
  return currentRuntime().engine.state("nodes", parametersOf(options));
}

/** Placement groups, newest first. */
export function listPlacementGroups(options: ListPlacementGroupsOptions = {}): Promise<StateList<PlacementGroupRow>> {
  return currentRuntime().engine.state("placement-groups", parametersOf(options));
}

/** What ran where and when, for https://ui.perfetto.dev or chrome://tracing: write it to a file as JSON. */
export function timeline(options: TimelineOptions = {}): Promise<Timeline> {
  return currentRuntime().engine.state("timeline", parametersOf(options));
}

/**
 * The JavaScript that workers run at this moment, also while they spin.
 *
 * @param worker - id or pid; all that work when absent.
 * @throws UnsupportedError when there is no such worker
 */
export function dumpStacks(worker?: string | number): Promise<StateList<StackDump>> {
  return currentRuntime().engine.state("stack", worker === undefined ? {} : { worker: String(worker) });
}

function parametersOf(options: object): StateParameters {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
