/** `pool`: a function over many items, on all CPUs. */

import { asCompleted } from "./as-completed.ts";
import type { ObjectRef } from "./object-ref.ts";
import { checkCount, type TaskOptions } from "./options.ts";
import { task } from "./task.ts";
import { cancel, cluster, get } from "./values.ts";

/** Options of the functions of `pool`; those of tasks are for the tasks that run the chunks. */
export interface PoolOptions extends TaskOptions {
  /** Items per task. Default: so many that every CPU gets about eight tasks. */
  readonly chunk?: number;
}

/** Gives one item's result; `index` is the item's place in the list. */
export type PoolFunction<Item, Result> = (item: Item, index: number) => Result;

/** Tasks per CPU when nothing is said: enough to even out items of different cost, few enough to be cheap. */
const TASKS_PER_CPU = 8;
/** Tasks per CPU that may be ahead of a reader who takes results one by one. */
const AHEAD_PER_CPU = 2;

interface Chunks<Result> {
  readonly starts: readonly number[];
  readonly cpus: number;
  readonly run: (start: number) => ObjectRef<Awaited<Result>[]>;
}

async function chunksOf<Item, Result>(
  fn: PoolFunction<Item, Result>,
  items: Iterable<Item>,
  { chunk, ...options }: PoolOptions,
): Promise<Chunks<Result>> {
  checkCount("chunk", chunk, 1);
  const list = [...items];
  const cpus = Math.max(1, (await cluster()).resources["cpus"]?.total ?? 1);
  const size = chunk ?? Math.max(1, Math.ceil(list.length / (cpus * TASKS_PER_CPU)));
  const run = task(
    async (part: Item[], start: number) => {
      const results: Awaited<Result>[] = [];
      for (const [offset, item] of part.entries()) results.push(await fn(item, start + offset));
      return results;
    },
    { name: fn.name === "" ? "pool" : fn.name, ...options },
  );
  const starts = Array.from({ length: Math.ceil(list.length / size) }, (_, index) => index * size);
  return {
    starts,
    cpus,
    run: (start) => run(list.slice(start, start + size), start),
  };
}

async function map<Item, Result>(
  fn: PoolFunction<Item, Result>,
  items: Iterable<Item>,
  options: PoolOptions = {},
): Promise<Awaited<Result>[]> {
  const chunks = await chunksOf(fn, items, options);
  const refs = chunks.starts.map((start) => chunks.run(start));
  try {
    const parts: Awaited<Result>[][] = await get(refs);
    const results: Awaited<Result>[] = [];
    for (const part of parts) for (const result of part) results.push(result);
    return results;
  } catch (error) {
    for (const ref of refs) cancel(ref);
    throw error;
  }
}

async function* imap<Item, Result>(
  fn: PoolFunction<Item, Result>,
  items: Iterable<Item>,
  options: PoolOptions = {},
): AsyncGenerator<Awaited<Result>, void> {
  const { starts, cpus, run } = await chunksOf(fn, items, options);
  const refs: ObjectRef<Awaited<Result>[]>[] = [];
  let next = 0;
  try {
    while (next < starts.length || refs.length > 0) {
      while (next < starts.length && refs.length < cpus * AHEAD_PER_CPU) refs.push(run(starts[next++] as number));
      const results: Awaited<Result>[] = await (refs[0] as ObjectRef<Awaited<Result>[]>);
      refs.shift();
      yield* results;
    }
  } finally {
    for (const ref of refs) cancel(ref);
  }
}

async function* imapUnordered<Item, Result>(
  fn: PoolFunction<Item, Result>,
  items: Iterable<Item>,
  options: PoolOptions = {},
): AsyncGenerator<Awaited<Result>, void> {
  const { starts, cpus, run } = await chunksOf(fn, items, options);
  let refs: ObjectRef<Awaited<Result>[]>[] = [];
  let next = 0;
  try {
    while (next < starts.length || refs.length > 0) {
      while (next < starts.length && refs.length < cpus * AHEAD_PER_CPU) refs.push(run(starts[next++] as number));
      for await (const done of asCompleted(refs)) {
        refs = refs.filter((ref) => ref !== done.ref);
        if (done.status === "rejected") throw done.reason;
        yield* done.value;
        break;
      }
    }
  } finally {
    for (const ref of refs) cancel(ref);
  }
}

/**
 * A function over many items, several items per task.
 *
 * ```ts
 * const squares = await pool.map((n: number) => n * n, range, { chunk: 100 });
 * for await (const size of pool.imap(async (path: string) => (await readFile(path)).length, paths)) console.log(size);
 * ```
 *
 * An item that fails rejects with its TaskFailedError and cancels the rest, and so does leaving a loop early.
 */
export const pool: {
  /** All results, in the order of the items. */
  readonly map: typeof map;
  /** Results one by one, in the order of the items; a slow reader holds the work back. */
  readonly imap: typeof imap;
  /** Results one by one, as they come. */
  readonly imapUnordered: typeof imapUnordered;
} = { map, imap, imapUnordered };
