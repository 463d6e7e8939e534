/** What workers of a Ray cluster printed, from Ray's log files. */
import { UnsupportedError } from "../../errors.ts";
import { limitOf, readQuery, toList } from "../../node/state-query.ts";
import type { LogLine, LogLines, LogRow, StateList, StateParameters } from "../../protocol/state.ts";
import type { JobsApi, RayRow } from "./jobs-api.ts";
import { MOST_LINES } from "./log-tail.ts";
import { known, numberOf, textOf } from "./ray-fields.ts";
import { eachOf, filesFor, type LogFile, logFiles, runsOf } from "./ray-log-files.ts";
import { inFile, inOrder, logLines } from "./ray-log-lines.ts";

/** What lines may be chosen by. */
export const LOG_FIELDS: readonly string[] = ["worker", "actor", "job", "task"];

/** One row for each worker that has had work. */
export async function rayLogs(api: JobsApi, parameters: StateParameters): Promise<StateList<LogRow>> {
  const query = readQuery(parameters, ["worker", "pid", "state"]);
  const [{ files, notes }, workers] = await Promise.all([logFiles(api), api.list("workers")]);
  const alive = new Set(workers.rows.filter((row) => row["is_alive"] === true).map((row) => row["worker_id"]));
  const rows = files
    .filter(({ stream, job }) => stream === "stdout" && job !== undefined)
    .map(({ worker, pid }): LogRow => ({ worker, pid, state: alive.has(worker) ? "alive" : "ended" }));
  return toList(rows, query, notes);
}

/**
 * The last lines, oldest first, of one worker (id or pid), actor (id, name or class), job or task (id), or of all workers. Of
 * each file its last `MOST_LINES` are read.
 *
 * @throws UnsupportedError when there is no such worker, actor, job or task
 */
export async function tailRayLogs(api: JobsApi, parameters: StateParameters): Promise<LogLines> {
  if (parameters["after"] !== undefined) {
    throw new UnsupportedError("A cursor in the logs of a Ray cluster", "Follow them with 'mobula logs --follow'.");
  }
  const { filters } = readQuery(parameters, LOG_FIELDS);
  const limit = limitOf(parameters["limit"]);
  const isTask = filters.size === 1 && filters.has("task");
  const { lines, notes } = isTask
    ? await linesOfTask(api, filters.get("task") ?? "")
    : await linesOfFiles(api, await logFiles(api), filters);
  const items = lines.slice(-limit);
  return { items, total: lines.length, truncated: items.length < lines.length, notes, cursor: "" };
}

interface Found {
  readonly lines: readonly LogLine[];
  readonly notes: readonly string[];
}

async function linesOfFiles(
  api: JobsApi,
  { files, notes }: Awaited<ReturnType<typeof logFiles>>,
  filters: ReadonlyMap<string, string>,
): Promise<Found> {
  const wanted = await filesFor(api, files, filters);
  const task = filters.get("task");
  const lines = inOrder(await eachOf(wanted, (file) => linesOf(api, file)));
  return { lines: task === undefined ? lines : lines.filter((line) => line.task === task), notes };
}

async function linesOf(api: JobsApi, file: LogFile): Promise<LogLine[]> {
  const text = await api.logText(file.node, file.file, MOST_LINES);
  return logLines(text.split("\n")).map((line) => inFile(file, line));
}

/**
 * Where Ray has noted in which part of the file a task's lines stand, those, so also what a library in C or a program in Python
 * printed, without what another task left to be printed later. Of a call of an actor, whose lines are among those of others, the
 * lines that say whose they are.
 */
async function linesOfTask(api: JobsApi, task: string): Promise<Found> {
  const runs = await runsOf(api, task);
  const noted = runs.filter(isNoted);
  const parts = await eachOf(noted, (run) => linesOfRun(api, task, run));
  if (noted.length === runs.length) return { lines: inOrder(parts.flat()), notes: [] };
  return await linesOfFiles(api, await logFiles(api), new Map([["task", task]]));
}

function isNoted(run: RayRow): boolean {
  const place = run["task_log_info"] as RayRow | null | undefined;
  return numberOf(place?.["stdout_start"]) !== undefined && textOf(run["worker_id"]) !== undefined;
}

async function linesOfRun(api: JobsApi, task: string, run: RayRow): Promise<LogLine[][]> {
  const worker = textOf(run["worker_id"]) ?? "";
  const pid = numberOf(run["worker_pid"]) ?? 0;
  const about = { task, ...known("name", textOf(run["name"])) };
  const attempt = numberOf(run["attempt_number"]) ?? 0;
  return await eachOf(["stdout", "stderr"] as const, async (stream) => {
    const text = await api.taskLog(task, attempt, stream, MOST_LINES);
    return logLines(text.split("\n"))
      .filter((line) => line.task === undefined || line.task === task)
      .map((line) => inFile({ worker, pid, stream }, { ...about, ...line }));
  });
}
