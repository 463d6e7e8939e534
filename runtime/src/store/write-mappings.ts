/**
 * Mappings through which regions are written again. A copy into pages that are mapped already takes two thirds of what
 * `pwrite` takes; the first copy through a mapping takes longer. So a region is written with `pwrite` at first, and mapped
 * when this process writes it a second time, as one does that makes arrays of one size and lets go of them.
 */
import { type Address, mapForWriting, reserve, unmap } from "./memory-map.ts";

/** Smaller ones are not worth a mapping of their own. */
const LEAST_BYTES = 128 * 1024;
/** Kept at once; they count as memory of this process, though it shares them. */
const KEPT_BYTES: number = 256 * 1024 ** 2;
/** Regions of which it is known that they were written before. */
const KNOWN_REGIONS = 1024;

interface Kept {
  readonly address: Address;
  readonly length: number;
  /** The arena's count of discards when its pages were known to be there. */
  discards: number;
}

export class WriteMappings {
  /** By offset, the one used last at the end. */
  readonly #kept = new Map<number, Kept>();
  #keptBytes = 0;
  /** Lengths of regions that were written, by offset. */
  readonly #written = new Map<number, number>();

  /**
   * Where a region lies that this process is about to write, all of it or less; undefined when `pwrite` is the better way.
   * Its pages are there: a copy into it cannot fail, where a full mount would end the process.
   *
   * @param discards - how often pages of the arena were given back
   */
  addressOf(fd: number, offset: number, length: number, discards: number): Address | undefined {
    if (length < LEAST_BYTES || length > KEPT_BYTES) return undefined;
    if (this.#written.get(offset) !== length) {
      if (this.#written.size >= KNOWN_REGIONS) this.#written.clear();
      this.#written.set(offset, length);
      return undefined;
    }
    const kept = this.#kept.get(offset);
    // The pages may have been given back since.
    if (kept?.discards !== discards && !reserve(fd, offset, length)) return undefined;
    if (kept?.length === length) {
      kept.discards = discards;
      this.#kept.delete(offset);
      this.#kept.set(offset, kept);
      return kept.address;
    }
    this.#forget(offset);
    const address = mapForWriting(fd, offset, length);
    this.#kept.set(offset, { address, length, discards });
    this.#keptBytes += length;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= KEPT_BYTES) break;
      this.#forget(oldest);
    }
    return address;
  }

  #forget(offset: number): void {
    const kept = this.#kept.get(offset);
    if (kept === undefined) return;
    unmap(kept.address, kept.length);
    this.#keptBytes -= kept.length;
    this.#kept.delete(offset);
  }

  clear(): void {
    for (const offset of [...this.#kept.keys()]) this.#forget(offset);
    this.#written.clear();
  }
}
