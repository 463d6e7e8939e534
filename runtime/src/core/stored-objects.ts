/**
 * Objects in the store, from the moment they are written: where they lie, how they come back from files, and what happens
 * when one is lost.
 */
import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { ObjectPlace, WireRegion } from "../protocol/messages.ts";
import { dependenciesOf, holdObjects } from "./holders.ts";
import { regionBytes } from "./regions.ts";
import { deleteFile, freeRegion, giveBack, keepForWriter, serve, takeRegion } from "./room.ts";
import { forgetSpares, freeSpare, spareOf } from "./spares.ts";
import type { CoreEffect, CoreEvent, CoreState, ObjectRecord } from "./state.ts";
import type { SpillFile, Stored } from "./store-state.ts";

/** The region is written. Readers know already: its writer told them through the slot. */
export function sealRegion(state: CoreState, objectId: ObjectId, slot: number): CoreEffect[] {
  const record = state.objects.get(objectId);
  if (record?.stored?.place === "writing" && record.stored.region.slot === slot) {
    record.stored = { place: "arena", region: record.stored.region, since: state.store.nextSince++ };
    return [];
  }
  return freeUnwanted(state, slot);
}

/** A process has stored an object in a spare. Readers may know it, and may even be done with it. */
export function storeInSpare(state: CoreState, event: Extract<CoreEvent, { type: "spare-stored" }>): CoreEffect[] {
  const { owner, objectId, tag, lengths, holder, atMs } = event;
  const spare = spareOf(state, owner, tag);
  if (spare === undefined) return [];
  if (regionBytes(lengths) !== regionBytes(spare.region.lengths)) return freeSpare(state, tag.slot);
  state.store.spares.delete(tag.slot);
  const demand = state.store.spareDemands.get(owner);
  if (demand !== undefined) demand.usedMs = atMs;
  const region = { ...spare.region, lengths };
  return [
    ...keepForWriter(state, { objectId, region, writer: owner, holder }),
    ...sealRegion(state, objectId, tag.slot),
  ];
}

export function returnSpare(state: CoreState, event: Extract<CoreEvent, { type: "spare-unused" }>): CoreEffect[] {
  return spareOf(state, event.owner, event.tag) === undefined ? [] : freeSpare(state, event.tag.slot);
}

/** Its writer found no memory to write to, and tells nobody of it. */
export function abandonRegion(state: CoreState, objectId: ObjectId, slot: number): CoreEffect[] {
  const record = state.objects.get(objectId);
  if (record?.stored?.place !== "writing" || record.stored.region.slot !== slot) return freeUnwanted(state, slot);
  const { region } = record.stored;
  state.objects.delete(objectId);
  return [freeRegion(state, region)];
}

function freeUnwanted(state: CoreState, slot: number): CoreEffect[] {
  const unwanted = state.store.unwanted.get(slot);
  if (unwanted === undefined) return [];
  state.store.unwanted.delete(slot);
  return [freeRegion(state, unwanted.region)];
}

/** A process is gone: what it had not written to its end nobody will ever read. */
export function dropUnwritten(state: CoreState, writer: ClientId): CoreEffect[] {
  const effects = forgetSpares(state, writer);
  for (const [slot, unwanted] of state.store.unwanted) {
    if (unwanted.writer === writer) effects.push(...freeUnwanted(state, slot));
  }
  for (const { objectId, stored } of state.objects.values()) {
    if (stored?.place !== "writing" || stored.writer !== writer) continue;
    state.objects.delete(objectId);
    effects.push(freeRegion(state, stored.region));
  }
  return effects;
}

// ── where is it? ────────────────────────────────────────────────────────────────────────────────────────────────────

/** A reader found that the region it was told of is something else by now. */
export function locateObject(state: CoreState, event: Extract<CoreEvent, { type: "object-located" }>): CoreEffect[] {
  const { clientId, requestId, objectId } = event;
  const record = state.objects.get(objectId);
  if (record === undefined) return [tell(clientId, requestId, { lost: "nobody held it any more" })];
  record.locators.push({ clientId, requestId });
  const { stored } = record;
  switch (stored?.place) {
    case undefined:
    case "writing":
    case "arena":
      return answerLocators(state, record);
    case "spilling":
      // Somebody needs it: it is no old object any more.
      return [
        giveBack(record, { region: stored.region, since: state.store.nextSince++ }),
        ...answerLocators(state, record),
      ];
    case "file":
      return readFile(state, record, stored.file);
    case "restoring":
      return [];
    case "lost":
      return [...answerLocators(state, record), ...askRebuild(state, record, stored)];
  }
}

/** Back to the arena if there is room for the asking, else the reader maps the file. */
function readFile(state: CoreState, record: ObjectRecord, file: SpillFile): CoreEffect[] {
  const { store } = state;
  const { objectId } = record;
  if (store.copies.has(file.name)) return [];
  const region = store.asks.length > 0 ? undefined : takeRegion(store, file.lengths);
  if (region !== undefined) {
    record.stored = { place: "restoring", file, region };
    store.copies.set(file.name, { objectId, kind: "restore", sizeBytes: file.sizeBytes, region });
    return [
      { type: "open-region", region },
      { type: "restore-file", file, region },
    ];
  }
  if (file.isChecked) return answerLocators(state, record);
  store.copies.set(file.name, { objectId, kind: "check", sizeBytes: file.sizeBytes });
  return [{ type: "check-file", file }];
}

