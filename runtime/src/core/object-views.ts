/** The directory of objects as people see it. */
import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { WireValue } from "../protocol/messages.ts";
import type { CoreState, ObjectRecord } from "./state.ts";
import type { Stored } from "./store-state.ts";
import { makerOf } from "./stored-objects.ts";

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
 * @param mappedSlots - slots of the regions that a process has mapped. The state does not know; the node does.
 */
export function listObjects(state: CoreState, mappedSlots: ReadonlySet<number> = new Set()): ObjectView[] {
  const views: ObjectView[] = [];
  for (const record of state.objects.values()) if (!isActor(state, record)) views.push(viewOf(record, mappedSlots));
  return views;
}

/** Objects whose buffers lie in the arena or in files. */
export function countStored({ objects }: CoreState): number {
  let count = 0;
  for (const { stored } of objects.values()) if (stored !== undefined && stored.place !== "lost") count++;
  return count;
}

function isActor(state: CoreState, { objectId, stored, result }: ObjectRecord): boolean {
  if (stored !== undefined || result !== undefined) return false;
  const id = objectId as string as Parameters<CoreState["actors"]["get"]>[0];
  return state.actors.has(id) || state.actorAliases.has(id) || state.deaths.has(id);
}

function viewOf(record: ObjectRecord, mappedSlots: ReadonlySet<number>): ObjectView {
  const { objectId, stored } = record;
  const facts = { id: objectId, owner: makerOf(record), sizeBytes: sizeOf(record), holders: holdersOf(record) };
  const reason = lossOf(record);
  if (reason !== undefined) return { ...facts, state: "lost", isPinned: false, reason };
  const slot = stored !== undefined && "region" in stored ? stored.region.slot : undefined;
  const isPinned = stored?.place === "writing" || (slot !== undefined && mappedSlots.has(slot));
  return { ...facts, state: stateOf(record), isPinned };
}

function holdersOf({ holders }: ObjectRecord): Record<string, number> {
  return Object.fromEntries(holders);
}

function lossOf({ stored, result }: ObjectRecord): string | undefined {
  if (result?.ok === false && "lost" in result) return result.lost;
  return stored?.place === "lost" && result === undefined ? stored.reason : undefined;
}

function stateOf({ stored, result }: ObjectRecord): ObjectState {
  switch (stored?.place) {
    case "writing":
      return "pending";
    case "arena":
    case "spilling":
      return "in-store";
    case "restoring":
    case "file":
      return "spilled";
    case "lost":
    case undefined:
      return result === undefined ? "pending" : "in-memory";
  }
}

function sizeOf({ stored, result }: ObjectRecord): number {
  const lengths = stored === undefined ? undefined : lengthsOf(stored);
  return sumOf(lengths ?? []) + (result?.ok === true ? inlineBytes(result.value) : 0);
}

function lengthsOf(stored: Stored): readonly number[] | undefined {
  if ("region" in stored) return stored.region.lengths;
  return stored.place === "file" ? stored.file.lengths : undefined;
}

function inlineBytes(value: WireValue): number {
  return value.bytes.byteLength + sumOf((value.buffers ?? []).map(({ byteLength }) => byteLength));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
