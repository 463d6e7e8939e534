import { actor, cancel, cluster, get, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { Counter, failure, sleep } from "../support/api-world.ts";
import { eventually, firstLine, startProgram } from "../support/driver-program.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 128 * 1024 ** 2 }));
afterAll(() => shutdown());

const CounterActor = actor(Counter);

/** What this process prints to stderr from now on. */
function printed(): () => string {
  let text = "";
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  return () => text;
}

describe("a task with numReturns", () => {
  it("gives a ref to each value, stored apart", async () => {
    const split = task((n: number) => [n, new Float64Array(n).fill(1), "end"], { numReturns: 3 });
    const [count, values, word] = split(3e6);
    expect(await count).toBe(3e6);
    expect(await word).toBe("end");
    const sum = task((list: string | number | Float64Array) => (list as Float64Array).reduce((a, b) => a + b, 0));
    expect(await sum(values)).toBe(3e6);
    const before = (await cluster()).objectStore.usedBytes;
    for (const ref of [count, values, word]) ref[Symbol.dispose]();
    expect(await eventually(async () => (await cluster()).objectStore.usedBytes <= before - 24e6, 3_000)).toBe(true);
  });

  it("fails all its refs with the user's error", async () => {
    const broken = task(
      (): [number, number] => {
        throw new RangeError("no pair");
      },
      { numReturns: 2 },
    );
    const errors = await Promise.all(broken().map((ref) => failure(ref)));
    expect(errors.map(({ message }) => message)).toEqual([
      "Task 'broken' failed: RangeError: no pair".replace("broken", errors[0]?.message.split("'")[1] ?? ""),
      errors[0]?.message,
    ]);
  });

  it("fails all its refs when it returns another number of values", async () => {
    const wrong = task((): number[] => [1, 2, 3], { numReturns: 2, name: "wrong" });
    for (const ref of wrong()) {
      expect((await failure(ref)).message).toMatch(/'wrong' has numReturns: 2.*returned an array of 3/);
    }
    const none = task((() => 7) as unknown as () => number[], { numReturns: 2, name: "none" });
    for (const ref of none()) expect((await failure(ref)).message).toMatch(/it returned no array \(number\)/);
  });

  it("is cancelled as a whole when one of its refs is", async () => {
    const slow = task(
      async (): Promise<[number, number]> => {
        await new Promise((resolve) => setTimeout(resolve, 10_000));
        return [1, 2];
      },
      { numReturns: 2 },
    );
    const refs = slow();
    await sleep(100);
    cancel(refs[1]);
    for (const ref of refs) expect((await failure(ref)).code).toBe("TASK_CANCELLED");
  });

  it("of 0 runs for its effect, and prints its failure", async () => {
    const text = printed();
    const counter = new CounterActor();
    const add = task(
      async (target: { add(k: number): PromiseLike<number> }, k: number) => {
        if (k < 0) throw new RangeError("only upwards");
        await target.add(k);
      },
      { numReturns: 0, name: "bump" },
    );
    expect(add(counter, 5)).toEqual([]);
    add(counter, -1);
    expect(await eventually(async () => (await counter.add(0)) === 5, 5_000)).toBe(true);
    expect(await eventually(() => text().includes("only upwards"), 5_000)).toBe(true);
    expect(text()).toMatch(/Nobody waits for this failure: Task 'bump' failed: RangeError: only upwards/);
  });

  it("keeps what it has made when another process asks for it", async () => {
    const split = task((): [number, Uint8Array] => [1, new Uint8Array(300_000).fill(7)], { numReturns: 2 });
    const open = task(async (box: { refs: [PromiseLike<number>, PromiseLike<Uint8Array>] }) => {
      const [one, bytes] = await Promise.all(box.refs);
      return one + (bytes[299_999] ?? 0);
    });
    expect(await open({ refs: split() })).toBe(8);
  });
});

describe("streams", () => {
  it("are ahead of their reader by the window, no more", async () => {
    const counter = new CounterActor();
    const endless = task(
      async function* (made: { add(k: number): PromiseLike<number> }) {
        for (let i = 0; ; i++) {
          await made.add(1);
          yield i;
        }
      },
      { streamWindow: 3 },
    );
    const stream = endless(counter);
    for (let i = 0; i < 2; i++) await (await stream.nextRef()).value;
    await sleep(300);
    // Two are taken, three wait, and the next one is held back.
    expect(await counter.add(0)).toBe(5);
    stream.close();
    expect(() => task(() => 1, { streamWindow: 0 })).toThrow(/streamWindow must be a whole number from 1/);
  });
});

describe("a task whose worker dies", () => {
  it("runs again after growing pauses, and says why", async () => {
    const text = printed();
    const counter = new CounterActor();
    const fragile = task(
      async (runs: { add(k: number): PromiseLike<number> }) => {
        if ((await runs.add(1)) < 4) process.exit(9);
        return "survived";
      },
      { name: "fragile", retries: 5 },
    );
    expect(await fragile(counter)).toBe("survived");
    expect(text()).toMatch(/'fragile' runs again \(attempt 2 of 6\): its worker ended: exit code 9/);
    // Runs that follow within a second share a line; on a busy machine they are further apart.
    expect(await eventually(() => /\d more runs? of 'fragile' again|attempt 4 of 6/.test(text()), 5_000)).toBe(true);
  });

  it("runs again without limit with retries: -1", async () => {
    printed();
    const counter = new CounterActor();
    const stubborn = task(
      async (runs: { add(k: number): PromiseLike<number> }) => {
        if ((await runs.add(1)) < 6) process.exit(9);
        return "at last";
      },
      { name: "stubborn", retries: -1 },
    );
    expect(await stubborn(counter)).toBe("at last");
    expect(() => task(() => 1, { retries: -2 })).toThrow(RangeError);
  });

  it("is not run again when it was cancelled between two runs", async () => {
    printed();
    const counter = new CounterActor();
    const dies = task(
      async (runs: { add(k: number): PromiseLike<number> }) => {
        await runs.add(1);
        process.exit(9);
      },
      { retries: 20 },
    );
    const ref = dies(counter);
    await eventually(async () => (await counter.add(0)) >= 3, 10_000);
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    const runs = await counter.add(0);
    await sleep(1_500);
    expect(await counter.add(0)).toBe(runs);
  });
});

describe("nested tasks", () => {
  it("reach depth 50 with one CPU", async () => {
    const child = startProgram("nested", "1", "50", "6");
    expect(JSON.parse(await firstLine(child))).toEqual({ chain: 50, tree: 8 });
  });

  it("go through actors that await tasks", async () => {
    const Relay = actor(
      class Relay {
        async sum(n: number): Promise<number> {
          const square = task((k: number) => k * k);
          const squares = await Promise.all(Array.from({ length: n }, (_, k) => square(k)));
          return squares.reduce((a, b) => a + b, 0);
        }
      },
      { cpus: 0.5, maxConcurrency: 1 },
    );
    const relays = [new Relay(), new Relay()];
    const ask = task(async (relay: { sum(n: number): PromiseLike<number> }) => await relay.sum(10));
    expect(await get(relays.map((relay) => ask(relay)))).toEqual([285, 285]);
  });
});
