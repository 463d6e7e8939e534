import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
beforeEach(() => {
  notebook = new Notebook();
});
afterEach(() => notebook[Symbol.dispose]());

describe("names across cells", () => {
  test("a later cell knows the types of an earlier one", () => {
    notebook.run("const xs = [{ a: 1 }]; interface Shape { area(): number } type Id = string | number");
    expect(notebook.typeOf("xs.map((x) => x.a)")).toBe("number[]");
    expect(notebook.errors("const s: Shape = { area: () => 'x' }")).toEqual([
      "Type 'string' is not assignable to type 'number'.",
    ]);
    expect(notebook.errors("const id: Id = 1; xs[0]!.a.toFixed()")).toEqual([]);
  });

  test.each<[kind: string, before: string, after: string, expression: string, type: string]>([
    ["const", "const v = 1", "const v = 'a'", "v.length", "number"],
    ["let", "let v = 1", "let v: string[] = []", "v[0]!.trim()", "string"],
    ["var", "var v = 1", "if (1) { var v = true }", "v", "boolean"],
    ["function", "function v() { return 1 }", "function v(a: string) { return a }", "v('a')", "string"],
    ["class", "class v { a = 1 }", "class v { b = 'b' }", "new v().b", "string"],
    ["enum", "enum v { A }", "enum v { B = 'x' }", "v.B as string", "string"],
    [
      "namespace",
      "namespace v { export const a = 1 }",
      "namespace v { export const b = true }",
      "v.b as boolean",
      "boolean",
    ],
    ["type", "type v = number", "type v = string[]", "null! as v", "v"],
    ["interface", "interface v { a: 1 }", "interface v { b: Date }", "(null! as v).b", "Date"],
    ["import", "import v from 'node:path'", "import * as v from 'node:os'", "v.EOL", "string"],
    ["a const that was a type", "type v = number", "const v = 2 as number", "v", "number"],
    ["a class that was a function", "function v() {}", "class v { q = 1 }", "new v().q", "number"],
  ])("the newest %s wins", (_kind, before, after, expression, type) => {
    notebook.run(before);
    notebook.run(after);
    expect(notebook.typeOf(expression)).toBe(type);
  });

  test("a value keeps the type of the version that made it", () => {
    notebook.run("class Point { constructor(readonly x: number) {} }\nconst old = new Point(1)");
    notebook.run("class Point { constructor(readonly y: string) {} }");
    expect(notebook.typeOf("old.x")).toBe("number");
    expect(notebook.typeOf("new Point('a').y")).toBe("string");
    expect(notebook.errors("old.y")).toEqual(["Property 'y' does not exist on type 'Point'."]);
  });

  test("the first line of a script is a comment", () => {
    notebook.run("const a = 1");
    expect(notebook.errors("#!/usr/bin/env node\na satisfies number")).toEqual([]);
    const { diagnostics } = notebook.compile("#!/usr/bin/env node\na satisfies string");
    expect(diagnostics).toMatchObject([{ start: "#!/usr/bin/env node\na ".length, length: "satisfies".length }]);
  });

  test("a cell may run again and again, and its names are not redeclarations", () => {
    for (let count = 0; count < 3; count++)
      notebook.run("const a = 1; let b = a; class C {} enum E { A } type T = C", { cellId: "x" });
    expect(notebook.errors("b = a + 1; new C() satisfies T")).toEqual([]);
  });

  test("a cell that runs again removes what it no longer declares", () => {
    notebook.run("const a = 1, crypto = 2; type T = 1", { cellId: "x" });
    expect(notebook.compile("const b = 1", { cellId: "x" }).cell?.obsoleteGlobals).toEqual(["a", "ǃcrypto"]);
    expect(notebook.errors("a")).toEqual([]);
    notebook.run("const b = 1", { cellId: "x" });
    expect(notebook.errors("a as T")).toEqual(["Cannot find name 'a'.", "Cannot find name 'T'."]);
    expect(notebook.typeOf("crypto.randomUUID()")).toContain("`${string}");
  });

  test("a cell does not see what only its former text declared, and is told so", () => {
    notebook.run("const total = 1", { cellId: "x" });
    expect(notebook.errors("total + 1", "x")).toEqual([
      "Cannot find name 'total'.\nThe text that this cell had before declared it; now it does not.",
    ]);
    expect(notebook.errors("total + 1", "y")).toEqual([]);
  });

  test("a name that another cell declares meanwhile is not taken away", () => {
    notebook.run("const a = 1", { cellId: "x" });
    notebook.run("const a = 'newer'", { cellId: "y" });
    expect(notebook.run("const b = 1", { cellId: "x" }).obsoleteGlobals).toBeUndefined();
    expect(notebook.typeOf("a.length")).toBe("number");
  });

  test("deleting a cell removes its names, and says which globals to delete", () => {
    notebook.run("const a = 1; const URL = 2; type T = 1; declare const q: 1", { cellId: "x" });
    notebook.run("const z = 1", { cellId: "y" });
    expect(notebook.language.forget(["x", "unknown"])).toEqual(["a", "ǃURL"]);
    expect(notebook.errors("z; a")).toEqual(["Cannot find name 'a'."]);
    expect(notebook.typeOf("new URL('a:b').protocol")).toBe("string");
  });

  test("what other cells made of a deleted or replaced cell keeps its type", () => {
    notebook.run("class A { deep = { value: 1 } }", { cellId: "x" });
    notebook.run("const a = new A()", { cellId: "y" });
    notebook.language.forget(["x"]);
    for (let count = 0; count < 5; count++) notebook.run(`const filler${count} = 1`, { cellId: "z" });
    expect(notebook.typeOf("a.deep.value")).toBe("number");
  });

  test("a cell with an error, or one that never ran, changes nothing", () => {
    notebook.run("const a = 1");
    expect(notebook.errors("const a = 'x'; const n: number = 'y'")).toHaveLength(1);
    notebook.compile("const a = 'never committed'");
    expect(notebook.typeOf("a")).toBe("1");
  });

  test("only names that got a value become visible, and types always do", () => {
    notebook.run("const a = 1");
    notebook.run("const b = 2; const a = 'x'; type T = 5; function f() {}", { assigned: ["b", "f"] });
    expect(notebook.typeOf("a")).toBe("1");
    expect(notebook.errors("b satisfies 2; f(); const t: T = 5")).toEqual([]);
  });

  test("names of functions, generics, unnameable types and as const arrive whole", () => {
    notebook.run(
      "function pair<const A, B>(a: A, b: B) { return { a, b } as const }\nconst hidden = (() => { class Secret { x = 1 } return new Secret() })()",
    );
    notebook.run("const p = pair('k', [1, 'z'] as const)");
    expect(notebook.typeOf("p.a")).toBe('"k"');
    expect(notebook.typeOf("p.b[1]")).toBe('"z"');
    expect(notebook.typeOf("hidden.x")).toBe("number");
  });

  test("resources of a cell are gone afterwards", () => {
    notebook.run("using handle = { [Symbol.dispose]() {} }; const kept = 1");
    expect(notebook.errors("kept; handle")).toEqual(["Cannot find name 'handle'."]);
  });

  test("augmentations reach later cells until their cell goes", () => {
    notebook.run("declare global { interface Array<T> { second(): T } }", { cellId: "x" });
    expect(notebook.errors("[1].second().toFixed()")).toEqual([]);
    notebook.language.forget(["x"]);
    expect(notebook.errors("[1].second()")).toHaveLength(1);
  });

  test("ambient names are believed", () => {
    notebook.run("declare const fromElsewhere: { n: number }");
    expect(notebook.typeOf("fromElsewhere.n")).toBe("number");
  });

  test("an export of the user's own does not collide", () => {
    notebook.run("export const a = 1; const b = 2; export { b }; export default a; export type T = 3");
    expect(notebook.errors("a + b satisfies number; null! as T")).toEqual([]);
  });
});

