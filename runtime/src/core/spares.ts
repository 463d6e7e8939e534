/**
 * Regions that processes have ahead of their need. A process that stores values of one size again and again is given
 * regions before it asks, and takes one without a message: what it stored it tells afterwards.
 *
 * Spares are room that nobody uses. They are taken back when somebody waits for room, and when they lie idle. The region's
 * word decides who was first: the process that claims it, or the head that revokes it.
 */
import type { ClientId } from "../protocol/ids.ts";
import type { FromHead, WireRegion } from "../protocol/messages.ts";
import { regionBytes } from "./regions.ts";
import { freeRegion, takeRegion } from "./room.ts";
import type { RegionTag } from "./slots.ts";
import type { CoreEffect, CoreState } from "./state.ts";
import type { RoomAsk, StoreState } from "./store-state.ts";

/** A larger value takes longer to write than to ask for. */
const LARGEST_BYTES: number = 4 * 1024 ** 2;
/** Of one process. */
const MOST_SPARES = 16;
/** Of all processes, as a part of the arena. */
const MOST_SHARE = 0.125;
/** Spares of a process that stored nothing for so long are taken back. */
const IDLE_MS = 2_000;

/** A region that its owner may claim at any time. */
export interface Spare {
  readonly region: WireRegion;
  readonly owner: ClientId;
  /** The head was late: its owner has claimed it, and will say so. */
  isClaimed: boolean;
}

/** What a process stores again and again. */
export interface SpareDemand {
  readonly sizeBytes: number;
  /** Spares that it should have. */
  count: number;
  usedMs: number;
}

/** Bytes that are taken, and hold nothing. */
export function spareBytes({ spares }: StoreState): number {
  let sum = 0;
  for (const { region } of spares.values()) sum += regionBytes(region.lengths);
  return sum;
}

/** A process had to ask. If it asked for the same size before, it has too few spares; if not, the wrong ones. */
export function noteAsk({ store }: CoreState, { writer, sizeBytes }: RoomAsk, atMs: number): CoreEffect[] {
  const before = store.spareDemands.get(writer);
  if (before !== undefined && before.sizeBytes === sizeBytes && sizeBytes <= LARGEST_BYTES) {
    before.count = Math.min(MOST_SPARES, Math.max(2, 2 * before.count));
    before.usedMs = atMs;
    return [];
  }
  store.spareDemands.set(writer, { sizeBytes, count: 0, usedMs: atMs });
  return revoke(revocable(store, ({ owner }) => owner === writer));
}

/** Regions for a process that has fewer spares than it should have. */
export function takeSpares({ store, clients }: CoreState, owner: ClientId): WireRegion[] {
  const demand = store.spareDemands.get(owner);
  if (demand === undefined || demand.count === 0 || !clients.has(owner)) return [];
  if (store.mountFreeBytes !== undefined || store.asks.some(({ writer }) => writer !== owner)) return [];
  let had = 0;
  for (const spare of store.spares.values()) if (spare.owner === owner) had++;
  // In batches: a message for each would be what spares are to save.
  if (had > demand.count / 2) return [];
  let budget = store.allocator.capacityBytes * MOST_SHARE - spareBytes(store);
  const regions: WireRegion[] = [];
  for (; had < demand.count && budget >= demand.sizeBytes; had++) {
    const region = takeRegion(store, [demand.sizeBytes]);
    if (region === undefined) break;
    budget -= demand.sizeBytes;
    store.spares.set(region.slot, { region, owner, isClaimed: false });
    regions.push(region);
  }
  return regions;
}

export function offer(regions: readonly WireRegion[]): CoreEffect[] {
  return regions.map((region) => ({ type: "offer-region", region }) as const);
}

/** More spares for a process, if it should have more. */
export function refill(state: CoreState, owner: ClientId): CoreEffect[] {
  const regions = takeSpares(state, owner);
  if (regions.length === 0) return [];
  const message: FromHead = { type: "spares", regions };
  return [...offer(regions), { type: "send", to: owner, message }];
}

/** Spares that can be taken back, if their owners are not quicker. */
export function revocable({ spares }: StoreState, isMeant: (spare: Spare) => boolean = () => true): WireRegion[] {
  return [...spares.values()].filter((spare) => !spare.isClaimed && isMeant(spare)).map(({ region }) => region);
}

/** Nobody has these any more; the others of those that were to be taken back are claimed. */
export function sparesRevoked(
  state: CoreState,
  asked: readonly WireRegion[],
  slots: ReadonlySet<number>,
): CoreEffect[] {
  const effects: CoreEffect[] = [];
  for (const { slot } of asked) {
    const spare = state.store.spares.get(slot);
    if (spare === undefined) continue;
    if (slots.has(slot)) effects.push(...freeSpare(state, slot));
    else spare.isClaimed = true;
  }
  return effects;
}

/** The spare of that time, if the process still has it. */
export function spareOf({ store }: CoreState, owner: ClientId, { slot, version }: RegionTag): Spare | undefined {
  const spare = store.spares.get(slot);
  return spare?.owner === owner && spare.region.version === version ? spare : undefined;
}

/** A spare that nobody will write, or whose writer is gone. */
export function freeSpare(state: CoreState, slot: number): CoreEffect[] {
  const spare = state.store.spares.get(slot);
  if (spare === undefined) return [];
  state.store.spares.delete(slot);
  return [freeRegion(state, spare.region)];
}

export function forgetSpares(state: CoreState, owner: ClientId): CoreEffect[] {
  state.store.spareDemands.delete(owner);
  const effects: CoreEffect[] = [];
  for (const [slot, spare] of state.store.spares) if (spare.owner === owner) effects.push(...freeSpare(state, slot));
  return effects;
}

/** Processes that store nothing at the moment need no spares. */
export function revokeIdle({ store }: CoreState, atMs: number): CoreEffect[] {
  for (const [owner, demand] of store.spareDemands) {
    if (atMs - demand.usedMs < IDLE_MS) continue;
    store.spareDemands.delete(owner);
  }
  return revoke(revocable(store, ({ owner }) => !store.spareDemands.has(owner)));
}

export function revoke(regions: readonly WireRegion[]): CoreEffect[] {
  return regions.length === 0 ? [] : [{ type: "revoke-spares", regions }];
}