export function fileRead(state: CoreState, event: Extract<CoreEvent, { type: "file-read" }>): CoreEffect[] {
  const { store } = state;
  const { file: name, outcome, atMs } = event;
  const copy = store.copies.get(name);
  if (copy === undefined) return [];
  store.copies.delete(name);
  const record = state.objects.get(copy.objectId);
  const { stored } = record ?? {};
  const file = stored?.place === "file" || stored?.place === "restoring" ? stored.file : undefined;
  const effects: CoreEffect[] = [];
  if (record === undefined || file?.name !== name) {
    // Dropped meanwhile.
    if (copy.region !== undefined) effects.push(freeRegion(state, copy.region));
    effects.push({ type: "delete-file", file: name });
    store.spilledBytes -= copy.sizeBytes;
  } else if (outcome === "ok" && copy.region !== undefined) {
    record.stored = { place: "arena", region: copy.region, since: store.nextSince++ };
    effects.push({ type: "publish-region", region: copy.region }, ...deleteFile(store, name, file.sizeBytes));
  } else {
    if (copy.region !== undefined) effects.push(freeRegion(state, copy.region));
    if (outcome === "ok") file.isChecked = true;
    record.stored = { place: "file", file };
    if (outcome === "no-memory") store.mountFreeBytes ??= 0;
    else if (outcome !== "ok")
      return [...effects, ...loseFile(state, record, file, outcome.damage), ...serve(state, atMs)];
    else return [...effects, ...answerLocators(state, record)];
    return [...effects, ...readFile(state, record, file), ...serve(state, atMs)];
  }
  if (record !== undefined) effects.push(...answerLocators(state, record));
  return [...effects, ...serve(state, atMs)];
}

function loseFile(state: CoreState, record: ObjectRecord, file: SpillFile, damage: string): CoreEffect[] {
  const lost: Extract<Stored, { place: "lost" }> = { place: "lost", reason: damage, isRebuilding: false };
  record.stored = lost;
  return [
    ...deleteFile(state.store, file.name, file.sizeBytes),
    ...answerLocators(state, record),
    ...askRebuild(state, record, lost),
  ];
}

// ── lost ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The one who submitted the task may still know it, and can run it again. */
function askRebuild(state: CoreState, record: ObjectRecord, lost: Extract<Stored, { place: "lost" }>): CoreEffect[] {
  if (lost.isRebuilding || record.locators.length === 0) return [];
  const maker = makerOf(record);
  if (!state.clients.has(maker)) return makerGone(state, record);
  lost.isRebuilding = true;
  const { objectId } = record;
  return [{ type: "send", to: maker, message: { type: "rebuild", objectId, reason: lost.reason } }];
}

export function makerOf({ objectId, publisher }: ObjectRecord): ClientId {
  return publisher ?? (objectId.slice(0, objectId.indexOf(".")) as ClientId);
}

/** Nobody is left who could make it again. */
export function makerGone(state: CoreState, record: ObjectRecord): CoreEffect[] {
  const { stored } = record;
  if (stored?.place !== "lost" || record.result !== undefined) return [];
  record.result = { ok: false, lost: `${stored.reason}, and the process that could make it again has ended` };
  return answerLocators(state, record);
}

export function forgetLocators(record: ObjectRecord, clientId: ClientId): void {
  for (let index = record.locators.length - 1; index >= 0; index--) {
    if (record.locators[index]?.clientId === clientId) record.locators.splice(index, 1);
  }
}

/** Tell those who asked where the object is, if that can be said now. */
export function answerLocators(state: CoreState, record: ObjectRecord): CoreEffect[] {
  if (record.locators.length === 0) return [];
  const place = placeOf(record);
  if (place === undefined) return [];
  return record.locators.splice(0).map(({ clientId, requestId }) => {
    if ("value" in place) holdObjects(state, clientId, dependenciesOf(place.value));
    return tell(clientId, requestId, place);
  });
}

function placeOf({ objectId, stored, result }: ObjectRecord): ObjectPlace | undefined {
  switch (stored?.place) {
    case "arena":
    case "writing":
      return { region: stored.region };
    case "file":
      return { file: stored.file.name, sizeBytes: stored.file.sizeBytes, lengths: stored.file.lengths };
    case "spilling":
    case "restoring":
      return undefined;
    case "lost":
    case undefined:
      // A value that names this object as its owner was put; it is what is lost.
      if (stored !== undefined && result?.ok === true && result.value.owner === objectId)
        return { lost: stored.reason };
      if (result === undefined) return stored === undefined ? { lost: "it was never stored" } : undefined;
      if (result.ok) return { value: result.value };
      return "lost" in result ? { lost: result.lost } : { error: result.error };
  }
}

function tell(to: ClientId, requestId: number, place: ObjectPlace): CoreEffect {
  return { type: "send", to, message: { type: "located", requestId, place } };
}

/** Those of its regions that are in use, for checks. */
export function regionOf(stored: Stored | undefined): WireRegion | undefined {
  return stored !== undefined && "region" in stored ? stored.region : undefined;
}
