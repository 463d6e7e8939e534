/** How tasks went, as processes report it: columns, because many rows of few functions share most of what they hold. */
import type { WireExecution } from "./messages.ts";

/** How a run ended. */
export const OUTCOMES = ["FINISHED", "FAILED", "CANCELLED"] as const;

/** Upper bounds of the buckets that run times are counted in, in seconds; a last one holds the rest. */
export const DURATION_BUCKETS_S: readonly number[] = [0.001, 0.01, 0.1, 1, 10, 60, 600];

/** One entry per run in every array. */
export interface TaskEventColumns {
  readonly ids: readonly string[];
  /** Indexes into `names`, `executions`, `OUTCOMES`. */
  readonly name: readonly number[];
  readonly execution: readonly number[];
  readonly outcome: readonly number[];
  readonly attempt: readonly number[];
  /** Milliseconds since 1970. `started` is 0 for what never ran. */
  readonly submitted: readonly number[];
  readonly started: readonly number[];
  readonly ended: readonly number[];
}

/** What the rows of `index` have beside the columns. */
export interface TaskEventDetail {
  readonly index: number;
  readonly parent?: string;
  readonly actor?: string;
  readonly errorType?: string;
  readonly error?: string;
  /** Where it ran, when another process reports it. */
  readonly worker?: string;
}

/** Runs that ended since the last report. */
export interface TaskEvents {
  readonly names: readonly string[];
  /** The first stands for none. */
  readonly executions: readonly (WireExecution | null)[];
  readonly columns: TaskEventColumns;
  readonly details: readonly TaskEventDetail[];
  /** All that ended, with those not listed, by outcome. */
  readonly ended: readonly number[];
  /** Ended runs by `DURATION_BUCKETS_S`, and the sum of their times. */
  readonly durations: readonly number[];
  readonly totalMs: number;
}

/** Unfinished calls of a client, or runs under way in a worker. */
export interface TaskListing {
  readonly id: string;
  readonly name: string;
  readonly state: "PENDING_ARGS" | "QUEUED" | "RUNNING" | "BLOCKED";
  readonly attempt: number;
  readonly submittedAtMs: number;
  readonly startedAtMs?: number;
  readonly parent?: string;
  readonly actor?: string;
  /** The worker that has it, or runs it. */
  readonly worker?: string;
  readonly execution?: WireExecution;
  readonly resources?: Readonly<Record<string, number>>;
}

/** A client's answer to `list-tasks`. */
export interface TaskListings {
  readonly items: readonly TaskListing[];
  /** How many there are in all, by state. */
  readonly counts: Readonly<Partial<Record<TaskListing["state"], number>>>;
  /** The main thread is busy; the control thread knows only what it runs. */
  readonly busy?: { readonly taskId?: string; readonly sinceMs?: number };
}
