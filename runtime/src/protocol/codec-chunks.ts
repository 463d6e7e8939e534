/**
 * Which bytes travel for a set of typed arrays: overlapping views of one ArrayBuffer share a chunk, so they stay shared
 * on arrival, and bytes that no view shows (the rest of Node's buffer pool, of a mapped region) stay at home.
 */

/** A range of an ArrayBuffer that a value shows. `alignment`: what its start must be a multiple of, in bytes. */
interface Range {
  readonly buffer: ArrayBufferLike;
  readonly start: number;
  readonly end: number;
  readonly alignment: number;
  /** It is the ArrayBuffer itself: on arrival the chunk must fill one. */
  readonly isBuffer: boolean;
}

/** Bytes that travel together. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly isBuffer: boolean;
}

/** Collects ranges while a value is written; `finish` turns them into chunks. */
export class RangeCollector {
  readonly #ranges: Range[] = [];

  /** @returns the number by which the value names the range. */
  add(buffer: ArrayBufferLike, start: number, byteLength: number, alignment: number, isBuffer = false): number {
    return this.#ranges.push({ buffer, start, end: start + byteLength, alignment, isBuffer }) - 1;
  }

  get count(): number {
    return this.#ranges.length;
  }

  /** @returns chunks that cover all ranges, and for each range the pair (chunk number, offset in the chunk). */
  finish(): { chunks: Chunk[]; ranges: number[] } {
    const chunks: Chunk[] = [];
    const places = Array.from<number>({ length: this.#ranges.length * 2 });
    for (const group of groupByBuffer(this.#ranges)) {
      group.sort((a, b) => this.#range(a).start - this.#range(b).start);
      for (const cluster of this.#clusters(group)) {
        const alignment = cluster.members.reduce((most, index) => Math.max(most, this.#range(index).alignment), 1);
        const start = cluster.start - (cluster.start % alignment);
        const bytes = new Uint8Array(cluster.buffer, start, cluster.end - start);
        const isBuffer = cluster.members.some((index) => this.#range(index).isBuffer);
        const number = chunks.push({ bytes, isBuffer }) - 1;
        for (const index of cluster.members) {
          places[2 * index] = number;
          places[2 * index + 1] = this.#range(index).start - start;
        }
      }
    }
    return { chunks, ranges: places };
  }

  #range(index: number): Range {
    return this.#ranges[index] as Range;
  }

  /** Runs of overlapping ranges in `sorted`, which all belong to one buffer. */
  #clusters(sorted: readonly number[]): { buffer: ArrayBufferLike; start: number; end: number; members: number[] }[] {
    const clusters: { buffer: ArrayBufferLike; start: number; end: number; members: number[] }[] = [];
    for (const index of sorted) {
      const range = this.#range(index);
      const last = clusters.at(-1);
      if (last !== undefined && range.start < last.end) {
        last.end = Math.max(last.end, range.end);
        last.members.push(index);
      } else clusters.push({ buffer: range.buffer, start: range.start, end: range.end, members: [index] });
    }
    return clusters;
  }
}

function groupByBuffer(ranges: readonly Range[]): number[][] {
  if (ranges.length === 1) return [[0]];
  const groups = new Map<ArrayBufferLike, number[]>();
  for (const [index, range] of ranges.entries()) {
    const group = groups.get(range.buffer);
    if (group === undefined) groups.set(range.buffer, [index]);
    else group.push(index);
  }
  return [...groups.values()];
}
