/** What a Ray cluster tells of its tasks, from the state API of its dashboard, in the rows that all engines have. */
import { UnsupportedError } from "../../errors.ts";
import { readQuery, toList } from "../../node/state-query.ts";
import type { StateList, StateParameters, TaskRow, TaskState } from "../../protocol/state.ts";
import type { JobsApi, RayRow } from "./jobs-api.ts";
import { known, numberOf, resourcesOf, textOf } from "./ray-fields.ts";
import { isOfRay } from "./ray-rows.ts";

const TASK_FILTERS = ["id", "name", "state", "job", "parent", "actor", "worker", "pid", "attempt", "errorType", "node"];
const FURTHER_FILTERS = ["cellId", "executionCount"];
/** Of Ray's tasks, those that are calls of ours; others make actors, or are drivers. */
export const TASK_TYPES: ReadonlySet<unknown> = new Set(["NORMAL_TASK", "ACTOR_TASK"]);

/** What is neither here nor unknown waits for a worker, in one way or another. */
const STATES: Readonly<Record<string, TaskState>> = {
  PENDING_ARGS_AVAIL: "PENDING_ARGS",
  RUNNING: "RUNNING",
  RUNNING_IN_RAY_GET: "BLOCKED",
  RUNNING_IN_RAY_WAIT: "BLOCKED",
  FINISHED: "FINISHED",
  FAILED: "FAILED",
};

/** Runs of tasks and methods, also of other drivers. Ray hears of them within a second. @throws UnsupportedError */
export async function rayTasks(api: JobsApi, parameters: StateParameters): Promise<StateList<TaskRow>> {
  for (const name of FURTHER_FILTERS) {
    if (name in parameters) throw new UnsupportedError(`The filter '${name}' on a Ray cluster`, "Ray knows no cells.");
  }
  const query = readQuery(parameters, TASK_FILTERS);
  const { tasks, notes } = await allTasks(api, parameters);
  return toList(tasks, query, notes);
}

/** @param parameters - Ray itself looks for the name and the job, so that it leaves out less. */
export async function allTasks(
  api: JobsApi,
  { name, job }: StateParameters = {},
): Promise<{ readonly tasks: TaskRow[]; readonly notes: readonly string[] }> {
  const isJob = /^[0-9a-f]{8}$/.test(job ?? "");
  const { rows, total } = await api.list("tasks", {
    ...known("name", name),
    ...known("job_id", isJob ? job : undefined),
  });
  const tasks = rows.filter(({ type, name: called }) => TASK_TYPES.has(type) && !isOfRay(called)).map(taskRow);
  tasks.sort((a, b) => b.submittedAtMs - a.submittedAtMs);
  const left = total - rows.length;
  return { tasks, notes: left > 0 ? [`Ray told of ${rows.length} runs only, and left out ${left}`] : [] };
}

/** @param row - of `/api/v0/tasks` with details. */
export function taskRow(row: RayRow): TaskRow {
  const { task_id: id, name, job_id: job, attempt_number: attempt, creation_time_ms: submittedAtMs } = row;
  const parent = textOf(row["parent_task_id"]);
  return {
    id: textOf(id) ?? "",
    name: textOf(name) ?? "",
    state: stateOf(row),
    job: textOf(job) ?? "",
    attempt: Number(attempt),
    submittedAtMs: Number(submittedAtMs ?? 0),
    // That of a driver is no task.
    ...(parent === undefined || parent.startsWith("ffffffff") ? {} : { parent }),
    ...known("actor", textOf(row["actor_id"])),
    ...known("worker", textOf(row["worker_id"])),
    ...known("pid", numberOf(row["worker_pid"])),
    ...known("node", textOf(row["node_id"])),
    ...known("startedAtMs", numberOf(row["start_time_ms"])),
    ...known("endedAtMs", numberOf(row["end_time_ms"])),
    ...(row["type"] === "ACTOR_TASK" ? {} : { resources: resourcesOf(row["required_resources"]) }),
    ...failureOf(row),
  };
}

function stateOf({ state, error_type: errorType }: RayRow): TaskState {
  if (errorType === "TASK_CANCELLED") return "CANCELLED";
  return STATES[textOf(state) ?? ""] ?? "QUEUED";
}

/** Ray has a traceback of Python's, whose last line names our error. */
function failureOf({ error_type: type, error_message: message }: RayRow): Pick<TaskRow, "error" | "errorType"> {
  if (typeof type !== "string") return {};
  const text = textOf(message) ?? "";
  const died = /errors\.ChildDied: (.*)/.exec(text)?.[1];
  if (died !== undefined) return { errorType: "WORKER_CRASHED", error: died };
  const told = /errors\.UserError: (.*)/.exec(text)?.[1];
  if (told !== undefined) {
    const [, thrown, error] = /failed: (\w+)(?:: (.*))?$/.exec(told) ?? [];
    if (told.includes(" was cancelled: ")) return { errorType: "TASK_CANCELLED", error: told };
    return thrown === undefined ? { errorType: "TASK_FAILED", error: told } : { errorType: thrown, error: error ?? "" };
  }
  const errorType = type === "WORKER_DIED" || type === "NODE_DIED" ? "WORKER_CRASHED" : type;
  return { errorType, ...known("error", text.split("\n")[0] || undefined) };
}
