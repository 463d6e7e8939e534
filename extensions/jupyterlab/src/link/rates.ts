/** How fast the tasks of each group settle, from the counts that snapshots bring. */
import type { TaskGroupView } from "../protocol.ts";
import { groupKey } from "./state.ts";

interface Sample {
  readonly atMs: number;
  /** Tasks that ran to an end. */
  readonly settled: number;
}

/** Recent samples by group key, oldest first. */
export type RateBook = ReadonlyMap<string, readonly Sample[]>;

const WINDOW_MS = 10_000;
/** Below this span a quotient says more about message timing than about tasks. */
const SHORTEST_SPAN_MS = 900;
/** Slower groups settle by fits and starts; their whole life tells more. */
const FEWEST_TASKS = 3;

/** The book with one more sample of every group; groups that are gone are dropped. */
export function observeGroups(book: RateBook, groups: readonly TaskGroupView[], atMs: number): RateBook {
  return new Map(
    groups.map((group) => {
      const key = groupKey(group);
      const recent = (book.get(key) ?? []).filter((sample) => atMs - sample.atMs <= WINDOW_MS);
      return [key, [...recent, { atMs, settled: settledTasks(group) }]];
    }),
  );
}

/**
 * Tasks a group settles per second: over the last seconds while it is busy and quick, else over its whole life.
 *
 * @returns undefined when nothing has settled, or too little to tell.
 */
export function tasksPerSecond(book: RateBook, group: TaskGroupView): number | undefined {
  const samples = book.get(groupKey(group)) ?? [];
  const first = samples[0];
  const last = samples.at(-1);
  if (group.queued + group.running > 0 && first && last) {
    const settled = last.settled - first.settled;
    const spanMs = last.atMs - first.atMs;
    if (settled >= FEWEST_TASKS && spanMs >= SHORTEST_SPAN_MS) return (settled * 1000) / spanMs;
  }
  const lifeMs = group.lastAtMs - group.firstAtMs;
  const isTelling = settledTasks(group) > 0 && lifeMs >= SHORTEST_SPAN_MS;
  return isTelling ? (settledTasks(group) * 1000) / lifeMs : undefined;
}

/**
 * Seconds until the waiting and running tasks of a group are done at the present rate.
 *
 * @returns undefined when nothing is left to do or the rate is unknown.
 */
export function secondsLeft(book: RateBook, group: TaskGroupView): number | undefined {
  const left = group.queued + group.running;
  const rate = tasksPerSecond(book, group);
  return left > 0 && rate ? left / rate : undefined;
}

/** Cancelled tasks do not count: thousands that were waiting end at once, and tell nothing of the speed of work. */
function settledTasks(group: TaskGroupView): number {
  return group.finished + group.failed;
}
