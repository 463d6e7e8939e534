/**
 * Who gets which worker. A wish is a client's demand for a lease or an actor that waits for its process.
 *
 * Deeper wishes go first: a nested task lets the task that awaits it finish, so the number of blocked processes stays
 * near depth × CPUs. Among equals the one with fewer leases goes first.
 */
import type { ClientId, WorkerId } from "../protocol/ids.ts";
import { clientOfWorker, leaseIdOf, workerIdOf } from "../protocol/ids.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";
import { reasonOfEnd } from "../protocol/process-end.ts";
import { actorDependencies, holdObjects } from "./objects.ts";
import { fits, fromAmounts, giveBack, take } from "./resources.ts";
import type { ActorRecord, CoreEffect, CoreEvent, CoreState, Demand, Lease, WorkerRecord } from "./state.ts";

/** A wish that waits this long gets what is freed, before smaller wishes that would fit at once. */
const RESERVE_AFTER_MS = 2_000;
/** A client with more leases than others is asked for one back after this. */
const FAIRNESS_AFTER_MS = 100;
const RECLAIM_EVERY_MS = 20;
/** Idle workers beyond one per CPU live this long. */
const SPARE_WORKER_IDLE_MS = 3_000;
/** So many workers in a row that die at their start mean that none will start. */
const MAX_START_FAILURES = 3;
/** Processes that start at the same time, beside one per CPU. */
const EXTRA_STARTING = 2;

type Wish = {
  readonly resources: ResourceAmounts;
  readonly depth: number;
  readonly sinceMs: number;
  readonly clientId: ClientId;
  served: number;
  missing: number;
} & ({ readonly demand: Demand } | { readonly actor: ActorRecord });

/** Give idle workers to those who wait, start what is missing, ask for leases back when others hold too many. */
export function assign(state: CoreState, atMs: number): CoreEffect[] {
  const wishes = listWishes(state);
  if (wishes.length === 0) return [];
  const effects: CoreEffect[] = [];
  const idle = [...state.workers.values()].filter((worker) => worker.work.state === "idle");
  const available = { ...state.free };
  const reserved = new Set<string>();
  let unhosted = 0;
  for (const level of levelsOf(wishes)) {
    let isProgress = true;
    while (isProgress) {
      isProgress = false;
      for (const wish of level) {
        if (wish.missing === 0 || wantsReserved(wish, reserved)) continue;
        if (!fits(available, wish.resources)) {
          if (atMs - wish.sinceMs > RESERVE_AFTER_MS) reserveLacking(available, wish, reserved);
          continue;
        }
        take(available, wish.resources);
        wish.missing--;
        wish.served++;
        isProgress = true;
        const worker = idle.pop();
        if (worker === undefined) unhosted++;
        else effects.push(...occupy(state, worker, wish, atMs));
      }
    }
  }
  effects.push(...startWorkers(state, unhosted));
  effects.push(...reclaim(state, wishes, atMs));
  return effects;
}

function listWishes(state: CoreState): Wish[] {
  const wishes: Wish[] = [];
  for (const demand of state.demands.values()) {
    const served = leasesOf(state, demand.clientId, demand.shape);
    const missing = demand.count - served;
    if (missing <= 0) continue;
    const { resources, depth, sinceMs, clientId } = demand;
    wishes.push({ demand, resources, depth, sinceMs, clientId, served, missing });
  }
  for (const actor of state.actors.values()) {
    if (actor.work.state !== "pending" && actor.work.state !== "restarting") continue;
    const { resources, depth } = actor.spec;
    wishes.push({ actor, resources, depth, sinceMs: actor.sinceMs, clientId: actor.ownerId, served: 0, missing: 1 });
  }
  return wishes;
}

/** Deepest first; inside a level those who have least, then those who wait longest. */
function levelsOf(wishes: readonly Wish[]): Wish[][] {
  const byDepth = new Map<number, Wish[]>();
  for (const wish of wishes) byDepth.set(wish.depth, [...(byDepth.get(wish.depth) ?? []), wish]);
  const levels = [...byDepth.entries()].sort(([a], [b]) => b - a).map(([, level]) => level);
  for (const level of levels) level.sort((a, b) => a.served - b.served || a.sinceMs - b.sinceMs);
  return levels;
}

function wantsReserved(wish: Wish, reserved: ReadonlySet<string>): boolean {
  return reserved.size > 0 && Object.keys(wish.resources).some((name) => reserved.has(name));
}

function reserveLacking(available: ResourceAmounts, wish: Wish, reserved: Set<string>): void {
  for (const [name, amount] of Object.entries(wish.resources)) if ((available[name] ?? 0) < amount) reserved.add(name);
}

