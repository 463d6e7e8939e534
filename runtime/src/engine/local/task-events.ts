/**
 * Collects how runs ended, for the head's history. A flood of short ones is thinned: every n-th is listed, the others are
 * only counted, so that the cost per task stays a few comparisons.
 */
import type { WireExecution } from "../../protocol/messages.ts";
import { DURATION_BUCKETS_S, type TaskEventDetail, type TaskEvents } from "../../protocol/task-events.ts";

/** A finished run shorter than this may be left out when there are many. */
export const SHORT_RUN_MS = 5;
/** Of short finished runs in one report; of failed and long ones. */
const MAX_SHORT = 64;
const MAX_OTHERS = 512;
/** A flood, which is thinned to a few: rows that outlive a garbage collection cost more than the runs they tell of. */
const FEW = 8;
/** A pause this long is the end of a flood: what comes then is listed. */
const PAUSE_MS = 20;
const MAX_TEXT = 200;

const FINISHED = 0;
const FAILED = 1;
const CANCELLED = 2;
const OUTCOME_INDEX = { finished: FINISHED, failed: FAILED, cancelled: CANCELLED } as const;

/** What of a call is worth telling. Times are `performance.now()` of this process. */
export interface EndedRun {
  readonly id: string;
  readonly name: string;
  readonly execution: WireExecution | undefined;
  readonly attempt: number;
  readonly submittedMs: number;
  /** Undefined for what never ran. */
  readonly startedMs: number | undefined;
  readonly endedMs: number;
  readonly parent: string | undefined;
  readonly actor: string | undefined;
}

interface Row extends EndedRun {
  readonly outcome: number;
  readonly detail: { readonly errorType: string; readonly error: string; readonly worker?: string } | undefined;
}

export class TaskEventLog {
  #short: Row[] = [];
  #others: Row[] = [];
  #stride = 1;
  #untilNext = 1;
  #lastEndedMs = 0;
  #ended: [number, number, number] = [0, 0, 0];
  #durations = DURATION_BUCKETS_S.map(() => 0).concat(0);
  #totalMs = 0;
  #isEmpty = true;

  /** A run has ended well. Returns whether it is one to `list`. */
  finished(durationMs: number, endedMs: number): boolean {
    this.#isEmpty = false;
    this.#ended[FINISHED]++;
    this.#measure(durationMs);
    if (durationMs >= SHORT_RUN_MS) return this.#others.length < MAX_OTHERS;
    const isPause = endedMs - this.#lastEndedMs > PAUSE_MS;
    this.#lastEndedMs = endedMs;
    if (isPause) this.#stride = 1;
    else if (--this.#untilNext > 0) return false;
    this.#untilNext = this.#stride;
    return true;
  }

  list(run: EndedRun): void {
    const rows = run.endedMs - (run.startedMs ?? 0) >= SHORT_RUN_MS ? this.#others : this.#short;
    rows.push({ ...run, outcome: FINISHED, detail: undefined });
    if (this.#short.length >= MAX_SHORT) this.#thin();
  }

  /** A run that failed or was cancelled; `worker` when another process ran it. */
  ended(
    outcome: "failed" | "cancelled",
    run: EndedRun,
    error: { readonly type: string; readonly message: string },
    worker?: string,
  ): void {
    this.#isEmpty = false;
    this.#ended[OUTCOME_INDEX[outcome]]++;
    if (run.startedMs !== undefined) this.#measure(run.endedMs - run.startedMs);
    if (this.#others.length >= MAX_OTHERS) return;
    const detail = { errorType: error.type.slice(0, MAX_TEXT), error: firstLine(error.message) };
    this.#others.push({
      ...run,
      outcome: OUTCOME_INDEX[outcome],
      detail: worker === undefined ? detail : { ...detail, worker },
    });
  }

  #measure(durationMs: number): void {
    let bucket = 0;
    while (durationMs > (DURATION_BUCKETS_S[bucket] ?? Number.POSITIVE_INFINITY) * 1000) bucket++;
    this.#durations[bucket] = (this.#durations[bucket] ?? 0) + 1;
    this.#totalMs += durationMs;
  }

  /** Keep a few, and list as many fewer from now on. */
  #thin(): void {
    this.#short = this.#short.filter((_, index) => index % FEW === 0);
    this.#stride *= FEW;
    this.#untilNext = this.#stride;
  }

  /** What ended since the last call, or undefined when nothing did. */
  take(): TaskEvents | undefined {
    if (this.#isEmpty) return undefined;
    const rows = [...this.#short, ...this.#others].sort((a, b) => a.endedMs - b.endedMs);
    const events: TaskEvents = {
      ...columnsOf(rows),
      ended: this.#ended,
      durations: this.#durations,
      totalMs: this.#totalMs,
    };
    // A flood goes on, as a rule: the next report begins with what would have suited this one.
    const listed = this.#short.length;
    if (this.#stride > 1 && listed > 2 * FEW) this.#stride *= 2;
    else if (listed < FEW / 2) this.#stride = Math.max(1, this.#stride >> 1);
    this.#untilNext = Math.min(this.#untilNext, this.#stride);
    this.#short = [];
    this.#others = [];
    this.#ended = [0, 0, 0];
    this.#durations = DURATION_BUCKETS_S.map(() => 0).concat(0);
    this.#totalMs = 0;
    this.#isEmpty = true;
    return events;
  }
}

function columnsOf(rows: readonly Row[]): Pick<TaskEvents, "names" | "executions" | "columns" | "details"> {
  const names = new Map<string, number>();
  const executions = new Map<string, number>([["", 0]]);
  const executionList: (WireExecution | null)[] = [null];
  const details: TaskEventDetail[] = [];
  const epoch = performance.timeOrigin;
  const columns = {
    ids: rows.map(({ id }) => id),
    name: rows.map(({ name }) => indexOf(names, name)),
    execution: rows.map(({ execution }) => {
      if (execution === undefined) return 0;
      const index = indexOf(executions, execution.messageId);
      executionList[index] ??= execution;
      return index;
    }),
    outcome: rows.map(({ outcome }) => outcome),
    attempt: rows.map(({ attempt }) => attempt),
    submitted: rows.map(({ submittedMs }) => submittedMs + epoch),
    started: rows.map(({ startedMs }) => (startedMs === undefined ? 0 : startedMs + epoch)),
    ended: rows.map(({ endedMs }) => endedMs + epoch),
  };
  for (const [index, { parent, actor, detail }] of rows.entries()) {
    if (parent === undefined && actor === undefined && detail === undefined) continue;
    details.push({
      index,
      ...(parent === undefined ? {} : { parent }),
      ...(actor === undefined ? {} : { actor }),
      ...detail,
    });
  }
  return {
    names: [...names.keys()].map((name) => name.slice(0, MAX_TEXT)),
    executions: executionList,
    columns,
    details,
  };
}

function indexOf(indexes: Map<string, number>, key: string): number {
  const known = indexes.get(key);
  if (known !== undefined) return known;
  indexes.set(key, indexes.size);
  return indexes.size - 1;
}

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return (end < 0 ? text : text.slice(0, end)).slice(0, MAX_TEXT);
}
