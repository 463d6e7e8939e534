/**
 * Runs that are over, for views. Three rings, so that a flood of short finished runs pushes out only its like, and what
 * failed or took long stays longer. Nothing in the head's decisions depends on it.
 */
import type { WireExecution } from "../protocol/messages.ts";
import { DURATION_BUCKETS_S, OUTCOMES, type TaskEventDetail, type TaskEvents } from "../protocol/task-events.ts";

/** Rows kept: 100 000 in all, about 30 MB when full. */
const CAPACITY = { short: 50_000, long: 25_000, failed: 25_000 } as const;
const LONG_MS = 5;

export interface PastTask {
  readonly id: string;
  readonly name: string;
  readonly outcome: (typeof OUTCOMES)[number];
  readonly attempt: number;
  readonly submittedAtMs: number;
  /** 0 when it never ran. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** The process that ran it; empty when none did. */
  readonly worker: string;
  readonly execution: WireExecution | null;
  readonly detail: TaskEventDetail | undefined;
  readonly facts: RunFacts;
}

/** What the head knows of where a run took place. */
export interface RunFacts {
  readonly pid: number;
  readonly job: string;
  /** In units; undefined for calls of actors. */
  readonly resources: Readonly<Record<string, number>> | undefined;
}

class Ring {
  readonly #capacity: number;
  #rows: PastTask[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#rows.length;
  }

  add(row: PastTask): void {
    this.#rows[this.#next] = row;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  rows(): readonly PastTask[] {
    return this.#rows;
  }
}

export interface HistoryTotals {
  /** Ended runs by `OUTCOMES`, since the cluster began. */
  readonly ended: number[];
  /** See `DURATION_BUCKETS_S`. */
  readonly durations: number[];
  totalMs: number;
  /** Ended runs that were never listed. */
  unlisted: number;
}

export class TaskHistory {
  readonly totals: HistoryTotals = {
    ended: OUTCOMES.map(() => 0),
    durations: DURATION_BUCKETS_S.map(() => 0).concat(0),
    totalMs: 0,
    unlisted: 0,
  };
  readonly #short: Ring;
  readonly #long: Ring;
  readonly #failed: Ring;
  /** Equal texts of different reports as one. */
  readonly #names = new Map<string, string>();

  constructor(capacity: Readonly<Record<keyof typeof CAPACITY, number>> = CAPACITY) {
    this.#short = new Ring(capacity.short);
    this.#long = new Ring(capacity.long);
    this.#failed = new Ring(capacity.failed);
  }

  get size(): number {
    return this.#short.size + this.#long.size + this.#failed.size;
  }

  /** @param reporter - who sent them; it ran them unless a detail says otherwise. */
  add(
    reporter: string,
    events: TaskEvents,
    factsOf: (worker: string, id: string, startedAtMs: number) => RunFacts,
  ): void {
    const { columns, names, executions, details } = events;
    const byIndex = new Map(details.map((detail) => [detail.index, detail]));
    for (const [index, id] of columns.ids.entries()) {
      const startedAtMs = columns.started[index] ?? 0;
      const detail = byIndex.get(index);
      const worker = detail?.worker ?? (startedAtMs === 0 ? "" : reporter);
      const outcome = OUTCOMES[columns.outcome[index] ?? 0] ?? "FINISHED";
      const endedAtMs = columns.ended[index] ?? 0;
      const row: PastTask = {
        id,
        name: this.#intern(names[columns.name[index] ?? 0] ?? ""),
        outcome,
        attempt: columns.attempt[index] ?? 0,
        submittedAtMs: columns.submitted[index] ?? 0,
        startedAtMs,
        endedAtMs,
        worker,
        execution: executions[columns.execution[index] ?? 0] ?? null,
        detail,
        facts: factsOf(worker, id, startedAtMs),
      };
      if (outcome !== "FINISHED") this.#failed.add(row);
      else if (endedAtMs - startedAtMs >= LONG_MS) this.#long.add(row);
      else this.#short.add(row);
    }
    this.#count(events);
  }

  #count({ columns, ended, durations, totalMs }: TaskEvents): void {
    const { totals } = this;
    let all = 0;
    for (const [index, count] of ended.entries()) {
      totals.ended[index] = (totals.ended[index] ?? 0) + count;
      all += count;
    }
    for (const [index, count] of durations.entries()) totals.durations[index] = (totals.durations[index] ?? 0) + count;
    totals.totalMs += totalMs;
    totals.unlisted += Math.max(0, all - columns.ids.length);
  }

  #intern(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (this.#names.size >= 10_000) this.#names.clear();
    this.#names.set(name, name);
    return name;
  }

  /** Those that ended last come first. */
  newestFirst(): PastTask[] {
    const rows = [...this.#short.rows(), ...this.#long.rows(), ...this.#failed.rows()];
    return rows.sort((a, b) => b.endedAtMs - a.endedAtMs);
  }
}
