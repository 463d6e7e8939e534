import * as fc from "fast-check";
import { expect, test } from "vitest";
import { toCodePoints, toUtf16 } from "../../../../extensions/jupyterlab/src/language/offsets.ts";

test("offsets count code points on one side and code units on the other", () => {
  expect(toCodePoints("a😀b", 3)).toBe(2);
  expect(toUtf16("a😀b", 2)).toBe(3);
});

test("there and back is the same place", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, codePoints) => {
      const offset = toUtf16(text, codePoints);
      expect(toUtf16(text, toCodePoints(text, offset))).toBe(offset);
    }),
  );
});
