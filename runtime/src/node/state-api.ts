/** The routes of the state API. HTTP, the command line and `listTasks` and its like all read here. */
import { UnsupportedError } from "../errors.ts";
import type { WorkerId } from "../protocol/ids.ts";
import type {
  StackDump,
  StateList,
  StateParameters,
  StateRoute,
  StateRoutes,
  TaskRow,
  Timeline,
} from "../protocol/state.ts";
import type { ClusterObserver } from "./cluster-observer.ts";
import { logRows, tailLogs } from "./log-rows.ts";
import type { ClusterMetrics } from "./metrics.ts";
import { MAX_LIMIT, matches, readQuery, type StateQuery, toList } from "./state-query.ts";
import {
  actorRows,
  actorSummary,
  jobRows,
  objectRows,
  objectSummary,
  placementGroupRows,
  resourceRows,
  taskSummary,
  WorkerRows,
} from "./state-rows.ts";
import { pastRow, unfinishedTasks } from "./task-rows.ts";
import { timelineOf } from "./timeline.ts";

const TASK_FIELDS = [
  "id",
  "name",
  "state",
  "job",
  "parent",
  "actor",
  "worker",
  "pid",
  "attempt",
  "errorType",
  "cellId",
  "executionCount",
];
const ACTOR_FIELDS = ["id", "class", "name", "state", "job", "worker", "pid", "cellId"];
const OBJECT_FIELDS = ["id", "state", "owner", "job"];
const WORKER_FIELDS = ["id", "pid", "state", "running", "client", "actor"];
const JOB_FIELDS = ["id", "name", "state", "pid"];
const NODE_FIELDS = ["id", "host", "state"];
const GROUP_FIELDS = ["id", "name", "state", "strategy", "job"];
/** A process is asked for so many of its newest unfinished tasks, unless filters want to see more. */
const ASKED_TASKS = 1_000;
const TIMELINE_TASKS = 20_000;
const ENDED: readonly string[] = ["FINISHED", "FAILED", "CANCELLED"];

type Routes = { readonly [Route in StateRoute]: (parameters: StateParameters) => Answer<Route> };
type Answer<Route extends StateRoute> = StateRoutes[Route] | Promise<StateRoutes[Route]>;

export class StateApi {
  readonly #observer: ClusterObserver;
  readonly #workerRows = new WorkerRows();
  readonly #routes: Routes;
  #metrics: Promise<ClusterMetrics> | undefined;

  constructor(observer: ClusterObserver) {
    this.#observer = observer;
    const { cluster } = observer;
    const { state } = cluster;
    const jobOf = (clientId: string): string => observer.jobOfClient(clientId);
    this.#routes = {
      cluster: () => cluster.describe(),
      tasks: (parameters) => this.#tasks(readQuery(parameters, TASK_FIELDS)),
      actors: (parameters) => toList(actorRows(state), readQuery(parameters, ACTOR_FIELDS)),
      objects: (parameters) =>
        toList(objectRows(state, jobOf, cluster.mappedSlots()), readQuery(parameters, OBJECT_FIELDS)),
      workers: (parameters) => toList(this.#workerRows.read(state), readQuery(parameters, WORKER_FIELDS)),
      jobs: (parameters) => toList(jobRows(state), readQuery(parameters, JOB_FIELDS)),
      nodes: (parameters) => toList(cluster.describe().nodes, readQuery(parameters, NODE_FIELDS)),
      "placement-groups": (parameters) => toList(placementGroupRows(state), readQuery(parameters, GROUP_FIELDS)),
      resources: (parameters) => toList(resourceRows(cluster.describe()), readQuery(parameters, ["name"])),
      "summary/tasks": (parameters) =>
        toList(taskSummary(state, observer.history.newestFirst()), readQuery(parameters, ["name"])),
      "summary/actors": (parameters) => toList(actorSummary(actorRows(state)), readQuery(parameters, ["class"])),
      "summary/objects": (parameters) =>
        toList(objectSummary(objectRows(state, jobOf)), readQuery(parameters, ["owner", "job"])),
      timeline: (parameters) => this.#timeline(parameters),
      stack: (parameters) => this.#stack(parameters),
      logs: (parameters) => toList(logRows(observer), readQuery(parameters, ["worker", "pid", "state"])),
      "logs/tail": (parameters) => tailLogs(observer, parameters),
    };
  }

  /** @throws UnsupportedError for a route or parameter that there is not */
  async read<Route extends StateRoute>(route: Route, parameters: StateParameters): Promise<StateRoutes[Route]> {
    if (!Object.hasOwn(this.#routes, route)) {
      throw new UnsupportedError(`The route '${route}'`, `There are ${Object.keys(this.#routes).join(", ")}.`);
    }
    return await this.#routes[route](parameters);
  }

  async metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
    this.#metrics ??= import("./metrics.ts").then(
      ({ ClusterMetrics }) => new ClusterMetrics(this.#observer, this.#workerRows),
    );
    const metrics = await this.#metrics;
    return { text: await metrics.text(), contentType: metrics.contentType };
  }

