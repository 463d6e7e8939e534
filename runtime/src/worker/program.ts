/** What a worker process does: runs tasks, or becomes an actor, until the head ends it. */

import { adoptRuntime } from "../api/lifecycle.ts";
import { Runtime, type RuntimeHooks } from "../api/runtime.ts";
import { LocalEngine } from "../engine/local/local-engine.ts";
import { LogFile } from "../node/log-file.ts";
import { workerAddress, workerLogPath } from "../node/options.ts";
import type { TaskId } from "../protocol/ids.ts";
import { ActorHost } from "./actor-host.ts";
import { installCallTimers } from "./call-timers.ts";
import { CodeCache } from "./code-cache.ts";
import { DataServer } from "./data-server.ts";
import { enterEnvironment } from "./environment.ts";
import { Executor } from "./executor.ts";
import { showGpus, shownGpus } from "./gpus.ts";
import { clientId, link, options } from "./link.ts";
import { type Output, OutputCapture, type PrintingTask } from "./output-capture.ts";

const { workerId, directory, prepared } = options;
if (prepared !== undefined) enterEnvironment(prepared);

const engine = new LocalEngine(link, clientId);
const hooks: RuntimeHooks = {
  current: () => executor.current,
  onBlock: (taskId) => executor.block(taskId),
  onUnblock: (taskId) => executor.unblock(taskId),
  gpuIds: shownGpus,
  workerId: clientId,
  actor: () => actor.spec,
  exitActor: () => executor.leave(),
};
const runtime = new Runtime(engine, hooks, prepared?.environment);
adoptRuntime(runtime);
const codes = new CodeCache(engine.objects, runtime.codec.decodeHooks);
const actor: ActorHost = new ActorHost(engine, runtime.codec, codes);
const executor: Executor = new Executor(engine, runtime.codec, {
  functionOf: (running) => ("codeId" in running.call ? codes.get(running.call.codeId) : actor.methodOf(running)),
  onLeft: () => void leaveActor(),
});
const server = new DataServer(engine, executor, codes);

/** How long clients may take to accept the last results of an actor that exits. */
const DRAIN_MS = 10_000;

async function leaveActor(): Promise<void> {
  await server.drain(DRAIN_MS);
  if (actor.spec !== undefined) link.send({ type: "actor-exited", actorId: actor.spec.actorId });
}

/** For what is printed when no task runs: the driver shows it anyway. */
const nobody: PrintingTask = {
  name: "worker",
  execution: undefined,
  send: (output: Output) => link.send({ type: "worker-output", output }),
  flush: () => link.flush(),
};
const log = new LogFile(workerLogPath(directory, workerId));
const output = new OutputCapture(() => executor.current ?? nobody, log);
process.on("exit", () => output.flush());
output.install();
executor.useOutput(output);
installCallTimers(executor);

engine.observe({
  submitted: () => {},
  ended: () => {},
  // A nested task printed: pass it on towards the cell.
  output: (message) => {
    const { current } = executor;
    if (current === undefined || current.isOver) link.send({ type: "worker-output", output: message });
    else current.send(message);
  },
});
engine.onListing(() => Array.from(executor.running(), (running) => running.asListing()));
engine.onWorkerOrder((message) => {
  if (message.type === "become-actor") {
    if (message.gpuIds !== undefined) showGpus(message.gpuIds);
    void actor.start(message.spec, message.restarts, executor);
    return;
  }
  link.stopSeen(message.taskId);
  executor.stop(message.taskId, "cancelled", message.isRecursive);
});

// A terminal's Ctrl+C is for the driver; the head ends workers.
process.on("SIGINT", () => {});
process.on("unhandledRejection", (reason, promise) => {
  if (executor.debugged.takeRejection(promise, reason)) return;
  process.stderr.write(`Unhandled rejection in a worker: ${String((reason as Error)?.stack ?? reason)}\n`);
});

// What is done has a result, also when the next call ends the process: it goes out before the end.
process.on("exit", () => {
  output.flush();
  server.flush();
  link.endDebugging();
});

const address = workerAddress(directory, workerId);
await server.listen(address);
link.listen({
  onMessage: (message) => {
    engine.receive(message);
    // Not before: a task whose arguments lie in the arena could come first.
    if (message.type === "welcome") link.send({ type: "worker-ready", address, pid: process.pid });
  },
  onTimedOut: (taskId) => {
    link.stopSeen(taskId);
    executor.stop(taskId as TaskId, "timeout", true);
  },
  onTerminated: (taskId) => {
    executor.terminated(taskId as TaskId);
    server.flush();
  },
  // The control thread ends this process.
  onClosed: () => {},
});
