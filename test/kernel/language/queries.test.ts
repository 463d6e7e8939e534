import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
beforeAll(() => {
  notebook = new Notebook({ "helper.ts": "export const help = 1" });
  notebook.run(`/** Area of a rectangle.
 *
 * @param width - in metres
 */
function rectangleArea(width: number, height = 1) { return width * height }
const rectangle = { width: 1, height: 2 }; let rectify = 1; class Rectangle {} interface RectangleLike {} import path from "node:path"`);
});
afterAll(() => notebook[Symbol.dispose]());

/** Completions at the `|` in a text. */
function completions(text: string): ReturnType<Notebook["language"]["complete"]> & { texts: string[] } {
  const offset = text.indexOf("|");
  const completion = notebook.language.complete({ code: text.replace("|", ""), offset });
  return { ...completion, texts: completion.items.map((item) => item.text) };
}

/** What is known at the `|` in a text. */
function inspect(text: string): ReturnType<Notebook["language"]["inspect"]> {
  return notebook.language.inspect({ code: text.replace("|", ""), offset: text.indexOf("|") });
}

describe("complete", () => {
  test("offers names of earlier cells with their kinds and signatures", () => {
    const { items, start, end } = completions("const x = rect|");
    expect({ start, end }).toEqual({ start: 10, end: 14 });
    expect(items).toEqual([
      { text: "rectangle", kind: "const", signature: "const rectangle: { width: number; height: number; }" },
      {
        text: "rectangleArea",
        kind: "function",
        signature: "function rectangleArea(width: number, height?: number): number",
      },
      { text: "rectify", kind: "let", signature: "let rectify: number" },
    ]);
  });

  test("offers members, exactly those with the prefix", () => {
    expect(completions("rectangle.|").texts).toEqual(["height", "width"]);
    expect(completions("rectangle.he|").texts).toEqual(["height"]);
    expect(completions("'a'.trim|").texts).toEqual(["trim", "trimEnd", "trimStart", "trimLeft", "trimRight"]);
    expect(completions("rectangle.nope|").texts).toEqual([]);
  });

  test("describes methods, strings, types, members of modules and private names, and no keyword", () => {
    const signatures = (text: string) => completions(text).items.map(({ signature }) => signature);
    expect(signatures("[1].ma|")).toEqual([
      "(method) Array<number>.map<U>(callbackfn: (value: number, index: number, array: number[]) => U, thisArg?: any): U[]",
    ]);
    expect(signatures('const k: keyof typeof rectangle = "he|"')).toEqual(["height"]);
    expect(signatures("let x: RectangleL|")).toEqual(["interface RectangleLike"]);
    expect(signatures("path.isAbs|")).toEqual(["(method) path.PlatformPath.isAbsolute(path: string): boolean"]);
    expect(signatures("class A { #secret = 1; f() { this.#sec| } }")).toEqual(["(property) A.#secret: number"]);
    expect(signatures("whil|")).toEqual([undefined]);
  });

  test("knows what was declared since the same text was asked about", () => {
    expect(completions("lateC|").texts).toEqual([]);
    notebook.run("const lateComer = 1");
    expect(completions("lateC|").texts).toEqual(["lateComer"]);
    expect(completions("lateComer.toF|").items[0]?.signature).toContain("Number.toFixed");
    notebook.run("const lateComer = 'text'");
    expect(inspect("late|Comer")?.text).toBe('const lateComer: "text"');
  });

  test("offers types where types stand", () => {
    expect(completions("let x: Rect|").texts).toEqual(["Rectangle", "RectangleLike"]);
  });

  test("falls back to another case when nothing has the typed one", () => {
    expect(completions("RECTI|").texts).toEqual(["rectify"]);
  });

  test("knows names of the same cell, functions' parameters and Node's globals", () => {
    expect(completions("const zebra = 1; zeb|").texts).toEqual(["zebra"]);
    expect(completions("function f(zeal: { a: 1 }) { zeal.| }").texts).toEqual(["a"]);
    expect(completions("setTim|").texts).toContain("setTimeout");
    expect(completions("displa|").items).toMatchObject([{ text: "display", kind: "function" }]);
  });

  test("is right behind astral characters, in UTF-16 units", () => {
    const text = "const s = '😀😀'; /* 𝒳 */ rectangle.wi|";
    const { start, end, texts } = completions(text);
    expect({ start, end, texts }).toEqual({ start: text.length - 3, end: text.length - 1, texts: ["width"] });
    expect(completions("const 𝒳yz = 1; 𝒳y|")).toMatchObject({ start: 16, texts: ["𝒳yz"] });
  });

  test("replaces the last part of a path in an import", () => {
    const { start, texts } = completions('import x from "./hel|"');
    expect({ start, texts }).toEqual({ start: 17, texts: ["helper.ts"] });
    expect(completions('import x from "node:worker_th|"').texts).toEqual(["node:worker_threads"]);
  });

  test("offers the values of a literal type", () => {
    notebook.run('function move(side: "left" | "lower" | "up") {}');
    expect(completions('move("l|")').texts).toEqual(["left", "lower"]);
  });

  test("works in unfinished text and in JSX", () => {
    expect(completions("if (rectangle.|").texts).toEqual(["height", "width"]);
    expect(completions("const f = () => { for (const x of [rectangle]) { x.w|").texts).toEqual(["width"]);
    expect(completions("const el = <b>{rectangle.w|}</b>").texts).toEqual(["width"]);
  });

  test("offers nothing in a comment or a plain string", () => {
    expect(completions("// rect|").texts).toEqual([]);
    expect(completions("const s = 'rect|'").texts).toEqual([]);
  });
});

