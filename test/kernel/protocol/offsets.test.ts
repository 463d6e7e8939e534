import * as fc from "fast-check";
import { expect, test } from "vitest";
import { toCodePointOffset, toUtf16Offset } from "../../../kernel/src/protocol/offsets.ts";

test("an emoji counts once for Jupyter and twice for TypeScript", () => {
  expect(toUtf16Offset("a🦈b", 2)).toBe(3);
  expect(toCodePointOffset("a🦈b", 3)).toBe(2);
});

test("positions outside the text are moved to its ends", () => {
  expect(toUtf16Offset("🦈", 9)).toBe(2);
  expect(toUtf16Offset("🦈", -1)).toBe(0);
  expect(toCodePointOffset("🦈", 9)).toBe(1);
});

test("an offset inside a surrogate pair counts the whole pair", () => {
  expect(toCodePointOffset("🦈b", 1)).toBe(1);
});

test("both directions agree with splitting the text into code points", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(40), (text, position) => {
      const points = Array.from(text);
      const codePoints = Math.min(position, points.length);
      const offset = points.slice(0, codePoints).join("").length;
      expect(toUtf16Offset(text, position)).toBe(offset);
      expect(toCodePointOffset(text, offset)).toBe(codePoints);
    }),
  );
});
