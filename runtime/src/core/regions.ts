/** Which bytes of an arena are taken: page-aligned regions, best fit, neighbours joined when freed. Touches no file. */

/** Regions start and end at multiples of this, so that freed ones can be given back to the system. */
export const PAGE_BYTES = 4096;

/** Buffers inside a region start at multiples of this (a cache line). */
export const BUFFER_ALIGNMENT = 64;

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Bytes that a region for buffers of these lengths occupies: what to ask the allocator for. */
export function regionBytes(lengths: readonly number[]): number {
  let end = 0;
  for (const length of lengths) end = alignUp(end, BUFFER_ALIGNMENT) + length;
  return Math.max(PAGE_BYTES, alignUp(end, PAGE_BYTES));
}

/** Hands out parts of `[0, capacityBytes)`. */
export class RegionAllocator {
  readonly capacityBytes: number;
  #usedBytes = 0;
  /** Free ranges by start; no two touch. Kept in order of start. */
  readonly #free: { start: number; end: number }[];
  /** Size of each taken region by its offset. */
  readonly #taken = new Map<number, number>();

  constructor(capacityBytes: number) {
    this.capacityBytes = Math.floor(capacityBytes / PAGE_BYTES) * PAGE_BYTES;
    this.#free = this.capacityBytes > 0 ? [{ start: 0, end: this.capacityBytes }] : [];
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return this.capacityBytes - this.#usedBytes;
  }

  /** What is free, in order of start; no two touch. */
  freeRanges(): readonly { readonly start: number; readonly end: number }[] {
    return this.#free;
  }

  /** Size of the largest region that `allocate` can give now. */
  get largestFreeBytes(): number {
    return this.#free.reduce((largest, range) => Math.max(largest, range.end - range.start), 0);
  }

  /**
   * Take a region of at least `sizeBytes`, from the smallest free range that holds it, the lowest among equals: memory
   * that was used before is written faster than fresh pages.
   *
   * @returns its offset, or undefined when no free range is large enough.
   */
  allocate(sizeBytes: number): number | undefined {
    if (!(sizeBytes >= 0)) throw new RangeError(`Region size must be a number of bytes, not ${sizeBytes}`);
    const size = Math.max(PAGE_BYTES, alignUp(sizeBytes, PAGE_BYTES));
    let best = -1;
    let bestSize = Number.POSITIVE_INFINITY;
    for (const [index, range] of this.#free.entries()) {
      const rangeSize = range.end - range.start;
      if (rangeSize >= size && rangeSize < bestSize) {
        best = index;
        bestSize = rangeSize;
      }
    }
    const range = this.#free[best];
    if (range === undefined) return undefined;
    const offset = range.start;
    if (bestSize === size) this.#free.splice(best, 1);
    else range.start += size;
    this.#taken.set(offset, size);
    this.#usedBytes += size;
    return offset;
  }

  /**
   * Free the region at `offset`.
   *
   * @returns its size in bytes.
   * @throws RangeError when no region starts there: a second free would hand the same memory to two objects.
   */
  free(offset: number): number {
    const size = this.#taken.get(offset);
    if (size === undefined) throw new RangeError(`No region starts at ${offset}; it was freed already or never taken`);
    this.#taken.delete(offset);
    this.#usedBytes -= size;
    this.#insert(offset, offset + size);
    return size;
  }

  #insert(start: number, end: number): void {
    const at = this.#firstFreeAfter(start);
    const before = this.#free[at - 1];
    const after = this.#free[at];
    const joinsBefore = before !== undefined && before.end === start;
    const joinsAfter = after !== undefined && after.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#free.splice(at, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else this.#free.splice(at, 0, { start, end });
  }

  #firstFreeAfter(start: number): number {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#free[middle]?.start ?? Number.POSITIVE_INFINITY) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What should hold and does not, in words; empty when all is well. */
  brokenInvariants(): string[] {
    const broken: string[] = [];
    const ranges = [
      ...this.#free.map((range) => ({ ...range, kind: "free" })),
      ...[...this.#taken].map(([start, size]) => ({ start, end: start + size, kind: "taken" })),
    ].sort((a, b) => a.start - b.start);
    let position = 0;
    let previousKind = "";
    for (const { start, end, kind } of ranges) {
      if (start !== position) broken.push(`bytes ${position} to ${start} are neither free nor taken, or both`);
      if (end <= start) broken.push(`the ${kind} range at ${start} is empty`);
      if (start % PAGE_BYTES !== 0 || end % PAGE_BYTES !== 0)
        broken.push(`${kind} ${start}..${end} is not page-aligned`);
      if (kind === "free" && previousKind === "free") broken.push(`free ranges touch at ${start}`);
      position = end;
      previousKind = kind;
    }
    if (position !== this.capacityBytes) broken.push(`ranges end at ${position}, not at ${this.capacityBytes}`);
    const taken = [...this.#taken.values()].reduce((sum, size) => sum + size, 0);
    if (taken !== this.#usedBytes) broken.push(`usedBytes is ${this.#usedBytes}, but regions add up to ${taken}`);
    return broken;
  }
}
