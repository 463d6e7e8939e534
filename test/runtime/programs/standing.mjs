// A driver that has started everything there is to leave behind, prints the pids of its cluster, and stays.
import { actor, cluster, get, init, put, task } from "mobula";

await init({ cpus: 2 });
const spin = task(() => {
  for (;;);
});
spin();
const Idle = actor(
  class Idle {
    pid() {
      return process.pid;
    }
  },
);
const idle = new Idle();
await get(idle.pid());
globalThis.kept = [idle, put(new Float64Array(1e6))];
const { pid, workers, objectStore } = await cluster();
const pids = workers.map((worker) => worker.pid).filter((pid) => pid > 0);
process.stdout.write(`${JSON.stringify({ head: pid, pids, arena: objectStore.directory })}\n`);
if (process.argv[2] === "spin") for (;;);
if (process.argv[2] === "exit") process.exit(0);
if (process.argv[2] === "throw") throw new RangeError("the driver's own mistake");
if (process.argv[2] === "reject") void Promise.reject(new RangeError("the driver's own mistake"));
if (process.argv[2] === "abort") process.abort();
setInterval(() => {}, 1_000);