describe("assignments to names of earlier cells", () => {
  test("variables take values of their type", () => {
    notebook.run("let n = 1; var s: string | undefined");
    expect(
      notebook.errors("n = 2; n++; n += 1; [n] = [3]; ({ n } = { n: 1 }); for (n of [1]); s = 'a'; s.length"),
    ).toEqual([]);
    expect(notebook.errors("n = 'x'")).toEqual(["Type 'string' is not assignable to type 'number'."]);
    expect(notebook.errors("const set = () => { n = true }")).toEqual([
      "Type 'boolean' is not assignable to type 'number'.",
    ]);
  });

  test("constants, functions, classes and imports refuse them", () => {
    notebook.run("const c = 1; function f() {} class K {} enum E { A }; import path from 'node:path'");
    expect(notebook.errors("c = 2")).toEqual(["Cannot assign to 'c' because it is a constant."]);
    expect(notebook.errors("c++")).toEqual(["Cannot assign to 'c' because it is a constant."]);
    expect(notebook.errors("f = null!")).toEqual(["Cannot assign to 'f' because it is a function."]);
    expect(notebook.errors("K = null!")).toEqual(["Cannot assign to 'K' because it is a class."]);
    expect(notebook.errors("E = null!")).toEqual(["Cannot assign to 'E' because it is an enum."]);
    expect(notebook.errors("path = null!")).toEqual(["Cannot assign to 'path' because it is an import."]);
  });

  test("a variable that a later cell fills has its declared type", () => {
    notebook.run("let model: { weights: number[] }");
    expect(notebook.errors("model = { weights: [1] }; model.weights[0]!.toFixed()")).toEqual([]);
    expect(notebook.typeOf("model.weights")).toBe("number[]");
  });

  test("a variable without a type may be filled by the same cell and read by later ones", () => {
    notebook.run("let found;\nfor (const x of [1, 2]) found = x");
    expect(notebook.errors("console.log(found)")).toEqual([]);
  });
});

