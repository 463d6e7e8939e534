import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CheckLevel } from "../../../kernel/src/language/language.ts";
import type { LiveDiagnostic } from "../../../kernel/src/protocol/language-comm.ts";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
beforeEach(() => {
  notebook = new Notebook();
});
afterEach(() => notebook[Symbol.dispose]());

/** What is said about the last of some cells, which are called a, b, c … from the top. */
function diagnose(codes: readonly string[], check: CheckLevel = "error"): readonly LiveDiagnostic[] {
  const cells = codes.map((code, index) => ({ id: String.fromCharCode(97 + index), code }));
  return notebook.language.diagnose({ cells, cellId: cells.at(-1)?.id ?? "", check });
}

function messages(...codes: readonly string[]): string[] {
  return diagnose(codes).map(({ message }) => message);
}

/** The text after a fix. */
function mended(code: string, diagnostic: LiveDiagnostic | undefined, title: string): string {
  const fix = diagnostic?.fixes.find((offered) => offered.title === title);
  if (!fix) throw new Error(`No fix "${title}" among ${JSON.stringify(diagnostic?.fixes)}`);
  return fix.edits.reduceRight(
    (text, { start, length, text: inserted }) => text.slice(0, start) + inserted + text.slice(start + length),
    code,
  );
}

test("a cell that runs after a refused one is checked itself, though a front end asked about all of them in between", () => {
  const cells = [
    { id: "a", code: "const fish = 'manta';\nfish.length" },
    { id: "b", code: "const metres: number = fish;" },
  ];
  const ask = () => cells.forEach(({ id: cellId }) => notebook.language.diagnose({ cells, cellId, check: "error" }));
  ask();
  expect(notebook.errors(cells[1]?.code ?? "", "b")).toEqual(["Cannot find name 'fish'."]);
  ask();
  expect(notebook.errors(cells[0]?.code ?? "", "a")).toEqual([]);
});

describe("cells that have not run", () => {
  test("see the cells above them, and not those below", () => {
    expect(messages("const rows = [1, 2]", "rows.map((row) => row.trim())")).toEqual([
      "Property 'trim' does not exist on type 'number'.",
    ]);
    const cells = [
      { id: "a", code: "below" },
      { id: "b", code: "const below = 1" },
    ];
    expect(notebook.language.diagnose({ cells, cellId: "a", check: "error" })).toMatchObject([
      { message: "Cannot find name 'below'.", start: 0, length: 5 },
    ]);
  });

  test("see each name as the nearest cell above declares it", () => {
    expect(messages("const x = 1", "const x = 'text'", "x.length")).toEqual([]);
    expect(messages("class P { a = 1 }", "const p = new P()", "class P { b = 1 }", "p.b; new P().b; p.a")).toEqual([
      "Property 'b' does not exist on type 'P'.",
    ]);
  });

  test("see what ran anywhere, unless a cell above has new text", () => {
    notebook.run("const count = 1", { cellId: "elsewhere" });
    expect(messages("count.toFixed()")).toEqual([]);
    notebook.run("const label = 1", { cellId: "a" });
    expect(messages("const label = 1", "label.toFixed()")).toEqual([]);
    expect(messages("let label = 'now a text'", "label.toFixed()")).toEqual([
      "Property 'toFixed' does not exist on type 'string'. Did you mean 'fixed'?",
    ]);
  });

  test("of two cells that ran, the newest counts and not the nearest", () => {
    notebook.run("const v = 1", { cellId: "a" });
    notebook.run("const v = 'text'", { cellId: "elsewhere" });
    expect(messages("const v = 1", "v.length")).toEqual([]);
  });

  test("a cell that threw half-way lends the names that it did not come to", () => {
    notebook.run("const first = 1; const second = 2", { cellId: "a", assigned: ["first"] });
    expect(messages("const first = 1; const second = 2", "second.toFixed()")).toEqual([]);
  });

  test("leave the type world as it is", () => {
    expect(messages("const secret = 1; type T = 1", "secret as T")).toEqual([]);
    expect(notebook.errors("secret")).toEqual(["Cannot find name 'secret'."]);
    expect(notebook.language.complete({ code: "secr", offset: 4 }).items).toEqual([]);
  });

  test("lend what they declare although they have errors of their own", () => {
    expect(messages("const a: number = 'x'\nlet b = 2", "a.toFixed(); b.nope")).toEqual([
      "Property 'nope' does not exist on type 'number'.",
    ]);
    expect(messages("const ok = 1\nfunction broken( {", "ok.toFixed()")).toEqual([]);
  });

  test("change types for all from their place on, each version once", () => {
    const augmentation = (method: string) => `declare global { interface Array<T> { ${method}(): T } }`;
    expect(messages(augmentation("second"), "[1].second()")).toEqual([]);
    notebook.run(augmentation("second"), { cellId: "a" });
    expect(messages(augmentation("second"), "[1].second().toFixed()")).toEqual([]);
    expect(messages(augmentation("third"), "[1].third()")).toEqual([]);
    expect(messages("1", "[1].nowhere()", augmentation("nowhere"))).toEqual([]);
    const cells = [
      { id: "a", code: "[1].nowhere()" },
      { id: "b", code: augmentation("nowhere") },
    ];
    expect(notebook.language.diagnose({ cells, cellId: "a", check: "error" })).toHaveLength(1);
  });

  test("are forgotten with the notebook", () => {
    messages("const gone = 1", "gone");
    expect(messages("gone")).toEqual(["Cannot find name 'gone'."]);
    expect(notebook.language.diagnose({ cells: [], cellId: "a", check: "error" })).toEqual([]);
  });
});

