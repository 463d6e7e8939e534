// Clusters made and ended in unusual orders. Prints one line per world, "ok" or what went wrong.
import { isMainThread, Worker } from "node:worker_threads";
import { actor, cluster, init, put, shutdown, task } from "mobula";

const add = task((a, b) => a + b);
const same = (got, wanted) => (JSON.stringify(got) === JSON.stringify(wanted) ? "ok" : `got ${JSON.stringify(got)}`);
const codeOf = (promise) =>
  promise.then(
    () => "no error",
    (error) => error.code ?? String(error),
  );

const worlds = {
  async "shutdown twice"() {
    await init({ cpus: 1 });
    const value = await add(1, 2);
    await Promise.all([shutdown(), shutdown()]);
    await shutdown();
    return same(value, 3);
  },
  async "init during shutdown"() {
    await init({ cpus: 1 });
    await add(1, 2);
    const first = (await cluster()).pid;
    const ending = shutdown();
    await init({ cpus: 2 });
    await ending;
    const second = await cluster();
    const value = await add(1, 2);
    await shutdown();
    return same([value, second.resources.cpus.total, second.pid !== first], [3, 2, true]);
  },
  async "five clusters in sequence"() {
    const got = [];
    for (let n = 0; n < 5; n++) {
      await init({ cpus: 1 + (n % 2) });
      got.push(await add(n, 1));
      await shutdown();
    }
    return same(got, [1, 2, 3, 4, 5]);
  },
  async "refs and handles of an earlier cluster"() {
    await init({ cpus: 1 });
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
    const ref = add(1, 2);
    await ref;
    const large = put(new Float64Array(1e5));
    await shutdown();
    await init({ cpus: 1 });
    const outcomes = [
      await codeOf((async () => counter.add())()),
      await codeOf((async () => add(ref, 1))()),
      await codeOf((async () => add(large, 1))()),
    ];
    await shutdown();
    return outcomes.includes("no error") || outcomes.some((code) => !/^[A-Z_]+$/.test(code))
      ? JSON.stringify(outcomes)
      : "ok";
  },
  async "calls while it shuts down"() {
    await init({ cpus: 1 });
    const slow = task(() => new Promise(() => {}));
    const refs = [slow(), slow()];
    const ended = Promise.all(refs.map((ref) => codeOf(ref)));
    await shutdown();
    return same(await ended, ["ENGINE_CLOSED", "ENGINE_CLOSED"]);
  },
  async "shutdown at once after init"() {
    const starting = codeOf(init({ cpus: 1 }));
    await shutdown();
    const outcome = await starting;
    return outcome === "ENGINE_CLOSED" || outcome === "no error" ? "ok" : outcome;
  },
  async "a process that is older than a connection may take"() {
    await new Promise((resolve) => setTimeout(resolve, 15_500 - performance.now()));
    await init({ cpus: 1 });
    const value = await add(1, 2);
    await shutdown();
    return same(value, 3);
  },
  async "a cluster in a thread"() {
    const thread = new Worker(new URL(import.meta.url), { argv: ["in-thread"] });
    const said = await new Promise((resolve, reject) => {
      thread.once("message", resolve);
      thread.once("error", reject);
    });
    const terminated = new Worker(new URL(import.meta.url), { argv: ["in-thread"] });
    await new Promise((resolve) => terminated.once("message", resolve));
    await terminated.terminate();
    return same(said, [3, 1]);
  },
};

if (isMainThread) {
  for (const [name, world] of Object.entries(worlds)) console.log(JSON.stringify([name, await world()]));
} else {
  const { parentPort } = await import("node:worker_threads");
  await init({ cpus: 1 });
  parentPort.postMessage([await add(1, 2), (await cluster()).resources.cpus.total]);
}
