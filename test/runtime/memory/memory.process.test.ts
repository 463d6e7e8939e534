import { actor, cluster, get, hasCode, init, shutdown, task } from "mobula";
import { currentRuntime } from "mobula/internal";
import { afterEach, expect, it } from "vitest";
import { eventually } from "../../support/driver-program.ts";
import { expectSoundCluster, failureOf } from "../../support/sound-cluster.ts";

const MEBIBYTE = 1024 ** 2;
afterEach(() => shutdown());

const hog = task(
  async (megabytes: number, ms: number) => {
    const mine: Buffer[] = [];
    for (let n = 0; n < megabytes; n++) mine.push(Buffer.alloc(1024 ** 2, 1));
    await new Promise((resolve) => setTimeout(resolve, ms));
    return mine.length;
  },
  { name: "hog" },
);

it("a task that uses too much is ended and says by how much, and the others go on", async () => {
  await init({ cpus: 2, memoryLimitBytes: 900 * MEBIBYTE });
  const modest = task(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    return "modest";
  });
  const beside = modest();
  const failure = await failureOf(hog.with({ retries: 0, oomRetries: 0 })(1_500, 60_000));
  expect(failure).toMatchObject({
    code: "OUT_OF_MEMORY",
    running: "hog",
    message: expect.stringMatching(
      /the cluster uses .* of 900 MiB, more than 95 %; .* The largest: hog .* \(pid \d+\)/,
    ),
  });
  expect(await beside).toBe("modest");
  await expectSoundCluster();
});

it("tasks that are too large together are run again, one after the other", async () => {
  await init({ cpus: 2, memoryLimitBytes: 900 * MEBIBYTE });
  const outcomes: string[] = [];
  currentRuntime().engine.observe({
    submitted: () => {},
    ended: (_, name, outcome) => outcomes.push(`${name} ${outcome}`),
    output: () => {},
  });
  expect(await get([hog(450, 2_000), hog(450, 2_000)])).toEqual([450, 450]);
  expect(outcomes).toContain("hog retried");
  await expectSoundCluster();
});

it("an actor that uses too much is dead of that", async () => {
  await init({ cpus: 1, memoryLimitBytes: 600 * MEBIBYTE });
  const Hoarder = actor(
    class Hoarder {
      kept: Buffer[] = [];
      async take(megabytes: number): Promise<void> {
        for (let n = 0; n < megabytes; n++) this.kept.push(Buffer.alloc(1024 ** 2, 1));
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
    },
  );
  const failure = await failureOf(new Hoarder().take(800));
  expect(failure).toMatchObject({ code: "ACTOR_DIED", message: expect.stringMatching(/memory ran short/) });
  expect(hasCode(failure, "OUT_OF_MEMORY", { deep: true })).toBe(true);
});

it("a task that uses far more than it declared is warned of once", async () => {
  await init({ cpus: 2 });
  const warnings: string[] = [];
  currentRuntime().engine.observe({
    submitted: () => {},
    ended: () => {},
    output: ({ text }) => {
      if (/memoryBytes/.test(text)) warnings.push(text);
    },
  });
  const small = hog.with({ memoryBytes: 10 * MEBIBYTE, name: "small" });
  await get([small(300, 2_500), small(300, 2_500)]);
  expect(warnings).toEqual([
    expect.stringMatching(/'small' was declared with memoryBytes 10 MiB, and its process uses/),
  ]);
});

it("a full JavaScript heap is named as that", async () => {
  const before = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = "--max-old-space-size=60";
  try {
    await init({ cpus: 1 });
    const grow = task(
      () => {
        const kept: object[] = [];
        for (;;) kept.push({ n: kept.length, text: `text ${kept.length}` });
      },
      { name: "grow", retries: 0 },
    );
    const failure = await failureOf(grow());
    expect(failure).toMatchObject({
      code: "WORKER_CRASHED",
      reason: expect.stringMatching(/JavaScript heap was full \(signal SIGABRT\)/),
    });
    await expectSoundCluster();
  } finally {
    if (before === undefined) delete process.env["NODE_OPTIONS"];
    else process.env["NODE_OPTIONS"] = before;
  }
});

it("idle processes beyond one per CPU end after a while", async () => {
  await init({ cpus: 1 });
  const nest = task(async (depth: number): Promise<number> => {
    if (depth === 0) return 0;
    const { task: again } = await import("mobula");
    const leaf = again((n: number) => n, { name: "leaf" });
    const [below] = await Promise.all([leaf(depth), leaf(depth + 1)]);
    return below;
  });
  expect(await get([nest(3), nest(4)])).toEqual([3, 4]);
  await eventually(async () => (await cluster()).workers.length === 1, 15_000);
  expect((await cluster()).workers.length).toBe(1);
});
