import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
beforeEach(() => {
  notebook = new Notebook();
});
afterEach(() => notebook[Symbol.dispose]());

/** Cells from their texts, called a, b, c …, and the place of the `|` in one of them. */
function cellsOf(texts: readonly string[]) {
  const marked = texts.findIndex((text) => text.includes("|"));
  const cells = texts.map((text, index) => ({
    id: String.fromCharCode(97 + index),
    code: text.replace("|", ""),
  }));
  return { cells, cellId: cells[marked]?.id ?? "", offset: texts[marked]?.indexOf("|") ?? 0 };
}

/** The texts after a renaming, or what keeps it from being done. */
function rename(newName: string, ...texts: readonly string[]): string[] | string {
  const request = cellsOf(texts);
  const renaming = notebook.language.rename({ ...request, newName });
  if ("problem" in renaming) return renaming.problem;
  return request.cells.map(({ id, code }) => {
    const edits = renaming.edits.filter(({ cellId }) => cellId === id);
    return edits.reduceRight(
      (text, { start, length, text: inserted }) => text.slice(0, start) + inserted + text.slice(start + length),
      code,
    );
  });
}

/** Texts with the places of the name marked by brackets, its definitions by two. */
function places(...texts: readonly string[]): string[] | undefined {
  const request = cellsOf(texts);
  const found = notebook.language.places(request);
  return (
    found &&
    request.cells.map(({ id, code }) =>
      found.places
        .filter(({ cellId }) => cellId === id)
        .reduceRight((text, { cellId, start, length }) => {
          const isDefinition = found.definitions.some((other) => other.cellId === cellId && other.start === start);
          const name = text.slice(start, start + length);
          return text.slice(0, start) + (isDefinition ? `[[${name}]]` : `[${name}]`) + text.slice(start + length);
        }, code),
    )
  );
}

describe("the places of a name", () => {
  test("are in all cells, with its definition", () => {
    expect(places("const total = 1", "total + 1; { const total = 2; total }", "f(|total)")).toEqual([
      "const [[total]] = 1",
      "[total] + 1; { const total = 2; total }",
      "f([total])",
    ]);
  });

  test("are those of the declaration nearest above, else of one below", () => {
    expect(places("class P {}", "new P|()", "class P {}", "new P()")).toEqual([
      "class [[P]] {}",
      "new [P]()",
      "class P {}",
      "new P()",
    ]);
    expect(places("|later", "const later = 1")).toEqual(["[later]", "const [[later]] = 1"]);
  });

  test("of a local or a member", () => {
    expect(places("function f(x: number) { return |x + x }", "const x = 1")).toEqual([
      "function f([[x]]: number) { return [x] + [x] }",
      "const x = 1",
    ]);
    expect(places("class P { size = 1 }", "new P().si|ze")).toEqual(["class P { [[size]] = 1 }", "new P().[size]"]);
  });

  test("do not depend on what ran", () => {
    notebook.run("const total = 1", { cellId: "a" });
    notebook.run("total + 1", { cellId: "b" });
    expect(places("const total| = 1", "total + 1")).toEqual(["const [[total]] = 1", "[total] + 1"]);
  });

  test("where no name is, there are none", () => {
    expect(places("1 + |1")).toBeUndefined();
    expect(places("|")).toBeUndefined();
  });
});

describe("rename", () => {
  test("changes every cell that means the same thing", () => {
    expect(rename("sum", "let total = 1", "total = 2; console.log(|total)", "const o = { total }; o.total")).toEqual([
      "let sum = 1",
      "sum = 2; console.log(sum)",
      "const o = { total: sum }; o.total",
    ]);
  });

  test("leaves what a module or an object calls by the old name", () => {
    expect(rename("read", 'import { readFileSync } from "node:fs"', "readFile|Sync('x')")).toEqual([
      'import { readFileSync as read } from "node:fs"',
      "read('x')",
    ]);
    expect(rename("wide", "const o = { width: 1 }", "const { width } = o; wid|th")).toEqual([
      "const o = { width: 1 }",
      "const { width: wide } = o; wide",
    ]);
    expect(
      rename("size", "interface Box { width: number }", "const width = 1; const b: Box = { width }; b.wid|th"),
    ).toEqual(["interface Box { size: number }", "const width = 1; const b: Box = { size: width }; b.size"]);
  });

  test("works for functions, classes, types, enums and imports of modules", () => {
    expect(rename("g", "function f| () { return f }", "f()")).toEqual(["function g () { return g }", "g()"]);
    expect(rename("U", "type T = 1; interface I { t: T }", "const t: |T = 1")).toEqual([
      "type U = 1; interface I { t: U }",
      "const t: U = 1",
    ]);
    expect(rename("F", "enum E { A }", "E|.A")).toEqual(["enum F { A }", "F.A"]);
    expect(rename("p", 'import path from "node:path"', "path|.join()")).toEqual([
      'import p from "node:path"',
      "p.join()",
    ]);
  });

  test.each([
    ["class", ["const a| = 1"], "'class' is not a name that a variable can have."],
    ["1x", ["const a| = 1"], "'1x' is not a name that a variable can have."],
    ["b", ["const b = 1", "const a| = b"], "'b' exists already in a cell that uses 'a'."],
    ["x", ["console.lo|g()"], "No cell of this notebook declares 'log'."],
    ["x", ["1 + |1"], "There is no name here."],
  ])("to %s in %j is refused", (newName, texts, problem) => {
    expect(rename(newName, ...texts)).toBe(problem);
  });
});
