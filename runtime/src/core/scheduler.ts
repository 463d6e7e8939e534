/**
 * Who gets which worker. A wish is a client's demand for a lease, an actor that waits for its process, or a placement
 * group that waits for its resources.
 *
 * Deeper wishes go first: a nested task lets the task that awaits it finish, so the number of blocked processes stays
 * near depth × CPUs. Among equals the one with fewer leases goes first.
 */
import type { ClientId, WorkerId } from "../protocol/ids.ts";
import { clientOfWorker, leaseIdOf, workerIdOf } from "../protocol/ids.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";
import { reasonOfEnd } from "../protocol/process-end.ts";
import { wantEnvironment } from "./environments.ts";
import { actorDependencies, holdObjects } from "./objects.ts";
import { misplacement, type PlacementGroupRecord, poolsOf, reserveGroup } from "./placement-groups.ts";
import {
  draftOf,
  emptied,
  fromAmounts,
  giveBack,
  type Holding,
  hold,
  lackingIn,
  letGo,
  type ResourcePool,
  sumOf,
  take,
  takeFrom,
} from "./resources.ts";
import type { ActorRecord, CoreEffect, CoreEvent, CoreState, Demand, Lease, WorkerRecord } from "./state.ts";

/** A wish that waits this long gets what is freed, before smaller wishes that would fit at once. */
const RESERVE_AFTER_MS = 2_000;
/** A client with more leases than others is asked for one back after this. */
const FAIRNESS_AFTER_MS = 100;
const RECLAIM_EVERY_MS = 20;
/** Idle workers beyond one per CPU, and those of other environments than the default, live this long. */
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
  readonly environmentId: string;
  /** Where its resources may come from. */
  readonly pools: readonly ResourcePool[];
  served: number;
  missing: number;
} & ({ readonly demand: Demand } | { readonly actor: ActorRecord } | { readonly group: PlacementGroupRecord });

/** What is left while wishes are gone through: also what starting processes will take is taken from it. */
interface Plan {
  readonly drafts: Map<ResourcePool, ResourcePool>;
  /** Names kept for wishes that have waited long. */
  readonly reserved: Map<ResourcePool, Set<string>>;
}

/** Give idle workers to those who wait, start what is missing, ask for leases back when others hold too many. */
export function assign(state: CoreState, atMs: number): CoreEffect[] {
  const wishes = listWishes(state);
  if (wishes.length === 0) return [];
  const effects: CoreEffect[] = [];
  const idle = [...state.workers.values()].filter((worker) => worker.work.state === "idle");
  const plan: Plan = { drafts: new Map(), reserved: new Map() };
  const unhosted = new Map<string, number>();
  let isReserved = false;
  for (const level of levelsOf(wishes)) {
    let isProgress = true;
    while (isProgress) {
      isProgress = false;
      for (const wish of level) {
        if (wish.missing === 0) continue;
        const served = "group" in wish ? reserveWish(state, plan, wish) : takeForWish(plan, wish);
        if (served === undefined) {
          if (atMs - wish.sinceMs > RESERVE_AFTER_MS) reserveLacking(plan, wish);
          continue;
        }
        wish.missing--;
        wish.served++;
        isProgress = true;
        if (Array.isArray(served)) {
          effects.push(...served);
          isReserved = true;
          continue;
        }
        const worker = pickWorker(idle, wish.environmentId, gpuKeyOf(served));
        if (worker === undefined) unhosted.set(wish.environmentId, (unhosted.get(wish.environmentId) ?? 0) + 1);
        else effects.push(...occupy(state, worker, wish, served, atMs));
      }
    }
  }
  effects.push(...startWorkers(state, unhosted, idle, wishes));
  effects.push(...reclaim(state, wishes, atMs));
  // Those who wait for a group that has its resources now were no wishes before.
  return isReserved ? [...effects, ...assign(state, atMs)] : effects;
}

