/**
 * The code that workers of a Ray cluster are in. The dashboard reaches none of their Node processes, so a job asks them: a small
 * program that travels as the hub does, and is over with its answer.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { UnsupportedError } from "../../errors.ts";
import { readQuery, toList } from "../../node/state-query.ts";
import type { StackDump, StackFrame, StateList, StateParameters, WorkerRow } from "../../protocol/state.ts";
import { isOver } from "./hub.ts";
import type { JobsApi, RayRow } from "./jobs-api.ts";
import { ensurePackage } from "./package-upload.ts";
import { known, textOf, timeOf } from "./ray-fields.ts";

const ANSWER_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 200;
const PYTHON = "Ray's dashboard shows those of Python, where py-spy is installed.";
const BUSY: ReadonlySet<string> = new Set(["running", "blocked", "actor"]);

/**
 * Of one worker (id or pid), or of all that are busy or actors.
 *
 * @param running - rows of the tasks that run
 * @throws UnsupportedError when there is no such worker
 */
export async function rayStacks(
  api: JobsApi,
  workers: readonly WorkerRow[],
  running: readonly RayRow[],
  parameters: StateParameters,
): Promise<StateList<StackDump>> {
  const { worker, ...rest } = parameters;
  const query = readQuery(rest, []);
  const wanted = workers.filter(({ id, pid, state }) =>
    worker === undefined ? BUSY.has(state) : id === worker || String(pid) === worker,
  );
  if (worker !== undefined && wanted.length === 0) {
    throw new UnsupportedError(`The worker '${worker}'`, "'mobula list workers' lists those that run.");
  }
  if (wanted.length === 0) return toList([], query);
  const stacks = await askFor(
    api,
    wanted.map(({ id }) => id),
  );
  const tasks = new Map(running.map((row) => [textOf(row["worker_id"]), row]));
  const dumps = wanted.flatMap((row) => {
    const frames = stacks[row.id];
    return frames === undefined ? [] : [dumpOf(row, tasks.get(row.id), frames)];
  });
  if (worker !== undefined && dumps.length === 0) {
    throw new UnsupportedError(`The stack of worker '${worker}', which has no Node process,`, PYTHON);
  }
  return toList(dumps, query);
}

/** @param frames - null when the process does not answer */
function dumpOf(
  { id, pid, running }: WorkerRow,
  task: RayRow | undefined,
  frames: readonly StackFrame[] | null,
): StackDump {
  const name = textOf(task?.["name"]) ?? running;
  const base = { worker: id, pid, ...known("name", name), frames: frames ?? [] };
  if (frames === null) return { ...base, state: "no-answer" };
  const about = {
    ...known("task", textOf(task?.["task_id"])),
    ...known("sinceMs", timeOf(task?.["start_time_ms"])),
  };
  return { ...base, ...about, state: task !== undefined || frames.length > 0 ? "running" : "idle" };
}

/** By worker; those without a Node process are absent. */
type Answers = Readonly<Record<string, readonly StackFrame[] | null>>;

async function askFor(api: JobsApi, workers: readonly string[]): Promise<Answers> {
  const id = `mobula-stack-${randomBytes(8).toString("hex")}`;
  const runtimeEnv = { working_dir: `gcs://${await ensurePackage(api)}` };
  const entrypoint = `python -m mobula_ray.stacks ${workers.join(" ")}`;
  await api.submit({ id, entrypoint, runtimeEnv, metadata: { mobula: "stack" } });
  const deadline = performance.now() + ANSWER_WITHIN_MS;
  for (;;) {
    const job = await api.job(id);
    if (job === undefined || isOver(job)) break;
    if (performance.now() > deadline) {
      await api.stop(id);
      throw api.failure(`the job that asks for stacks has not ended within ${ANSWER_WITHIN_MS / 1_000} s`);
    }
    await sleep(LOOK_EVERY_MS);
  }
  const log = await api.logs(id);
  const answer = /^MOBULA_STACKS (.*)$/m.exec(log)?.[1];
  if (answer === undefined) {
    throw api.failure(`the job ${id}, which asks for stacks, has failed: ${log.trim().split("\n").at(-1) ?? ""}`);
  }
  return JSON.parse(answer) as Answers;
}
