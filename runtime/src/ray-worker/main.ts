/** The Node process beside a Ray worker; started by `runtime/python/mobula_ray/child.py` with the worker's first task. */
import { adoptRuntime } from "../api/lifecycle.ts";
import { Runtime, type RuntimeHooks } from "../api/runtime.ts";
import { VISIBLE_GPUS_VARIABLE } from "../node/gpu-ids.ts";
import { RAY_WORKER_VARIABLE, type RayOrder, type RayWorkerOptions } from "../protocol/ray.ts";
import { OutputCapture, type PrintingTask } from "../worker/output-capture.ts";
import { RayWorkerEngine } from "./ray-worker-engine.ts";
import { Runner } from "./runner.ts";
import { WorkerEnvironment } from "./worker-environment.ts";

const options = JSON.parse(process.env[RAY_WORKER_VARIABLE] ?? "{}") as RayWorkerOptions;
// Child processes of user code are no workers.
delete process.env[RAY_WORKER_VARIABLE];

const engine = new RayWorkerEngine(options);
const hooks: RuntimeHooks = {
  current: () => runner.current,
  onBlock: () => runner.block(),
  onUnblock: () => runner.unblock(),
  gpuIds,
  workerId: options.clientId,
  actor,
  exitActor: () => runner.leave(),
};
function actor(): ReturnType<RuntimeHooks["actor"]> {
  if (runner.actor === undefined) return undefined;
  const { actorId, actorName, resources, job = { jobId: options.clientId, namespace: "default" } } = runner.actor;
  return { actorId, resources, job, ...(actorName === undefined ? {} : { name: actorName }) };
}

/** Those that Ray gave to the task. */
function gpuIds(): readonly string[] {
  if ((runner.current?.resources["gpus"] ?? 0) === 0) return [];
  return (process.env[VISIBLE_GPUS_VARIABLE] ?? "").split(",").filter((id) => id !== "");
}

const { environment } = options;
const runtime = new Runtime(engine, hooks, environment);
adoptRuntime(runtime);

/** For what is printed before the first task. */
const nobody: PrintingTask = {
  name: "worker",
  execution: undefined,
  send: (output) => engine.report({ type: "output", output: { ...output, atMs: Date.now() } }),
  flush: () => engine.flush(),
};
const output = new OutputCapture(() => runner.current ?? nobody);
const runner: Runner = new Runner(engine, runtime.codec, output);
output.install();
const run = (order: RayOrder): void => runner.take(order);
const place = environment && new WorkerEnvironment(environment, (report) => engine.report(report));
engine.onOrder = place === undefined ? run : (order) => place.take(order, run);

// A terminal's Ctrl+C is for whoever started the cluster.
process.on("SIGINT", () => {});
process.on("unhandledRejection", (reason) => {
  process.stderr.write(`Unhandled rejection in a worker: ${String((reason as Error)?.stack ?? reason)}\n`);
});
process.on("exit", () => {
  output.flush();
  engine.flush();
});
// The thread that owns the connection does not hold the process; this does, until the shim is gone.
setInterval(() => {}, 2 ** 30);
