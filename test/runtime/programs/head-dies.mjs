// A driver whose head is killed under it: says what became of its calls, and goes on with a new cluster.
import { actor, cluster, init, put, task } from "mobula";

await init({ cpus: 2 });
const spin = task(() => {
  for (;;);
});
const Idle = actor(
  class Idle {
    ping() {
      return 1;
    }
  },
);
const idle = new Idle();
await idle.ping();
const stored = put(new Float64Array(1e6));
const running = spin();
const waiting = [spin(), spin(), spin()];
const { pid, objectStore } = await cluster();
const codeOf = (promise) =>
  promise.then(
    () => "no error",
    (error) => `${error.code} ${error.message}`,
  );
const before = performance.now();
const codes = Promise.all([running, ...waiting].map((ref) => codeOf(ref)));
process.kill(pid, "SIGKILL");
// Blocks this thread until the head answers; nobody does.
const allocated = await codeOf((async () => put(new Float64Array(1e6)))());
const outcomes = await codes;
const tookMs = performance.now() - before;
const later = await codeOf((async () => idle.ping())());
const old = await codeOf(stored.then((value) => value));
const next = await task((n) => n + 1)(1);
const second = await cluster();
console.log(
  JSON.stringify({
    outcomes,
    tookMs,
    allocated,
    later,
    old,
    next,
    isNew: second.pid !== pid,
    arenas: [objectStore.directory, second.objectStore.directory],
  }),
);
