/** What workers of a Ray cluster printed, from Ray's log files: one for each stream of each worker process. */
import { UnsupportedError } from "../../errors.ts";
import { limitOf, readQuery, toList } from "../../node/state-query.ts";
import type { LogLine, LogLines, LogRow, StateList, StateParameters } from "../../protocol/state.ts";
import type { JobsApi, RayRow } from "./jobs-api.ts";
import { numberOf, textOf } from "./ray-fields.ts";
import { isOfRay } from "./ray-rows.ts";

const NAME = /^worker-([0-9a-f]+)-([0-9a-f]{8})-(\d+)\.(out|err)$/;
/** Of workers that have had no work. */
const NO_JOB = "ffffffff";
/** What the shim prints for the Node process beside it; see `marks.py`. */
const OUTPUT_MARK = "\u001emobula ";
/** Ray notes in the files for whom the next lines are. */
const OF_RAY = /^:(job_id|actor_name|task_name):/;
const MOST_LINES = 10_000;

interface LogFile {
  readonly node: string;
  readonly file: string;
  readonly worker: string;
  readonly job: string;
  readonly pid: number;
  readonly stream: LogLine["stream"];
}

/** One row for each worker that has had work. */
export async function rayLogs(api: JobsApi, parameters: StateParameters): Promise<StateList<LogRow>> {
  const query = readQuery(parameters, ["worker", "pid", "state"]);
  const [files, workers] = await Promise.all([logFiles(api), api.list("workers")]);
  const alive = new Set(workers.rows.filter((row) => row["is_alive"] === true).map((row) => row["worker_id"]));
  const rows = files
    .filter(({ stream }) => stream === "stdout")
    .map(({ worker, pid }): LogRow => ({ worker, pid, state: alive.has(worker) ? "alive" : "ended" }));
  return toList(rows, query);
}

/**
 * The last lines, oldest first, of one worker (id or pid), actor (id, name or class) or job.
 *
 * @throws UnsupportedError when there is no such worker, actor or job
 */
export async function tailRayLogs(api: JobsApi, parameters: StateParameters): Promise<LogLines> {
  if (parameters["after"] !== undefined) throw new UnsupportedError("Following the logs of a Ray cluster", RAY_LOGS);
  if (parameters["task"] !== undefined) {
    throw new UnsupportedError("Choosing a task's lines on a Ray cluster", "Ask for its worker or its actor.");
  }
  const { filters } = readQuery(parameters, ["worker", "actor", "job"]);
  const limit = limitOf(parameters["limit"]);
  const files = await filesFor(api, await logFiles(api), filters);
  const lines = await Promise.all(files.map((file) => linesOf(api, file)));
  const all = lines.flat();
  const items = all.slice(-limit);
  return { items, total: all.length, truncated: items.length < all.length, notes: [], cursor: "" };
}

const RAY_LOGS = "Ray's own command does: 'ray logs cluster --follow' beside the cluster.";

async function logFiles(api: JobsApi): Promise<LogFile[]> {
  const [nodes, actors] = await Promise.all([api.list("nodes"), api.list("actors")]);
  const internal = new Set(actors.rows.filter((row) => isOfRay(row["class_name"])).map(processOf));
  const alive = nodes.rows.filter(({ state }) => state === "ALIVE");
  const found = await Promise.all(
    alive.map(async (row) => {
      const node = textOf(row["node_id"]) ?? "";
      const names = Object.values(await api.logFiles(node, "worker-*")).flat();
      return names.flatMap((file): LogFile[] => {
        const [, worker = "", job = "", pid = "", kind] = NAME.exec(file) ?? [];
        if (worker === "" || job === NO_JOB || internal.has(`${node} ${pid}`)) return [];
        return [{ node, file, worker, job, pid: Number(pid), stream: kind === "err" ? "stderr" : "stdout" }];
      });
    }),
  );
  return found.flat();
}

function processOf(row: RayRow): string {
  return `${textOf(row["node_id"])} ${numberOf(row["pid"])}`;
}

async function filesFor(
  api: JobsApi,
  files: readonly LogFile[],
  filters: ReadonlyMap<string, string>,
): Promise<readonly LogFile[]> {
  const [kind, wanted] = [...filters][0] ?? [];
  if (kind === undefined || wanted === undefined) return files;
  const processes = kind === "actor" ? await processesOf(api, wanted) : undefined;
  const found = files.filter((each) => {
    if (kind === "job") return each.job === wanted;
    if (processes !== undefined) return processes.has(`${each.node} ${each.pid}`);
    return each.worker === wanted || String(each.pid) === wanted;
  });
  if (found.length > 0) return found;
  throw new UnsupportedError(`The ${kind} '${wanted}'`, "'mobula logs' lists which logs there are.");
}

async function processesOf(api: JobsApi, actor: string): Promise<ReadonlySet<string>> {
  const { rows } = await api.list("actors");
  const named = rows.filter((row) => [row["actor_id"], row["name"], row["class_name"]].includes(actor));
  return new Set(named.map(processOf));
}

async function linesOf(api: JobsApi, { node, file, worker, pid, stream }: LogFile): Promise<LogLine[]> {
  const text = await api.logText(node, file, MOST_LINES);
  return logLines(text).map((line) => ({ worker, pid, stream, ...line }));
}

/** Lines of a file: what a Node process printed has its origin beside it. */
export function logLines(text: string): Pick<LogLine, "text" | "name" | "cellId">[] {
  return text.split("\n").flatMap((line) => {
    if (line === "" || OF_RAY.test(line)) return [];
    // What a library in C prints may share a line with a message.
    const [before = "", ...messages] = line.split(OUTPUT_MARK);
    return [...(before === "" ? [] : [{ text: before }]), ...messages.flatMap(linesOfMessage)];
  });
}

function linesOfMessage(message: string): Pick<LogLine, "text" | "name" | "cellId">[] {
  let output: Output;
  try {
    output = JSON.parse(message) as Output;
  } catch {
    return [{ text: message }]; // it was cut
  }
  // Others tell the session how the calls of its workers are going.
  if (output.type !== "output") return [];
  const { cellId } = output.execution ?? {};
  const about = { name: output.source, ...(cellId === undefined ? {} : { cellId }) };
  return output.text
    .replace(/\n$/, "")
    .split("\n")
    .map((each) => ({ text: each, ...about }));
}

interface Output {
  readonly type: string;
  readonly text: string;
  readonly source: string;
  readonly execution?: { readonly cellId?: string };
}