describe("globals behind names", () => {
  test("a name of an earlier cell is renamed while its declaration is live", () => {
    notebook.run("const crypto = { mine: 1 }", { cellId: "x" });
    expect(notebook.run("crypto.mine").body).toContain("ǃcrypto.mine");
    expect(notebook.run("function f() { return crypto.mine }").hoisted).toContain("ǃcrypto.mine");
    notebook.language.forget(["x"]);
    expect(notebook.run("crypto.randomUUID()").body).toContain("\ncrypto.randomUUID()");
  });

  test("a type of the name of a global hides the global's type only", () => {
    notebook.run("interface URL { mine: 1 }");
    const cell = notebook.run("type Mine = URL; new globalThis.URL('a:b')");
    expect(cell.body).toContain("globalThis.URL");
  });
});

describe("imports", () => {
  test("types are not loaded, values are, also when unused", () => {
    notebook.write(
      "lib.ts",
      "export interface T { a: 1 }\nexport class C {}\nexport const v = 1\nexport type { C as OnlyType }",
    );
    const cell = notebook.run(
      'import { T, C, v, OnlyType } from "./lib.ts"\nimport { T as Only } from "./lib.ts"\nconst t: T = { a: 1 }',
    );
    expect(cell.imports).toEqual([
      {
        specifier: "./lib.ts",
        line: 0,
        bindings: [
          { imported: "C", local: "C" },
          { imported: "v", local: "v" },
        ],
      },
    ]);
    expect(notebook.errors("v satisfies number; const only: Only = t; new C() satisfies OnlyType")).toEqual([]);
  });

  test("without checks, names used in types alone are not loaded", () => {
    const cell = notebook.run('import { T, v } from "./missing.ts"\nconst t: T[] = v', { check: "off" });
    expect(cell.imports[0]?.bindings).toEqual([{ imported: "v", local: "v" }]);
  });

  test("a file that changes is read again", async () => {
    notebook.write("lib.ts", "export const v = 1 as number");
    notebook.run('import { v } from "./lib"');
    expect(notebook.typeOf("v")).toBe("number");
    await new Promise((resolve) => setTimeout(resolve, 20));
    notebook.write("lib.ts", "export const v = 'text' as string");
    expect(notebook.typeOf("v")).toBe("string");
  });

  test("a missing module is an error until it is there", () => {
    expect(notebook.errors('import { v } from "late"')).toEqual([expect.stringContaining("Cannot find module 'late'")]);
    notebook.write("node_modules/late/package.json", '{"name":"late","types":"index.d.ts"}');
    notebook.write("node_modules/late/index.d.ts", "export declare const v: number");
    expect(notebook.errors('import { v } from "late"; v.toFixed()')).toEqual([]);
  });

  test("a package without types is a warning", () => {
    notebook.write("node_modules/plain/package.json", '{"name":"plain","main":"index.js"}');
    notebook.write("node_modules/plain/index.js", "module.exports = 1");
    const { cell, diagnostics } = notebook.compile('import plain from "plain"; plain.anything');
    expect(diagnostics.map(({ category, code }) => [category, code])).toEqual([["warning", 7016]]);
    expect(cell?.imports).toHaveLength(1);
  });

  test("packages beside the kernel are found from any notebook, and Node's types are there", () => {
    const code =
      'import fc from "fast-check"; import fs = require("node:fs"); fs.readFileSync("x").length; fc.integer()';
    expect(notebook.errors(code)).toEqual([]);
    notebook.run(code);
    expect(notebook.typeOf("fs.readFileSync('x').length")).toBe("number");
  });

  test("JSON has a type", () => {
    notebook.write("data.json", '{"rows": [1, 2]}');
    notebook.run('import data from "./data.json" with { type: "json" }');
    expect(notebook.typeOf("data.rows")).toBe("number[]");
  });
});

