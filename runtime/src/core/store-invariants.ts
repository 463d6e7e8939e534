/**
 * What holds of the store after every step. Above all: bytes of the arena belong to one object, or to one copy under way,
 * or are free; and a file is there as long as somebody may read it.
 *
 * The other half of the promise, that no process reads a region after it was taken away, is kept by the words that
 * processes share (`store/region-words.ts`): a region is spilled only after it was retracted, which fails while it is mapped.
 */
import type { WireRegion } from "../protocol/messages.ts";
import { regionBytes } from "./regions.ts";
import type { CoreState } from "./state.ts";
import type { Stored } from "./store-state.ts";
import { regionOf } from "./stored-objects.ts";

export function brokenStore(state: CoreState): string[] {
  const { store, objects, clients } = state;
  const broken = [...store.allocator.brokenInvariants(), ...brokenRegions(state)];
  let fileBytes = 0;
  const files = new Set<string>();
  for (const { objectId, stored, locators } of objects.values()) {
    if (stored?.place === "file" || stored?.place === "restoring") {
      fileBytes += stored.file.sizeBytes;
      files.add(stored.file.name);
    }
    if (stored?.place === "spilling" && store.copies.get(stored.file)?.kind !== "spill") {
      broken.push(`object ${objectId} is being spilled, and nobody copies it`);
    }
    if (stored?.place === "restoring" && store.copies.get(stored.file.name)?.kind !== "restore") {
      broken.push(`object ${objectId} is being restored, and nobody copies it`);
    }
    if (locators.length > 0 && !isOnItsWay(state, stored)) {
      broken.push(`clients ask where object ${objectId} is, and nobody is about to answer`);
    }
    for (const { clientId } of locators) {
      if (!clients.has(clientId)) broken.push(`${clientId}, who is gone, asks where object ${objectId} is`);
    }
  }
  for (const { owner } of store.spares.values()) {
    if (!clients.has(owner)) broken.push(`${owner}, who is gone, has a spare region`);
  }
  // A file that is being written, or whose object is gone while it is read.
  for (const [file, { sizeBytes }] of store.copies) if (!files.has(file)) fileBytes += sizeBytes;
  if (fileBytes !== store.spilledBytes)
    broken.push(`files have ${fileBytes} bytes, but ${store.spilledBytes} are counted`);
  if (store.spilledBytes > store.spillLimitBytes) broken.push("more is spilled than the limit allows");
  return broken;
}

function isOnItsWay({ store }: CoreState, stored: Stored | undefined): boolean {
  if (stored?.place === "restoring") return true;
  if (stored?.place === "file") return store.copies.has(stored.file.name);
  return stored?.place === "lost" && stored.isRebuilding;
}

function brokenRegions({ store, objects }: CoreState): string[] {
  const regions = new Set<WireRegion>();
  for (const { stored } of objects.values()) {
    const region = regionOf(stored);
    if (region !== undefined) regions.add(region);
  }
  for (const { region } of store.unwanted.values()) regions.add(region);
  for (const { region } of store.spares.values()) regions.add(region);
  // An object may be dropped while it is copied back.
  for (const { kind, region } of store.copies.values())
    if (kind === "restore" && region !== undefined) regions.add(region);
  const broken: string[] = [];
  const slots = new Set<number>();
  let bytes = 0;
  for (const { slot, lengths } of regions) {
    if (slots.has(slot)) broken.push(`two regions have the slot ${slot}`);
    slots.add(slot);
    bytes += regionBytes(lengths);
  }
  if (bytes !== store.allocator.usedBytes) {
    broken.push(`regions have ${bytes} bytes, but ${store.allocator.usedBytes} are taken`);
  }
  if (slots.size !== store.slots.usedCount) broken.push(`${slots.size} slots are in use, not ${store.slots.usedCount}`);
  return broken;
}
