import ts from "typescript";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CellRealm, compile } from "./cell-realm.ts";

/** The body without the line above the user's first one and the closing line. */
function bodyOf(code: string): string {
  return compile(code).body.split("\n").slice(1, -1).join("\n");
}

describe("the emitted text", () => {
  test.each([
    ["a declaration becomes an assignment in the same columns", "const x: number = 1;", ";     x         = 1;"],
    ["a variable without a value becomes undefined", "let y: string;", ";   y = void 0        ;"],
    ["an object pattern is put in parentheses", "const { a, b: [c] } = f();", ";    ({ a, b: [c] } = f());"],
    ["an array pattern needs none", "let [a, b = 2] = f();", ";   [a, b = 2] = f();"],
    ["several declarators stay a list", "var a = 1, { b } = f(), c;", ";   a = 1, ({ b } = f()), 0;"],
    ["a for head keeps its columns", "for (var i = 0; i < 1; i++);", "for (    i = 0; i < 1; i++);"],
    ["a for-of head keeps its pattern", "for (var { a } of f());", "for (    { a } of f());"],
    ["a lone branch stays one statement", "if (c) var x = 1; else var y", "if (c)     x = 1; else ;    "],
    ["block-scoped names in blocks stay", "{ let x = 1; const y = 2 }", "{ let x = 1; const y = 2 }"],
    ["a var in a block is a name of the cell", "{ var x = 1; }", "{ ;   x = 1; }"],
    ["a class assigns itself from the line above", "f()\nclass A<T> {}", "f();A=\nclass A    {};"],
    ["export makes room for the assignment", "export class A {}", "    ;A=class A {};"],
    [
      "types vanish",
      "type T = 1\ninterface I {}\ndeclare const q: T\n",
      `${" ".repeat(10)}\n${" ".repeat(14)}\n${" ".repeat(18)}\n`,
    ],
    ["imports leave a semicolon", "import a from 'b'\n", `;${" ".repeat(16)}\n`],
    ["import.meta becomes a name of the same length", "x = import.meta.url", "x = $importMeta.url"],
    ["dynamic import stays", "x = import('m'), 1", "x = import('m'), 1"],
    ["CRLF line ends stay", "const a = 1\r\nconst b = 2\r\n", ";     a = 1\r\n;     b = 2\r\n"],
    ["astral characters keep the columns", "const s = '😀', t: T = 1", ";     s = '😀', t    = 1"],
    ["a hashbang is blanked", "#!/usr/bin/env node\nconst a = 1", `${" ".repeat(19)}\n;     a = 1`],
    ["an export list vanishes", "export { x, y as z };", `;${" ".repeat(20)}`],
  ])("%s", (_title, code, expected) => {
    // A statement without a value at the end keeps `return` out of the way.
    expect(bodyOf(`${code}\nif (0);`).replace(/\nif \(0\);$/, "")).toBe(expected);
  });

  test.each([
    ["a function keeps its place", "\n\nfunction f(a: number) {}", "\n\nfunction f(a        ) {}"],
    ["the other statements are blank", "const a = 1; function f() {}", `${" ".repeat(13)}function f() {}`],
    ["overloads are erased", "function f(): void;\nfunction f(a?: 1) {}", "                   \nfunction f(a    ) {}"],
    [
      "two functions on one line fit into the gap",
      "function f() {}   function g() {}",
      "function f() {};g=function g() {}",
    ],
    ["a function that uses its name loses it to the assignment", "function f() { f() }", "function  () { f() }"],
    ["export default goes", "export default async function f() {}", "               async function f() {}"],
  ])("hoisted: %s", (_title, code, expected) => {
    const [opening, ...lines] = compile(code).hoisted.split("\n");
    expect(opening).toBe('"use strict";;f=');
    expect(lines.join("\n")).toBe(expected);
  });

  test("the last expression is returned from the line above", () => {
    const cell = compile("const a = 1\na + 1 // done");
    expect(cell.hasResult).toBe(true);
    expect(cell.body).toBe('(async function(){"use strict";\n;     a = 1;return (\na + 1) // done\n})');
  });

  test("a declaration or a block has no result", () => {
    for (const code of ["const a = 1", "if (1) 2", "class A {}", "function f() {}", "enum E { A }", ""]) {
      expect(compile(code).hasResult).toBe(false);
    }
  });

  test("imports are data", () => {
    const cell = compile(
      [
        'import d, { a as b, type T, c } from "m";',
        'import * as ns from "n";',
        'import type { U } from "u";',
        'import { type V } from "v";',
        'import "side"; import {} from "empty";',
        'import fs = require("fs");',
        'import data from "./d.json" with { type: "json" };',
        'export * from "e";',
        'import { URL } from "url";',
      ].join("\n"),
    );
    expect(cell.imports).toEqual([
      {
        specifier: "m",
        line: 0,
        bindings: [
          { imported: "default", local: "d" },
          { imported: "a", local: "b" },
          { imported: "c", local: "c" },
        ],
      },
      { specifier: "n", line: 1, bindings: [{ imported: "*", local: "ns" }] },
      { specifier: "side", line: 4, bindings: [] },
      { specifier: "empty", line: 4, bindings: [] },
      { specifier: "fs", line: 5, bindings: [{ imported: "default", local: "fs" }] },
      {
        specifier: "./d.json",
        line: 6,
        bindings: [{ imported: "default", local: "data" }],
        attributes: { type: "json" },
      },
      { specifier: "e", line: 7, bindings: [] },
      { specifier: "url", line: 8, bindings: [{ imported: "URL", local: "ǃURL" }] },
    ]);
    expect(cell.declarations.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      "import d",
      "import b",
      "import c",
      "import ns",
      "import fs",
      "import data",
      "import URL",
    ]);
  });

  test("every kind of declaration is listed once, types are not", () => {
    const cell = compile(
      "const a = 1; let b; var c; function f() {} class K {} enum E { A } namespace N { export const x = 1 }" +
        "namespace K { export const y = 1 } namespace Types { export type T = 1 } interface I {} type T = 1;" +
        "if (a) { var d = 1 } for (var i of []) { var { j } = i } switch (a) { case 1: var s = 1 } declare let q: 1;" +
        "function g() { var inner } const { u, ...v } = {} as any, [w] = []",
    );
    expect(cell.declarations.map(({ name, kind }) => `${kind} ${name}`).join(", ")).toBe(
      "const a, let b, var c, function f, class K, enum E, namespace N, var d, var i, var j, var s, function g, const u, const v, const w",
    );
  });
});

