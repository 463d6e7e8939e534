/**
 * Numbers of regions. Each region in use has a slot: a word that all processes share, which says whether the region still
 * holds what a reader was told it holds. Slots are used again, under a higher version.
 */

/** What a slot's word says besides a version. */
export const NOTHING_THERE = 0;

/** Half of the word's positive range; versions start again at 1 behind it. */
const MAX_VERSION = 0x3fff_ffff;

/** Added to a version in the word of a region that is a process's to claim. */
export const SPARE_BIT = 0x4000_0000;
/** Values in the store are larger than what rides in messages; smaller regions are rare. */
const BYTES_PER_SLOT = 32 * 1024;
const LEAST_SLOTS = 1024;

/** How many regions a store of this size may have at once. */
export function slotsOf(capacityBytes: number): number {
  return Math.max(LEAST_SLOTS, Math.ceil(capacityBytes / BYTES_PER_SLOT));
}

/** Names a region as it was at one time. */
export interface RegionTag {
  readonly slot: number;
  readonly version: number;
}

export class SlotAllotment {
  readonly #limit: number;
  readonly #free: number[] = [];
  /** Last version by slot; its length is the number of slots that were ever used. */
  readonly #versions: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get usedCount(): number {
    return this.#versions.length - this.#free.length;
  }

  get isExhausted(): boolean {
    return this.usedCount >= this.#limit;
  }

  /** @returns undefined when all slots are in use. */
  take(): RegionTag | undefined {
    const slot = this.#free.pop() ?? this.#versions.length;
    if (slot >= this.#limit) return undefined;
    const last = this.#versions[slot] ?? 0;
    const version = last === MAX_VERSION ? 1 : last + 1;
    this.#versions[slot] = version;
    return { slot, version };
  }

  free(slot: number): void {
    this.#free.push(slot);
  }
}
