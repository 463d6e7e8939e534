/** How lists of tasks, actors, objects, workers and jobs look in a terminal. */
import { formatBytes } from "../errors.ts";
import type {
  ActorRow,
  ActorSummaryRow,
  JobRow,
  LogRow,
  NodeRow,
  ObjectRow,
  ObjectSummaryRow,
  PlacementGroupRow,
  StateRoutes,
  TaskRow,
  TaskSummaryRow,
  WorkerRow,
} from "../protocol/state.ts";
import { type Column, formatAmounts, formatSpan, formatTable, formatTime } from "./table.ts";

export interface TableSize {
  readonly width: number;
  readonly nowMs: number;
}

type Columns<Row> = (nowMs: number) => readonly Column<Row>[];

const tasks: Columns<TaskRow> = (nowMs) => [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "STATE", value: ({ state }) => state },
  { title: "JOB", value: ({ job }) => job },
  { title: "WORKER", value: ({ worker }) => worker },
  { title: "PID", value: ({ pid }) => pid, align: "right" },
  { title: "TRY", value: ({ attempt }) => (attempt === 0 ? "" : attempt + 1), align: "right" },
  { title: "CELL", value: ({ executionCount }) => (executionCount === undefined ? "" : `[${executionCount}]`) },
  { title: "SUBMITTED", value: ({ submittedAtMs }) => formatTime(submittedAtMs, nowMs) },
  { title: "TOOK", value: (row) => took(row, nowMs), align: "right" },
  { title: "ERROR", value: ({ errorType, error }) => [errorType, error].filter(Boolean).join(": ") },
];

function took({ startedAtMs, endedAtMs }: TaskRow, nowMs: number): string {
  return startedAtMs === undefined ? "" : formatSpan((endedAtMs ?? nowMs) - startedAtMs);
}

const actors: Columns<ActorRow> = () => [
  { title: "ID", value: ({ id }) => id },
  { title: "CLASS", value: (row) => row.class },
  { title: "NAME", value: ({ name }) => name },
  { title: "STATE", value: ({ state }) => state },
  { title: "JOB", value: ({ job }) => job },
  { title: "WORKER", value: ({ worker }) => worker },
  { title: "PID", value: ({ pid }) => pid, align: "right" },
  { title: "PENDING", value: ({ callsPending }) => told(callsPending), align: "right" },
  { title: "FINISHED", value: ({ callsFinished }) => told(callsFinished), align: "right" },
  { title: "RESOURCES", value: ({ resources }) => formatAmounts(resources) },
  { title: "DEATH", value: ({ death }) => death },
];

const objects: Columns<ObjectRow> = () => [
  { title: "ID", value: ({ id }) => id },
  { title: "SIZE", value: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right" },
  { title: "STATE", value: ({ state }) => state },
  { title: "OWNER", value: ({ owner }) => told(owner) },
  { title: "JOB", value: ({ job }) => job },
  { title: "PINNED", value: ({ isPinned }) => (isPinned ? "yes" : "") },
  { title: "HELD BY", value: ({ holders }) => holdersText(holders) },
  { title: "LOST", value: ({ reason }) => reason },
];

function holdersText(holders: ObjectRow["holders"]): string {
  return Object.entries(holders)
    .map(([holder, count]) => (count === 1 ? holder : `${holder} ×${count}`))
    .join(", ");
}

/** What a cluster does not tell is no zero. */
function told<Value>(value: Value | undefined, format: (value: Value) => string = String): string {
  return value === undefined ? "-" : format(value);
}

const workers: Columns<WorkerRow> = () => [
  { title: "ID", value: ({ id }) => id },
  { title: "PID", value: ({ pid }) => pid, align: "right" },
  { title: "STATE", value: ({ state }) => state },
  { title: "RUNNING", value: ({ running }) => running },
  { title: "FOR", value: ({ client }) => client },
  { title: "ACTOR", value: ({ actor }) => actor },
  {
    title: "CPU",
    value: ({ cpuPercent }) => told(cpuPercent, (percent) => `${Math.round(percent)} %`),
    align: "right",
  },
  { title: "MEMORY", value: ({ rssBytes }) => told(rssBytes, formatBytes), align: "right" },
  { title: "TASKS", value: ({ tasksFinished }) => told(tasksFinished), align: "right" },
  { title: "RESOURCES", value: ({ resources }) => formatAmounts(resources) },
];

const jobs: Columns<JobRow> = (nowMs) => [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "STATE", value: ({ state }) => state },
  { title: "PID", value: ({ pid }) => pid, align: "right" },
  { title: "STARTED", value: ({ startedAtMs }) => (startedAtMs === undefined ? "" : formatTime(startedAtMs, nowMs)) },
  { title: "ENDED", value: ({ endedAtMs }) => (endedAtMs === undefined ? "" : formatTime(endedAtMs, nowMs)) },
  { title: "WORKERS", value: ({ workers: count }) => told(count), align: "right" },
  { title: "ACTORS", value: (row) => row.actors, align: "right" },
];