describe("inspect", () => {
  test("shows declaration and documentation of a name of an earlier cell", () => {
    const hover = inspect("recta|ngleArea(1)");
    expect(hover?.markdown).toBe(
      "```typescript\nfunction rectangleArea(width: number, height?: number): number\n```\n\nArea of a rectangle.\n\n*@param* `width` — in metres",
    );
    expect(hover?.text).toBe(
      "function rectangleArea(width: number, height?: number): number\n\nArea of a rectangle.\n\n@param width - in metres",
    );
  });

  test("finds the name before the cursor and the function around its arguments", () => {
    expect(inspect("rectangleArea|")?.text).toContain("function rectangleArea");
    expect(inspect("rectangleArea(|")?.text).toContain("function rectangleArea");
    expect(inspect("path.join(  |  )")?.text).toContain("join(");
    expect(inspect("const s = '😀'; rectangle.wid|th")?.text).toBe("(property) width: number");
  });

  test("between arguments it tells the signature, and documents the parameter that stands there", () => {
    expect(inspect("rectangleArea(1, |)")).toEqual({
      markdown:
        "```typescript\nfunction rectangleArea(width: number, height?: number): number\n```\n\n**`height?: number`**\n\nArea of a rectangle.",
      text: "function rectangleArea(width: number, height?: number): number\n\n→ height?: number\n\nArea of a rectangle.",
    });
    expect(inspect("rectangleArea(|")?.text).toContain("→ width: number — in metres");
    expect(inspect("rectangleArea(rectangle.width, |2)")?.text).toContain("→ height?: number");
    expect(inspect("rectangleArea(rect|angle.width)")?.text).toContain("const rectangle:");
    expect(inspect("path.join('a', |)")?.text).toContain("→ ...paths: string[]");
    expect(inspect("new Map<string, number>(|)")?.markdown).toMatch(/\*\d of \d signatures\*/);
  });

  test("knows nothing about nothing", () => {
    expect(inspect("|")).toBeUndefined();
    expect(inspect("   |   ")).toBeUndefined();
  });
});

describe("isComplete", () => {
  test.each([
    "",
    "1 + 1",
    "const a = 1",
    "if (a) { b }",
    "function f() {}\n",
    "const x = await y",
    "`a\nb`",
    "// comment",
    "const el = <b>x</b>",
    "class A { #x = 1 }",
    "'😀'",
  ])("%j is complete", (code) => {
    expect(notebook.language.isComplete(code)).toEqual({ status: "complete" });
  });

  test.each([
    ["if (a) {", "  "],
    ["  function f() {\n    return [", "      "],
    ["foo(1,", ""],
    ["const a =", ""],
    ["a +", ""],
    ["x.", ""],
    ["`text", ""],
    ["`text ${", "  "],
    ["/* comment", ""],
    ["class A {\n  m() {\n    1\n  }", "  "],
    ["const f = () =>", "  "],
    ["for (const x of y)", ""],
    ["try { a }", ""],
    ["const el = <b>", ""],
    ["@dec", ""],
    ["type T = {", "  "],
    ["'😀'.concat(", "  "],
  ])("%j is incomplete, next line indented by %j", (code, indent) => {
    expect(notebook.language.isComplete(code)).toEqual({ status: "incomplete", indent });
  });

  test.each(["import = 7q", "const 1 = 2", "foo)", "'text", "a b c", "}", "let x: = 1", "if (a) ) {"])(
    "%j is invalid",
    (code) => {
      expect(notebook.language.isComplete(code)).toEqual({ status: "invalid" });
    },
  );
});
