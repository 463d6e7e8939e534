// One row of what must not grow: prints [{ "row", "unit", "value" }, …] as JSON. Each in a process of its own.
import { actor, cluster, get, init, put, shutdown, task } from "mobula";
import { residentMegabytes, withPeak } from "../lib/process-tree.mjs";

const [measurement, cpusText] = process.argv.slice(2);
const cpus = Number(cpusText);

const MEASUREMENTS = { queued, calls, refs, churn, "churn-collected": churnCollected };
const GIGABYTE = 1024 ** 3;

console.log(JSON.stringify(await MEASUREMENTS[measurement]()));

/** A million tasks submitted at once; what is left of them when all are over and forgotten. */
async function queued() {
  const count = 1_000_000;
  await init({ cpus });
  const one = task(() => 1, { name: "one" });
  await one();
  await settleDown();
  const before = residentMegabytes();
  const start = performance.now();
  const { peak } = await withPeak(async (look) => {
    let refs = Array.from({ length: count }, () => one());
    look();
    const total = (await get(refs)).reduce((sum, value) => sum + value, 0);
    if (total !== count) throw new Error(`${count} tasks gave ${total}`);
    refs = undefined;
  });
  const seconds = (performance.now() - start) / 1000;
  await settleDown();
  const heap = process.memoryUsage().heapUsed;
  const { objects } = (await cluster()).objectStore;
  await shutdown();
  if (objects > 0) throw new Error(`${objects} objects are left`);
  return [
    { row: "1M-tasks", unit: "s", value: seconds },
    { row: "1M-tasks-peak", unit: "MB", value: peak },
    { row: "1M-tasks-each", unit: "B", value: ((peak - before) * 1e6) / count },
    { row: "1M-tasks-left", unit: "MB", value: heap / 1e6 },
  ];
}

/** So many calls of one actor under way. */
async function calls() {
  await init({ cpus });
  const Counter = actor(
    class Counter {
      n = 0;
      add() {
        return ++this.n;
      }
    },
  );
  const counter = new Counter();
  await counter.add();
  const start = performance.now();
  const { value, peak } = await withPeak(async () => get(Array.from({ length: 10_000 }, () => counter.add())));
  const elapsed = performance.now() - start;
  if (value.some((n, index) => n !== index + 2)) throw new Error("calls of an actor came out of order");
  await shutdown();
  return [
    { row: "10k-actor-calls", unit: "ms", value: elapsed },
    { row: "10k-actor-calls-peak", unit: "MB", value: peak },
  ];
}

async function refs() {
  await init({ cpus });
  const values = Array.from({ length: 10_000 }, (_, index) => put({ index }));
  const start = performance.now();
  const { value, peak } = await withPeak(() => get(values));
  const elapsed = performance.now() - start;
  if (value.some(({ index }, at) => index !== at)) throw new Error("get gave values out of order");
  await shutdown();
  return [
    { row: "get-10k-refs", unit: "ms", value: elapsed },
    { row: "get-10k-refs-peak", unit: "MB", value: peak },
  ];
}

/** 100 GB through a store of 1 GB, each array let go of before the next. */
async function churn() {
  return await churned("churn-100GB", (ref) => ref[Symbol.dispose]());
}

/** The same, with what is let go of found by the garbage collector. */
async function churnCollected() {
  return await churned("churn-100GB-collected", () => {});
}

async function churned(row, letGo) {
  await init({ cpus, objectStoreBytes: GIGABYTE });
  const big = new Uint8Array(100_000_000).fill(7);
  const start = performance.now();
  const { peak } = await withPeak(async () => {
    for (let round = 0; round < 1_000; round++) {
      const ref = put(big);
      if (round % 100 === 0 && (await ref)[99_999_999] !== 7) throw new Error("an array came back changed");
      letGo(ref);
      // A program that never waits hears of nothing; one that puts arrays does something with them.
      await new Promise(setImmediate);
    }
  });
  const seconds = (performance.now() - start) / 1000;
  await shutdown();
  return [
    { row, unit: "s", value: seconds },
    { row: `${row}-peak`, unit: "MB", value: peak },
  ];
}

/** Collect, and let what was collected be told and released. */
async function settleDown() {
  for (let round = 0; round < 5; round++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
