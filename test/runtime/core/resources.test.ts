import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPool, gpuShares, letGo, takeFrom, toAmounts } from "../../../runtime/src/core/resources.ts";

describe("amounts", () => {
  it("are counted in ten-thousandths, and n parts of 1/n always fit into 1", () => {
    expect(toAmounts({ cpus: 0.0001, gpus: 0.3, a: 1 / 3 })).toEqual({ cpus: 1, gpus: 3_000, a: 3_333 });
    for (let n = 1; n <= 10_000; n++) expect((toAmounts({ cpus: 1 / n })["cpus"] ?? 0) * n).toBeLessThanOrEqual(10_000);
  });

  it("are bytes for memory", () => {
    expect(toAmounts({ memoryBytes: 1.5 })).toEqual({ memoryBytes: 2 });
  });

  it("must be countable", () => {
    expect(() => toAmounts({ cpus: 0.00001 })).toThrow(/too small/);
    expect(() => toAmounts({ cpus: -1 })).toThrow(/0 or more/);
    expect(() => toAmounts({ cpus: Number.NaN })).toThrow(/0 or more/);
    expect(() => toAmounts({ cpus: 1e13 })).toThrow(/more than can be counted/);
    expect(() => toAmounts({ "a,b": 1 })).toThrow(/cannot be called/);
    expect(toAmounts({ cpus: 9e11 })["cpus"]).toBe(9e15);
  });

  it("of resources called like properties of objects are not found where they are not", () => {
    const pool = createPool(toAmounts({ cpus: 1 }), []);
    expect(takeFrom(pool, toAmounts({ constructor: 1 }))).toBeUndefined();
    const named = createPool(toAmounts({ constructor: 1 }), []);
    expect(takeFrom(named, toAmounts({ constructor: 1 }))).toBeDefined();
  });
});

describe("a pool", () => {
  it("is what it was when all is returned, in whatever order, and never gives what it has not", () => {
    const amount = fc.integer({ min: 1, max: 25_000 });
    fc.assert(
      fc.property(fc.array(fc.record({ gpus: amount, returns: fc.nat(5) }), { maxLength: 40 }), (wishes) => {
        const total = toAmounts({ gpus: 3.5 });
        const pool = createPool(total, gpuShares(total, ["a", "b"]));
        const holdings: NonNullable<ReturnType<typeof takeFrom>>[] = [];
        for (const { gpus, returns } of wishes) {
          const holding = takeFrom(pool, { gpus });
          if (holding !== undefined) {
            holdings.push(holding);
            expect(holding.gpus.reduce((sum, share) => sum + share.amount, 0)).toBe(gpus);
            expect(new Set(holding.gpus.map(({ id }) => id)).size).toBe(holding.gpus.length);
          }
          expect([...pool.freeGpus.values()].every((free) => free >= 0)).toBe(true);
          const [returned] = holdings.splice(returns % Math.max(1, holdings.length), returns % 2);
          if (returned !== undefined) letGo(returned);
        }
        for (const holding of holdings) letGo(holding);
        expect(pool.free).toEqual(total);
        expect([...pool.freeGpus]).toEqual([
          ["a", 10_000],
          ["b", 10_000],
          ["2", 10_000],
          ["3", 5_000],
        ]);
      }),
    );
  });
});
