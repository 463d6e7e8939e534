import { ActorPool, actor, asCompleted, get, hasCode, init, pool, put, Queue, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const codeOf = (promise: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(promise).then(
    () => "none",
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

beforeAll(() => init({ cpus: 2 }));
afterAll(() => shutdown());

const after = task(
  async (ms: number) => {
    await sleep(ms);
    if (ms === 13) throw new RangeError("unlucky");
    return ms;
  },
  { cpus: 0, name: "after" },
);

describe("asCompleted", () => {
  it("gives results as they come, failures among them, with their places", async () => {
    const seen: unknown[] = [];
    // Far enough apart for a cluster whose workers are still starting.
    for await (const done of asCompleted([after(4_000), after(13), after(1_500)])) {
      seen.push([done.index, done.status, done.status === "fulfilled" ? done.value : (done.reason as Error).message]);
    }
    expect(seen).toEqual([
      [1, "rejected", "Task 'after' failed: RangeError: unlucky"],
      [2, "fulfilled", 1_500],
      [0, "fulfilled", 4_000],
    ]);
  });

  it("ends at once for no refs, gives a ref twice that stands twice, and refuses what is no ref", async () => {
    const ref = put(1);
    const indices: number[] = [];
    for await (const { index } of asCompleted([ref, ref])) indices.push(index);
    for await (const { index } of asCompleted([])) indices.push(index);
    expect(indices).toEqual([0, 1]);
    await expect(asCompleted([1 as never]).next()).rejects.toThrow(TypeError);
  });

  it("throws when the time for the whole list is over; what came before was given", async () => {
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const { index } of asCompleted([put(1), after(5_000)], { timeoutMs: 100 })) seen.push(index);
    };
    expect(await codeOf(loop())).toBe("GET_TIMEOUT");
    expect(seen).toEqual([0]);
  });

  it("works inside a task, which lends its CPU meanwhile", async () => {
    const outer = task(async () => {
      const inner = task((n: number) => n * n);
      let sum = 0;
      for await (const done of asCompleted([1, 2, 3].map((n) => inner(n))))
        if (done.status === "fulfilled") sum += done.value;
      return sum;
    });
    expect(await get([outer(), outer(), outer()])).toEqual([14, 14, 14]);
  });
});

class Doubler {
  readonly seen: number[] = [];
  async double(n: number, ms = 0): Promise<number> {
    this.seen.push(n);
    await sleep(ms);
    if (n === 13) throw new RangeError("unlucky");
    return 2 * n;
  }
  count(): number {
    return this.seen.length;
  }
}
const Doublers = actor(Doubler);
type DoublerHandle = InstanceType<typeof Doublers>;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("ActorPool", () => {
  it("maps in order, one call per actor at a time; a slow item does not idle the other actors", async () => {
    const actors = [new Doublers(), new Doublers()];
    const workers = new ActorPool(actors);
    const items = [0, 1, 2, 3, 4, 5];
    const results = await collect(workers.map((each, n: number) => each.double(n, n === 0 ? 300 : 5), items));
    expect(results).toEqual([0, 2, 4, 6, 8, 10]);
    const counts = await get(actors.map((each) => each.count()));
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(6);
    // The slow item was the only one of its actor until others had been drawn ahead of the reader.
    expect(Math.min(...counts)).toBeLessThan(Math.max(...counts));
    expect(workers.hasFree).toBe(true);
  });

  it("gives results as they come, and takes items from a generator as it needs them", async () => {
    const workers = new ActorPool([new Doublers(), new Doublers()]);
    let drawn = 0;
    const source = function* (): Generator<number> {
      for (let n = 0; n < 100; n++) {
        drawn++;
        yield n === 0 ? 300 : 1;
      }
    };
    const results = workers.mapUnordered((each, ms: number) => each.double(ms, ms), source());
    expect((await results.next()).value).toBe(2);
    expect(drawn).toBeLessThan(10);
    await results.return(undefined);
    expect(workers.hasNext).toBe(false);
  });

  it("takes submissions one by one, in order or not, and says when there is none", async () => {
    const workers = new ActorPool([new Doublers()]);
    const double = (each: DoublerHandle, n: number): ReturnType<DoublerHandle["double"]> => each.double(n);
    for (const n of [1, 13, 3]) workers.submit(double, n);
    expect(await workers.getNext()).toBe(2);
    await expect(workers.getNextUnordered()).rejects.toThrow("unlucky");
    expect(await workers.getNext()).toBe(6);
    expect(workers.hasNext).toBe(false);
    await expect(workers.getNext()).rejects.toThrow(/submit/);
    expect(() => new ActorPool([])).toThrow(/at least one/);
  });

  it("keeps a result that was not there in time, and lets actors come and go", async () => {
    const workers = new ActorPool([new Doublers()]);
    workers.submit((each, n: number) => each.double(n, 300), 4);
    expect(await codeOf(workers.getNext({ timeoutMs: 20 }))).toBe("GET_TIMEOUT");
    expect(await workers.getNext()).toBe(8);
    expect(workers.popIdle()).toBeDefined();
    expect(workers.popIdle()).toBeUndefined();
    workers.submit((each, n: number) => each.double(n), 5);
    workers.push(new Doublers());
    expect(await workers.getNextUnordered()).toBe(10);
  });
});

describe("Queue", () => {
  it("carries items between tasks in their order, until it is closed", async () => {
    const queue = new Queue<{ n: number }>({ maxSize: 3 });
    const produce = task(
      async (target: Queue<{ n: number }>) => {
        for (let n = 0; n < 10; n++) await target.put({ n });
        await target.close();
        return "done";
      },
      { cpus: 0 },
    );
    const produced = produce(queue);
    expect((await collect(queue)).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await produced).toBe("done");
    expect(await codeOf(queue.put({ n: 1 }))).toBe("QUEUE_CLOSED");
    expect(await codeOf(queue.get())).toBe("QUEUE_CLOSED");
  });

  it("is captured by tasks like any other value", async () => {
    const queue = new Queue<string>();
    await task(async () => await queue.put("größe"))();
    expect(await queue.get()).toBe("größe");
  });

  it("says when it is empty or full, at once or after a while, and loses nothing", async () => {
    const queue = new Queue<number>({ maxSize: 2 });
    expect(await codeOf(queue.get({ timeoutMs: 0 }))).toBe("QUEUE_EMPTY");
    expect(await codeOf(queue.get({ timeoutMs: 30 }))).toBe("QUEUE_EMPTY");
    await queue.putMany([1, 2]);
    expect(await codeOf(queue.put(3, { timeoutMs: 0 }))).toBe("QUEUE_FULL");
    expect(await codeOf(queue.put(3, { timeoutMs: 30 }))).toBe("QUEUE_FULL");
    expect(await codeOf(queue.putMany([3]))).toBe("QUEUE_FULL");
    expect(await queue.size()).toBe(2);
    expect(await queue.getMany(10)).toEqual([1, 2]);
    expect(await queue.getMany(10)).toEqual([]);
  });

  it("gives an item to somebody who still waits, not to one who gave up", async () => {
    const queue = new Queue<number>();
    const gaveUp = task(async () => await queue.get(), { cpus: 0 });
    const aborted = new AbortController();
    const lost = gaveUp.with({ signal: aborted.signal })();
    await sleep(300);
    aborted.abort();
    expect(await codeOf(lost)).toBe("TASK_CANCELLED");
    await sleep(100);
    const waiting = queue.get({ timeoutMs: 5_000 });
    await queue.put(7);
    expect(await waiting).toBe(7);
  });

  it("lets those who wait know that it was shut down", async () => {
    const queue = new Queue<number>();
    const waiting = codeOf(queue.get());
    await queue.size();
    queue.shutdown();
    expect(await waiting).toBe("ACTOR_DIED");
    expect(() => new Queue({ maxSize: 0 })).toThrow(/maxSize/);
  });
});

describe("pool", () => {
  it("maps in order, in chunks, with the place of each item", async () => {
    expect(await pool.map((n: number, index: number) => n * 10 + index, [5, 6, 7], { chunk: 2 })).toEqual([50, 61, 72]);
    expect(await pool.map(async (n: number) => n, new Set([1, 2]))).toEqual([1, 2]);
    expect(await pool.map((n: number) => n, [])).toEqual([]);
    expect(() => pool.imap((n: number) => n, [1], { chunk: 0 })).not.toThrow();
    await expect(pool.map((n: number) => n, [1], { chunk: 0 })).rejects.toThrow(/chunk/);
  });

  it("streams results in order, and as they come", async () => {
    const nap = async (ms: number): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    };
    expect(await collect(pool.imap(nap, [200, 1, 2], { chunk: 1 }))).toEqual([200, 1, 2]);
    expect((await collect(pool.imapUnordered(nap, [300, 1, 2], { chunk: 1, cpus: 0.5 }))).at(-1)).toBe(300);
  });

  it("rejects with the error of the item that failed, and cancels the rest", async () => {
    const work = (n: number): number => {
      if (n === 2) throw new RangeError("unlucky");
      return n;
    };
    const error = await pool.map(work, [1, 2, 3], { chunk: 1 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(hasCode(error, "TASK_FAILED")).toBe(true);
    expect((error as Error).message).toBe("Task 'work' failed: RangeError: unlucky");
  });
});