const nodes: Columns<NodeRow> = (nowMs) => [
  { title: "ID", value: ({ id }) => id },
  { title: "HOST", value: ({ host, isHead }) => (isHead ? `${host} (head)` : host) },
  { title: "STATE", value: ({ state }) => state },
  { title: "IN USE", value: ({ used }) => formatAmounts(used) },
  { title: "RESOURCES", value: ({ resources }) => formatAmounts(resources) },
  { title: "LABELS", value: ({ id, labels }) => formatLabels(id, labels) },
  { title: "STARTED", value: ({ startedAtMs }) => (startedAtMs === undefined ? "" : formatTime(startedAtMs, nowMs)) },
  { title: "ENDED", value: ({ endedAtMs }) => (endedAtMs === undefined ? "" : formatTime(endedAtMs, nowMs)) },
  { title: "WHY", value: ({ reason }) => reason },
];

/** All but the one that says the id again. */
function formatLabels(id: string, labels: NodeRow["labels"]): string {
  const told = Object.entries(labels).filter(([, value]) => value !== id);
  return told.map(([name, value]) => `${name}=${value}`).join(" ");
}

const placementGroups: Columns<PlacementGroupRow> = () => [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "STATE", value: ({ state }) => state },
  { title: "STRATEGY", value: ({ strategy }) => told(strategy) },
  { title: "JOB", value: ({ job }) => job },
  { title: "BUNDLES", value: ({ bundles }) => bundles.map((bundle) => `{${formatAmounts(bundle)}}`).join(" ") },
];

const logs: Columns<LogRow> = () => [
  { title: "WORKER", value: ({ worker }) => worker },
  { title: "PID", value: ({ pid }) => pid, align: "right" },
  { title: "STATE", value: ({ state }) => state },
  { title: "SIZE", value: ({ sizeBytes }) => told(sizeBytes, formatBytes), align: "right" },
  { title: "RUNNING", value: ({ running }) => running },
];

const taskSummary: Columns<TaskSummaryRow> = () => [
  { title: "NAME", value: ({ name }) => name },
  ...(["queued", "running", "finished", "failed", "cancelled", "retried"] as const).map(
    (field): Column<TaskSummaryRow> => ({ title: field.toUpperCase(), value: (row) => row[field], align: "right" }),
  ),
  { title: "MEAN", value: ({ meanMs }) => (meanMs === undefined ? "" : formatSpan(meanMs)), align: "right" },
  { title: "LONGEST", value: ({ maxMs }) => (maxMs === undefined ? "" : formatSpan(maxMs)), align: "right" },
];

const actorSummary: Columns<ActorSummaryRow> = () => [
  { title: "CLASS", value: (row) => row.class },
  ...(["pending", "alive", "restarting", "dead"] as const).map(
    (field): Column<ActorSummaryRow> => ({ title: field.toUpperCase(), value: (row) => row[field], align: "right" }),
  ),
  { title: "CALLS PENDING", value: ({ callsPending }) => told(callsPending), align: "right" },
  { title: "CALLS FINISHED", value: ({ callsFinished }) => told(callsFinished), align: "right" },
];

const objectSummary: Columns<ObjectSummaryRow> = () => [
  { title: "OWNER", value: ({ owner }) => told(owner) },
  { title: "JOB", value: ({ job }) => job },
  { title: "OBJECTS", value: (row) => row.objects, align: "right" },
  { title: "SIZE", value: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right" },
];

export type TableName =
  | "tasks"
  | "actors"
  | "objects"
  | "workers"
  | "jobs"
  | "nodes"
  | "placement-groups"
  | "logs"
  | "summary/tasks"
  | "summary/actors"
  | "summary/objects";

/** What each table shows, and what is said when there is nothing to show. */
const TABLES: {
  readonly [Name in TableName]: {
    readonly columns: Columns<StateRoutes[Name]["items"][number]>;
    readonly noun: string;
    readonly none: string;
  };
} = {
  tasks: { columns: tasks, noun: "tasks", none: "No task has run yet." },
  actors: { columns: actors, noun: "actors", none: "There are no actors." },
  objects: { columns: objects, noun: "objects", none: "No object is shared: small results stay with their caller." },
  workers: { columns: workers, noun: "workers", none: "No worker process runs." },
  jobs: { columns: jobs, noun: "jobs", none: "No driver has connected yet." },
  nodes: { columns: nodes, noun: "nodes", none: "There is no node." },
  "placement-groups": { columns: placementGroups, noun: "placement groups", none: "There are no placement groups." },
  logs: { columns: logs, noun: "logs", none: "No worker has run yet." },
  "summary/tasks": { columns: taskSummary, noun: "names", none: "No task has run yet." },
  "summary/actors": { columns: actorSummary, noun: "classes", none: "There are no actors." },
  "summary/objects": { columns: objectSummary, noun: "owners", none: "No object is shared." },
};

/** The whole text: a table, how much of it was cut, and what is missing. */
export function formatList<Name extends TableName>(
  name: Name,
  list: StateRoutes[Name],
  { width, nowMs }: TableSize,
  isFiltered = false,
): string {
  const { columns, noun, none } = TABLES[name];
  const notes = list.notes.map((note) => `Note: ${note}.`);
  if (list.items.length === 0) return [isFiltered ? `No ${noun} match.` : none, ...notes].join("\n");
  const table = formatTable<StateRoutes[Name]["items"][number]>(columns(nowMs), list.items, width);
  const cut = list.truncated ? [`${list.items.length} of ${list.total} ${noun}; '--limit N' shows more.`] : [];
  const below = [...cut, ...notes];
  return below.length === 0 ? table : [table, "", ...below].join("\n");
}
