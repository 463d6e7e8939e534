/** Actors, objects, workers, jobs, nodes and groups as Ray's dashboard tells them, in the rows that all engines have. */
import type { ActorRow, JobRow, NodeRow, ObjectRow, PlacementGroupRow, WorkerRow } from "../../protocol/state.ts";
import type { RayRow, UsageByNode } from "./jobs-api.ts";
import { known, numberOf, resourcesOf, textOf, timeOf } from "./ray-fields.ts";

/** Ray's own work: what starts jobs. */
const OF_RAY = /^(JobSupervisor\b|_ray_internal)/;
const ACTOR_STATES: Readonly<Record<string, ActorRow["state"]>> = {
  ALIVE: "alive",
  RESTARTING: "restarting",
  DEAD: "dead",
};
const BUSY: Readonly<Record<string, WorkerRow["state"]>> = {
  RUNNING: "running",
  RUNNING_IN_RAY_GET: "blocked",
  RUNNING_IN_RAY_WAIT: "blocked",
};
/** Of an object's id, in letters: first that of its task, which ends with that of its actor, which ends with that of its job. */
const ACTOR_PART = [16, 48] as const;
const JOB_PART = [40, 48] as const;
/** Living ones first: Ray does not tell when an actor was made. */
const ORDER: readonly ActorRow["state"][] = ["pending", "restarting", "alive", "dead"];

export function isOfRay(name: unknown): boolean {
  return OF_RAY.test(textOf(name) ?? "");
}

export function actorRows(actors: readonly RayRow[], workers: readonly RayRow[]): ActorRow[] {
  const workerIds = new Map(workers.map((row) => [processOf(row), textOf(row["worker_id"])]));
  const ours = actors.filter((row) => !isOfRay(row["class_name"]) && !isOfRay(row["name"]));
  const rows = ours.map((row): ActorRow => {
    const state = ACTOR_STATES[textOf(row["state"]) ?? ""] ?? "pending";
    const isThere = state === "alive";
    return {
      id: textOf(row["actor_id"]) ?? "",
      class: textOf(row["class_name"]) ?? "",
      ...known("name", textOf(row["name"])),
      state,
      job: textOf(row["job_id"]) ?? "",
      ...known("worker", isThere ? workerIds.get(processOf(row)) : undefined),
      ...known("pid", isThere ? numberOf(row["pid"]) : undefined),
      ...known("node", isThere ? textOf(row["node_id"]) : undefined),
      resources: resourcesOf(row["required_resources"]),
      ...known("death", state === "dead" ? deathOf(row["death_cause"]) : undefined),
    };
  });
  return rows.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
}

function processOf(row: RayRow): string {
  return `${textOf(row["node_id"]) ?? ""} ${numberOf(row["pid"]) ?? ""}`;
}

