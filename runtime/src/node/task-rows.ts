/** Tasks as the state API lists them: what processes say of unfinished ones, and the history of the others. */
import type { PastTask } from "../core/task-history.ts";
import type { ClientId } from "../protocol/ids.ts";
import type { TaskRow } from "../protocol/state.ts";
import type { TaskListing, TaskListings } from "../protocol/task-events.ts";

export interface KnownProcess {
  readonly pid: number;
  /** What it was last known to run. */
  readonly running: string | undefined;
}

export interface UnfinishedTasks {
  readonly rows: readonly TaskRow[];
  /** By state, those that are not in `rows` because there are too many. */
  readonly unlisted: number;
  /** Drivers and workers that could not tell what they wait for. */
  readonly silent: readonly ClientId[];
}

/**
 * Join what owners and workers say. An owner knows what it called; a worker knows what runs.
 *
 * @param answers - by client; undefined of one that gave none.
 */
export function unfinishedTasks(
  answers: ReadonlyMap<ClientId, TaskListings | undefined>,
  processOf: (clientId: string) => KnownProcess | undefined,
  jobOf: (taskId: string) => string,
): UnfinishedTasks {
  const rows = new Map<string, TaskRow>();
  const silent: ClientId[] = [];
  let known = 0;
  let counted = 0;
  for (const [clientId, answer] of answers) {
    if (answer === undefined || answer.busy !== undefined) silent.push(clientId);
    for (const count of Object.values(answer?.counts ?? {})) counted += count;
    for (const item of answer?.items ?? []) {
      if (item.startedAtMs !== undefined) continue;
      known++;
      rows.set(item.id, listedRow(item, item.worker, processOf, jobOf));
    }
  }
  for (const [clientId, answer] of answers) {
    for (const item of answer?.items ?? []) {
      if (item.startedAtMs === undefined) continue;
      rows.set(item.id, { ...rows.get(item.id), ...listedRow(item, clientId, processOf, jobOf) });
    }
    const { taskId, sinceMs } = answer?.busy ?? {};
    if (taskId === undefined || sinceMs === undefined) continue;
    const process = processOf(clientId);
    const running = { state: "RUNNING", worker: clientId, pid: process?.pid ?? 0, startedAtMs: sinceMs } as const;
    const base = { id: taskId, name: process?.running ?? "(unknown)", attempt: 0, submittedAtMs: sinceMs };
    rows.set(taskId, { ...base, job: jobOf(taskId), ...rows.get(taskId), ...running });
  }
  return { rows: [...rows.values()], unlisted: Math.max(0, counted - known), silent };
}

function listedRow(
  item: TaskListing,
  worker: string | undefined,
  processOf: (clientId: string) => KnownProcess | undefined,
  jobOf: (taskId: string) => string,
): TaskRow {
  const { execution, worker: _, ...rest } = item;
  const pid = worker === undefined ? undefined : processOf(worker)?.pid;
  return {
    ...rest,
    job: jobOf(item.id),
    ...(worker === undefined ? {} : { worker }),
    ...(pid === undefined ? {} : { pid }),
    ...cellOf(execution),
  };
}

export function pastRow(task: PastTask): TaskRow {
  const { detail, facts } = task;
  return {
    id: task.id,
    name: task.name,
    state: task.outcome,
    job: facts.job,
    ...(detail?.parent === undefined ? {} : { parent: detail.parent }),
    ...(detail?.actor === undefined ? {} : { actor: detail.actor }),
    ...(task.worker === "" ? {} : { worker: task.worker, pid: facts.pid }),
    attempt: task.attempt,
    ...(detail?.errorType === undefined ? {} : { errorType: detail.errorType }),
    ...(detail?.error === undefined ? {} : { error: detail.error }),
    submittedAtMs: task.submittedAtMs,
    ...(task.startedAtMs === 0 ? {} : { startedAtMs: task.startedAtMs }),
    endedAtMs: task.endedAtMs,
    ...cellOf(task.execution ?? undefined),
    ...(facts.resources === undefined ? {} : { resources: facts.resources }),
  };
}

function cellOf(execution: { readonly cellId?: string; readonly executionCount: number } | undefined): {
  readonly cellId?: string;
  readonly executionCount?: number;
} {
  if (execution === undefined) return {};
  const { cellId, executionCount } = execution;
  return { executionCount, ...(cellId === undefined ? {} : { cellId }) };
}
