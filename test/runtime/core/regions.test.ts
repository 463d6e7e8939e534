import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PAGE_BYTES, RegionAllocator, regionBytes } from "../../../runtime/src/core/regions.ts";

const CAPACITY = 64 * PAGE_BYTES;

/** Allocate so many bytes, or free the region that was allocated at this turn. */
type Step = { readonly allocate: number } | { readonly free: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ allocate: fc.integer({ min: 0, max: 20 * PAGE_BYTES }) }),
    fc.record({ free: fc.nat(30) }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 80 },
);

describe("RegionAllocator", () => {
  test("keeps its invariants, and never gives the same byte twice", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const regions = new RegionAllocator(CAPACITY);
        const taken = new Map<number, number>();
        for (const step of list) {
          if ("allocate" in step) {
            const largest = regions.largestFreeBytes;
            const offset = regions.allocate(step.allocate);
            const size = Math.max(PAGE_BYTES, Math.ceil(step.allocate / PAGE_BYTES) * PAGE_BYTES);
            expect(offset === undefined).toBe(largest < size);
            if (offset === undefined) continue;
            for (const [start, length] of taken) expect(offset + size <= start || start + length <= offset).toBe(true);
            taken.set(offset, size);
          } else {
            const offset = [...taken.keys()][step.free];
            if (offset === undefined) continue;
            expect(regions.free(offset)).toBe(taken.get(offset));
            taken.delete(offset);
          }
          expect(regions.brokenInvariants()).toEqual([]);
          expect(regions.usedBytes).toBe([...taken.values()].reduce((sum, size) => sum + size, 0));
        }
        for (const offset of taken.keys()) regions.free(offset);
        expect(regions.largestFreeBytes).toBe(CAPACITY);
      }),
    );
  });

  test("takes the smallest free range that is large enough", () => {
    const regions = new RegionAllocator(10 * PAGE_BYTES);
    const [a, b, c, d] = [3, 1, 2, 1].map((pages) => regions.allocate(pages * PAGE_BYTES) as number);
    regions.free(a as number);
    regions.free(c as number);
    expect(regions.allocate(2 * PAGE_BYTES)).toBe(c);
    expect(regions.allocate(PAGE_BYTES)).toBe(a);
    expect([b, d]).toEqual([3 * PAGE_BYTES, 6 * PAGE_BYTES]);
  });

  test("joins a freed region with both of its neighbours", () => {
    const regions = new RegionAllocator(3 * PAGE_BYTES);
    const [a, b, c] = [1, 1, 1].map(() => regions.allocate(1) as number) as [number, number, number];
    regions.free(a);
    regions.free(c);
    expect(regions.largestFreeBytes).toBe(PAGE_BYTES);
    regions.free(b);
    expect(regions.largestFreeBytes).toBe(3 * PAGE_BYTES);
  });

  test("refuses to free what is not taken", () => {
    const regions = new RegionAllocator(CAPACITY);
    const offset = regions.allocate(1) as number;
    regions.free(offset);
    expect(() => regions.free(offset)).toThrow(/freed already/);
    expect(() => regions.allocate(Number.NaN)).toThrow(RangeError);
  });
});

test("buffers of a region start at multiples of 64, and the region ends at a page", () => {
  expect(regionBytes([])).toBe(PAGE_BYTES);
  expect(regionBytes([1, 1, PAGE_BYTES - 128])).toBe(PAGE_BYTES);
  expect(regionBytes([1, 1, PAGE_BYTES - 127])).toBe(2 * PAGE_BYTES);
});
