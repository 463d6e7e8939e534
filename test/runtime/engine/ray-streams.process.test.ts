/** Streaming tasks and methods on a Ray cluster, through the public API. */
import { existsSync, readFileSync } from "node:fs";
import { actor, context, get, init, kill, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Counter, failure, sleep } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

const SOON = { timeout: 30_000 };

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray.stop();
});

const CounterActor = actor(Counter);
/** What a task needs of one. */
interface Counts {
  add(k: number): PromiseLike<number>;
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const got: Item[] = [];
  for await (const item of items) got.push(item);
  return got;
}

/** Items of a stream up to its error. */
async function upToError<Item>(items: AsyncIterable<Item>): Promise<{ got: Item[]; error: unknown }> {
  const got: Item[] = [];
  try {
    for await (const item of items) got.push(item);
  } catch (error) {
    return { got, error };
  }
  throw new Error("it did not fail");
}

const upTo = task(function* (end: number): Generator<number> {
  for (let i = 0; i < end; i++) yield i;
});

test("items come in their order, typed, from no item to many", async () => {
  expect(await all(upTo(0))).toEqual([]);
  const numbers: number[] = await all(upTo(200));
  expect(numbers).toEqual(Array.from({ length: 200 }, (_, index) => index));
});

test("items are what was yielded: any text, nothing, and arrays of several megabytes", async () => {
  const odd = task(async function* (text: string) {
    yield text;
    yield undefined;
    yield { list: [text], made: new Date(0) };
  });
  const text = "größer ☂ 𝔘 \u0000 日本";
  expect(await all(odd(text))).toEqual([text, undefined, { list: [text], made: new Date(0) }]);
  const large = task(function* (count: number) {
    for (let i = 0; i < count; i++) yield new Float64Array(500_000).fill(i);
  });
  let index = 0;
  for await (const item of large(12)) {
    expect([item.length, item[0], item[499_999]]).toEqual([500_000, index, index]);
    index++;
  }
  expect(index).toBe(12);
});

test("nextRef gives refs, which go to other tasks without passing through the driver", async () => {
  const double = task((n: number) => n * 2);
  const stream = upTo(3);
  const doubled: PromiseLike<number>[] = [];
  for (let next = await stream.nextRef(); next.done !== true; next = await stream.nextRef()) {
    doubled.push(double(next.value));
  }
  expect(await Promise.all(doubled)).toEqual([0, 2, 4]);
});

test("a stream is ahead of its reader by its window, no more", async () => {
  const endless = task(function* (made: string) {
    for (let i = 1; ; i++) {
      process.getBuiltinModule("node:fs").writeFileSync(made, String(i));
      yield i;
    }
  });
  for (const streamWindow of [1, 2, 6, 16]) {
    const path = `${ray.stateFolder}/made${streamWindow}`;
    const made = (): number => (existsSync(path) ? Number(readFileSync(path, "utf8")) : 0);
    const stream = endless.with({ streamWindow })(path);
    for (let i = 0; i < 2; i++) await (await stream.nextRef()).value;
    // Two are taken, others wait, and the next one is held back.
    await expect.poll(made, SOON).toBe(2 + streamWindow);
    await sleep(300);
    expect(made()).toBe(2 + streamWindow);
    stream.close();
  }
});

test("leaving the loop early ends the task, with its finally blocks", async () => {
  const counter = new CounterActor();
  const endless = task(async function* (made: Counts, ended: string) {
    try {
      for (;;) yield await made.add(1);
    } finally {
      process.getBuiltinModule("node:fs").writeFileSync(ended, "ended");
    }
  });
  const ended = `${ray.stateFolder}/ended`;
  for await (const item of endless(counter, ended)) if (item === 5) break;
  await expect.poll(() => existsSync(ended), SOON).toBe(true);
  const made = await counter.add(0);
  await sleep(300);
  expect(await counter.add(0)).toBe(made);
});

test("an error comes after the items before it, with its class and cause", async () => {
  const breaks = task(function* breaks(count: number) {
    for (let i = 0; i < count; i++) yield i;
    throw new RangeError("no more", { cause: new TypeError("inner") });
  });
  const { got, error } = await upToError(breaks(30));
  expect(got).toHaveLength(30);
  expect(error).toMatchObject({
    code: "TASK_FAILED",
    message: "Task 'breaks' failed: RangeError: no more",
    cause: { name: "RangeError", cause: { message: "inner" } },
  });
  expect(await upToError(breaks(0))).toMatchObject({ got: [], error: { code: "TASK_FAILED" } });
  const odd = task(async function* () {
    yield 1;
    yield () => process.stdout;
    yield Symbol("cannot travel");
  });
  expect((await upToError(odd())).error).toMatchObject({ code: "TASK_FAILED" });
});

test("a run after a crash gives each item once", async () => {
  const fragile = task(
    function* (count: number) {
      for (let i = 0; i < count; i++) {
        if (i === 20 && context().attempt === 0) process.kill(process.pid, "SIGKILL");
        yield [i, context().attempt] as const;
      }
    },
    { retries: 2 },
  );
  const got = await all(fragile(40));
  expect(got.map(([index]) => index)).toEqual(Array.from({ length: 40 }, (_, index) => index));
  expect(got.at(-1)).toEqual([39, 1]);
  const { got: some, error } = await upToError(fragile.with({ retries: 0 })(40));
  expect(error).toMatchObject({ code: "WORKER_CRASHED" });
  expect(some.length).toBeLessThanOrEqual(20);
});