function listWishes(state: CoreState): Wish[] {
  const wishes: Wish[] = [];
  const whole = [state];
  for (const demand of state.demands.values()) {
    const served = leasesOf(state, demand.clientId, demand.shape);
    const missing = demand.count - served;
    if (missing <= 0 || !isReady(state, demand.environmentId)) continue;
    const { resources, depth, sinceMs, clientId, environmentId, placement } = demand;
    const pools = placement === undefined ? whole : poolsOf(state, placement);
    wishes.push({ demand, resources, depth, sinceMs, clientId, environmentId, pools, served, missing });
  }
  for (const actor of state.actors.values()) {
    if (actor.work.state !== "pending" && actor.work.state !== "restarting") continue;
    const { resources, depth, environment, placement } = actor.spec;
    const environmentId = environment?.id ?? "";
    if (!isReady(state, environmentId)) continue;
    const pools = placement === undefined ? whole : poolsOf(state, placement);
    const { sinceMs, ownerId: clientId } = actor;
    wishes.push({ actor, resources, depth, sinceMs, clientId, environmentId, pools, served: 0, missing: 1 });
  }
  for (const group of state.placementGroups.values()) {
    if (group.pools !== undefined) continue;
    const { depth, sinceMs, ownerId: clientId } = group;
    const wish = { resources: sumOf(group.description.bundles), environmentId: "", pools: whole };
    wishes.push({ group, ...wish, depth, sinceMs, clientId, served: 0, missing: 1 });
  }
  return wishes;
}

function isReady(state: CoreState, environmentId: string): boolean {
  return environmentId === "" || state.environments.get(environmentId)?.state === "ready";
}

/** Deepest first; inside a level those who have least, then those who wait longest. */
function levelsOf(wishes: readonly Wish[]): Wish[][] {
  const byDepth = new Map<number, Wish[]>();
  for (const wish of wishes) byDepth.set(wish.depth, [...(byDepth.get(wish.depth) ?? []), wish]);
  const levels = [...byDepth.entries()].sort(([a], [b]) => b - a).map(([, level]) => level);
  for (const level of levels) level.sort((a, b) => a.served - b.served || a.sinceMs - b.sinceMs);
  return levels;
}

function draftIn(plan: Plan, pool: ResourcePool): ResourcePool {
  const draft = plan.drafts.get(pool) ?? draftOf(pool);
  plan.drafts.set(pool, draft);
  return draft;
}

/** Resources from the first pool that has them. */
function takeForWish(plan: Plan, wish: Wish): Holding | undefined {
  for (const pool of wish.pools) {
    if (wantsReserved(plan, pool, wish)) continue;
    const taken = takeFrom(draftIn(plan, pool), wish.resources);
    if (taken !== undefined) return { ...taken, pool };
  }
  return undefined;
}

function reserveWish(
  state: CoreState,
  plan: Plan,
  wish: Wish & { readonly group: PlacementGroupRecord },
): CoreEffect[] | undefined {
  return wantsReserved(plan, state, wish) ? undefined : reserveGroup(state, draftIn(plan, state), wish.group);
}

function wantsReserved({ reserved }: Plan, pool: ResourcePool, wish: Wish): boolean {
  const names = reserved.get(pool);
  return names !== undefined && Object.keys(wish.resources).some((name) => names.has(name));
}

function reserveLacking(plan: Plan, wish: Wish): void {
  const pool = wish.pools.find((each) => takeFrom(emptied(each), wish.resources) !== undefined);
  if (pool === undefined) return;
  const names = lackingIn(draftIn(plan, pool), wish.resources);
  const reserved = plan.reserved.get(pool) ?? new Set();
  plan.reserved.set(pool, reserved);
  for (const name of names) reserved.add(name);
}

/** A process is shown GPUs once; afterwards it does work for these only. */
function gpuKeyOf({ gpus }: Holding): string | undefined {
  return gpus.length === 0 ? undefined : gpus.map(({ id }) => id).join(",");
}

