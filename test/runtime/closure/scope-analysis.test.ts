import { describe, expect, test } from "vitest";
import { analyse, analyseAlone, type FunctionInfo } from "../../../runtime/src/closure/scope-analysis.ts";

/** The outermost function whose text contains `marker`. */
function functionWith(source: string, marker: string, isModule = true): FunctionInfo {
  const functions = [...(analyse(source, isModule)?.functions.values() ?? [])];
  const found = functions.find(({ start, end }) => source.slice(start, end).includes(marker));
  if (found === undefined) throw new Error(`no function contains ${marker}`);
  return found;
}

function freeNames(source: string, marker = "HERE", isModule = true): string[] {
  return [...functionWith(source, marker, isModule).free.values()].map(({ name }) => name).sort();
}

describe("the free variables of a function", () => {
  test.each([
    [
      "parameters, patterns and defaults are its own",
      "({ a = b, c: [d, ...e] }, ...f) => [a, d, e, f, g, 'HERE']",
      ["b", "g"],
    ],
    [
      "property names and labels are no variables",
      "() => { loop: for (;;) { x.y.z = { k: 1, m() {} }; break loop; } 'HERE' }",
      ["x"],
    ],
    ["computed keys and shorthands are", "() => ({ [a]: 1, b, HERE: 1 })", ["a", "b"]],
    ["var reaches through blocks, let does not", "() => { { var a; let b; } a; b; 'HERE' }", ["b"]],
    ["a catch binding ends with its block", "() => { try {} catch (e) { e } e; 'HERE' }", ["e"]],
    ["a loop variable ends with its loop", "() => { for (let i = 0; i < n; i++) {} i; 'HERE' }", ["i", "n"]],
    ["its own name as an expression", "(function me() { me(); 'HERE' })", []],
    [
      "names of classes and what they extend",
      "() => { class A extends B { #p = C; static { D } [E]() { A; this.#p } } 'HERE' }",
      ["B", "C", "D", "E"],
    ],
    ["arguments belong to the function, not to its arrows", "function f() { return () => arguments[0] + 'HERE' }", []],
    ["functions inside it take from it", "() => { const a = 1; return () => a + b + 'HERE' }", ["b"]],
    ["typeof and templates", "() => `${a}${typeof b}HERE`", ["a", "b"]],
    ["assignments to patterns", "() => { [a, { b: c, d }] = e; 'HERE' }", ["a", "c", "d", "e"]],
  ])("%s", (_, source, expected) => {
    expect(freeNames(source)).toEqual(expected);
  });
});

describe("what is known of a free variable", () => {
  const source = `
    import { join as j } from "node:path";
    const fixed = 1;
    let changing = 1;
    function outer() {
      let count = 0;
      for (const x of []) later(() => x + count);
      return () => { count++; changing; fixed; j; return ns.a + ns.b; "HERE" };
    }
    changing = 2;
  `;
  const analysis = analyse(source, true);
  const closure = [...(analysis?.functions.values() ?? [])].find((info) =>
    source.slice(info.start).startsWith("() => { count++"),
  );
  const variable = (name: string) => [...(closure?.free.values() ?? [])].find((free) => free.name === name);

  test("whether anything assigns it, and whether this function does", () => {
    expect(variable("fixed")?.declaration?.isReassigned).toBe(false);
    expect(variable("changing")?.declaration?.isReassigned).toBe(true);
    expect([variable("count")?.isAssigned, variable("changing")?.isAssigned]).toEqual([true, false]);
  });

  test("where it comes from", () => {
    expect(variable("j")?.declaration?.import).toEqual({ specifier: "node:path", path: ["join"] });
    expect(variable("fixed")?.declaration?.isTopLevel).toBe(true);
    expect(variable("count")?.declaration?.isTopLevel).toBe(false);
    expect(variable("ns")?.declaration).toBeUndefined();
  });

  test("which of its properties are read, if nothing else is done with it", () => {
    expect([...(variable("ns")?.members ?? [])]).toEqual(["a", "b"]);
    expect(variable("fixed")?.members).toBeUndefined();
  });

  test("whether one variable may serve closures of one place", () => {
    const inLoop = [...(analysis?.functions.values() ?? [])].find((info) =>
      source.slice(info.start).startsWith("() => x"),
    );
    const free = [...(inLoop?.free.values() ?? [])];
    expect(free.map(({ name, mayRepeat }) => [name, mayRepeat])).toEqual([
      ["x", false],
      ["count", true],
    ]);
  });
});

describe("what a function takes from around it beside variables", () => {
  test.each([
    ["an arrow in a method uses its this", "class A { m() { return () => this.x + 'HERE' } }", "() =>", true],
    ["an arrow at the top level has the module's", "const f = () => [this, 'HERE']", "() =>", false],
    ["a function has its own", "function f() { return function g() { return this + 'HERE' } }", "function g", false],
  ])("%s", (_, source, start, expected) => {
    const info = [...(analyse(source, true)?.functions.values() ?? [])].find((one) =>
      source.slice(one.start).startsWith(start),
    );
    expect(info?.usesOuterThis).toBe(expected);
  });

  test("super and private names", () => {
    expect(analyseAlone("m() { return super.x }", true)?.usesSuper).toBe(true);
    expect(analyseAlone("m() { return this.#x }", true)?.usesOuterPrivates).toBe(true);
    expect(analyseAlone("class A { #x; m() { return this.#x } }", true)?.usesOuterPrivates).toBe(false);
  });
});

test("imports of all forms are found", () => {
  const source = `
    import a, { b as c, default as d } from "x"; import * as e from "./y.js"; import data from "./z.json" with { type: "json" };
    const f = require("g"); const { h, i: { j } } = require("k"); const l = await import("m"); const { n } = await import("o");
  `;
  expect(Object.fromEntries(analyse(source, true)?.imports ?? [])).toEqual({
    a: { specifier: "x", path: ["default"] },
    c: { specifier: "x", path: ["b"] },
    d: { specifier: "x", path: ["default"] },
    e: { specifier: "./y.js", path: [] },
  });
  const info = functionWith(`${source} () => [f, h, l, n, "HERE"]`, "HERE");
  const imports = [...info.free.values()].map(({ declaration }) => declaration?.import);
  expect(imports).toEqual([
    { specifier: "g", path: [], isRequired: true },
    { specifier: "k", path: ["h"], isRequired: true },
    { specifier: "m", path: [] },
    { specifier: "o", path: ["n"] },
  ]);
});

test("sources that are no JavaScript are refused, CommonJS and modules both read", () => {
  expect(analyse("const = 1", true)).toBeUndefined();
  expect(analyse("return with_(1)", false)).toBeDefined();
  expect(analyse("import x from 'y'; await x;", false)).toBeDefined();
});
