/**
 * The state API of a Ray cluster: the routes of protocol/state.ts, answered from what Ray's dashboard tells. Ids are Ray's own;
 * names are those that users gave.
 */
import { UnsupportedError } from "../../errors.ts";
import { readQuery, type StateQuery, toList } from "../../node/state-query.ts";
import { actorSummary, objectSummary, resourceRows } from "../../node/state-rows.ts";
import { timelineOf } from "../../node/timeline.ts";
import type { ClusterDescription } from "../../protocol/messages.ts";
import type {
  FollowedLines,
  JobRow,
  NodeRow,
  StackDump,
  StateList,
  StateParameters,
  StateRoute,
  StateRoutes,
  TaskRow,
  TaskSummaryRow,
  Timeline,
} from "../../protocol/state.ts";
import type { JobsApi, UsageByNode } from "./jobs-api.ts";
import { followRayLogs } from "./ray-log-follower.ts";
import { rayLogs, tailRayLogs } from "./ray-logs.ts";
import { actorRows, groupRows, jobRows, nodeRows, objectRows, workerRows } from "./ray-rows.ts";
import { rayStacks } from "./ray-stacks.ts";
import { allTasks, rayTasks } from "./ray-state.ts";

const NO_CELLS = "Ray knows no cells.";
const NO_OWNERS = "Ray tells who holds an object, not who made it.";
const DASHBOARD = "Look at Ray's own dashboard.";
const ACTOR_FIELDS = ["id", "class", "name", "state", "job", "worker", "pid", "node"];
const OBJECT_FIELDS = ["id", "state", "job"];
const WORKER_FIELDS = ["id", "pid", "state", "running", "client", "actor", "node"];
const JOB_FIELDS = ["id", "name", "state", "pid"];
const NODE_FIELDS = ["id", "host", "state"];
const GROUP_FIELDS = ["id", "name", "state", "job"];
const RUNNING = ["RUNNING", "RUNNING_IN_RAY_GET", "RUNNING_IN_RAY_WAIT"];
const TIMELINE_TASKS = 20_000;

type Routes = {
  readonly [Route in StateRoute]?: (parameters: StateParameters) => Promise<StateRoutes[Route]>;
};

export class RayStateApi {
  readonly #api: JobsApi;
  readonly #routes: Routes;

