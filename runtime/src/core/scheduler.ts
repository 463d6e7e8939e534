/**
 * Who gets which worker. A wish is a client's demand for a lease, an actor that waits for its process, or a placement
 * group that waits for its resources.
 *
 * Deeper wishes go first: a nested task lets the task that awaits it finish, so the number of blocked processes stays
 * near depth × CPUs. Among equals the one with fewer leases goes first.
 */
import type { ClientId } from "../protocol/ids.ts";
import { clientOfWorker, leaseIdOf } from "../protocol/ids.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";
import { wantEnvironment } from "./environments.ts";
import { jobOf } from "./jobs.ts";
import { misfit } from "./node-choice.ts";
import { actorDependencies, holdObjects } from "./objects.ts";
import { holdBundles, misplacement, type PlacementGroupRecord, poolsOf, reserveGroup } from "./placement-groups.ts";
import {
  draftOf,
  emptied,
  fromAmounts,
  type Holding,
  hold,
  lackingIn,
  type ResourcePool,
  sumOf,
  takeFrom,
} from "./resources.ts";
import type { ActorRecord, CoreEffect, CoreEvent, CoreState, Demand, Lease, WorkerRecord } from "./state.ts";
import { holdingOf, release, startWorkers } from "./workers.ts";

/** A wish that waits this long gets what is freed, before smaller wishes that would fit at once. */
const RESERVE_AFTER_MS = 2_000;
/** A client with more leases than others is asked for one back after this. */
const FAIRNESS_AFTER_MS = 100;
const RECLAIM_EVERY_MS = 20;

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
  const wishes = listWishes(state, atMs);
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
          if (atMs - wish.sinceMs > RESERVE_AFTER_MS) reserveLacking(state, plan, wish);
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
  effects.push(...startWorkers(state, unhosted, idle, wishes[0]?.clientId));
  effects.push(...reclaim(state, wishes, atMs));
  // Those who wait for a group that has its resources now were no wishes before.
  return isReserved ? [...effects, ...assign(state, atMs)] : effects;
}

function listWishes(state: CoreState, atMs: number): Wish[] {
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
    const { work } = actor;
    if (work.state !== "pending" && (work.state !== "restarting" || work.notBeforeMs > atMs)) continue;
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

/** Keep what is freed for it. When actors or groups have what it lacks, nothing that others do would free enough. */
function reserveLacking(state: CoreState, plan: Plan, wish: Wish): void {
  const pool = wish.pools.find((each) => isWithin(state, { ...wish, pools: [each] }));
  if (pool === undefined) return;
  const names = lackingIn(draftIn(plan, pool), wish.resources);
  const reserved = plan.reserved.get(pool) ?? new Set();
  plan.reserved.set(pool, reserved);
  for (const name of names) reserved.add(name);
}

/** The pool as it would be if all tasks were over. */
function withoutTasks(state: CoreState, pool: ResourcePool): ResourcePool {
  const draft = emptied(pool);
  for (const worker of state.workers.values()) {
    const holding = worker.work.state === "actor" ? holdingOf(worker) : undefined;
    if (holding?.pool === pool) hold({ ...holding, pool: draft });
  }
  if (pool === state) for (const group of state.placementGroups.values()) holdBundles(group, draft);
  return draft;
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
    worker.lastJobId = actor.jobId;
    const to = clientOfWorker(worker.workerId);
    holdObjects(state, to, actorDependencies(actor.spec));
    const { spec, restarts } = actor;
    return [{ type: "send", to, message: { type: "become-actor", spec, restarts, ...gpuIds } }];
  }
  const { clientId, shape, resources } = wish.demand;
  const leaseId = leaseIdOf(state.nextLease++);
  const lease: Lease = { leaseId, clientId, workerId: worker.workerId, shape, resources };
  state.leases.set(leaseId, lease);
  worker.work = { state: "leased", leaseId, isBlocked: false };
  worker.lastJobId = jobOf(state, clientId);
  wish.demand.sinceMs = atMs;
  const grant = { leaseId, workerId: worker.workerId, address: worker.address, pid: worker.pid, ...gpuIds };
  return [{ type: "send", to: clientId, message: { type: "lease-granted", shape, grant } }];
}

/** Ask others for idle leases at once, and for a busy one when they hold more than the one who waits. */
function reclaim(state: CoreState, wishes: readonly Wish[], atMs: number): CoreEffect[] {
  if (atMs - state.lastReclaimMs < RECLAIM_EVERY_MS) return [];
  const lacking = wishes.filter((each) => each.missing > 0 && each.pools.length > 0);
  const [wish] = levelsOf(lacking.filter((each) => isWithin(state, each))).flat();
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

/** Would the ends of tasks be enough? */
function isWithin(state: CoreState, { pools, resources }: Wish): boolean {
  return pools.some((pool) => takeFrom(withoutTasks(state, pool), resources) !== undefined);
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
  const { clientId: to, shape, resources, placement, scheduling } = event;
  const group = placement === undefined ? undefined : state.placementGroups.get(placement.groupId);
  if (placement !== undefined && group === undefined) {
    return [{ type: "send", to, message: { type: "group-state", groupId: placement.groupId, state: "removed" } }];
  }
  const lack = { needs: fromAmounts(resources), has: fromAmounts(state.total) };
  const nowhere = misfit(state.node, scheduling);
  if (nowhere !== undefined)
    return [{ type: "send", to, message: { type: "unschedulable", shape, ...lack, ...nowhere } }];
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