  async #tasks(query: StateQuery): Promise<StateList<TaskRow>> {
    const { filters } = query;
    const isCountable = [...filters.keys()].every((name) => name === "state");
    const asked = isCountable ? Math.max(query.limit, ASKED_TASKS) : MAX_LIMIT;
    const { rows, unlisted, silent } = await this.#unfinished(asked);
    const { history } = this.#observer;
    const over = history.newestFirst();
    const isOver = new Set(over.slice(0, MAX_LIMIT).map(({ id, attempt }) => `${id} ${attempt}`));
    const unfinished = rows.filter((row) => !isOver.has(`${row.id} ${row.attempt}`) && matches(row, query));
    const past = over.map(pastRow).filter((row) => matches(row, query));
    const all = [...unfinished, ...past].sort((a, b) => b.submittedAtMs - a.submittedAtMs);
    const notes: string[] = [];
    const { unlisted: never } = history.totals;
    const wanted = filters.get("state");
    const isOfEnded = wanted === undefined || ENDED.includes(wanted);
    const isOfOpen = wanted === undefined || !isOfEnded;
    if (never > 0 && isOfEnded) notes.push(`${never} short tasks ended too fast to be listed one by one`);
    for (const clientId of silent) {
      if (isOfOpen && this.#observer.cluster.state.jobs.has(clientId)) {
        notes.push(`driver ${clientId} is busy: what it has queued is not listed`);
      }
    }
    const more = isCountable && isOfOpen ? unlisted : 0;
    return toList(all, query, notes, more);
  }

  async #unfinished(limit: number): Promise<ReturnType<typeof unfinishedTasks>> {
    const answers = await this.#observer.listTasks(limit);
    const { state } = this.#observer.cluster;
    return unfinishedTasks(
      answers,
      (clientId) => state.workers.get(clientId as WorkerId),
      (taskId) => this.#observer.jobOfTask(taskId),
    );
  }

  async #timeline(parameters: StateParameters): Promise<Timeline> {
    const { job, limit, ...unknown } = parameters;
    readQuery(unknown, ["job"]);
    const { rows } = await this.#unfinished(MAX_LIMIT);
    const count = limit === undefined ? TIMELINE_TASKS : Number(limit);
    const past = this.#observer.history.newestFirst().slice(0, count).map(pastRow);
    const tasks = [...rows, ...past].filter((task) => job === undefined || task.job === job);
    return timelineOf(tasks, this.#processes(tasks), Date.now());
  }

  #processes(tasks: readonly TaskRow[]): Parameters<typeof timelineOf>[1] {
    const workers = new Map<string, number>();
    for (const { worker, pid } of tasks) if (worker !== undefined && pid !== undefined) workers.set(worker, pid);
    const { state } = this.#observer.cluster;
    for (const { workerId, pid } of state.workers.values()) workers.set(workerId, pid);
    return [
      ...[...state.jobs.values()].map(({ jobId, pid, name }) => {
        const named = name === undefined ? {} : { name };
        return { id: jobId, pid, kind: "driver" as const, ...named };
      }),
      ...[...workers].map(([id, pid]) => ({ id, pid, kind: "worker" as const })),
    ];
  }

  async #stack(parameters: StateParameters): Promise<StateList<StackDump>> {
    const { worker, ...rest } = parameters;
    const query = readQuery(rest, []);
    const { state } = this.#observer.cluster;
    const wanted = [...state.workers.values()].filter(({ workerId, pid, work }) => {
      if (work.state === "starting" || work.state === "stopping") return false;
      if (worker !== undefined) return workerId === worker || String(pid) === worker;
      return work.state === "leased" || work.state === "actor";
    });
    if (worker !== undefined && wanted.length === 0) throw noWorker(worker, [...state.workers.keys()]);
    const stacks = await this.#observer.dumpStacks(wanted.map(({ workerId }) => workerId));
    const dumps = wanted.map(({ workerId, pid, running }): StackDump => {
      const stack = stacks.get(workerId as string as Parameters<typeof stacks.get>[0]);
      const base = { worker: workerId as string, pid, ...(running === undefined ? {} : { name: running }) };
      if (stack === undefined) return { ...base, state: "no-answer", frames: [] };
      const { frames, taskId, sinceMs } = stack;
      const isRunning = taskId !== undefined || frames.length > 0;
      return {
        ...base,
        state: isRunning ? "running" : "idle",
        ...(taskId === undefined ? {} : { task: taskId }),
        ...(sinceMs === undefined ? {} : { sinceMs }),
        frames,
      };
    });
    return toList(dumps, query);
  }
}

function noWorker(worker: string, there: readonly string[]): UnsupportedError {
  return new UnsupportedError(
    `The worker '${worker}'`,
    there.length === 0 ? "No worker runs." : `There are ${there.join(", ")}.`,
  );
}
