import { describe, expect, test } from "vitest";
import { MAX_TEXT, summarise } from "../../../kernel/src/display/summary.ts";

function mustNotRun(): never {
  throw new Error("code of the user ran");
}

describe("a value in one line", () => {
  test.each<[unknown, string, number | undefined, string]>([
    ["text", "string", 4, "'text'"],
    [1.5, "number", undefined, "1.5"],
    [12n, "bigint", undefined, "12n"],
    [null, "null", undefined, "null"],
    [undefined, "undefined", undefined, "undefined"],
    [[1, 2], "number[]", 2, "[ 1, 2 ]"],
    [["a", 1], "unknown[]", 2, "[ 'a', 1 ]"],
    [[[1]], "unknown[][]", 1, "[ [ 1 ] ]"],
    [new Map([["a", 1]]), "Map", 1, "Map(1) { 'a' => 1 }"],
    [new Set([1]), "Set", 1, "Set(1) { 1 }"],
    [new Uint8Array(2), "Uint8Array", 2, "Uint8Array(2) [ 0, 0 ]"],
    [new Date(0), "Date", undefined, "1970-01-01T00:00:00.000Z"],
    [
      { a: 1, list: [1], map: new Map(), inner: { b: 1 } },
      "object",
      4,
      "{ a: 1, list: number[1], map: Map(0), inner: {…} }",
    ],
    [Object.create(null), "object", 0, "{}"],
    [new RangeError("far"), "RangeError", undefined, "RangeError: far"],
    [URL, "class", undefined, "[class URL]"],
    [Math.max, "function", undefined, "[Function: max]"],
  ])("%o", (value, type, size, text) => {
    expect(summarise(value)).toEqual({ type, ...(size === undefined ? {} : { size }), text });
  });

  test("no code of the user runs", () => {
    class Odd {
      value = 1;
      get [Symbol.toStringTag](): string {
        return mustNotRun();
      }
      get size(): number {
        return mustNotRun();
      }
      [Symbol.for("nodejs.util.inspect.custom")](): string {
        return mustNotRun();
      }
    }
    Object.defineProperty(Odd.prototype, "lazy", { get: mustNotRun, enumerable: true });
    expect(summarise(new Odd())).toEqual({ type: "Odd", size: 1, text: "Odd { value: 1 }" });
    const proxy = new Proxy(new Odd(), { get: mustNotRun, ownKeys: mustNotRun, getPrototypeOf: mustNotRun });
    expect(summarise({ proxy }).text).toBe("{ proxy: Proxy }");
    expect(
      summarise({
        get a(): number {
          return mustNotRun();
        },
      }).text,
    ).toBe("{ a: [Getter] }");
    class OddMap extends Map<number, number> {
      override get size(): number {
        return mustNotRun();
      }
    }
    expect(summarise(new OddMap([[1, 2]]))).toEqual({ type: "OddMap", size: 1, text: "OddMap(1)" });
  });

  test("a proxy is described by what is behind it", () => {
    expect(summarise(new Proxy({ a: 1 }, { get: mustNotRun }))).toEqual({ type: "Proxy", text: "Proxy of { a: 1 }" });
    expect(summarise(new Proxy(() => 1, {})).type).toBe("Proxy");
  });

  test("the text of a large value is short", () => {
    const values = [
      "x".repeat(1e6),
      Array.from({ length: 1e6 }, () => "long text in here"),
      new Map(Array.from({ length: 1000 }, (_, n) => [n, n])),
    ];
    for (const value of values) expect(summarise(value).text.length).toBeLessThanOrEqual(MAX_TEXT);
    const keys = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key${n}`, n]));
    expect(summarise(keys)).toMatchObject({
      size: 1000,
      text: expect.stringMatching(/^\{ key0, key1, .* … 988 more \}$/),
    });
  });
});
