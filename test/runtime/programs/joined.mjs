// A driver of a standing cluster: an actor, a task that runs until it is stopped, an object; then what `mode` says.
import { actor, get, hasCode, init, put, shutdown, task } from "mobula";

const [mode = "stay"] = process.argv.slice(2);
await init({ address: "auto", name: mode });
const Keeper = actor(
  class Keeper {
    pid() {
      return process.pid;
    }
    say(text) {
      console.log(text);
    }
  },
  { name: `keeper of ${process.pid}`, cpus: 0 },
);
const keeper = new Keeper();
const sleeper = task(
  async function* sleeper() {
    yield process.pid;
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  },
  { cpus: 0.1 },
);
const running = sleeper()[Symbol.asyncIterator]();
const first = await running.next();
globalThis.kept = [keeper, running, put(new Float64Array(1e6))];
const { engine } = globalThis[Symbol.for("mobula.runtime")].runtime;
const report = {
  pid: process.pid,
  clientId: engine.clientId,
  actorPid: await get(keeper.pid()),
  taskPid: first.value,
  viewAddress: engine.viewAddress,
};
process.stdout.write(`${JSON.stringify(report)}\n`);

if (mode === "exit") process.exit(0);
if (mode === "shutdown") await shutdown();
else if (mode === "spin") for (;;);
else if (mode === "print") {
  await keeper.say(`hello of ${process.pid}`);
  setInterval(() => {}, 1_000);
} else if (mode === "closed") {
  const pending = running.next();
  const error = await pending.then(
    () => undefined,
    (reason) => reason,
  );
  process.stdout.write(`${hasCode(error, "ENGINE_CLOSED")} ${error?.message}\n`);
} else if (mode === "share") {
  // Short tasks until this driver is ended: how many are done, once in a while.
  const spin = task(function share() {
    const end = performance.now() + 20;
    while (performance.now() < end);
  });
  let done = 0;
  setInterval(() => process.stdout.write(`${JSON.stringify({ done })}\n`), 200);
  for (;;) {
    const refs = Array.from({ length: 50 }, () => spin());
    await get(refs);
    done += refs.length;
  }
} else setInterval(() => {}, 1_000);
