/** Which log files a Ray cluster has: one for each stream of each worker process, on its node. */
import { ConnectionFailedError, UnsupportedError } from "../../errors.ts";
import type { LogLine } from "../../protocol/state.ts";
import type { JobsApi, RayRow } from "./jobs-api.ts";
import { numberOf, textOf } from "./ray-fields.ts";
import { isOfRay } from "./ray-rows.ts";

const NAME = /^worker-([0-9a-f]+)-([0-9a-f]{8})-(\d+)\.(out|err)$/;
/** Of workers that were started before there was work for them; they may have had some since. */
const NO_JOB = "ffffffff";
const TASK_ID = /^[0-9a-f]{48}$/;
/** The dashboard answers a hundred requests at once, of all who ask, and refuses more. */
const AT_ONCE = 8;

export interface LogFile {
  readonly node: string;
  readonly file: string;
  readonly worker: string;
  /** Undefined when its name does not say. */
  readonly job: string | undefined;
  readonly pid: number;
  readonly stream: LogLine["stream"];
}

export interface LogFiles {
  readonly files: readonly LogFile[];
  /** Nodes that are there. */
  readonly nodes: ReadonlySet<string>;
  /** About those that do not answer, in sentences. */
  readonly notes: readonly string[];
}

/** Of all workers that are not Ray's own. @throws ConnectionFailedError when no node tells */
export async function logFiles(api: JobsApi): Promise<LogFiles> {
  const [nodes, actors] = await Promise.all([api.list("nodes"), api.list("actors")]);
  const internal = new Set(actors.rows.filter((row) => isOfRay(row["class_name"])).map(processOf));
  const alive = nodes.rows.filter(({ state }) => state === "ALIVE").map((row) => textOf(row["node_id"]) ?? "");
  const found = await eachOf(alive, (node) => namesOn(api, node));
  const unreachable = found.filter((each) => each instanceof ConnectionFailedError);
  if (unreachable[0] !== undefined && unreachable.length === alive.length) throw unreachable[0];
  const files = alive.flatMap((node, index): LogFile[] => {
    const names = found[index];
    if (names === undefined || names instanceof ConnectionFailedError) return [];
    return names.flatMap((name) => fileOf(node, name) ?? []).filter((file) => !internal.has(placeOf(file)));
  });
  return { files, nodes: new Set(alive), notes: unreachable.map(({ message }) => message) };
}

/** A node that is about to be found dead keeps nobody from the logs of others. */
async function namesOn(api: JobsApi, node: string): Promise<readonly string[] | ConnectionFailedError> {
  try {
    return Object.values(await api.logFiles(node, "worker-*")).flat();
  } catch (error) {
    if (error instanceof ConnectionFailedError) return error;
    throw error;
  }
}

function fileOf(node: string, file: string): LogFile | undefined {
  const [, worker, job, pid = "", kind] = NAME.exec(file) ?? [];
  if (worker === undefined) return undefined;
  const stream = kind === "err" ? "stderr" : "stdout";
  return { node, file, worker, job: job === NO_JOB ? undefined : job, pid: Number(pid), stream };
}

/**
 * Those of one worker (id or pid), actor (id, name or class), job or task; of all that there are when none is named. What has
 * not begun has none.
 *
 * @throws UnsupportedError when there is no such worker, actor, job or task
 */
export async function filesFor(
  api: JobsApi,
  files: readonly LogFile[],
  filters: ReadonlyMap<string, string>,
): Promise<readonly LogFile[]> {
  const { worker, actor, job, task } = Object.fromEntries(filters);
  if (worker !== undefined) return filesOfWorker(files, worker);
  if (actor !== undefined) return among(files, await processesOfActor(api, actor));
  if (job !== undefined) return await filesOfJob(api, files, job);
  if (task === undefined) return files;
  const runs = await runsOf(api, task);
  const workers = new Set(runs.map((row) => textOf(row["worker_id"])));
  return files.filter((file) => workers.has(file.worker));
}

function filesOfWorker(files: readonly LogFile[], wanted: string): readonly LogFile[] {
  const found = files.filter(({ worker, pid }) => worker === wanted || String(pid) === wanted);
  if (found.length === 0) throw unknown("worker", wanted, "'mobula logs' lists which logs there are.");
  return found;
}

async function processesOfActor(api: JobsApi, wanted: string): Promise<ReadonlySet<string>> {
  const { rows } = await api.list("actors");
  const named = rows.filter((row) => [row["actor_id"], row["name"], row["class_name"]].includes(wanted));
  if (named.length === 0) throw unknown("actor", wanted, "'mobula logs' lists which logs there are.");
  return new Set(named.map(processOf));
}

async function filesOfJob(api: JobsApi, files: readonly LogFile[], wanted: string): Promise<readonly LogFile[]> {
  const found = files.filter(({ job }) => job === wanted);
  if (found.length > 0) return found;
  const { rows } = await api.list("jobs");
  if (rows.some((row) => row["job_id"] === wanted || row["submission_id"] === wanted)) return [];
  throw unknown("job", wanted, "'mobula list jobs' lists what there is.");
}

/** Runs of a task as Ray has them, the first one first. @throws UnsupportedError when there is no such task */
export async function runsOf(api: JobsApi, task: string): Promise<readonly RayRow[]> {
  // Of a text that cannot be an id, Ray makes an error.
  const { rows } = TASK_ID.test(task) ? await api.list("tasks", { task_id: task }) : { rows: [] };
  if (rows.length === 0) throw unknown("task", task, "'mobula list tasks' lists those that Ray still knows.");
  return rows.toSorted((a, b) => Number(a["attempt_number"]) - Number(b["attempt_number"]));
}

function unknown(kind: string, wanted: string, help: string): UnsupportedError {
  return new UnsupportedError(`The ${kind} '${wanted}'`, help);
}

function among(files: readonly LogFile[], places: ReadonlySet<string>): readonly LogFile[] {
  return files.filter((file) => places.has(placeOf(file)));
}

function placeOf({ node, pid }: LogFile): string {
  return `${node} ${pid}`;
}

function processOf(row: RayRow): string {
  return `${textOf(row["node_id"])} ${numberOf(row["pid"])}`;
}

/** As `Promise.all`, a few at once. */
export async function eachOf<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}
