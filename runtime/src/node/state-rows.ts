/** Actors, objects, workers and jobs as the state API lists them. */
import { jobOf, listJobs } from "../core/jobs.ts";
import { listObjects } from "../core/object-views.ts";
import { listPlacementGroups } from "../core/placement-groups.ts";
import { fromAmounts } from "../core/resources.ts";
import type { ActorRecord, CoreState, WorkerRecord } from "../core/state.ts";
import type { PastTask } from "../core/task-history.ts";
import type { ClientId } from "../protocol/ids.ts";
import type { ClusterDescription } from "../protocol/messages.ts";
import type {
  ActorRow,
  ActorSummaryRow,
  JobRow,
  ObjectRow,
  ObjectSummaryRow,
  PlacementGroupRow,
  ResourceRow,
  TaskSummaryRow,
  WorkerRow,
} from "../protocol/state.ts";
import { MachineStats } from "./machine-stats.ts";

export function actorRows(state: CoreState): ActorRow[] {
  return [...state.actors.values()].map((actor) => actorRow(state, actor)).toReversed();
}

function actorRow(state: CoreState, actor: ActorRecord): ActorRow {
  const { spec, work, ownerId, callsPending, callsFinished, restartsLeft } = actor;
  const worker = "workerId" in work ? state.workers.get(work.workerId) : undefined;
  const { cellId } = spec.execution ?? {};
  return {
    id: spec.actorId,
    class: spec.className,
    ...(spec.name === undefined ? {} : { name: spec.name }),
    state: actorStateOf(actor),
    job: actor.jobId ?? ownerId,
    ...(worker === undefined ? {} : { worker: worker.workerId, pid: worker.pid }),
    callsPending: sum(callsPending.values()),
    callsFinished,
    restartsLeft,
    resources: fromAmounts(spec.resources),
    ...(cellId === undefined ? {} : { cellId }),
    ...(work.state === "dead" ? { death: work.death.message } : {}),
  };
}

function actorStateOf({ work }: ActorRecord): ActorRow["state"] {
  return work.state === "starting" ? (work.isRestart ? "restarting" : "pending") : work.state;
}

/** Newest first. */
export function objectRows(
  state: CoreState,
  jobOfClient: (clientId: string) => string,
  mappedSlots?: ReadonlySet<number>,
): ObjectRow[] {
  return listObjects(state, mappedSlots)
    .map((view) => ({ ...view, job: jobOfClient(view.owner) }))
    .toReversed();
}

/** Measures the worker processes; load is counted since the last look. */
export class WorkerRows {
  readonly #stats = new MachineStats();

  read(state: CoreState): WorkerRow[] {
    return [...state.workers.values()].map((worker) => this.#row(state, worker)).toReversed();
  }

  #row(state: CoreState, worker: WorkerRecord): WorkerRow {
    const { workerId, pid, work, running, tasksFinished, holding, environmentId } = worker;
    const gpuIds = holding?.gpus.map(({ id }) => id) ?? [];
    const lease = work.state === "leased" ? state.leases.get(work.leaseId) : undefined;
    const { cpuPercent, rssBytes } = pid === 0 ? { cpuPercent: 0, rssBytes: 0 } : this.#stats.ofProcess(pid);
    return {
      id: workerId,
      pid,
      state: workerState(worker),
      ...(running === undefined || work.state === "idle" ? {} : { running }),
      ...(lease === undefined ? {} : { client: lease.clientId }),
      ...(work.state === "actor" ? { actor: work.actorId } : {}),
      cpuPercent: Math.round(cpuPercent * 10) / 10,
      rssBytes,
      tasksFinished,
      resources: fromAmounts(holding?.resources ?? {}),
      ...(gpuIds.length === 0 ? {} : { gpuIds }),
      ...(environmentId === "" ? {} : { environment: environmentId }),
    };
  }
}

function workerState({ work, running }: WorkerRecord): WorkerRow["state"] {
  if (work.state !== "leased") return work.state;
  if (work.isBlocked) return "blocked";
  return running === undefined ? "idle" : "running";
}

