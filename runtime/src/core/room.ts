/**
 * Room in the arena: who gets it, and how it is made. First processes give up garbage, then objects that nobody has mapped
 * go to files, those first that came first.
 */
import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { WireRegion } from "../protocol/messages.ts";
import { add, recordOf } from "./holders.ts";
import { alignUp, PAGE_BYTES, regionBytes } from "./regions.ts";
import { noteAsk, offer, revocable, revoke, spareBytes, takeSpares } from "./spares.ts";
import type { CoreEffect, CoreEvent, CoreState, ObjectRecord } from "./state.ts";
import type { RoomAsk, SpillFile, Stored, StoreState } from "./store-state.ts";
import { chooseVictims, type Victim } from "./victims.ts";

/** How long processes may take to give up garbage. One that runs a long loop does not answer. */
const COLLECT_PATIENCE_MS = 250;
/** Garbage was not the problem: leave everybody in peace for a while. */
const COLLECT_PAUSE_MS = 1_000;
/** Unless nothing else can be done. */
const COLLECT_AGAIN_MS = 200;
/** A request for room fails when nothing became free for so long, and in any case after the other. */
const STANDSTILL_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;
/** Room is made for more than the one who asks: one object at a time would be slow. */
const BATCH_BYTES = 64 * 1024 ** 2;
const BATCH_SHARE = 0.125;
/** After a disk refused a file, how long not to try again. */
const DISK_PAUSE_MS = 1_000;

export function askRoom(state: CoreState, event: Extract<CoreEvent, { type: "room-asked" }>): CoreEffect[] {
  const { store } = state;
  const { requestId, objectId, lengths, writer, holder, atMs } = event;
  const ask: RoomAsk = { requestId, objectId, lengths, sizeBytes: regionBytes(lengths), writer, holder, atMs };
  const effects = freeInterrupted(state, writer);
  if (ask.sizeBytes > store.allocator.capacityBytes) return [...effects, refusal(state, ask, atMs)];
  if (store.asks.length === 0) store.progressMs = atMs;
  effects.push(...noteAsk(state, ask, atMs));
  store.asks.push(ask);
  if (!event.isMountFull) return [...effects, ...serve(state, atMs)];
  // The system has no memory for what the arena has room for: give back what lies idle, and count from now on.
  store.mountFreeBytes ??= 0;
  return [...effects, { type: "discard-free" }, ...makeRoom(state, atMs)];
}

/** A process writes one region at a time: what it began before and nobody wants, it was stopped in. */
function freeInterrupted(state: CoreState, writer: ClientId): CoreEffect[] {
  const effects: CoreEffect[] = [];
  for (const [slot, unwanted] of state.store.unwanted) {
    if (unwanted.writer !== writer) continue;
    state.store.unwanted.delete(slot);
    effects.push(freeRegion(state, unwanted.region));
  }
  return effects;
}

/** Give room to those who wait, and make more when it is not enough. */
export function serve(state: CoreState, atMs: number): CoreEffect[] {
  const effects = grantAll(state);
  if (state.store.asks.length > 0) effects.push(...makeRoom(state, atMs));
  return effects;
}

/** Something became free: those who wait may have it. Makes no room beyond that. */
export function grantAll(state: CoreState): CoreEffect[] {
  const { asks } = state.store;
  const effects: CoreEffect[] = [];
  for (let ask = asks[0]; ask !== undefined; ask = asks[0]) {
    // The one who asked is gone.
    const granted = state.clients.has(ask.writer) ? grant(state, ask) : [];
    if (granted === undefined) break;
    asks.shift();
    effects.push(...granted);
  }
  return effects;
}

function grant(state: CoreState, ask: RoomAsk): CoreEffect[] | undefined {
  const { objectId, lengths, writer, holder, requestId } = ask;
  const region = takeRegion(state.store, lengths);
  if (region === undefined) return undefined;
  const effects = keepForWriter(state, { objectId, region, writer, holder });
  const spares = takeSpares(state, writer);
  const message = { type: "allocated", requestId, region, ...(spares.length === 0 ? {} : { spares }) } as const;
  return [...effects, { type: "open-region", region }, ...offer(spares), { type: "send", to: writer, message }];
}

