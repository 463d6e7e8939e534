/** Worker processes: when they start, what they hold, and when they end. */
import { type ClientId, type WorkerId, workerIdOf } from "../protocol/ids.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";
import { giveBack, type Holding, letGo, take } from "./resources.ts";
import { assign } from "./scheduler.ts";
import type { CoreEffect, CoreEvent, CoreState, WorkerRecord } from "./state.ts";

/** Idle workers beyond one per CPU, and those of other environments than the default, live this long. */
const SPARE_WORKER_IDLE_MS = 3_000;
/** Processes that start at the same time, beside one per CPU. */
const EXTRA_STARTING = 2;

/**
 * Start processes for wishes without one, those that start already included.
 *
 * @param unhosted - how many, by environment.
 * @param unused - idle workers that serve no wish.
 * @param waiting - one who waits, to be told when there may be no more processes.
 */
export function startWorkers(
  state: CoreState,
  unhosted: ReadonlyMap<string, number>,
  unused: readonly WorkerRecord[],
  waiting: ClientId | undefined,
): CoreEffect[] {
  const effects: CoreEffect[] = [];
  for (const [environmentId, wanted] of unhosted) {
    const starting = [...state.workers.values()].filter((worker) => worker.work.state === "starting");
    const startingHere = starting.filter((worker) => worker.environmentId === environmentId).length;
    const count = Math.min(wanted - startingHere, warmWorkers(state) + EXTRA_STARTING - starting.length);
    if (count <= 0) continue;
    const room = Math.max(0, state.maxWorkers - state.workers.size);
    effects.push(...makeRoom(state, unused, count, count - room));
    if (room < count) effects.push(...tellOfLimit(state, waiting));
    effects.push(...addWorkers(state, Math.min(count, room), environmentId));
  }
  return effects;
}

/** Idle workers that are kept. */
function warmWorkers(state: CoreState): number {
  return Math.ceil((state.total["cpus"] ?? 0) / 10_000);
}

/** Can the process do work of the default environment, on no GPU or any? */
function isCommon(worker: WorkerRecord): boolean {
  return worker.environmentId === "" && worker.gpuKey === undefined;
}

/**
 * End idle workers of environments and GPUs that nobody asks for now, beyond one per CPU; any idle one when there may
 * be no more processes.
 *
 * @param missing - processes too many, if all were started.
 */
function makeRoom(state: CoreState, unused: readonly WorkerRecord[], count: number, missing: number): CoreEffect[] {
  const idle = unused.filter(({ work }) => work.state === "idle");
  const special = idle.filter((worker) => !isCommon(worker));
  const tooMany = special.length + count - warmWorkers(state);
  const stopping = [...state.workers.values()].filter(({ work }) => work.state === "stopping").length;
  const ended = [...special, ...idle.filter(isCommon)].slice(
    0,
    Math.max(Math.min(tooMany, special.length), missing - stopping, 0),
  );
  return ended.flatMap((worker) => stopWorker(worker));
}

function tellOfLimit(state: CoreState, to: ClientId | undefined): CoreEffect[] {
  if (state.isMaxTold || to === undefined) return [];
  state.isMaxTold = true;
  const text =
    `There are ${state.workers.size} worker processes, as many as this machine's memory allows: ` +
    "further tasks and actors wait. Give tasks more cpus, or end actors that are not needed.\n";
  const output = { type: "output", stream: "stderr", text, source: "mobula", pid: 0 } as const;
  return [{ type: "send", to, message: { type: "output", output } }];
}

export function addWorkers(state: CoreState, count: number, environmentId = ""): CoreEffect[] {
  const environment = state.environments.get(environmentId)?.environment;
  return Array.from({ length: count }, () => {
    const workerId = workerIdOf(state.nextWorker++);
    state.workers.set(workerId, {
      workerId,
      pid: 0,
      address: "",
      work: { state: "starting" },
      holding: undefined,
      environmentId,
      gpuKey: undefined,
      tasksFinished: 0,
      running: undefined,
      lastJobId: undefined,
    });
    return { type: "start-worker", workerId, ...(environment === undefined ? {} : { environment }) };
  });
}

