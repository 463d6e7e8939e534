/** Placement groups: resources that are set aside together, in bundles, for those who name the group. */

import type { PlacementGroupView } from "../protocol/cluster-view.ts";
import type { ClientId, PlacementGroupId } from "../protocol/ids.ts";
import type {
  PlacementGroupDescription,
  PlacementGroupState,
  ResourceAmounts,
  WirePlacement,
} from "../protocol/messages.ts";
import { endActor } from "./actors.ts";
import { jobOf } from "./jobs.ts";
import {
  createPool,
  emptied,
  fromAmount,
  fromAmounts,
  giveBack,
  gpuShares,
  type Holding,
  hold,
  letGo,
  type ResourcePool,
  sumOf,
  takeFrom,
} from "./resources.ts";
import { assign } from "./scheduler.ts";
import type { CoreEffect, CoreEvent, CoreState } from "./state.ts";
import { stopWorker } from "./workers.ts";

export interface PlacementGroupRecord {
  readonly description: PlacementGroupDescription;
  readonly ownerId: ClientId;
  /** The job that it ends with. */
  readonly jobId: ClientId | undefined;
  /** It outlives its job. */
  readonly isDetached: boolean;
  readonly depth: number;
  readonly sinceMs: number;
  /** A pool for each bundle, in order, once they are reserved. */
  pools: readonly ResourcePool[] | undefined;
  readonly watchers: Set<ClientId>;
}

export function askGroup(state: CoreState, event: Extract<CoreEvent, { type: "group-asked" }>): CoreEffect[] {
  const { clientId, requestId, description, isDetached, depth, atMs } = event;
  const { groupId, name } = description;
  const refusal = refusalOf(state, description);
  if (refusal !== undefined) {
    const needs = fromAmounts(sumOf(description.bundles));
    const has = fromAmounts(state.total);
    return [{ type: "send", to: clientId, message: { type: "group-refused", requestId, needs, has, ...refusal } }];
  }
  if (name !== undefined && groupNamed(state, name) !== undefined) {
    const nothing = { needs: {}, has: {} };
    const message = { type: "group-refused", requestId, reason: "name-taken", ...nothing } as const;
    return [{ type: "send", to: clientId, message }];
  }
  state.placementGroups.set(groupId, {
    description,
    ownerId: clientId,
    jobId: jobOf(state, clientId),
    isDetached,
    depth,
    sinceMs: atMs,
    pools: undefined,
    watchers: new Set(),
  });
  return [{ type: "send", to: clientId, message: { type: "group-registered", requestId } }, ...assign(state, atMs)];
}

function refusalOf(
  state: CoreState,
  { strategy, bundles }: PlacementGroupDescription,
): { readonly reason: "unschedulable"; readonly explanation?: string } | undefined {
  if (strategy === "STRICT_SPREAD" && bundles.length > 1) {
    const explanation = `STRICT_SPREAD puts each of its ${bundles.length} bundles on another node, and there is 1 node`;
    return { reason: "unschedulable", explanation };
  }
  return takeBundles(emptied(state), bundles) === undefined ? { reason: "unschedulable" } : undefined;
}

/** Take all bundles or, when they do not all fit, none. */
function takeBundles(pool: ResourcePool, bundles: readonly ResourceAmounts[]): Holding[] | undefined {
  const taken: Holding[] = [];
  for (const bundle of largestGpusFirst(bundles)) {
    const holding = takeFrom(pool, bundle);
    if (holding === undefined) {
      for (const each of taken) letGo(each);
      return undefined;
    }
    taken.push(holding);
  }
  return bundles.map((bundle) => {
    const index = taken.findIndex(({ resources }) => resources === bundle);
    return taken.splice(index, 1)[0] as Holding;
  });
}

/** Whole GPUs are found more easily before fractions have been cut from them. */
function largestGpusFirst(bundles: readonly ResourceAmounts[]): ResourceAmounts[] {
  return [...bundles].sort((a, b) => (b["gpus"] ?? 0) - (a["gpus"] ?? 0));
}

/**
 * Reserve the group if there is room.
 *
 * @param draft - what is left of the node in the caller's plan.
 * @returns undefined when it has to wait
 */
export function reserveGroup(
  state: CoreState,
  draft: ResourcePool,
  group: PlacementGroupRecord,
): CoreEffect[] | undefined {
  const holdings = takeBundles(draft, group.description.bundles);
  if (holdings === undefined) return undefined;
  for (const holding of holdings) hold({ ...holding, pool: state });
  group.pools = holdings.map(({ resources, gpus }) => createPool(resources, gpus));
  return tellWatchers(group, "created");
}

/** Take what the group has from a pool like the node's. */
export function holdBundles({ pools = [] }: PlacementGroupRecord, draft: ResourcePool): void {
  for (const { total, gpus } of pools) {
    hold({ pool: draft, resources: total, gpus: [...gpus].map(([id, amount]) => ({ id, amount })) });
  }
}

function tellWatchers(group: PlacementGroupRecord, now: PlacementGroupState): CoreEffect[] {
  const { groupId } = group.description;
  return [...group.watchers].map((to) => ({
    type: "send",
    to,
    message: { type: "group-state", groupId, state: now },
  }));
}

function groupNamed(state: CoreState, name: string): PlacementGroupRecord | undefined {
  return [...state.placementGroups.values()].find(({ description }) => description.name === name);
}