export function jobRows(state: CoreState): JobRow[] {
  const workers = countBy([...state.workers.keys()].map((workerId) => jobOf(state, workerId as string as ClientId)));
  const living = [...state.actors.values()].filter(({ work }) => work.state !== "dead");
  const actors = countBy(living.map(({ jobId }) => jobId));
  return listJobs(state)
    .map(
      ({ jobId, name, pid, host, startedAtMs, endedAtMs, state: jobState }): JobRow => ({
        id: jobId,
        ...(name === undefined ? {} : { name }),
        state: jobState,
        pid,
        host,
        startedAtMs,
        ...(endedAtMs === undefined ? {} : { endedAtMs }),
        workers: workers.get(jobId) ?? 0,
        actors: actors.get(jobId) ?? 0,
      }),
    )
    .toReversed();
}

export function placementGroupRows(state: CoreState): PlacementGroupRow[] {
  return listPlacementGroups(state)
    .map(({ id, name, state: groupState, strategy, job, bundles }) => ({
      id,
      ...(name === undefined ? {} : { name }),
      state: groupState,
      ...(strategy === undefined ? {} : { strategy }),
      job: job ?? "",
      bundles: bundles.map(({ resources }) => amountsOf(resources, "total")),
      used: bundles.map(({ resources }) => amountsOf(resources, "used")),
    }))
    .toReversed();
}

function amountsOf(
  resources: Readonly<Record<string, { readonly used?: number; readonly total: number }>>,
  kind: "used" | "total",
): Record<string, number> {
  return Object.fromEntries(Object.entries(resources).map(([name, amounts]) => [name, amounts[kind] ?? 0]));
}

export function resourceRows({ resources }: ClusterDescription): ResourceRow[] {
  return Object.entries(resources).map(([name, { used, total }]) => ({ name, used, total }));
}

/** @param past - runs whose times are known. Counts come from the groups, which miss none. */
export function taskSummary(state: CoreState, past: readonly PastTask[]): TaskSummaryRow[] {
  const rows = new Map<string, Mutable<TaskSummaryRow>>();
  const groups = [...state.groups.values()].sort((a, b) => b.lastAtMs - a.lastAtMs);
  for (const group of groups) {
    const name = group.function;
    const row = rows.get(name) ?? { name, queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, retried: 0 };
    rows.set(name, row);
    row.queued += sum(group.queued.values());
    row.running += sum(group.running.values());
    row.finished += group.finished;
    row.failed += group.failed;
    row.cancelled += group.cancelled;
    row.retried += group.retried;
  }
  const times = new Map<string, { count: number; totalMs: number; maxMs: number }>();
  for (const { name, startedAtMs, endedAtMs } of past) {
    if (startedAtMs === 0) continue;
    const time = times.get(name) ?? { count: 0, totalMs: 0, maxMs: 0 };
    times.set(name, time);
    time.count++;
    time.totalMs += endedAtMs - startedAtMs;
    time.maxMs = Math.max(time.maxMs, endedAtMs - startedAtMs);
  }
  for (const [name, { count, totalMs, maxMs }] of times) {
    const row = rows.get(name);
    if (row !== undefined) Object.assign(row, { meanMs: totalMs / count, maxMs });
  }
  return [...rows.values()];
}

type Mutable<Row> = { -readonly [Field in keyof Row]: Row[Field] };

export function actorSummary(actors: readonly ActorRow[]): ActorSummaryRow[] {
  const rows = new Map<string, Mutable<ActorSummaryRow>>();
  for (const actor of actors) {
    const row = rows.get(actor.class) ?? { class: actor.class, pending: 0, alive: 0, restarting: 0, dead: 0 };
    rows.set(actor.class, row);
    row[actor.state]++;
    if (actor.callsPending !== undefined) row.callsPending = (row.callsPending ?? 0) + actor.callsPending;
    if (actor.callsFinished !== undefined) row.callsFinished = (row.callsFinished ?? 0) + actor.callsFinished;
  }
  return [...rows.values()];
}

/** Those who own most come first; the jobs, where nobody tells the owners. */
export function objectSummary(objects: readonly ObjectRow[]): ObjectSummaryRow[] {
  const rows = new Map<string, Mutable<ObjectSummaryRow>>();
  for (const { owner, job, sizeBytes } of objects) {
    const row = rows.get(owner ?? job) ?? { ...(owner === undefined ? {} : { owner }), job, objects: 0, sizeBytes: 0 };
    rows.set(owner ?? job, row);
    row.objects++;
    row.sizeBytes += sizeBytes;
  }
  return [...rows.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
}

function countBy<Key>(keys: readonly Key[]): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
