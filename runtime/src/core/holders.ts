/** Who holds which object, and how often. */
import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { WireValue } from "../protocol/messages.ts";
import type { CoreState, ObjectRecord } from "./state.ts";

/** What a value needs to be alive: refs and handles inside it, and the object that owns its region. */
export function dependenciesOf(value: WireValue): ObjectId[] {
  const ids: ObjectId[] = [...(value.refs ?? []), ...((value.handles ?? []) as readonly string[] as ObjectId[])];
  if (value.owner !== undefined) ids.push(value.owner);
  return ids;
}

export function recordOf(state: CoreState, objectId: ObjectId): ObjectRecord {
  let record = state.objects.get(objectId);
  if (record === undefined) {
    record = { objectId, holders: new Map(), waiters: new Set(), locators: [] };
    state.objects.set(objectId, record);
  }
  return record;
}

/** The holder holds it so many times more, or less. */
export function add(record: ObjectRecord, holder: ClientId, count: number): void {
  const sum = (record.holders.get(holder) ?? 0) + count;
  if (sum === 0) record.holders.delete(holder);
  else record.holders.set(holder, sum);
}

export function holdObjects(state: CoreState, clientId: ClientId, objectIds: readonly ObjectId[]): void {
  if (!state.clients.has(clientId)) return;
  for (const objectId of objectIds) add(recordOf(state, objectId), clientId, 1);
}
