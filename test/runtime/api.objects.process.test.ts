import { cancel, cluster, get, init, put, shutdown, task, wait } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failure, sleep } from "../support/api-world.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2 }));
afterAll(() => shutdown());

describe("objects", () => {
  it("put and get small and large values", async () => {
    expect(await put({ a: [1, 2] })).toEqual({ a: [1, 2] });
    const large = new Float64Array(1e6).fill(3);
    const ref = put(large);
    large[0] = 9;
    const back = await ref;
    expect(back[0]).toBe(3);
    expect(back.length).toBe(1e6);
  });

  it("are seen by tasks without a copy, and a task's writes stay its own", async () => {
    const ref = put(new Float64Array(2e6).fill(1));
    const sum = task((values: Float64Array) => {
      const total = values.reduce((a, b) => a + b, 0);
      values[0] = 5;
      return total;
    });
    expect(await get([sum(ref), sum(ref)])).toEqual([2e6, 2e6]);
    const { objectStore } = await cluster();
    expect(objectStore.usedBytes).toBeLessThan(3 * 16e6);
  });

  it("come back large from tasks", async () => {
    const make = task((n: number) => new Float32Array(n).fill(2));
    const made = await make(5e6);
    expect([made.length, made.at(-1)]).toEqual([5e6, 2]);
  });

  it("travel as refs inside values, there and back", async () => {
    const inner = put(new Uint8Array(500_000).fill(4));
    const open = task(async (box: { ref: PromiseLike<Uint8Array> }) => (await box.ref)[9]);
    expect(await open({ ref: inner })).toBe(4);
    const wrap = task((value: PromiseLike<Uint8Array>[]) => ({ again: value[0] }));
    const { again } = await wrap([inner]);
    expect((await again)?.length).toBe(500_000);
  });

  it("can be waited for before they are there, in any process", async () => {
    const slow = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return 7;
    });
    const open = task(async (box: { ref: PromiseLike<number> }) => (await box.ref) + 1);
    expect(await open({ ref: slow() })).toBe(8);
  });

  it("are got together, in order, whatever arrives first", async () => {
    const after = task(async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    });
    const there = put("there");
    const inner = task(() => put("inside"));
    const refs = [after(60), there, after(1), inner(), after(30), there];
    expect(await get(refs)).toEqual([60, "there", 1, "inside", 30, "there"]);
    expect(await get(refs)).toEqual([60, "there", 1, "inside", 30, "there"]);
    expect(await get([])).toEqual([]);
  });

  it("got together fail with the first failure, while others are on their way", async () => {
    const slow = task(() => new Promise((resolve) => setTimeout(resolve, 20_000)), { cpus: 0 });
    const fails = task(() => {
      throw new RangeError("too far");
    });
    const waiting = slow();
    expect(await failure(get([put(1), waiting, fails()]))).toMatchObject({ code: "TASK_FAILED" });
    expect(await failure(get([put(1), waiting], { timeoutMs: 10 }))).toMatchObject({
      code: "GET_TIMEOUT",
      message: expect.stringContaining("1 of 2 objects"),
    });
    const stop = AbortSignal.abort(new Error("enough"));
    expect(await failure(get([put(1), waiting], { signal: stop }))).toMatchObject({ message: "enough" });
    cancel(waiting);
    expect(await failure(waiting)).toMatchObject({ code: "TASK_CANCELLED" });
  });

  it("give their memory back when they are disposed", async () => {
    await sleep(500);
    const before = (await cluster()).objectStore.usedBytes;
    for (let round = 0; round < 10; round++) {
      const ref = put(new Float64Array(5e6));
      ref[Symbol.dispose]();
      await sleep(1);
    }
    await sleep(100);
    expect((await cluster()).objectStore.usedBytes).toBeLessThanOrEqual(before);
  });

  it("say with numbers that the store is full", () => {
    expect(() => put(new Uint8Array(300 * 1024 ** 2))).toThrow(/no room for 300 MiB/);
  });

  it("wait gives those that are there, and the rest", async () => {
    const nap = task(async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    });
    const refs = [nap(600), nap(1)];
    const [ready, rest] = await wait(refs, { count: 1 });
    expect([ready, rest]).toEqual([[refs[1]], [refs[0]]]);
    expect((await wait(rest, { timeoutMs: 10 }))[0]).toEqual([]);
    expect((await failure(get(refs[0] as (typeof refs)[0], { timeoutMs: 10 }))).code).toBe("GET_TIMEOUT");
    await get(refs);
  });
});