export function leasesOf(state: CoreState, clientId: ClientId, shape?: string): number {
  let count = 0;
  for (const lease of state.leases.values()) {
    if (lease.clientId === clientId && (shape === undefined || lease.shape === shape)) count++;
  }
  return count;
}

function occupy(state: CoreState, worker: WorkerRecord, wish: Wish, atMs: number): CoreEffect[] {
  take(state.free, wish.resources);
  if ("actor" in wish) {
    const { actor } = wish;
    const isRestart = actor.work.state === "restarting";
    actor.work = { state: "starting", workerId: worker.workerId, isRestart };
    worker.work = { state: "actor", actorId: actor.spec.actorId, resources: wish.resources, isBlocked: false };
    worker.running = actor.spec.className;
    const to = clientOfWorker(worker.workerId);
    holdObjects(state, to, actorDependencies(actor.spec));
    return [{ type: "send", to, message: { type: "become-actor", spec: actor.spec } }];
  }
  const { clientId, shape, resources } = wish.demand;
  const leaseId = leaseIdOf(state.nextLease++);
  const lease: Lease = { leaseId, clientId, workerId: worker.workerId, shape, resources };
  state.leases.set(leaseId, lease);
  worker.work = { state: "leased", leaseId, isBlocked: false };
  wish.demand.sinceMs = atMs;
  const grant = { leaseId, workerId: worker.workerId, address: worker.address, pid: worker.pid };
  return [{ type: "send", to: clientId, message: { type: "lease-granted", shape, grant } }];
}

/** Start processes for `unhosted` wishes, those that start already included. */
function startWorkers(state: CoreState, unhosted: number): CoreEffect[] {
  if (state.startFailures >= MAX_START_FAILURES) return [];
  const starting = [...state.workers.values()].filter((worker) => worker.work.state === "starting").length;
  const limit = Math.ceil((state.total["cpus"] ?? 0) / 10_000) + EXTRA_STARTING;
  const count = Math.min(unhosted, limit) - starting;
  return count > 0 ? addWorkers(state, count) : [];
}

export function addWorkers(state: CoreState, count: number): CoreEffect[] {
  return Array.from({ length: count }, () => {
    const workerId = workerIdOf(state.nextWorker++);
    state.workers.set(workerId, {
      workerId,
      pid: 0,
      address: "",
      work: { state: "starting" },
      tasksFinished: 0,
      running: undefined,
    });
    return { type: "start-worker", workerId };
  });
}

