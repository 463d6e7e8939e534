/**
 * Mappings through which regions are written again. A copy into pages that are mapped already takes two thirds of what
 * `pwrite` takes; the first copy through a mapping takes longer. So a region is written with `pwrite` at first, and mapped
 * when this process writes it a second time, as one does that makes arrays of one size and lets go of them.
 */
import { mapForWriting, reserve } from "./memory-map.ts";

/** Smaller ones are not worth a mapping of their own. */
const LEAST_BYTES = 128 * 1024;
/** Kept at once; they count as memory of this process, though it shares them. */
const KEPT_BYTES: number = 256 * 1024 ** 2;
/** Regions of which it is known that they were written before. */
const KNOWN_REGIONS = 1024;

export class WriteMappings {
  /** By offset, the one used last at the end. */
  readonly #kept = new Map<number, Uint8Array>();
  #keptBytes = 0;
  /** Lengths of regions that were written, by offset. */
  readonly #written = new Map<number, number>();

  /**
   * Memory of a region that this process is about to write, all of it or less; undefined when `pwrite` is the better way.
   * Its pages are there: a copy into it cannot fail, where a full mount would end the process.
   */
  memoryOf(fd: number, offset: number, length: number): Uint8Array | undefined {
    if (length < LEAST_BYTES || length > KEPT_BYTES) return undefined;
    if (this.#written.get(offset) !== length) {
      if (this.#written.size >= KNOWN_REGIONS) this.#written.clear();
      this.#written.set(offset, length);
      return undefined;
    }
    // The pages may have been given back since.
    if (!reserve(fd, offset, length)) return undefined;
    let memory = this.#kept.get(offset);
    if (memory?.length !== length) memory = new Uint8Array(mapForWriting(fd, offset, length));
    this.#keep(offset, memory);
    return memory;
  }

  #keep(offset: number, memory: Uint8Array): void {
    this.#forget(offset);
    this.#kept.set(offset, memory);
    this.#keptBytes += memory.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= KEPT_BYTES) break;
      this.#forget(oldest);
    }
  }

  /** Unmapped when it is collected. */
  #forget(offset: number): void {
    this.#keptBytes -= this.#kept.get(offset)?.length ?? 0;
    this.#kept.delete(offset);
  }

  clear(): void {
    this.#kept.clear();
    this.#keptBytes = 0;
    this.#written.clear();
  }
}
