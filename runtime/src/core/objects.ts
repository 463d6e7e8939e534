/**
 * The directory of objects that more than one process can see: large ones in the arena, published small ones, actors.
 *
 * Every holder is counted. Whoever hands an object to a process adds one for the receiver, before it may release its own;
 * the receiver owes one release. As these travel on different sockets, a count may be below zero for a moment; an object
 * goes when every count is zero.
 */

import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { ActorSpec, WireResult } from "../protocol/messages.ts";
import { add, dependenciesOf, holdObjects, recordOf } from "./holders.ts";
import { dropStored } from "./room.ts";
import type { CoreEffect, CoreEvent, CoreState, ObjectRecord } from "./state.ts";
import { answerLocators, dropUnwritten, forgetLocators, makerGone, regionOf } from "./stored-objects.ts";

export { dependenciesOf, holdObjects } from "./holders.ts";

const LOST: WireResult = { ok: false, lost: "the process that was to make it has ended" };

/** What an actor's start needs, as long as it may be started again. */
export function actorDependencies(spec: ActorSpec): ObjectId[] {
  return [spec.code.value, spec.args, ...(spec.resolved ?? []).map(({ value }) => value)].flatMap(dependenciesOf);
}

/** The holder that a published value, or an actor's creation, is for the objects inside it. */
function holderFor(container: string): ClientId {
  return `in ${container}` as ClientId;
}

/** Keep `children` as long as the container lives. */
export function holdInside(state: CoreState, container: string, children: readonly ObjectId[]): void {
  for (const child of children) if (child !== container) add(recordOf(state, child), holderFor(container), 1);
}

export function releaseInside(state: CoreState, container: string, children: readonly ObjectId[]): Dropped {
  const dropped: Dropped = { effects: [], objectIds: [] };
  dropChildren(state, container, children, dropped);
  return dropped;
}

function dropChildren(state: CoreState, container: string, children: readonly ObjectId[], dropped: Dropped): void {
  for (const child of children) {
    const inner = state.objects.get(child);
    if (inner === undefined || child === container) continue;
    inner.holders.delete(holderFor(container));
    dropIfUnheld(state, inner, dropped);
  }
}

/** Objects that nobody held any more, actors out of scope among them, and what their end asks for. */
export interface Dropped {
  readonly effects: CoreEffect[];
  readonly objectIds: ObjectId[];
}

export function releaseObjects(state: CoreState, event: Extract<CoreEvent, { type: "objects-released" }>): Dropped {
  const dropped: Dropped = { effects: [], objectIds: [] };
  if (!state.clients.has(event.clientId)) return dropped;
  for (const [index, objectId] of event.objectIds.entries()) {
    const record = recordOf(state, objectId);
    add(record, event.clientId, -(event.counts[index] ?? 1));
    dropIfUnheld(state, record, dropped);
  }
  return dropped;
}

export function forgetObjects(state: CoreState, clientId: ClientId, objectIds: readonly ObjectId[]): Dropped {
  const dropped: Dropped = { effects: [], objectIds: [] };
  for (const objectId of objectIds) {
    const record = state.objects.get(objectId);
    if (record === undefined) continue;
    record.holders.delete(clientId);
    dropIfUnheld(state, record, dropped);
  }
  return dropped;
}

function dropIfUnheld(state: CoreState, record: ObjectRecord, dropped: Dropped): void {
  if (record.holders.size > 0) return;
  const { objectId } = record;
  state.objects.delete(objectId);
  dropped.objectIds.push(objectId);
  if (record.stored !== undefined) dropped.effects.push(...dropStored(state, record.stored));
  if (record.result?.ok === true) dropChildren(state, objectId, dependenciesOf(record.result.value), dropped);
}

/** Its last holder may have released it before the head heard that it was stored. */
export function dropUnheld(state: CoreState, objectId: ObjectId): Dropped {
  const dropped: Dropped = { effects: [], objectIds: [] };
  const record = state.objects.get(objectId);
  if (record !== undefined) dropIfUnheld(state, record, dropped);
  return dropped;
}

export function publishObject(state: CoreState, clientId: ClientId, objectId: ObjectId): void {
  const record = recordOf(state, objectId);
  record.publisher = clientId;
  add(record, clientId, 1);
}

export function publishResult(state: CoreState, event: Extract<CoreEvent, { type: "result-published" }>): CoreEffect[] {
  const { objectId, result } = event;
  const record = state.objects.get(objectId);
  if (record === undefined || record.result !== undefined) return [];
  record.result = result;
  if (result.ok) holdInside(state, objectId, dependenciesOf(result.value));
  const waiters = [...record.waiters];
  record.waiters.clear();
  return [...waiters.map((to) => deliver(state, to, objectId, result)), ...answerLocators(state, record)];
}

/** The receiver holds what is inside the value from now on. */
function deliver(state: CoreState, to: ClientId, objectId: ObjectId, result: WireResult): CoreEffect {
  if (result.ok) holdObjects(state, to, dependenciesOf(result.value));
  return { type: "send", to, message: { type: "object-result", objectId, result } };
}

export function seekObject(state: CoreState, clientId: ClientId, objectId: ObjectId): CoreEffect[] {
  const record = state.objects.get(objectId);
  if (record?.result !== undefined) return [deliver(state, clientId, objectId, record.result)];
  // Not published yet: the announcement is on its way over another socket, unless its maker is gone.
  const maker = (record?.publisher ?? objectId.slice(0, objectId.indexOf("."))) as ClientId;
  if (!state.clients.has(maker)) return [deliver(state, clientId, objectId, LOST)];
  recordOf(state, objectId).waiters.add(clientId);
  return [];
}

/** The client leaves, and its process still reads these regions: nobody may write there. */
export function keepMapped(state: CoreState, clientId: ClientId, mappedSlots: ReadonlySet<number>): void {
  const objectIds: ObjectId[] = [];
  for (const { objectId, stored } of state.objects.values()) {
    const region = regionOf(stored);
    if (region !== undefined && mappedSlots.has(region.slot)) objectIds.push(objectId);
  }
  holdInside(state, memoryOf(clientId), objectIds);
  state.store.stillMapped.set(clientId, objectIds);
}

export function endMappings(state: CoreState, clientId: ClientId): Dropped {
  const objectIds = state.store.stillMapped.get(clientId) ?? [];
  state.store.stillMapped.delete(clientId);
  return releaseInside(state, memoryOf(clientId), objectIds);
}

function memoryOf(clientId: ClientId): string {
  return `the memory of ${clientId}`;
}

/** A process is gone: it holds nothing any more, and what it would have made is lost. */
export function releaseClient(state: CoreState, clientId: ClientId): Dropped {
  const dropped: Dropped = { effects: dropUnwritten(state, clientId), objectIds: [] };
  for (const record of state.objects.values()) {
    record.waiters.delete(clientId);
    const maker = record.publisher ?? record.objectId.slice(0, record.objectId.indexOf("."));
    forgetLocators(record, clientId);
    if (maker === clientId) dropped.effects.push(...makerGone(state, record));
    if (maker === clientId && record.result === undefined && record.waiters.size > 0) {
      const result = LOST;
      record.result = result;
      const waiters = [...record.waiters];
      record.waiters.clear();
      dropped.effects.push(...waiters.map((to) => deliver(state, to, record.objectId, result)));
    }
    if (record.holders.delete(clientId)) dropIfUnheld(state, record, dropped);
  }
  return dropped;
}
