import { describe, expect, test } from "vitest";
import { toBundle } from "../../../kernel/src/display/index.ts";
import { type TreeNode, treeDepth, treeOf } from "../../../kernel/src/display/tree.ts";
import { treeHtml } from "../../../kernel/src/display/tree-html.ts";

/** The tree as indented lines, as a reader sees it with everything folded out. */
function lines(value: unknown): string[] {
  const root = treeOf(value);
  return root === undefined ? [] : print(root, 0);
}

function print({ key, isMapKey, type, text, children }: TreeNode, level: number): string[] {
  const name = key === undefined ? "" : isMapKey === true ? `${key} => ` : `${key}: `;
  return [
    `${"  ".repeat(level)}${name}${type === "" ? "" : `${type} `}${text}`,
    ...children.flatMap((child) => print(child, level + 1)),
  ];
}

function mustNotRun(): never {
  throw new Error("code of the user ran");
}

describe("the tree of a value", () => {
  test("maps, sets, typed arrays and class instances show class, size and parts", () => {
    class Matrix {
      readonly #secret = 1;
      rows = 2;
      values = Float32Array.of(1, 2.5);
      get size(): number {
        return this.#secret;
      }
    }
    const value = {
      matrix: new Matrix(),
      map: new Map<unknown, unknown>([
        ["lr", 0.1],
        [{ k: 1 }, "v"],
      ]),
      set: new Set(["a"]),
    };
    expect(lines(value)).toEqual([
      "object { matrix: Matrix, map: Map(2), set: Set(1) }",
      "  matrix: Matrix { rows: 2, values: Float32Array(2) }",
      "    rows: 2",
      "    values: Float32Array(2) [ 1, 2.5 ]",
      "      0: 1",
      "      1: 2.5",
      "  map: Map(2) { 'lr' => 0.1, { k: 1 } => 'v' }",
      "    'lr' => 0.1",
      "    { k: 1 } => 'v'",
      "  set: Set(1) { 'a' }",
      "    'a'",
    ]);
  });

  test("getters are not run and proxies are not asked", () => {
    const value = {
      get lazy(): number {
        return mustNotRun();
      },
      set only(_: number) {
        mustNotRun();
      },
      proxy: new Proxy({ a: 1 }, { get: mustNotRun, ownKeys: mustNotRun, getOwnPropertyDescriptor: mustNotRun }),
    };
    expect(lines(value).slice(1)).toEqual(["  lazy: [Getter]", "  only: [Setter]", "  proxy: Proxy of { a: 1 }"]);
    expect(treeOf(value.proxy)).toBeUndefined();
  });

  test("a value inside itself is named so, one that only occurs twice is shown twice", () => {
    const shared = { n: 1 };
    const value: Record<string, unknown> = { first: shared, second: shared };
    value["self"] = value;
    expect(lines(value).slice(1)).toEqual([
      "  first: object { n: 1 }",
      "    n: 1",
      "  second: object { n: 1 }",
      "    n: 1",
      "  self: contains itself (circular)",
    ]);
  });

  test("an error shows its stack, its cause and what it carries", () => {
    const error = Object.assign(new RangeError("far", { cause: new Error("inner") }), { code: "E_FAR" });
    const shown = lines(error);
    expect(shown[0]).toBe("RangeError: far");
    expect(shown.some((line) => line.startsWith("  stack: RangeError: far"))).toBe(true);
    expect(shown).toContain("  cause: Error: inner");
    expect(shown).toContain("  code: 'E_FAR'");
  });

  test("long lists keep both ends and say how much is missing; so do many keys", () => {
    const list = lines(Array.from({ length: 5000 }, (_, n) => n));
    expect(list).toHaveLength(102);
    expect(list.slice(-6)).toEqual(["  … 4,900 more", ...[4995, 4996, 4997, 4998, 4999].map((n) => `  ${n}: ${n}`)]);
    const record = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`k${n}`, n]));
    expect(lines(record).at(-1)).toBe("  … 150 more");
    expect(lines(new Map(Object.entries(record))).at(-1)).toBe("  … 150 more");
    expect(lines([1, , 3])).toContain("  1: empty"); // oxlint-disable-line no-sparse-arrays
  });

  test("deep and wide values are cut with a note, nearest parts first", () => {
    let deep: Record<string, unknown> = { end: 1 };
    for (let level = 0; level < 50; level += 1) deep = { inside: deep };
    expect(lines(deep).at(-1)?.trim()).toBe("… not shown: too far inside");
    const wide = Array.from({ length: 90 }, () => Array.from({ length: 90 }, () => ({ a: 1 })));
    const shown = lines(wide);
    expect(shown.length).toBeLessThan(2000);
    expect(shown.filter((line) => /^ {2}\d+: Array/.test(line))).toHaveLength(90);
  });

  test("objects that print themselves are one line", () => {
    expect(lines({ url: new URL("http://a.b/") })[1]).toMatch(/^ {2}url: URL \{ href: 'http:\/\/a\.b\/'/);
    expect(treeOf(new URL("http://a.b/"))).toBeUndefined();
  });

  test("primitives, dates, functions and empty objects have no tree", () => {
    for (const value of [1, "text", null, undefined, new Date(0), () => 1, {}, [], new Map(), Promise.resolve(1)])
      expect(treeOf(value)).toBeUndefined();
  });

  test("its depth counts the levels that fold out", () => {
    expect(treeDepth(treeOf({ a: { b: [1] } }) as TreeNode)).toBe(3);
  });
});

describe("the tree as HTML", () => {
  test("folds without a script, and everything from the value is escaped", () => {
    const html = treeHtml(treeOf({ "<k>": { "<i>": "<b>" } }) as TreeNode);
    expect(html).not.toMatch(/<script|<k>|<i>|<b>/);
    expect(html.match(/<details/g)).toHaveLength(2);
    expect(html.match(/<details open>/g)).toHaveLength(1);
    expect(html.replace(/<style>[\s\S]*<\/style>/, "")).toMatchSnapshot();
  });

  test("colours come from the theme, with others only as fallback", () => {
    const style = treeHtml(treeOf({ a: 1 }) as TreeNode);
    expect(style.replace(/var\(--jp-[\w-]+,#[0-9a-f]+\)/g, "")).not.toMatch(/#[0-9a-f]{3,8}\b/);
  });
});

describe("which values are shown as trees", () => {
  async function formats(value: unknown): Promise<string[]> {
    return Object.keys((await toBundle(value))?.data ?? {});
  }

  test("those whose text is long or cut; the text stays beside the tree", async () => {
    expect(await formats({ a: { b: { c: { d: { e: { f: 1 } } } } } })).toEqual(["text/html", "text/plain"]);
    expect(
      await formats(Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`key${n}`, "x".repeat(30)]))),
    ).toEqual(["text/html", "text/plain"]);
    expect(await formats(new Error("outer", { cause: new Error("inner") }))).toEqual(["text/html", "text/plain"]);
  });

  test("not small objects, plain errors, or lists of plain values", async () => {
    expect(await formats({ a: 1, b: [1, 2] })).toEqual(["text/plain"]);
    expect(await formats(new Error("plain"))).toEqual(["text/plain"]);
    expect(await formats(new Float64Array(10_000))).toEqual(["text/plain"]);
    expect(await formats(Array.from({ length: 10_000 }, (_, n) => n))).toEqual(["text/plain"]);
  });
});
