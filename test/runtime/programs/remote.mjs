// A driver of a cluster on «another machine»: has an actor and a running task, reports, and then stays, exits or just ends.
// Arguments: address, token, "stay" | "exit" | "end", lease in ms.
import { actor, init, task } from "../../../runtime/dist/index.js";
import { RemoteEngine } from "../../../runtime/dist/internal.js";

const [, , address, token, mode, leaseMs] = process.argv;
await init({ address, token, ...(leaseMs === undefined ? {} : { leaseMs: Number(leaseMs) }) });
const holder = globalThis[Symbol.for("mobula.runtime")];
const { engine } = holder.runtime;
if (!(engine instanceof RemoteEngine)) throw new Error("this is no remote driver");
const Keeper = actor(
  class {
    pid() {
      return process.pid;
    }
  },
);
const keeper = new Keeper();
const actorPid = await keeper.pid();
const taskPid = await task(() => process.pid)();
if (mode === "stay") {
  const endless = task(() => new Promise(() => {}));
  globalThis.kept = [keeper, endless()];
}
process.stdout.write(`${JSON.stringify({ clientId: engine.clientId, pid: process.pid, actorPid, taskPid })}\n`);
if (mode === "exit") process.exit(0);