/** Each kind of death has a message of its own, somewhere inside. */
function deathOf(cause: unknown): string | undefined {
  if (typeof cause !== "object" || cause === null) return undefined;
  for (const [key, value] of Object.entries(cause)) {
    if (/^(error_message|formatted_exception_string)$/.test(key))
      return textOf(value)?.trim().split("\n").at(-1)?.trim();
    const inside = deathOf(value);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** The largest first. Ray tells who refers to an object, each in a row. */
export function objectRows(
  references: readonly RayRow[],
  workers: readonly RayRow[],
  actors: readonly RayRow[],
): ObjectRow[] {
  const internal = new Set(actors.filter((row) => isOfRay(row["class_name"])).map((row) => textOf(row["actor_id"])));
  const names = new Map(workers.map((row) => [placeOf(row), holderName(row)]));
  const rows = new Map<string, ObjectRow>();
  for (const row of references) {
    if (row["reference_type"] === "ACTOR_HANDLE") continue;
    const id = textOf(row["object_id"]) ?? "";
    if (internal.has(id.slice(...ACTOR_PART))) continue;
    const holder = names.get(placeOf(row)) ?? `process ${numberOf(row["pid"])}`;
    const before = rows.get(id);
    const sizeBytes = Math.max(before?.sizeBytes ?? 0, numberOf(row["object_size"]) ?? 0, 0);
    const holders = { ...before?.holders, [holder]: (before?.holders[holder] ?? 0) + 1 };
    const isThere = before?.state === "ready" || isReady(row);
    rows.set(id, { id, sizeBytes, state: isThere ? "ready" : "pending", job: id.slice(...JOB_PART), holders });
  }
  return [...rows.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
}

/** Only its owner knows the task that makes it; a size is known when it is there. */
function isReady(row: RayRow): boolean {
  return row["task_status"] === "FINISHED" || (numberOf(row["object_size"]) ?? -1) >= 0;
}

function placeOf(row: RayRow): string {
  return `${textOf(row["ip"]) ?? ""} ${numberOf(row["pid"]) ?? ""}`;
}

/** Drivers go by their jobs. */
function holderName(row: RayRow): string {
  const id = textOf(row["worker_id"]) ?? "";
  return row["worker_type"] === "DRIVER" ? id.slice(0, 8) : id;
}

/** Living processes that run tasks and actors. */
export function workerRows(
  workers: readonly RayRow[],
  running: readonly RayRow[],
  actors: readonly RayRow[],
): WorkerRow[] {
  const tasks = new Map(running.map((row) => [textOf(row["worker_id"]), row]));
  const residents = new Map(actors.filter(({ state }) => state === "ALIVE").map((row) => [processOf(row), row]));
  return workers.flatMap((row): WorkerRow[] => {
    if (row["worker_type"] !== "WORKER" || row["is_alive"] !== true) return [];
    const id = textOf(row["worker_id"]) ?? "";
    const actor = residents.get(processOf(row));
    if (isOfRay(actor?.["class_name"])) return [];
    const task = tasks.get(id);
    const work = actor ?? task;
    return [
      {
        id,
        pid: numberOf(row["pid"]) ?? 0,
        state: actor !== undefined ? "actor" : workerState(row, task),
        ...known("running", textOf(actor?.["class_name"] ?? task?.["name"])),
        ...known("client", textOf(work?.["job_id"])),
        ...known("actor", textOf(actor?.["actor_id"])),
        ...known("node", textOf(row["node_id"])),
        resources: resourcesOf(work?.["required_resources"]),
      },
    ];
  });
}

function workerState(worker: RayRow, task: RayRow | undefined): WorkerRow["state"] {
  if (timeOf(worker["start_time_ms"]) === undefined) return "starting";
  return BUSY[textOf(task?.["state"]) ?? ""] ?? "idle";
}

/** Ray's drivers and submitted jobs, newest first, but not the hub of our own drivers, nor what asks for stacks. */
export function jobRows(jobs: readonly RayRow[], actors: readonly RayRow[]): JobRow[] {
  const rows = jobs.flatMap((row): JobRow[] => {
    const metadata = (row["metadata"] ?? {}) as RayRow;
    if (metadata["mobula"] === "hub" || metadata["mobula"] === "stack") return [];
    const driver = (row["driver_info"] ?? {}) as RayRow;
    const id = textOf(row["job_id"]) ?? textOf(row["submission_id"]) ?? "";
    const name = metadata["mobula"] === "driver" ? metadata["name"] : (row["submission_id"] ?? row["entrypoint"]);
    const pid = Number(metadata["pid"] ?? driver["pid"]);
    const alive = actors.filter(({ job_id: job, state }) => job === id && state === "ALIVE");
    return [
      {
        id,
        ...known("name", textOf(name)),
        state: jobState(textOf(row["status"])),
        ...known("pid", Number.isInteger(pid) && pid > 0 ? pid : undefined),
        ...known("host", textOf(metadata["host"] ?? driver["node_ip_address"])),
        ...known("startedAtMs", timeOf(row["start_time"])),
        ...known("endedAtMs", timeOf(row["end_time"])),
        actors: alive.length,
      },
    ];
  });
  return rows.sort((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0));
}

function jobState(status: string | undefined): string {
  if (status === "RUNNING") return "running";
  return status === "PENDING" ? "pending" : "ended";
}

/** The head first, then living ones, newest first. */
export function nodeRows(nodes: readonly RayRow[], usage: UsageByNode): NodeRow[] {
  const rows = nodes.map((row): NodeRow => {
    const id = textOf(row["node_id"]) ?? "";
    return {
      id,
      host: textOf(row["node_name"]) ?? textOf(row["node_ip"]) ?? "",
      state: row["state"] === "ALIVE" ? "alive" : "dead",
      isHead: row["is_head_node"] === true,
      labels: (row["labels"] ?? {}) as NodeRow["labels"],
      resources: resourcesOf(row["resources_total"]),
      ...known("used", row["state"] === "ALIVE" ? usedOf(row["resources_total"], usage[id]) : undefined),
      ...known("startedAtMs", timeOf(row["start_time_ms"])),
      ...known("endedAtMs", timeOf(row["end_time_ms"])),
      ...known("reason", textOf(row["state_message"])),
    };
  });
  const rank = ({ isHead, state }: NodeRow): number => (isHead ? 0 : state === "alive" ? 1 : 2);
  return rows.sort((a, b) => rank(a) - rank(b) || (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0));
}

/** What the dashboard says of usage has its names changed: `my_gpu` is `myGpu` there. */
function usedOf(total: unknown, usage: UsageByNode[string] | undefined): Record<string, number> | undefined {
  if (usage === undefined) return undefined;
  const names = Object.keys(total ?? {});
  return resourcesOf(Object.fromEntries(names.map((name) => [name, usage[asDashboard(name)]?.[0] ?? 0])));
}

/** @see `to_google_style` in Ray's `dashboard/utils.py` */
export function asDashboard(name: string): string {
  const [first = "", ...others] = name.split("_");
  const titled = others.map((word) =>
    word.toLowerCase().replace(/[a-z]+/g, (run) => run[0]?.toUpperCase() + run.slice(1)),
  );
  return [first, ...titled].join("");
}

export function groupRows(groups: readonly RayRow[]): PlacementGroupRow[] {
  return groups.map((row) => ({
    id: textOf(row["placement_group_id"]) ?? "",
    ...known("name", textOf(row["name"])),
    state: (textOf(row["state"]) ?? "").toLowerCase(),
    job: textOf(row["creator_job_id"]) ?? "",
    bundles: ((row["bundles"] ?? []) as RayRow[]).map((bundle) => resourcesOf(bundle["unit_resources"])),
  }));
}