  constructor(api: JobsApi) {
    this.#api = api;
    this.#routes = {
      cluster: () => this.cluster(),
      tasks: (parameters) => rayTasks(api, parameters),
      actors: async (parameters) => toList(await this.#actors(), query(parameters, ACTOR_FIELDS, { cellId: NO_CELLS })),
      objects: async (parameters) =>
        toList(await this.#objects(), query(parameters, OBJECT_FIELDS, { owner: NO_OWNERS })),
      workers: async (parameters) => toList(await this.#workers(), query(parameters, WORKER_FIELDS)),
      jobs: async (parameters) => toList(await this.#jobs(), query(parameters, JOB_FIELDS)),
      nodes: async (parameters) => toList(await this.#nodes(), query(parameters, NODE_FIELDS)),
      "placement-groups": async (parameters) =>
        toList(
          groupRows(await this.#rows("placement_groups")),
          query(parameters, GROUP_FIELDS, { strategy: DASHBOARD }),
        ),
      resources: async (parameters) => toList(resourceRows(await this.cluster()), query(parameters, ["name"])),
      "summary/tasks": (parameters) => this.#taskSummary(query(parameters, ["name"])),
      "summary/actors": async (parameters) => toList(actorSummary(await this.#actors()), query(parameters, ["class"])),
      "summary/objects": async (parameters) =>
        toList(objectSummary(await this.#objects()), query(parameters, ["job"], { owner: NO_OWNERS })),
      timeline: (parameters) => this.#timeline(parameters),
      logs: (parameters) => rayLogs(api, parameters),
      "logs/tail": (parameters) => tailRayLogs(api, parameters),
      stack: (parameters) => this.#stacks(parameters),
    };
  }

  /** @throws UnsupportedError for what Ray cannot tell */
  async read<Route extends StateRoute>(route: Route, parameters: StateParameters): Promise<StateRoutes[Route]> {
    const answer = Object.hasOwn(this.#routes, route) ? this.#routes[route] : undefined;
    if (answer === undefined) throw new UnsupportedError(`The route '${route}' on a Ray cluster`, DASHBOARD);
    return await answer(parameters);
  }

  /** New lines of logs, from the last `limit` ones on; see `followRayLogs`. */
  followLogs(parameters: StateParameters): AsyncGenerator<FollowedLines> {
    return followRayLogs(this.#api, parameters);
  }

  async cluster(): Promise<ClusterDescription> {
    const [{ rayVersion, session }, usage, nodes, groups, actors, workers] = await Promise.all([
      this.#api.version(),
      this.#api.usage(),
      this.#rows("nodes"),
      this.#rows("placement_groups"),
      this.#actors(),
      this.#workers(),
    ]);
    const alive = nodeRows(nodes, usage).filter(({ state }) => state === "alive");
    return {
      id: session,
      engine: "ray",
      version: rayVersion,
      startedAtMs: Math.min(...alive.map(({ startedAtMs = Date.now() }) => startedAtMs)),
      resources: totals(alive),
      objectStore: storeOf(usage),
      nodes: alive,
      workers: workers.map(({ id, pid, state }) => ({ id, pid, state: state === "stopping" ? "idle" : state })),
      placementGroups: groupRows(groups)
        .filter(({ state }) => state !== "removed")
        .map(({ id, name, state, job, bundles }) => ({
          id,
          ...(name === undefined ? {} : { name }),
          state: state === "created" ? "created" : "pending",
          job,
          isDetached: groups.find((row) => row["placement_group_id"] === id)?.["is_detached"] === true,
          bundles: bundles.map((bundle) => ({
            resources: Object.fromEntries(Object.entries(bundle).map(([key, total]) => [key, { total }])),
            gpuIds: [],
          })),
        })),
      actors: actors.map(({ id, class: name, name: called, state, pid }) => ({
        id,
        class: name,
        ...(called === undefined ? {} : { name: called }),
        state,
        ...(pid === undefined ? {} : { pid }),
      })),
    };
  }

  async #rows(name: string, filters: Readonly<Record<string, string>> = {}): ReturnType<typeof rowsOf> {
    return await rowsOf(this.#api, name, filters);
  }

  async #actors(): Promise<ReturnType<typeof actorRows>> {
    const [actors, workers] = await Promise.all([this.#rows("actors"), this.#rows("workers")]);
    return actorRows(actors, workers);
  }

  async #objects(): Promise<ReturnType<typeof objectRows>> {
    const [objects, workers, actors] = await Promise.all(
      ["objects", "workers", "actors"].map((name) => this.#rows(name)),
    );
    return objectRows(objects ?? [], workers ?? [], actors ?? []);
  }

  async #workers(): Promise<ReturnType<typeof workerRows>> {
    const [workers, actors, ...busy] = await Promise.all([
      this.#rows("workers"),
      this.#rows("actors"),
      ...RUNNING.map((state) => this.#rows("tasks", { state })),
    ]);
    return workerRows(workers, busy.flat(), actors);
  }

  async #stacks(parameters: StateParameters): Promise<StateList<StackDump>> {
    const [workers, ...running] = await Promise.all([
      this.#workers(),
      ...RUNNING.map((state) => this.#rows("tasks", { state })),
    ]);
    return await rayStacks(this.#api, workers, running.flat(), parameters);
  }

  async #jobs(): Promise<JobRow[]> {
    const [jobs, actors] = await Promise.all([this.#rows("jobs"), this.#rows("actors")]);
    return jobRows(jobs, actors);
  }

  async #nodes(): Promise<NodeRow[]> {
    const [nodes, usage] = await Promise.all([this.#rows("nodes"), this.#api.usage()]);
    return nodeRows(nodes, usage);
  }

  async #taskSummary(wanted: StateQuery): Promise<StateList<TaskSummaryRow>> {
    const { tasks, notes } = await allTasks(this.#api);
    return toList(taskSummary(tasks), wanted, notes);
  }

  async #timeline({ job, limit, ...unknown }: StateParameters): Promise<Timeline> {
    query(unknown, ["job"]);
    const [{ tasks }, jobs] = await Promise.all([allTasks(this.#api, job === undefined ? {} : { job }), this.#jobs()]);
    const shown = tasks
      .filter((task) => job === undefined || task.job === job)
      .slice(0, limit === undefined ? TIMELINE_TASKS : Number(limit));
    const workers = new Map(shown.flatMap(({ worker, pid }) => (worker && pid ? [[worker, pid] as const] : [])));
    const processes = [
      ...jobs.flatMap(({ id, pid, name }) => {
        return pid === undefined ? [] : [{ id, pid, kind: "driver" as const, ...(name === undefined ? {} : { name }) }];
      }),
      ...[...workers].map(([id, pid]) => ({ id, pid, kind: "worker" as const })),
    ];
    return timelineOf(shown, processes, Date.now());
  }
}

async function rowsOf(api: JobsApi, name: string, filters: Readonly<Record<string, string>>) {
  return (await api.list(name, filters)).rows;
}

/** @param refused - filters that other engines have, and why there are none here */
function query(
  parameters: StateParameters,
  fields: readonly string[],
  refused: Readonly<Record<string, string>> = {},
): StateQuery {
  for (const [name, reason] of Object.entries(refused)) {
    if (name in parameters) throw new UnsupportedError(`The filter '${name}' on a Ray cluster`, reason);
  }
  return readQuery(parameters, fields);
}

function totals(nodes: readonly NodeRow[]): ClusterDescription["resources"] {
  const sums: Record<string, { used: number; total: number }> = {};
  for (const { resources, used = {} } of nodes) {
    for (const [name, total] of Object.entries(resources)) {
      const sum = (sums[name] ??= { used: 0, total: 0 });
      sum.total += total;
      sum.used += used[name] ?? 0;
    }
  }
  return sums;
}

function storeOf(usage: UsageByNode): ClusterDescription["objectStore"] {
  let usedBytes = 0;
  let capacityBytes = 0;
  for (const { objectStoreMemory: [used, total] = [0, 0] } of Object.values(usage)) {
    usedBytes += used;
    capacityBytes += total;
  }
  return { usedBytes, capacityBytes };
}

/** A run that another one followed was retried, whatever it ended with. */
export function taskSummary(tasks: readonly TaskRow[]): TaskSummaryRow[] {
  const last = new Map<string, number>();
  for (const { id, attempt } of tasks) last.set(id, Math.max(last.get(id) ?? 0, attempt));
  const rows = new Map<string, Counted>();
  for (const task of tasks) {
    const { name } = task;
    const empty = { queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, retried: 0, runs: 0, totalMs: 0 };
    const row: Counted = rows.get(name) ?? { name, ...empty };
    rows.set(name, row);
    row[task.attempt < (last.get(task.id) ?? 0) ? "retried" : COUNTED[task.state]]++;
    if (task.startedAtMs === undefined || task.endedAtMs === undefined) continue;
    const tookMs = task.endedAtMs - task.startedAtMs;
    row.runs++;
    row.totalMs += tookMs;
    row.maxMs = Math.max(row.maxMs ?? 0, tookMs);
  }
  return [...rows.values()].map(({ runs, totalMs, ...row }) => (runs === 0 ? row : { ...row, meanMs: totalMs / runs }));
}

type Counted = { -readonly [Field in keyof TaskSummaryRow]: TaskSummaryRow[Field] } & { runs: number; totalMs: number };

const COUNTED = {
  PENDING_ARGS: "queued",
  QUEUED: "queued",
  RUNNING: "running",
  BLOCKED: "running",
  FINISHED: "finished",
  FAILED: "failed",
  CANCELLED: "cancelled",
} as const;