/** @returns undefined when there is no room. */
export function takeRegion(store: StoreState, lengths: readonly number[]): WireRegion | undefined {
  const sizeBytes = regionBytes(lengths);
  if (store.mountFreeBytes !== undefined && sizeBytes > store.mountFreeBytes) return undefined;
  const tag = store.slots.take();
  if (tag === undefined) return undefined;
  const offset = store.allocator.allocate(sizeBytes);
  if (offset === undefined) {
    store.slots.free(tag.slot);
    return undefined;
  }
  if (store.mountFreeBytes !== undefined) store.mountFreeBytes -= sizeBytes;
  return { offset, lengths, ...tag };
}

export function keepForWriter(
  state: CoreState,
  { objectId, region, writer, holder }: { objectId: ObjectId; region: WireRegion; writer: ClientId; holder: ClientId },
): CoreEffect[] {
  const known = state.objects.get(objectId);
  const writing = { place: "writing", region, writer } as const;
  if (!state.clients.has(holder)) {
    // Nobody will read it, but somebody is about to write it.
    state.store.unwanted.set(region.slot, writing);
    return [];
  }
  if (known?.stored !== undefined) {
    // The same run stored it before and was interrupted: nobody has heard of that.
    const { stored } = known;
    known.stored = writing;
    return stored.place === "writing" ? [freeRegion(state, stored.region)] : dropStored(state, stored);
  }
  const record = recordOf(state, objectId);
  record.stored = writing;
  add(record, holder, 1);
  return [];
}

/** Nobody needs the region any more, and nobody reads or writes it. */
export function freeRegion({ store }: CoreState, region: WireRegion): CoreEffect {
  store.allocator.free(region.offset);
  store.slots.free(region.slot);
  return { type: "free-region", region, isDiscarded: store.mountFreeBytes !== undefined };
}

/** The order is: garbage first, then files. Called again when something came of it, and with every tick. */
export function makeRoom(state: CoreState, atMs: number): CoreEffect[] {
  const { store } = state;
  if (store.asks.length === 0) {
    // Whoever has not answered yet need not.
    store.collecting = undefined;
    return [];
  }
  const spares = revocable(store);
  if (spares.length > 0) return revoke(spares);
  if (isSpilling(store)) return [];
  const { collecting } = store;
  if (collecting !== undefined) {
    if (collecting.clients.size > 0 && atMs < collecting.untilMs) return [];
    endCollecting(store, collecting.usedBytes, atMs);
  } else if (atMs >= store.collectAgainMs) {
    const clients = holdersOfStored(state);
    store.collecting = { clients, untilMs: atMs + COLLECT_PATIENCE_MS, usedBytes: store.allocator.usedBytes };
    if (clients.size > 0) return [...clients].map((to) => ({ type: "send", to, message: { type: "collect" } }));
    endCollecting(store, store.allocator.usedBytes, atMs);
  }
  return [{ type: "scan-pins" }];
}

/** Who may have garbage that takes room. */
function holdersOfStored({ clients, objects }: CoreState): Set<ClientId> {
  const holders = new Set<ClientId>();
  for (const { stored, holders: counts } of objects.values()) {
    if (stored?.place !== "arena") continue;
    for (const holder of counts.keys()) if (clients.has(holder)) holders.add(holder);
  }
  return holders;
}

function isSpilling({ copies }: StoreState): boolean {
  for (const { kind } of copies.values()) if (kind === "spill") return true;
  return false;
}

function endCollecting(store: StoreState, usedBefore: number, atMs: number): void {
  store.collecting = undefined;
  const wanted = store.asks[0]?.sizeBytes ?? 0;
  if (usedBefore - store.allocator.usedBytes < wanted) store.collectAgainMs = atMs + COLLECT_PAUSE_MS;
  else store.progressMs = atMs;
}

/** A process has given up what garbage it had. */
export function garbageCollected(state: CoreState, clientId: ClientId, atMs: number): CoreEffect[] {
  const { collecting } = state.store;
  if (collecting === undefined || !collecting.clients.delete(clientId) || collecting.clients.size > 0) return [];
  endCollecting(state.store, collecting.usedBytes, atMs);
  const effects = grantAll(state);
  if (state.store.asks.length > 0 && !isSpilling(state.store)) effects.push({ type: "scan-pins" });
  return effects;
}