/** Take an idle worker out of the list: one that had the same GPUs, else one that had none yet. */
function pickWorker(idle: WorkerRecord[], environmentId: string, gpuKey: string | undefined): WorkerRecord | undefined {
  let fresh = -1;
  for (let index = idle.length - 1; index >= 0; index--) {
    const worker = idle[index];
    if (worker?.environmentId !== environmentId) continue;
    if (worker.gpuKey === gpuKey) return idle.splice(index, 1)[0];
    if (worker.gpuKey === undefined && fresh < 0) fresh = index;
  }
  return fresh < 0 ? undefined : idle.splice(fresh, 1)[0];
}

export function leasesOf(state: CoreState, clientId: ClientId, shape?: string): number {
  let count = 0;
  for (const lease of state.leases.values()) {
    if (lease.clientId === clientId && (shape === undefined || lease.shape === shape)) count++;
  }
  return count;
}

function occupy(state: CoreState, worker: WorkerRecord, wish: Wish, holding: Holding, atMs: number): CoreEffect[] {
  if ("group" in wish) return [];
  hold(holding);
  worker.holding = holding;
  worker.gpuKey = gpuKeyOf(holding) ?? worker.gpuKey;
  const gpuIds = holding.gpus.length === 0 ? {} : { gpuIds: holding.gpus.map(({ id }) => id) };
  if ("actor" in wish) {
    const { actor } = wish;
    const isRestart = actor.work.state === "restarting";
    actor.work = { state: "starting", workerId: worker.workerId, isRestart };
    worker.work = { state: "actor", actorId: actor.spec.actorId, isBlocked: false };
    worker.running = actor.spec.className;
    const to = clientOfWorker(worker.workerId);
    holdObjects(state, to, actorDependencies(actor.spec));
    return [{ type: "send", to, message: { type: "become-actor", spec: actor.spec, ...gpuIds } }];
  }
  const { clientId, shape, resources } = wish.demand;
  const leaseId = leaseIdOf(state.nextLease++);
  const lease: Lease = { leaseId, clientId, workerId: worker.workerId, shape, resources };
  state.leases.set(leaseId, lease);
  worker.work = { state: "leased", leaseId, isBlocked: false };
  wish.demand.sinceMs = atMs;
  const grant = { leaseId, workerId: worker.workerId, address: worker.address, pid: worker.pid, ...gpuIds };
  return [{ type: "send", to: clientId, message: { type: "lease-granted", shape, grant } }];
}

/**
 * Start processes for wishes without one, those that start already included.
 *
 * @param unhosted - how many, by environment.
 * @param unused - idle workers that serve no wish.
 */
function startWorkers(
  state: CoreState,
  unhosted: ReadonlyMap<string, number>,
  unused: readonly WorkerRecord[],
  wishes: readonly Wish[],
): CoreEffect[] {
  const effects: CoreEffect[] = [];
  for (const [environmentId, wanted] of unhosted) {
    if (environmentId === "" && state.startFailures >= MAX_START_FAILURES) continue;
    const starting = [...state.workers.values()].filter((worker) => worker.work.state === "starting");
    const startingHere = starting.filter((worker) => worker.environmentId === environmentId).length;
    const count = Math.min(wanted - startingHere, warmWorkers(state) + EXTRA_STARTING - starting.length);
    if (count <= 0) continue;
    const room = Math.max(0, state.maxWorkers - state.workers.size);
    effects.push(...makeRoom(state, unused, count, count - room));
    if (room < count) effects.push(...tellOfLimit(state, wishes));
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

function tellOfLimit(state: CoreState, wishes: readonly Wish[]): CoreEffect[] {
  const to = wishes.find(({ missing }) => missing > 0)?.clientId ?? wishes[0]?.clientId;
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
    });
    return { type: "start-worker", workerId, ...(environment === undefined ? {} : { environment }) };
  });
}