test("a run that retryOn asks for goes on behind the items that are there", async () => {
  const flaky = task(
    function* (path: string) {
      const fs = process.getBuiltinModule("node:fs");
      fs.appendFileSync(path, "x");
      const run = fs.readFileSync(path, "utf8").length;
      for (let i = 0; i < 10; i++) {
        if (i === 3 * run && run < 3) throw new RangeError(`run ${run}`);
        yield i;
      }
    },
    { retries: 5, retryOn: (error) => error instanceof RangeError },
  );
  expect(await all(flaky(`${ray.stateFolder}/flaky-stream`))).toEqual(Array.from({ length: 10 }, (_, index) => index));
  const { got, error } = await upToError(flaky.with({ retryOn: [TypeError] })(`${ray.stateFolder}/flaky-stream2`));
  expect([got, (error as Error).message]).toEqual([[0, 1, 2], expect.stringMatching(/run 1/)]);
});

test("a stream is cancelled while it waits for its reader, while it waits for something else, and while it spins", async () => {
  const wait = task(async function* (kind: string): AsyncGenerator<number> {
    yield 1;
    if (kind === "awaits") await new Promise(() => {});
    if (kind === "spins") for (;;);
    for (;;) yield 2;
  });
  for (const kind of ["is held back", "awaits", "spins"]) {
    const controller = new AbortController();
    const stream = wait.with({ signal: controller.signal })(kind);
    expect(await (await stream.nextRef()).value).toBe(1);
    controller.abort();
    const { got, error } = await upToError(stream);
    expect(error).toMatchObject({ code: "TASK_CANCELLED" });
    expect(got.length).toBeLessThan(20);
  }
  expect(await all(upTo(2))).toEqual([0, 1]);
});

test("timeoutMs ends a stream that takes too long", async () => {
  const slow = task(
    async function* () {
      yield 1;
      await new Promise(() => {});
    },
    { name: "slow", timeoutMs: 500 },
  );
  const { got, error } = await upToError(slow());
  expect(got).toEqual([1]);
  expect((error as Error).message).toBe("Task 'slow' was cancelled: it ran longer than 500 ms (timeoutMs).");
});

test("an argument that fails, and a task that cannot start, end their streams", async () => {
  const fails = task((): number => {
    throw new RangeError("no number");
  });
  expect(await upToError(upTo(fails()))).toMatchObject({
    got: [],
    error: { message: expect.stringMatching(/no number/) },
  });
  const big = upTo.with({ cpus: 64 })(1);
  big.close();
  expect(await all(big)).toEqual([]);
});

test("methods stream, also beside other calls, and an early end leaves the actor as it was", async () => {
  class Source {
    n = 0;
    *count(end: number): Generator<number> {
      for (let i = 0; i < end; i++) yield this.n++;
    }
    async *forever(): AsyncGenerator<number> {
      for (;;) yield this.n++;
    }
    *breaks(): Generator<number> {
      yield 1;
      throw new RangeError("broken");
    }
    ask(): string {
      return "here";
    }
  }
  for (const maxConcurrency of [1, 10]) {
    const source = new (actor(Source).with({ maxConcurrency }))();
    expect(await all(source.count(50))).toEqual(Array.from({ length: 50 }, (_, index) => index));
    const forever = source.forever();
    expect(await (await forever.nextRef()).value).toBe(50);
    if (maxConcurrency > 1) expect(await source.ask()).toBe("here");
    forever.close();
    expect(await source.ask()).toBe("here");
    expect(await upToError(source.breaks())).toMatchObject({
      got: [1],
      error: { message: expect.stringMatching(/broken/) },
    });
    for await (const item of source.forever()) if (item > 60) break;
    expect(await source.ask()).toBe("here");
    kill(source);
  }
});

test("a stream ends with its actor", async () => {
  class Source {
    async *forever(): AsyncGenerator<number> {
      for (let i = 0; ; i++) yield i;
    }
  }
  const source = new (actor(Source))();
  const stream = source.forever();
  await (await stream.nextRef()).value;
  kill(source);
  expect((await upToError(stream)).error).toMatchObject({ code: "ACTOR_DIED" });
  expect((await failure(source.forever().nextRef())).code).toBe("ACTOR_DIED");
});

test("tasks read streams of tasks", async () => {
  const total = task(async (count: number) => {
    // The test runner would spell a literal name as a path of this machine.
    const name = "mobula";
    const { task } = (await import(name)) as typeof import("mobula");
    const inner = task(function* (end: number) {
      for (let i = 1; i <= end; i++) yield i;
    });
    let sum = 0;
    for await (const item of inner(count)) sum += item;
    const early = inner(1_000_000);
    for await (const item of early) if (item === 3) break;
    return sum;
  });
  expect(await get([total(10), total(40)])).toEqual([55, 820]);
});
