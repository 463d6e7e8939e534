import { cancel, cluster, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failure, sleep } from "../support/api-world.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2 }));
afterAll(() => shutdown());

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
});