/** Ask others for idle leases at once, and for a busy one when they hold more than the one who waits. */
function reclaim(state: CoreState, wishes: readonly Wish[], atMs: number): CoreEffect[] {
  if (atMs - state.lastReclaimMs < RECLAIM_EVERY_MS) return [];
  const [wish] = levelsOf(wishes.filter((each) => each.missing > 0 && each.pools.length > 0)).flat();
  if (wish === undefined) return [];
  const counts = new Map<ClientId, number>();
  for (const { clientId, workerId } of state.leases.values()) {
    // A client decides itself which of its tasks go first; its actors and groups would wait for all of them.
    if ("demand" in wish && clientId === wish.clientId) continue;
    const pool = state.workers.get(workerId)?.holding?.pool;
    if (pool !== undefined && wish.pools.includes(pool)) counts.set(clientId, (counts.get(clientId) ?? 0) + 1);
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
  const { clientId, shape, resources, count, depth, environment, placement, execution, atMs } = event;
  const key = `${clientId} ${shape}`;
  if (count <= 0 || !state.clients.has(clientId)) {
    state.demands.delete(key);
    return [];
  }
  const refused = refusalOf(state, event);
  if (refused.length > 0) return refused;
  const known = state.demands.get(key);
  if (known === undefined) {
    const place = placement === undefined ? {} : { placement };
    const cell = execution === undefined ? {} : { execution };
    const wanted = { clientId, shape, resources, environmentId: environment?.id ?? "", ...place, ...cell };
    state.demands.set(key, { ...wanted, count, depth, sinceMs: atMs });
  } else {
    if (leasesOf(state, clientId, shape) >= known.count) known.sinceMs = atMs;
    known.count = count;
    known.depth = depth;
  }
  return [...wantEnvironment(state, environment), ...assign(state, atMs)];
}

/** What to say to a wish that can never be granted. */
function refusalOf(state: CoreState, event: Extract<CoreEvent, { type: "demand-changed" }>): CoreEffect[] {
  const { clientId: to, shape, resources, placement } = event;
  const group = placement === undefined ? undefined : state.placementGroups.get(placement.groupId);
  if (placement !== undefined && group === undefined) {
    return [{ type: "send", to, message: { type: "group-state", groupId: placement.groupId, state: "removed" } }];
  }
  const lack = { needs: fromAmounts(resources), has: fromAmounts(state.total) };
  if (placement === undefined || group === undefined) {
    if (couldFit(state, resources)) return [];
    return [{ type: "send", to, message: { type: "unschedulable", shape, ...lack } }];
  }
  const explanation = misplacement(group, placement, resources);
  if (explanation === undefined) return [];
  return [{ type: "send", to, message: { type: "unschedulable", shape, ...lack, explanation } }];
}

/** Would it fit if nothing else ran? */
export function couldFit(pool: ResourcePool, resources: ResourceAmounts): boolean {
  return takeFrom(emptied(pool), resources) !== undefined;
}

export function returnLeases(state: CoreState, event: Extract<CoreEvent, { type: "leases-returned" }>): CoreEffect[] {
  for (const leaseId of event.leaseIds) {
    const lease = state.leases.get(leaseId);
    if (lease === undefined || lease.clientId !== event.clientId) continue;
    state.leases.delete(leaseId);
    const worker = state.workers.get(lease.workerId);
    if (worker?.work.state !== "leased" || worker.work.leaseId !== leaseId) continue;
    release(worker);
    worker.work = { state: "idle", sinceMs: event.atMs };
    worker.running = undefined;
  }
  return assign(state, event.atMs);
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

function release(worker: WorkerRecord): void {
  const holding = holdingOf(worker);
  if (holding !== undefined) letGo(holding);
  worker.holding = undefined;
}

/** Take a dead worker out; its lease ends and whoever held it hears why. Actors are handled by the caller. */
export function removeWorker(state: CoreState, event: Extract<CoreEvent, { type: "worker-died" }>): CoreEffect[] {
  const worker = state.workers.get(event.workerId);
  if (worker === undefined) return [];
  const { work, workerId } = worker;
  const effects: CoreEffect[] = [];
  if (work.state === "starting" && worker.environmentId === "") effects.push(...countStartFailure(state, event));
  release(worker);
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
  for (const [key, { clientId, shape, resources, environmentId }] of state.demands) {
    if (environmentId !== "") continue;
    state.demands.delete(key);
    const needs = fromAmounts(resources);
    effects.push({ type: "send", to: clientId, message: { type: "unschedulable", shape, needs, has, startFailure } });
  }
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
