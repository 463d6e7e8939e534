/** The directory of objects as people see it. */
import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { WireValue } from "../protocol/messages.ts";
import type { CoreState, ObjectRecord } from "./state.ts";

/** Where an object is in its life. */
export type ObjectState =
  /** It is being made. */
  | "pending"
  /** Small: its value travels in messages. */
  | "in-memory"
  /** Its buffers lie in shared memory. */
  | "in-store"
  /** Its buffers lie in a file, until somebody reads them. */
  | "spilled"
  | "lost";

/** One object that more than one process can see, or whose buffers lie in the store. */
export interface ObjectView {
  readonly id: ObjectId;
  /** The process that made it, or submitted the task that did. */
  readonly owner: ClientId;
  /** Bytes of its value, as far as the head knows: 0 while it is pending. */
  readonly sizeBytes: number;
  readonly state: ObjectState;
  /**
   * How often it is held, by who holds it: a process, or `in X` for an object or actor X that contains it. A count may be
   * below 0 for a moment, when a release overtakes a hold.
   */
  readonly holders: Readonly<Record<string, number>>;
  /** A process has it mapped, or writes it: it cannot be spilled now. */
  readonly isPinned: boolean;
  /** Set when it is lost: why. */
  readonly reason?: string;
}

/**
 * All objects the head knows, in the order in which it heard of them. Actors are counted in the same directory and left out.
 *
 * @param isMapped - does a process have this object's region mapped? The state does not know; the node does.
 */
export function listObjects(state: CoreState, isMapped: (record: ObjectRecord) => boolean = () => false): ObjectView[] {
  const views: ObjectView[] = [];
  for (const record of state.objects.values()) {
    if (!isActor(state, record)) views.push(viewOf(record, isMapped(record)));
  }
  return views;
}

function isActor(state: CoreState, { objectId, region, result }: ObjectRecord): boolean {
  if (region !== undefined || result !== undefined) return false;
  const id = objectId as string as Parameters<CoreState["actors"]["get"]>[0];
  return state.actors.has(id) || state.actorAliases.has(id) || state.deaths.has(id);
}

function viewOf(record: ObjectRecord, isMapped: boolean): ObjectView {
  const { objectId, region, result } = record;
  return {
    id: objectId,
    owner: ownerOf(record),
    sizeBytes: sizeOf(record),
    holders: Object.fromEntries(record.holders),
    ...(result?.ok === false && "lost" in result
      ? { state: "lost", isPinned: false, reason: result.lost }
      : { state: stateOf(record), isPinned: isMapped || region?.isSealed === false }),
  };
}

function stateOf({ region, result }: ObjectRecord): ObjectState {
  if (region !== undefined) return region.isSealed ? "in-store" : "pending";
  return result === undefined ? "pending" : "in-memory";
}

/** The maker's id stands before the point in an object's id. */
export function ownerOf({ objectId, publisher }: Pick<ObjectRecord, "objectId" | "publisher">): ClientId {
  return publisher ?? (objectId.slice(0, objectId.indexOf(".")) as ClientId);
}

function sizeOf({ region, result }: ObjectRecord): number {
  const inStore = region === undefined ? 0 : sumOf(region.region.lengths);
  return inStore + (result?.ok === true ? inlineBytes(result.value) : 0);
}

function inlineBytes(value: WireValue): number {
  return value.bytes.byteLength + sumOf((value.buffers ?? []).map(({ byteLength }) => byteLength));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