export function joinWorker(state: CoreState, event: Extract<CoreEvent, { type: "worker-joined" }>): CoreEffect[] {
  const worker = state.workers.get(event.workerId);
  if (worker?.work.state !== "starting") return [];
  const environment = state.environments.get(worker.environmentId);
  if (environment !== undefined) environment.startFailures = 0;
  else state.startFailures = 0;
  worker.pid = event.pid;
  worker.address = event.address;
  worker.work = { state: "idle", sinceMs: event.atMs };
  return assign(state, event.atMs);
}

/** A worker that waits for a ref lends its CPUs to others; afterwards it takes them back, even below zero. */
export function setBlocked(state: CoreState, workerId: WorkerId, isBlocked: boolean, atMs: number): CoreEffect[] {
  const worker = state.workers.get(workerId);
  if (worker === undefined) return [];
  const { work, holding } = worker;
  if ((work.state !== "leased" && work.state !== "actor") || work.isBlocked === isBlocked) return [];
  if (holding === undefined) return [];
  worker.work = { ...work, isBlocked };
  if (!isBlocked) {
    take(holding.pool.free, lentOf(holding));
    return [];
  }
  giveBack(holding.pool.free, lentOf(holding));
  return assign(state, atMs);
}

/** What is lent while the worker is blocked. Its memory and its GPUs are in use all the same. */
function lentOf({ resources }: Holding): ResourceAmounts {
  const { cpus } = resources;
  return cpus === undefined ? {} : { cpus };
}

/** What a worker keeps from others now. */
export function holdingOf({ holding, work }: WorkerRecord): Holding | undefined {
  if (holding === undefined || !("isBlocked" in work) || !work.isBlocked) return holding;
  const { cpus: _, ...resources } = holding.resources;
  return { ...holding, resources };
}

export function release(worker: WorkerRecord): void {
  const holding = holdingOf(worker);
  if (holding !== undefined) letGo(holding);
  worker.holding = undefined;
}

/** Take a dead worker out; its lease ends and whoever held it hears why. Actors are handled by the caller. */
export function removeWorker(state: CoreState, event: Extract<CoreEvent, { type: "worker-died" }>): CoreEffect[] {
  const worker = state.workers.get(event.workerId);
  if (worker === undefined) return [];
  const { workerId } = worker;
  const effects: CoreEffect[] = [];
  release(worker);
  for (const lease of state.leases.values()) {
    if (lease.workerId !== workerId) continue;
    state.leases.delete(lease.leaseId);
    effects.push({ type: "send", to: lease.clientId, message: { type: "worker-died", workerId, end: event.end } });
  }
  state.workers.delete(workerId);
  return effects;
}

/** Workers that have been idle for a while: those of special environments and GPUs, and others beyond one per CPU. */
export function stopSpareWorkers(state: CoreState, atMs: number): CoreEffect[] {
  const idle = [...state.workers.values()].filter((worker) => worker.work.state === "idle");
  const old = idle.filter(({ work }) => work.state === "idle" && atMs - work.sinceMs > SPARE_WORKER_IDLE_MS);
  if (old.length === 0) return [];
  const spare = idle.filter(isCommon).length - warmWorkers(state);
  const ended = [...old.filter((worker) => !isCommon(worker)), ...old.filter(isCommon).slice(0, Math.max(0, spare))];
  return ended.flatMap((worker) => stopWorker(worker));
}

/** End a worker's process. What it holds is free once it is gone. */
export function stopWorker(worker: WorkerRecord): CoreEffect[] {
  const { work, workerId } = worker;
  if (work.state === "stopping") return [];
  if (work.state !== "leased") {
    worker.holding = holdingOf(worker);
    worker.work = { state: "stopping" };
  }
  return [{ type: "stop-worker", workerId }];
}
