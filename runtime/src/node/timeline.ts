/** What ran where and when, in the Trace Event Format: open it in https://ui.perfetto.dev or chrome://tracing. */
import type { TaskRow, Timeline, TraceEvent } from "../protocol/state.ts";

/** Where calls of drivers are shown to come from: they have no run that could hold the arrow's tail. */
const SUBMIT_MS = 0.05;

export interface TimelineProcess {
  readonly id: string;
  readonly pid: number;
  readonly kind: "driver" | "worker";
  readonly name?: string;
}

/**
 * Runs as slices, one process per worker, calls that overlap in lanes of their own; an arrow from where each was called.
 *
 * @param tasks - in any order; those that have not begun are left out.
 */
export function timelineOf(tasks: readonly TaskRow[], processes: readonly TimelineProcess[], nowMs: number): Timeline {
  const pids = new Map(processes.map(({ id, pid }) => [id, pid]));
  const events: TraceEvent[] = processes.map(({ id, pid, kind, name }) => ({
    ph: "M",
    name: "process_name",
    pid,
    tid: 0,
    args: { name: name === undefined ? `${kind} ${id}` : `${kind} ${id} (${name})` },
  }));
  const runs = tasks.filter(({ startedAtMs, pid }) => startedAtMs !== undefined && pid !== undefined);
  runs.sort((a, b) => (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0) || (b.endedAtMs ?? nowMs) - (a.endedAtMs ?? nowMs));
  const lanes = new Lanes();
  const placed = new Map<string, { pid: number; tid: number; startMs: number; endMs: number }>();
  for (const run of runs) {
    const { pid = 0, startedAtMs: startMs = nowMs, endedAtMs: endMs = nowMs } = run;
    const tid = lanes.take(pid, startMs, endMs);
    placed.set(run.id, { pid, tid, startMs, endMs });
    events.push({
      ph: "X",
      name: run.name,
      cat: run.actor === undefined ? "task" : "actor",
      pid,
      tid,
      ts: micros(startMs),
      dur: micros(endMs) - micros(startMs),
      args: argsOf(run),
    });
  }
  for (const [index, run] of runs.entries()) events.push(...arrow(index, run, placed, pids));
  return { traceEvents: events, displayTimeUnit: "ms" };
}

/** Slices of one lane must not overlap, or viewers draw them as if one had called the other. */
class Lanes {
  readonly #ends = new Map<number, number[]>();

  take(pid: number, startMs: number, endMs: number): number {
    const ends = this.#ends.get(pid) ?? [];
    this.#ends.set(pid, ends);
    const free = ends.findIndex((end) => end <= startMs);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = endMs;
    return lane + 1;
  }
}

function arrow(
  id: number,
  run: TaskRow,
  placed: ReadonlyMap<string, { pid: number; tid: number; startMs: number; endMs: number }>,
  pids: ReadonlyMap<string, number>,
): TraceEvent[] {
  const to = placed.get(run.id);
  if (to === undefined) return [];
  const parent = run.parent === undefined ? undefined : placed.get(run.parent);
  const isInside = parent !== undefined && run.submittedAtMs >= parent.startMs && run.submittedAtMs <= parent.endMs;
  const pid = isInside ? parent.pid : pids.get(run.id.slice(0, run.id.indexOf(".")));
  if (pid === undefined) return [];
  const from = { pid, tid: isInside ? parent.tid : 0, ts: micros(run.submittedAtMs) };
  const flow = { name: "submit", cat: "submit", id };
  const slice = { ph: "X", name: `submit ${run.name}`, cat: "submit", dur: micros(SUBMIT_MS), args: { task: run.id } };
  return [
    ...(isInside ? [] : [{ ...slice, ...from }]),
    { ph: "s", ...flow, ...from },
    { ph: "f", bp: "e", ...flow, pid: to.pid, tid: to.tid, ts: micros(to.startMs) },
  ];
}

function argsOf({ id, state, attempt, actor, parent, cellId, errorType, error }: TaskRow): Record<string, unknown> {
  return {
    task: id,
    state,
    ...(attempt === 0 ? {} : { attempt }),
    ...(actor === undefined ? {} : { actor }),
    ...(parent === undefined ? {} : { parent }),
    ...(cellId === undefined ? {} : { cell: cellId }),
    ...(errorType === undefined ? {} : { error: `${errorType}: ${error}` }),
  };
}

/** Whole microseconds: finer than the clocks of two processes agree. */
function micros(ms: number): number {
  return Math.round(ms * 1000);
}
