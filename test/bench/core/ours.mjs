// One run of the core suite on Mobula: prints {"row": {"value", "result"}} as JSON. Definitions as in Ray's microbenchmark.
import { residentMegabytes } from "../lib/process-tree.mjs";
import { checkOf, PAYLOAD, PAYLOADS, rate as rateIn, sum } from "../lib/rate.mjs";

const CPUS = Number(process.argv[2]);
const WINDOW_MS = Number(process.argv[3]);
const rate = (multiplier, work) => rateIn(WINDOW_MS, multiplier, work);

// From nothing loaded to the first result, as on Ray's side.
const coldStart = performance.now();
const { actor, get, init, put, shutdown, task, wait } = await import("mobula");
await init({ cpus: CPUS });
const one = task(() => 1, { name: "one" });
const first = await one();
const rows = { "cold-start": { value: performance.now() - coldStart, result: first } };
await new Promise((resolve) => setTimeout(resolve, 1000));
rows["idle-memory"] = { value: residentMegabytes(), result: null };

const Counter = actor(
  class Counter {
    n = 0;
    one() {
      return 1;
    }
  },
);

rows["task-sync"] = await rate(1, async () => await one());
rows["task-async"] = await rate(1000, async () => sum(await get(Array.from({ length: 1000 }, () => one()))));

const echo = task((payload) => payload, { name: "echo" });
rows["task-1MB-sync"] = await rate(1, async () => {
  const ref = echo(PAYLOAD);
  const check = checkOf(await ref);
  ref[Symbol.dispose]();
  return check;
});
rows["task-1MB-async"] = await rate(PAYLOADS, async () => {
  const refs = Array.from({ length: PAYLOADS }, () => echo(PAYLOAD));
  const check = sum((await get(refs)).map(checkOf));
  for (const ref of refs) ref[Symbol.dispose]();
  return check;
});

const counter = new Counter();
rows["actor-sync"] = await rate(1, async () => await counter.one());
rows["actor-async"] = await rate(1000, async () => sum(await get(Array.from({ length: 1000 }, () => counter.one()))));

const others = Array.from({ length: CPUS }, () => new Counter());
const callAll = task(
  async (targets) => {
    const refs = Array.from({ length: 1000 }, (_, index) => targets[index % targets.length].one());
    return (await get(refs)).reduce((total, value) => total + value, 0);
  },
  { name: "callAll", cpus: 0 },
);
rows["actor-nn"] = await rate(1000 * CPUS, async () =>
  sum(await get(Array.from({ length: CPUS }, () => callAll(others)))),
);

rows["put-small"] = await rate(1, async () => (put(0), 1));
const zero = put(0);
rows["get-small"] = await rate(1, async () => await get(zero));

const big = new Uint8Array(100_000_000).fill(7);
let last;
rows["put-100MB"] = await rate(0.1, async () => {
  // Ray counts references and frees the last array here; JavaScript would wait for the garbage collector.
  last?.[Symbol.dispose]();
  last = put(big);
  return big.length;
});
rows["put-100MB"].result = (await get(last))[99_999_999];

rows["wait-1k"] = await rate(1, async () => {
  let pending = Array.from({ length: 1000 }, () => one());
  let done = 0;
  while (pending.length > 0) {
    const [ready, rest] = await wait(pending, { count: 1 });
    done += ready.length;
    pending = rest;
  }
  return done;
});

await shutdown();
console.log(JSON.stringify(rows));