/** A cell with two resources that write down how they are disposed. */
function withResources(last: string): string {
  return `globalThis.disposed = []; const make = (n: string) => ({ n, [Symbol.dispose]() { globalThis.disposed.push(n) } });
using a = make("a"); await using b = make("b"); ${last}`;
}

describe("the emitted code runs", () => {
  let realm: CellRealm;
  beforeEach(() => {
    realm = new CellRealm();
  });
  afterEach(() => realm[Symbol.dispose]());

  test.each<[string, string, unknown]>([
    ["top-level await", "const a = await Promise.resolve(1); a + await 1", 2],
    ["destructuring", "const { a, b: [c], ...rest } = { a: 1, b: [2], d: 3 } as any\n;[a, c, rest]", [1, 2, { d: 3 }]],
    ["a pattern whose initializer ends in a type", "const { a } = { a: 1 } as { a: number }\na", 1],
    ["a result that ends in types", "({ a: 1 }) as { a: number } satisfies object", { a: 1 }],
    ["a call that follows a class stays a statement", "class A {}\n(() => 1)()", 1],
    ["a call that follows a function stays a statement", "const a = 1\nfunction f() {}\n(() => a)()", 1],
    ["a bracket that follows a type stays a statement", "const a = 1\ntype T = 1\n[a][0]", 1],
    [
      "var in branches and loops",
      "if (true) var x = 1; else var y = 2\nfor (var i = 0, n = 3; i < n; i++) var last = i; [x, typeof y, i, last]",
      [1, "undefined", 3, 2],
    ],
    [
      "var of a for-in and a for-of with pattern",
      "for (var k in { q: 1 }); for (var { z } of [{ z: 1 }, { z: 2 }]); [k, z]",
      ["q", 2],
    ],
    ["a second var keeps the value", "var x = 1; var x; x", 1],
    [
      "functions are hoisted and see later values",
      "const r = () => f(); function f() { return v } const v = 4; r()",
      4,
    ],
    [
      "a generator and an async function",
      "function* g() { yield 1 } async function h() { return 2 } [...g(), await h()]",
      [1, 2],
    ],
    [
      "overloads",
      "function f(a: string): string; function f(a: number): number; function f(a: any) { return a } f(3)",
      3,
    ],
    ["an enum", "enum E { A = 1, B, C = 'x' as any }\nE.A + E.B", 3],
    ["two enums of one name", "enum E { A } enum E { B = 5 } [E.A, E.B]", [0, 5]],
    ["a const enum", "const enum E { A = 2 } E.A", 2],
    ["a namespace on a class", "class A {} namespace A { export const x = 1 }\nA.x", 1],
    ["a namespace on a function", "function f() { return 1 } namespace f { export const x = 2 } f() + f.x", 3],
    ["an alias of a namespace member", "namespace N { export const x = 1 } import y = N.x; y", 1],
    [
      "parameter properties",
      "class P { constructor(readonly x: number, private y = 2) {} sum() { return this.x + this.y } } new P(1).sum()",
      3,
    ],
    ["a type assertion of the old form", "const x = <number>(1 as unknown); x", 1],
    [
      "decorators",
      "const seen: string[] = []; function dec(v: any, c: any) { seen.push(c.name) } @dec class D { @dec m() {} } [new D() instanceof D, seen]",
      [true, ["m", "D"]],
    ],
    ["an accessor field", "class A { accessor x = 1 } new A().x", 1],
    ["an exported default expression is the result", "export default { a: 1 } as object", { a: 1 }],
    ["an anonymous default function", "export default function () {}\n1", 1],
    [
      "names of functions and classes",
      "const f = () => {}; class A {} function g() { return g } const C = class {}; [f.name, A.name, g.name, C.name]",
      ["f", "A", "g", "C"],
    ],
    ["a trailing semicolon does not silence", "1 + 1;", 2],
    ["trailing empty statements do not silence", "1 + 1;;", 2],
    [
      "using disposes at the end of the cell",
      "const log: string[] = []; { using a = { [Symbol.dispose]() { log.push('a') } } } log",
      ["a"],
    ],
    ["patterns without names", "let count = 0; const {} = { n: count++ }, [] = [count++]; count", 2],
    [
      "using in a loop head",
      "const gone: number[] = []; for (using r of [1, 2].map((n) => ({ [Symbol.dispose]: () => void gone.push(n) }))); gone",
      [1, 2],
    ],
    ["this is undefined", "typeof this", "undefined"],
    ["comments at the end", "1 // one", 1],
    ["a comment between the last statement and a class", "const a = 1 // one\n/* two */ class B {}\nB.name + a", "B1"],
    ["a label", "outer: for (var i = 0; ; i++) { for (;;) break outer } i", 0],
  ])("%s", async (_title, code, expected) => {
    expect(await realm.run(code)).toEqual(expected);
  });

  test("resources of the cell are disposed in reverse order, also when it throws", async () => {
    expect(await realm.run(withResources("a.n + b.n"))).toBe("ab");
    expect(Reflect.get(globalThis, "disposed")).toEqual(["b", "a"]);
    await expect(realm.run(withResources("throw new Error('stop')"))).rejects.toThrow("stop");
    expect(Reflect.get(globalThis, "disposed")).toEqual(["b", "a"]);
    Reflect.deleteProperty(globalThis, "disposed");
  });

  test("using inside of a function works on engines without it", async () => {
    const code = `const log: string[] = [];
function f() { using a = { [Symbol.dispose]() { log.push("gone") } }; return log.length }
[f(), log]`;
    expect(await realm.run(code)).toEqual([0, ["gone"]]);
  });

  test("a use before the declaration throws", async () => {
    await expect(realm.run("later; const later = 1")).rejects.toThrow("Cannot access 'later' before initialization");
  });

  test("every function sees the newest value of a name", async () => {
    await realm.run("let n = 1; const read = () => n; function twice() { return n * 2 }");
    await realm.run("const n = 10");
    expect(await realm.run("[read(), twice()]")).toEqual([10, 20]);
  });

  test("a recursive function that is replaced calls its replacement", async () => {
    await realm.run("function down(n: number): string { return n === 0 ? 'old' : down(n - 1) }\nconst first = down");
    await realm.run("function down(n: number) { return 'new' }");
    expect(await realm.run("first(3)")).toBe("new");
  });

  test("a function can be assigned to from inside", async () => {
    expect(await realm.run("function once() { once = () => 2; return 1 } [once(), once()]")).toEqual([1, 2]);
  });

  test("JSX compiles to the factory in scope", async () => {
    const code = `const React = { createElement: (tag: any, props: any, ...children: any[]) => ({ tag, props, children }) };
const name = "x";
const el = <div id={name}>
  <b>hi</b>
</div>;
el`;
    expect(await realm.run(code)).toMatchObject({
      tag: "div",
      props: { id: "x" },
      children: [{ tag: "b", children: ["hi"] }],
    });
  });

  test("the automatic JSX runtime becomes an import", () => {
    const { imports } = compile("const el = <b/>", new Map(), { jsx: ts.JsxEmit.ReactJSX, jsxImportSource: "preact" });
    expect(imports).toEqual([
      { specifier: "preact/jsx-runtime", bindings: [{ imported: "jsx", local: "_jsx" }], line: 0 },
    ]);
  });

  test("a comment may name the JSX factory", async () => {
    const code = "/** @jsx h */\nconst h = (...parts: any[]) => parts;\n<b>{1}</b>";
    expect(await realm.run(code)).toEqual(["b", null, 1]);
  });

  test("errors name the user's line, in bodies, functions and transpiled classes", async () => {
    const code = `const a: number = 1;
enum E { A,
  B }
function f(): never {
  throw new Error("f");
}
class P { constructor(readonly x: number) {}

  m(): void {
    throw new Error("m");
  }
}
type T = { stack: string };
const stacks: string[] = [];
for (const call of [f, () => new P(1).m()]) try { call() } catch (e) { stacks.push((e as T).stack.split("\\n")[1]!) }
stacks.push(new Error("b").stack!.split("\\n")[1]!);
stacks`;
    const lines = (await realm.run(code)) as string[];
    expect(lines.map((line) => /cell\.ts:(\d+)/.exec(line)?.[1])).toEqual(["5", "10", "16"]);
  });
});