describe("check levels", () => {
  const wrong = "const n: number = 'x'";

  test("error refuses, warn tells, off is silent", () => {
    expect(notebook.compile(wrong, { check: "error" })).toEqual({
      diagnostics: [
        {
          category: "error",
          code: 2322,
          message: "Type 'string' is not assignable to type 'number'.",
          start: 6,
          length: 1,
        },
      ],
    });
    const warned = notebook.compile(wrong, { check: "warn" });
    expect(warned.diagnostics.map(({ category }) => category)).toEqual(["warning"]);
    expect(warned.cell).toBeDefined();
    expect(notebook.compile(wrong, { check: "off" })).toMatchObject({ diagnostics: [], cell: { hasResult: false } });
  });

  test.each([
    [`// @check off\n${wrong}`, "error", 0],
    [`\n// a comment\n//@check warn\n${wrong}`, "error", 1],
    [`// @ts-nocheck\n${wrong}`, "error", 0],
    [`// @check error\n${wrong}`, "off", 1],
    [`${wrong}\n// @check off`, "error", 1],
    [`// @ts-expect-error\n${wrong}`, "error", 0],
  ] as const)("%j at level %s", (code, check, count) => {
    expect(notebook.compile(code, { check }).diagnostics).toHaveLength(count);
  });

  test("names of an unchecked cell have their types in later ones", () => {
    notebook.run(`${wrong}; const s = 'a'`, { check: "off" });
    expect(notebook.typeOf("n")).toBe("number");
    expect(notebook.errors("s.nope")).toHaveLength(1);
  });

  test.each(["error", "warn", "off"] as const)("syntax errors block at level %s", (check) => {
    for (const code of [
      "const = 1",
      "f(",
      "return 1",
      "break",
      "x = y z",
      "function f() { await 1 }",
      "let a = 1; delete a",
    ]) {
      const { cell, diagnostics } = notebook.compile(code, { check });
      expect(cell, code).toBeUndefined();
      expect(diagnostics.some(({ category }) => category === "error")).toBe(true);
    }
  });

  test("an error that only the engine finds has its place", () => {
    const code = "const a = 1\nfor (;;) {}\n  break";
    const { diagnostics } = notebook.compile(code, { check: "off" });
    expect(diagnostics).toEqual([
      {
        category: "error",
        code: 0,
        message: expect.stringContaining("break"),
        start: code.indexOf("break"),
        length: 1,
      },
    ]);
  });
});