export function seekGroup(state: CoreState, event: Extract<CoreEvent, { type: "group-sought" }>): CoreEffect[] {
  const group = groupNamed(state, event.name);
  const found = group === undefined ? {} : { description: group.description };
  const message = { type: "group-found", requestId: event.requestId, ...found } as const;
  return [{ type: "send", to: event.clientId, message }];
}

export function watchGroup(state: CoreState, clientId: ClientId, groupId: PlacementGroupId): CoreEffect[] {
  const group = state.placementGroups.get(groupId);
  if (group !== undefined) group.watchers.add(clientId);
  const now = group === undefined ? "removed" : stateOf(group);
  return [{ type: "send", to: clientId, message: { type: "group-state", groupId, state: now } }];
}

function stateOf(group: PlacementGroupRecord): PlacementGroupState {
  return group.pools === undefined ? "pending" : "created";
}

/** Why work of these resources can never run where `placement` says; undefined when it can. */
export function misplacement(
  group: PlacementGroupRecord,
  { bundleIndex }: WirePlacement,
  resources: ResourceAmounts,
): string | undefined {
  const { bundles, name, groupId } = group.description;
  const candidates = bundleIndex === undefined ? bundles : bundles.slice(bundleIndex, bundleIndex + 1);
  if (candidates.some((bundle) => takeFrom(createPool(bundle, gpuShares(bundle, [])), resources) !== undefined))
    return undefined;
  const which = bundleIndex === undefined ? "no bundle" : `bundle ${bundleIndex}`;
  return `${which} of placement group '${name ?? groupId}' has room for it`;
}

/** The pools that work may take from; none while the group waits. */
export function poolsOf(state: CoreState, placement: WirePlacement): readonly ResourcePool[] {
  const pools = state.placementGroups.get(placement.groupId)?.pools ?? [];
  const { bundleIndex } = placement;
  return bundleIndex === undefined ? pools : pools.slice(bundleIndex, bundleIndex + 1);
}

export function askGroupRemoval(
  state: CoreState,
  event: Extract<CoreEvent, { type: "group-remove-asked" }>,
): CoreEffect[] {
  const { clientId, requestId, groupId, atMs } = event;
  const group = state.placementGroups.get(groupId);
  const removed = group === undefined ? [] : removeGroup(state, group);
  const answer: CoreEffect = { type: "send", to: clientId, message: { type: "group-removed", requestId } };
  return [...removed, answer, ...assign(state, atMs)];
}

/** End what runs in it. What is free returns at once, the rest when the processes that have it are gone. */
function removeGroup(state: CoreState, group: PlacementGroupRecord): CoreEffect[] {
  const { groupId, name } = group.description;
  state.placementGroups.delete(groupId);
  // First of all: clients then know why these processes end.
  const effects = tellWatchers(group, "removed");
  for (const [key, demand] of state.demands) if (demand.placement?.groupId === groupId) state.demands.delete(key);
  const pools = new Set(group.pools);
  for (const pool of pools) returnToNode(state, pool);
  for (const worker of state.workers.values()) {
    const { holding } = worker;
    if (holding === undefined || !pools.has(holding.pool)) continue;
    holding.pool = state;
    if (worker.work.state === "leased") effects.push(...stopWorker(worker));
  }
  for (const actor of state.actors.values()) {
    if (actor.spec.placement?.groupId !== groupId || actor.work.state === "dead") continue;
    const message = `its placement group '${name ?? groupId}' was removed`;
    effects.push(...endActor(state, actor, { reason: "group-removed", message }));
  }
  return effects;
}

function returnToNode(state: CoreState, pool: ResourcePool): void {
  giveBack(state.free, pool.free);
  for (const [id, amount] of pool.freeGpus) state.freeGpus.set(id, (state.freeGpus.get(id) ?? 0) + amount);
}

/** A client is gone; when it was a driver, the groups of its job go, too. */
export function forgetGroupsOf(state: CoreState, clientId: ClientId): CoreEffect[] {
  const effects: CoreEffect[] = [];
  for (const group of [...state.placementGroups.values()]) {
    group.watchers.delete(clientId);
    if ((group.jobId ?? group.ownerId) === clientId && !group.isDetached) effects.push(...removeGroup(state, group));
  }
  return effects;
}

/** Groups as views show them, in the order in which they were made. */
export function listPlacementGroups(state: CoreState): PlacementGroupView[] {
  return [...state.placementGroups.values()].map((group) => {
    const { groupId, name, strategy, bundles } = group.description;
    return {
      id: groupId,
      ...(name === undefined ? {} : { name }),
      strategy,
      state: group.pools === undefined ? "pending" : "created",
      isDetached: group.isDetached,
      ...(group.jobId === undefined ? {} : { job: group.jobId }),
      bundles: bundles.map((bundle, index) => bundleView(bundle, group.pools?.[index])),
    };
  });
}

function bundleView(bundle: ResourceAmounts, pool: ResourcePool | undefined): PlacementGroupView["bundles"][number] {
  const amounts = Object.entries(bundle).map(([name, total]) => {
    const used = pool === undefined ? 0 : total - (pool.free[name] ?? 0);
    return [name, { used: fromAmount(name, used), total: fromAmount(name, total) }] as const;
  });
  return { resources: Object.fromEntries(amounts), gpuIds: [...(pool?.gpus.keys() ?? [])] };
}
