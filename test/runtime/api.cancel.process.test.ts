import { actor, cancel, cluster, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Counter, failure, sleep } from "../support/api-world.ts";
import { eventually } from "../support/driver-program.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2 }));
afterAll(() => shutdown());

const CounterActor = actor(Counter);

describe("cancel", () => {
  it("drops a task that waits, and rejects its ref", async () => {
    const nap = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    const refs = [nap(), nap(), nap()];
    cancel(refs[2] as (typeof refs)[0]);
    const outcomes = await Promise.allSettled(refs);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });

  it("aborts the signal of a task that runs", async () => {
    const listens = task(async () => {
      const holder = globalThis as Record<symbol, { runtime: { current: { signal: AbortSignal } } }>;
      const signal = holder[Symbol.for("mobula.runtime")]?.runtime.current.signal;
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    });
    const ref = listens();
    await sleep(200);
    const start = performance.now();
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    expect(performance.now() - start).toBeLessThan(450);
  });

  it("stops code that spins, and its worker lives on", async () => {
    const spin = task(() => {
      for (;;);
    });
    const pid = task(() => process.pid);
    const before = (await cluster()).workers.map((worker) => worker.pid);
    for (let round = 0; round < 3; round++) {
      const ref = spin();
      await sleep(100);
      cancel(ref);
      expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    }
    expect(before).toContain(await pid());
  });

  it("ends code that goes on in the background", async () => {
    const stubborn = task(async () => {
      for (;;) await new Promise((resolve) => setTimeout(resolve, 10));
    });
    const ref = stubborn();
    await sleep(100);
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
  });

  it("kills the process when forced, and does not retry", async () => {
    const spin = task(() => {
      for (;;);
    });
    const ref = spin();
    await sleep(200);
    cancel(ref, { force: true });
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
  });

  it("follows a signal that the task was given", async () => {
    const controller = new AbortController();
    const nap = task(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      },
      { signal: controller.signal },
    );
    const ref = nap();
    controller.abort();
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
  });

  it("works from a process that did not submit the task", async () => {
    const nap = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20_000));
    });
    const stop = task(async (box: { ref: unknown }) => {
      const { cancel: end } = await import("mobula");
      end(box.ref as Parameters<typeof cancel>[0]);
    });
    const ref = nap();
    await sleep(100);
    await stop({ ref });
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    // And the other way round: a task submits, the driver cancels.
    const submit = task(() => ({ ref: nap() }));
    const { ref: theirs } = await submit();
    await sleep(100);
    cancel(theirs);
    expect((await failure(theirs)).code).toBe("TASK_CANCELLED");
  });

  it("goes through nested tasks and actor calls", async () => {
    const counter = new CounterActor();
    const leaf = task(async (ended: { add(k: number): PromiseLike<number> }) => {
      const { context } = await import("mobula");
      const { signal } = context();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await ended.add(1);
    });
    const Holder = actor(
      class Holder {
        async hold(ended: { add(k: number): PromiseLike<number> }): Promise<void> {
          const { context } = await import("mobula");
          const { signal } = context();
          await Promise.all([leaf(ended), new Promise((resolve) => signal.addEventListener("abort", resolve))]);
        }
      },
    );
    const root = task(
      async (holder: { hold(ended: unknown): PromiseLike<void> }, ended: { add(k: number): PromiseLike<number> }) => {
        await Promise.all([leaf(ended), holder.hold(ended)]);
      },
    );
    const ref = root(new Holder(), counter);
    const isRunning = async (): Promise<boolean> =>
      (await cluster()).workers.filter(({ state }) => state === "running" || state === "blocked").length >= 3;
    expect(await eventually(isRunning, 5_000)).toBe(true);
    await sleep(200);
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    expect(await eventually(async () => (await counter.add(0)) === 2, 3_000)).toBe(true);
  });

  it("drops a task that waits for its arguments, and one that stands behind another in its worker", async () => {
    const nap = task(async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    });
    const late = nap(1_000);
    const waits = nap(late);
    cancel(waits);
    expect((await failure(waits)).code).toBe("TASK_CANCELLED");
    expect(await late).toBe(1_000);
    const work = task((ms: number) => {
      const end = Date.now() + ms;
      while (Date.now() < end);
      return ms;
    });
    // Known to be short, so that many go to one worker at a time; then one that is not.
    await Promise.all(Array.from({ length: 200 }, () => work(0)));
    const refs = [3_000, 3_000, 0, 0, 0, 0].map((ms) => work(ms));
    await sleep(50);
    const start = performance.now();
    for (const ref of refs.slice(2)) cancel(ref);
    const outcomes = await Promise.allSettled(refs.slice(2));
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    expect(performance.now() - start).toBeLessThan(2_000);
    for (const ref of refs.slice(0, 2)) cancel(ref);
    await Promise.allSettled(refs);
    // The places of the dropped ones are free again.
    expect(await Promise.all([work(1), work(2), work(3)])).toEqual([1, 2, 3]);
  });

  it("ends the stream of a nested task with its consumer", async () => {
    const counter = new CounterActor();
    const consume = task(async (made: { add(k: number): PromiseLike<number> }) => {
      const produce = task(async function* (count: { add(k: number): PromiseLike<number> }) {
        for (;;) yield await count.add(1);
      });
      for await (const _ of produce(made));
    });
    const ref = consume(counter);
    expect(await eventually(async () => (await counter.add(0)) > 5, 5_000)).toBe(true);
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    await sleep(300);
    const made = await counter.add(0);
    await sleep(300);
    expect(await counter.add(0)).toBe(made);
  });
});