describe("positions of diagnostics", () => {
  test("are the user's, whatever the module holds before the text", () => {
    notebook.run("const imported = 1; let changed = 2");
    const code = "/* 😀 */ imported; changed = 3\nconst x: string = imported";
    const { diagnostics } = notebook.compile(code);
    expect(diagnostics).toMatchObject([{ start: code.indexOf("x:"), length: 1 }]);
  });

  test("an error at the end of the text stays inside of it", () => {
    for (const code of ["foo(", "if (1) {", "`abc", "const x ="]) {
      for (const { start, length } of notebook.compile(code).diagnostics)
        expect(start + length).toBeLessThanOrEqual(code.length);
    }
  });
});

describe("notebook sense", () => {
  test.each([
    "const r = await fetch('x'); for await (const x of []) {}",
    "import fs = require('node:fs'); fs.readFileSync",
    "import.meta.url",
    "await display(html`<b>${1}</b>`); table([{ a: 1 }]); plotly({ data: [] }); md`x`; svg`y`; clearOutput(true)",
    "display(latex`\\frac{${1}}{2}`); image('<svg/>', { width: 9 }); json({ a: 1 }, { expanded: true })",
    "const image = 1, json = 2, latex = 3; image + json + latex",
    "import * as tslab from 'tslab'; tslab.display.png(new Uint8Array(1)); tslab.newDisplay().html('x'); tslab.versions.node",
    "const display = 1; display + 1",
    "const name = 1, status = 2, event = 3, length = 4, top = 5, process = 6; name + process",
    "enum E { A } namespace N { export const x = E.A } class P { constructor(private x = 1) { this.x } } N.x",
    "const f = async <T,>(x: T) => x; await f(1)",
    "function dec<T>(v: T, c: ClassDecoratorContext) { return v } @dec class D {}",
    "const React = { createElement: (...args: unknown[]) => args }; declare global { namespace JSX { interface IntrinsicElements { b: {} } } } <b/>",
  ])("%s", (code) => {
    expect(notebook.errors(code)).toEqual([]);
  });

  test("the stand-in for tslab is typed", () => {
    expect(notebook.errors("import { display } from 'tslab'; display.html(1)")).toHaveLength(1);
    expect(notebook.errors("import { lost } from 'tslab'")).toHaveLength(1);
  });

  test("JSX without React says what to import", () => {
    const [message] = notebook.errors("const el = <b>x</b>");
    expect(message).toContain('import React from "react"');
  });

  test("a JSX factory of an earlier cell is found", () => {
    notebook.run(
      "const h = (...parts: unknown[]) => parts; declare global { namespace JSX { interface IntrinsicElements { b: {} } } }",
    );
    expect(notebook.errors("/** @jsx h */\nconst el = <b/>")).toEqual([]);
  });

  test("a cell with JSX exports its names like any other", () => {
    notebook.run("const React = { createElement: (...args: unknown[]) => args };");
    notebook.run("// @check off\nconst el = <b>{1}</b>; const n = 1");
    expect(notebook.run("n + 1").body).toContain("n + 1");
    expect(notebook.typeOf("n")).toBe("1");
  });
});

describe("the project's tsconfig", () => {
  test("adds strictness, paths and libraries; the rest stays the notebook's", () => {
    using project = new Notebook({
      "tsconfig.json": JSON.stringify({
        extends: "./base.json",
        compilerOptions: {
          noUncheckedIndexedAccess: true,
          paths: { "~/*": ["./src/*"] },
          noUnusedLocals: true,
          module: "commonjs",
        },
      }),
      "base.json": '{ "compilerOptions": { "strictNullChecks": false, "lib": ["dom"], "isolatedModules": true } }',
      "src/lib.ts": "export const v = 1 as number",
    });
    expect(project.errors('import { v } from "~/lib"; v.toFixed(); document.body; await 1')).toEqual([]);
    expect(project.errors("const s: string = null as null")).toEqual([]);
  });

  test("a broken one counts as none", () => {
    using project = new Notebook({ "tsconfig.json": "{ nonsense" });
    expect(project.errors("const s: string = null")).toHaveLength(1);
  });
});
