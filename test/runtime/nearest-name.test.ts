import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { editDistance, nearestName } from "../../runtime/src/nearest-name.ts";

describe("the nearest name", () => {
  test.each([
    ["rnu", "run"],
    ["instal", "install"],
    ["INSTALL", "install"],
    ["lba", "lab"],
    ["inst", "install"],
    ["deploy", undefined],
    ["x", undefined],
  ])("for %s is %s", (mistyped, expected) => {
    expect(nearestName(mistyped, ["lab", "run", "install"])).toBe(expected);
  });

  test("for an option counts its dashes, too", () => {
    expect(nearestName("--timout", ["--timeout", "--cell-timeout", "-o"])).toBe("--timeout");
    expect(nearestName("--", ["--timeout"])).toBeUndefined();
  });
});

test("the distance is symmetric, and zero only between equals", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});
