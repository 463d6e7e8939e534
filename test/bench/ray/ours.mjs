// One run of the Ray suite on Mobula as a driver of the cluster: prints {"row": {"value", "result"}} as JSON.
import { setTimeout } from "node:timers/promises";
import { actor, get, init, put, shutdown, task, wait } from "mobula";
import { rate as rateIn, sum } from "../lib/rate.mjs";

const [WINDOW_MS, SETTLE_MS] = process.argv.slice(2).map(Number);
const rate = (multiplier, work) => rateIn(WINDOW_MS, multiplier, work);

await init({ address: process.env.RAY_DASHBOARD_ADDRESS });
const one = task(() => 1, { name: "one", cpus: 1 });
const Counter = actor(
  class Counter {
    one() {
      return 1;
    }
  },
  { cpus: 0, maxConcurrency: 1 },
);
const count = task(
  function* (end) {
    for (let i = 0; i < end; i++) yield i;
  },
  { name: "count", cpus: 1 },
);
await get(Array.from({ length: 1000 }, () => one()));
await setTimeout(SETTLE_MS);
const rows = {};

rows["task-sync"] = await rate(1, async () => await one());
rows["task-async"] = await rate(1000, async () => sum(await get(Array.from({ length: 1000 }, () => one()))));
const counter = new Counter();
rows["actor-sync"] = await rate(1, async () => await counter.one());
rows["actor-async"] = await rate(1000, async () => sum(await get(Array.from({ length: 1000 }, () => counter.one()))));

rows["put-small"] = await rate(100, async () => {
  const refs = Array.from({ length: 100 }, () => put(0));
  // Ray's put returns when the value is stored; this one returns before.
  const [stored] = await wait(refs, { count: refs.length });
  return stored.length;
});
const zero = put(0);
rows["get-small"] = await rate(1, async () => await get(zero));

const big = new Uint8Array(100_000_000).fill(7);
let last;
rows["put-100MB"] = await rate(0.1, async () => {
  // Ray counts references and frees the last array here; JavaScript would wait for the garbage collector.
  last?.[Symbol.dispose]();
  last = put(big);
  await wait([last]);
  return big.length;
});
const lastOf = task((bytes) => bytes.at(-1), { name: "lastOf", cpus: 1 });
rows["put-100MB"].result = await lastOf(last);
last[Symbol.dispose]();

rows["stream-items"] = await rate(1000, async () => {
  let total = 0;
  for await (const item of count(1000)) total += item;
  return total;
});

await shutdown();
console.log(JSON.stringify(rows));