/** Ask others for idle leases at once, and for a busy one when they hold more than the one who waits. */
function reclaim(state: CoreState, wishes: readonly Wish[], atMs: number): CoreEffect[] {
  if (atMs - state.lastReclaimMs < RECLAIM_EVERY_MS) return [];
  const [wish] = levelsOf(wishes.filter((each) => each.missing > 0)).flat();
  if (wish === undefined) return [];
  const counts = new Map<ClientId, number>();
  for (const lease of state.leases.values()) {
    if (lease.clientId !== wish.clientId) counts.set(lease.clientId, (counts.get(lease.clientId) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  state.lastReclaimMs = atMs;
  const richest = [...counts.entries()].sort(([, a], [, b]) => b - a)[0];
  const isFair = atMs - wish.sinceMs < FAIRNESS_AFTER_MS || richest === undefined || richest[1] <= wish.served;
  return [...counts.keys()].map((to) => {
    const count = !isFair && to === richest?.[0] ? 1 : 0;
    return { type: "send", to, message: { type: "reclaim", count } };
  });
}

export function changeDemand(state: CoreState, event: Extract<CoreEvent, { type: "demand-changed" }>): CoreEffect[] {
  const { clientId, shape, resources, count, depth, atMs } = event;
  const key = `${clientId} ${shape}`;
  if (count <= 0 || !state.clients.has(clientId)) {
    state.demands.delete(key);
    return [];
  }
  if (!fits(state.total, resources)) {
    const lack = { needs: fromAmounts(resources), has: fromAmounts(state.total) };
    return [{ type: "send", to: clientId, message: { type: "unschedulable", shape, ...lack } }];
  }
  const known = state.demands.get(key);
  if (known === undefined) state.demands.set(key, { clientId, shape, resources, count, depth, sinceMs: atMs });
  else {
    if (leasesOf(state, clientId, shape) >= known.count) known.sinceMs = atMs;
    known.count = count;
    known.depth = depth;
  }
  return assign(state, atMs);
}

export function returnLeases(state: CoreState, event: Extract<CoreEvent, { type: "leases-returned" }>): CoreEffect[] {
  for (const leaseId of event.leaseIds) {
    const lease = state.leases.get(leaseId);
    if (lease === undefined || lease.clientId !== event.clientId) continue;
    state.leases.delete(leaseId);
    const worker = state.workers.get(lease.workerId);
    if (worker?.work.state !== "leased" || worker.work.leaseId !== leaseId) continue;
    if (!worker.work.isBlocked) giveBack(state.free, lease.resources);
    worker.work = { state: "idle", sinceMs: event.atMs };
    worker.running = undefined;
  }
  return assign(state, event.atMs);
}

export function joinWorker(state: CoreState, event: Extract<CoreEvent, { type: "worker-joined" }>): CoreEffect[] {
  const worker = state.workers.get(event.workerId);
  if (worker?.work.state !== "starting") return [];
  state.startFailures = 0;
  worker.pid = event.pid;
  worker.address = event.address;
  worker.work = { state: "idle", sinceMs: event.atMs };
  return assign(state, event.atMs);
}

/** A worker that waits for a ref lends its resources to others; afterwards it takes them back, even below zero. */
export function setBlocked(state: CoreState, workerId: WorkerId, isBlocked: boolean, atMs: number): CoreEffect[] {
  const worker = state.workers.get(workerId);
  if (worker === undefined) return [];
  const { work } = worker;
  if ((work.state !== "leased" && work.state !== "actor") || work.isBlocked === isBlocked) return [];
  const resources = resourcesOf(state, worker);
  worker.work = { ...work, isBlocked };
  if (!isBlocked) {
    take(state.free, resources);
    return [];
  }
  giveBack(state.free, resources);
  return assign(state, atMs);
}

/** What a worker's work holds or, while it is blocked, would hold. */
export function resourcesOf(state: CoreState, worker: WorkerRecord): ResourceAmounts {
  const { work } = worker;
  if (work.state === "leased") return state.leases.get(work.leaseId)?.resources ?? {};
  if (work.state === "actor" || work.state === "stopping") return work.resources;
  return {};
}

/** Take a dead worker out; its lease ends and whoever held it hears why. Actors are handled by the caller. */
export function removeWorker(state: CoreState, event: Extract<CoreEvent, { type: "worker-died" }>): CoreEffect[] {
  const worker = state.workers.get(event.workerId);
  if (worker === undefined) return [];
  const { work, workerId } = worker;
  const effects: CoreEffect[] = [];
  if (work.state === "starting") effects.push(...countStartFailure(state, event));
  if (!("isBlocked" in work && work.isBlocked)) giveBack(state.free, resourcesOf(state, worker));
  for (const lease of state.leases.values()) {
    if (lease.workerId !== workerId) continue;
    state.leases.delete(lease.leaseId);
    effects.push({ type: "send", to: lease.clientId, message: { type: "worker-died", workerId, end: event.end } });
  }
  state.workers.delete(workerId);
  return effects;
}

function countStartFailure(state: CoreState, event: Extract<CoreEvent, { type: "worker-died" }>): CoreEffect[] {
  state.startFailures++;
  if (state.startFailures < MAX_START_FAILURES) return [];
  const how = reasonOfEnd(event.end);
  const startFailure = `${state.startFailures} worker processes ended while they started (${how})\n${event.end.stderrTail}`;
  const has = fromAmounts(state.total);
  const effects: CoreEffect[] = [];
  for (const { clientId, shape, resources } of state.demands.values()) {
    const needs = fromAmounts(resources);
    effects.push({ type: "send", to: clientId, message: { type: "unschedulable", shape, needs, has, startFailure } });
  }
  state.demands.clear();
  return effects;
}

/** Workers beyond one per CPU that have been idle for a while. */
export function stopSpareWorkers(state: CoreState, atMs: number): CoreEffect[] {
  const idle = [...state.workers.values()].filter((worker) => worker.work.state === "idle");
  const spare = idle.length - Math.ceil((state.total["cpus"] ?? 0) / 10_000);
  if (spare <= 0) return [];
  const old = idle.filter(({ work }) => work.state === "idle" && atMs - work.sinceMs > SPARE_WORKER_IDLE_MS);
  return old.slice(0, spare).flatMap((worker) => stopWorker(worker));
}

/** End a worker's process. What it holds is free once it is gone. */
export function stopWorker(worker: WorkerRecord): CoreEffect[] {
  const { work, workerId } = worker;
  if (work.state === "stopping") return [];
  const isHolding = work.state === "actor" && !work.isBlocked;
  if (work.state !== "leased") worker.work = { state: "stopping", resources: isHolding ? work.resources : {} };
  return [{ type: "stop-worker", workerId }];
}