/** Now it is known which regions are mapped: choose what goes to files. */
export function pinsScanned(state: CoreState, event: Extract<CoreEvent, { type: "pins-scanned" }>): CoreEffect[] {
  const { store } = state;
  const { pinned, atMs } = event;
  if (store.mountFreeBytes !== undefined) store.mountFreeBytes = event.mountFreeBytes - bytesBeingWritten(state);
  const effects = grantAll(state);
  const ask = store.asks[0];
  if (ask === undefined) return effects;
  store.mappedBytes = bytesMapped(state, pinned);
  const victims = store.disk !== undefined && atMs < store.disk.untilMs ? [] : victimsFor(state, ask, pinned);
  if (victims.length > 0) {
    return [
      ...effects,
      ...victims.map(({ objectId, region }) => ({ type: "retract-region", objectId, region }) as const),
    ];
  }
  // All that is there is in use: somebody has to let go of something.
  store.collectAgainMs = Math.min(store.collectAgainMs, atMs + COLLECT_AGAIN_MS);
  return [...effects, ...refuseLate(state, atMs)];
}

function victimsFor(state: CoreState, ask: RoomAsk, pinned: ReadonlySet<number>): readonly Victim[] {
  const { store } = state;
  const budget = store.spillLimitBytes - store.spilledBytes;
  if (budget <= 0) return [];
  const batch = Math.min(BATCH_BYTES, store.allocator.capacityBytes * BATCH_SHARE);
  // Without slots it is not bytes that are missing: some object has to go, whichever.
  const mountDeficit = store.slots.isExhausted ? 1 : ask.sizeBytes - (store.mountFreeBytes ?? ask.sizeBytes);
  const candidates = spillable(state, pinned);
  const wanted = alignUp(Math.max(ask.sizeBytes, batch), PAGE_BYTES);
  const choose = (sizeBytes: number): readonly Victim[] =>
    chooseVictims(store.allocator.freeRanges(), candidates, { sizeBytes, budget, mountDeficit });
  const many = choose(wanted);
  return many.length > 0 || wanted === ask.sizeBytes ? many : choose(ask.sizeBytes);
}

function spillable({ objects }: CoreState, pinned: ReadonlySet<number>): Victim[] {
  const victims: Victim[] = [];
  for (const { objectId, stored } of objects.values()) {
    if (stored?.place !== "arena" || pinned.has(stored.region.slot)) continue;
    const { region, since } = stored;
    victims.push({ objectId, region, since, sizeBytes: regionBytes(region.lengths) });
  }
  return victims;
}

function bytesMapped({ objects }: CoreState, pinned: ReadonlySet<number>): number {
  let sum = 0;
  for (const { stored } of objects.values()) {
    if (stored?.place === "arena" && pinned.has(stored.region.slot)) sum += regionBytes(stored.region.lengths);
  }
  return sum;
}

function bytesBeingWritten({ objects, store }: CoreState): number {
  let sum = 0;
  for (const { stored } of objects.values()) {
    if (stored?.place === "writing" || stored?.place === "restoring") sum += regionBytes(stored.region.lengths);
  }
  for (const { region } of store.unwanted.values()) sum += regionBytes(region.lengths);
  return sum + spareBytes(store);
}

/** Taken from its readers, or not: a process mapped it in the meantime. */
export function regionRetracted(
  state: CoreState,
  event: Extract<CoreEvent, { type: "region-retracted" }>,
): CoreEffect[] {
  const { store } = state;
  const { objectId, isMapped } = event;
  const record = state.objects.get(objectId);
  if (isMapped || record?.stored?.place !== "arena") return [];
  const { region, since } = record.stored;
  const file = `${store.nextFile++}`;
  record.stored = { place: "spilling", region, since, file };
  const sizeBytes = regionBytes(region.lengths);
  store.copies.set(file, { objectId, kind: "spill", sizeBytes, region });
  store.spilledBytes += sizeBytes;
  return [{ type: "spill-region", region, file }];
}