describe("what is said about a cell", () => {
  test("syntax errors hide the others", () => {
    expect(diagnose(["const = nope"])).toMatchObject([{ category: "error", code: 1134 }]);
    expect(messages("return 1")).toEqual(["A 'return' statement can only be used within a function body."]);
  });

  test("the level decides, and the cell's own line decides before it", () => {
    const wrong = "const n: number = 'x'";
    expect(diagnose([wrong], "warn")).toMatchObject([{ category: "warning", code: 2322 }]);
    expect(diagnose([wrong], "off")).toEqual([]);
    expect(diagnose([`// @check off\n${wrong}`])).toEqual([]);
    expect(diagnose(["const = 1"], "off")).not.toEqual([]);
  });

  test("unused locals and deprecated names are hints; a cell's own names are for others", () => {
    const code = "const kept = 1\nfunction f(extra: number) { return 1 }\nescape('x')";
    expect(diagnose([code])).toMatchObject([
      { category: "unused", code: 6133, start: code.indexOf("extra"), length: "extra".length },
      { category: "deprecated", start: code.indexOf("escape"), length: "escape".length },
    ]);
  });

  test("places are the user's, also behind a header, in JSX and behind astral characters", () => {
    const code = "/* 😀 */ const el: string = total";
    expect(diagnose(["let total = 1", code])).toMatchObject([{ start: code.indexOf("el:"), length: 2 }]);
  });
});

describe("quick fixes", () => {
  test("spelling", () => {
    const code = "const text = 'a'.trim()\ntext.lenght";
    const [error] = diagnose([code]);
    expect(mended(code, error, "Change spelling to 'length'")).toBe("const text = 'a'.trim()\ntext.length");
  });

  test("an import of Node's modules goes to the top, behind comments and the magic line", () => {
    const code = "            \n// reads\nreadFileSync('x')";
    const [error] = diagnose(["const before = 1", code]);
    expect(error?.fixes.map(({ title }) => title)).toEqual(['Add import from "node:fs"']);
    expect(mended(code, error, 'Add import from "node:fs"')).toBe(
      "            \n// reads\nimport { readFileSync } from \"node:fs\";\nreadFileSync('x')",
    );
  });

  test("an import joins one that the cell has", () => {
    const code = 'import { statSync } from "node:fs";\nstatSync; readFileSync';
    const [error] = diagnose([code]);
    expect(mended(code, error, 'Update import from "node:fs"')).toBe(
      'import { readFileSync, statSync } from "node:fs";\nstatSync; readFileSync',
    );
  });

  test("nothing offers to import from a cell or to change another cell", () => {
    const cells = [
      { id: "a", code: "helper; new Box().size" },
      { id: "b", code: "const helper = 1; class Box {}" },
    ];
    const found = notebook.language.diagnose({ cells, cellId: "a", check: "error" });
    expect(found.flatMap(({ fixes }) => fixes)).toEqual([]);
    const [missing] = diagnose(["class Box {}", "new Box().size"]);
    expect(missing).toMatchObject({ code: 2339, fixes: [] });
  });
});
