// One run of the core suite on Mobula: prints {"row": {"value", "result"}} as JSON. Definitions as in Ray's microbenchmark.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { actor, get, init, put, shutdown, task, wait } from "mobula";

const CPUS = Number(process.argv[2]);
const WINDOW_MS = Number(process.argv[3]);

const coldStart = performance.now();
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

/** Calls of `work` in a window after a warm-up of a quarter of it, times `multiplier`, per second. */
async function rate(multiplier, work) {
  const warmUntil = performance.now() + WINDOW_MS / 4;
  let result;
  do result = await work();
  while (performance.now() < warmUntil);
  const start = performance.now();
  let calls = 0;
  let elapsed;
  do {
    await work();
    calls++;
    elapsed = performance.now() - start;
  } while (elapsed < WINDOW_MS);
  return { value: (multiplier * calls * 1000) / elapsed, result };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** Resident memory of this program's process tree, shared pages counted once per process that touched them. */
function residentMegabytes() {
  const parents = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(pid), Number(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ")[1]));
    } catch {
      // ended meanwhile
    }
  }
  const isOurs = (pid) => pid !== undefined && pid > 1 && (pid === process.pid || isOurs(parents.get(pid)));
  const pages = [...parents.keys()]
    .filter(isOurs)
    .map((pid) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]));
  const pageSize = Number(spawnSync("getconf", ["PAGESIZE"], { encoding: "utf8" }).stdout);
  return (sum(pages) * pageSize) / 1e6;
}