export function spillEnded(state: CoreState, event: Extract<CoreEvent, { type: "spill-ended" }>): CoreEffect[] {
  const { store } = state;
  const { file, outcome, atMs } = event;
  const copy = store.copies.get(file);
  if (copy === undefined) return [];
  store.copies.delete(file);
  const record = state.objects.get(copy.objectId);
  const { stored } = record ?? {};
  const effects: CoreEffect[] = [];
  const isStillWanted = stored?.place === "spilling" && stored.file === file;
  if (record !== undefined && isStillWanted && outcome.isOk) {
    const { sizeBytes } = copy;
    const { lengths } = stored.region;
    // What it was read from is still in the system's cache; whether the disk gives the same back shows later.
    const made = { name: file, sizeBytes, lengths, checksum: outcome.checksum, isChecked: false };
    record.stored = { place: "file", file: made };
    store.progressMs = atMs;
    effects.push(freeRegion(state, stored.region));
  } else {
    // It was asked for, or dropped, while it was copied; or it could not be written.
    effects.push(...deleteFile(store, file, copy.sizeBytes));
    if (record !== undefined && isStillWanted) effects.push(giveBack(record, stored));
  }
  if (!outcome.isOk) store.disk = { problem: outcome.problem, untilMs: atMs + DISK_PAUSE_MS };
  else store.disk = undefined;
  return [...effects, ...serve(state, atMs)];
}

/** Readers may have it again. */
export function giveBack(
  record: ObjectRecord,
  stored: { readonly region: WireRegion; readonly since: number },
): CoreEffect {
  const { region, since } = stored;
  record.stored = { place: "arena", region, since };
  return { type: "publish-region", region };
}

export function deleteFile(store: StoreState, name: string, sizeBytes: number): CoreEffect[] {
  store.spilledBytes -= sizeBytes;
  return [{ type: "delete-file", file: name }];
}

/** Nobody holds the object any more. What somebody still writes or copies is freed when that ends. */
export function dropStored(state: CoreState, stored: Stored): CoreEffect[] {
  switch (stored.place) {
    case "arena":
    // A copy that reads memory of others is thrown away.
    case "spilling":
      return [freeRegion(state, stored.region)];
    case "writing":
      state.store.unwanted.set(stored.region.slot, stored);
      return [];
    case "file":
      return deleteUnlessRead(state, stored.file);
    case "restoring":
    case "lost":
      return [];
  }
}

function deleteUnlessRead({ store }: CoreState, { name, sizeBytes }: SpillFile): CoreEffect[] {
  return store.copies.has(name) ? [] : deleteFile(store, name, sizeBytes);
}

/** Nothing more can be done for the first who waits: for how long already? */
function refuseLate(state: CoreState, atMs: number): CoreEffect[] {
  const { store } = state;
  const effects: CoreEffect[] = [];
  for (let ask = store.asks[0]; ask !== undefined; ask = store.asks[0]) {
    const stillMs = atMs - Math.max(store.progressMs, ask.atMs);
    if (stillMs < STANDSTILL_MS && atMs - ask.atMs < LONGEST_WAIT_MS) break;
    store.asks.shift();
    effects.push(refusal(state, ask, atMs), ...grantAll(state));
  }
  return effects;
}

function refusal({ store }: CoreState, ask: RoomAsk, atMs: number): CoreEffect {
  const { allocator, spilledBytes, spillLimitBytes, disk } = store;
  const hasDiskProblem = disk !== undefined && atMs < disk.untilMs + STANDSTILL_MS;
  return {
    type: "refuse-room",
    to: ask.writer,
    requestId: ask.requestId,
    requestedBytes: ask.sizeBytes,
    usedBytes: allocator.usedBytes,
    capacityBytes: allocator.capacityBytes,
    mappedBytes: Math.min(store.mappedBytes, allocator.usedBytes),
    spilledBytes,
    spillLimitBytes,
    isMountFull: store.mountFreeBytes !== undefined,
    ...(hasDiskProblem ? { diskProblem: disk.problem } : {}),
  };
}

/** Whose wait is over because they are gone. */
export function forgetAsks({ store }: CoreState, clientId: ClientId): void {
  for (let index = store.asks.length - 1; index >= 0; index--) {
    if (store.asks[index]?.writer === clientId) store.asks.splice(index, 1);
  }
  store.collecting?.clients.delete(clientId);
}
