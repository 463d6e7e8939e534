import vm from "node:vm";
import * as fc from "fast-check";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { parseAs } from "../../../../kernel/src/language/cell/parse.ts";
import { CellRealm, compile } from "./cell-realm.ts";

interface Token {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** Statements whose columns must survive, one or more lines each. `#` becomes a number, so that names differ. */
const ALIGNED = [
  "const a#: number = #;",
  "let { b#, c: [d#] }: any = { b#: #, c: [#] }",
  "var e# = # as unknown as number // comment",
  "export const f#: Map<string, number> = new Map<string, number>()",
  "function g#<T extends object>(this: void, x?: T): T | undefined {\n  return x!\n}",
  "async function h#(...xs: number[]): Promise<number> { return xs.length }",
  "export abstract class K#<T> {\n  private readonly p: number = #;\n  m?(): void;\n  get q(): T | undefined { return undefined }\n}",
  "class L# implements Iterable<number> { declare z: string; *[Symbol.iterator](): Iterator<number> { yield # } }",
  "interface I# { a: number }",
  "type T# = {\n  b: string\n}",
  "for (var i#: number = 0, n#: number = #; i# < n#; i#++) { let t: number = i# }",
  "for (const o# of [#] as const) { const u: number = o# }",
  "if (#) var s#: number = 1; else { var t# = '😀' as string }",
  "const u# = (x: number): number => {\n  const y: number = x\n  return y\n}",
  "import type { Dirent as D# } from 'node:fs'",
  "/* 😀 */ const v# = `a${ # as number }\n b`, w#: string = 'x'",
  "switch (# as number) { case 1: { let z#: number = 1 } default: var x# = 2 }",
  "try { throw # } catch (e: unknown) { var y# = e as number }",
];

/** Statements that are compiled anew, so that only lines survive. */
const MOVED = [
  "enum E# { A = #,\n  B }",
  "namespace N# {\n  export const x = #\n}",
  "class P# {\n  constructor(public x: number) {}\n  m(): number {\n    return this.x\n  }\n}",
  "let q#: string;",
  "const { crypto, URL: r# } = { crypto: #, URL: # }\nconst s# = { crypto }",
];

const aligned = fc.array(fc.constantFrom(...ALIGNED), { minLength: 1, maxLength: 8 }).map(numbered);
const mixed = fc
  .array(fc.oneof(fc.constantFrom(...ALIGNED), fc.constantFrom(...MOVED)), { minLength: 1, maxLength: 8 })
  .filter((statements) => statements.filter((text) => text.includes("crypto")).length < 2)
  .map(numbered);

function numbered(statements: readonly string[]): string {
  return statements.map((text, index) => text.replaceAll("#", String(index + 1))).join("\n");
}

/** Identifiers of emitted code, placed as in the user's text: the first line is above it. */
function tokensOf(code: string): Token[] {
  const { sourceFile } = parseAs(code, ts.ScriptKind.JS);
  const tokens: Token[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text !== "") {
      const { line, character } = sourceFile.getLineAndCharacterOfPosition(node.getStart());
      // `;Name=` is the assignment in front of a class or function, wherever there was room for it.
      const isOpening = code[node.getStart() - 1] === ";" && code[node.end] === "=";
      if (line > 0 && !isOpening) tokens.push({ text: node.text, line: line - 1, column: character });
    }
    ts.forEachChild(node, visit);
  };
  visit(sourceFile);
  return tokens;
}

describe("positions", () => {
  test("identifiers keep line and column when only types and keywords go", () => {
    fc.assert(
      fc.property(aligned, (code) => {
        const lines = code.split("\n");
        const cell = compile(code);
        for (const { text, line, column } of [...tokensOf(cell.body), ...tokensOf(cell.hoisted)]) {
          expect(lines[line]?.slice(column, column + text.length), `${code}\n---\n${cell.body}`).toBe(text);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("identifiers of the user keep their line whatever happens to a statement", () => {
    fc.assert(
      fc.property(mixed, (code) => {
        const lines = code.split("\n");
        const cell = compile(code);
        const userNames = new Set(code.match(/[\w$]+/g));
        for (const { text, line } of [...tokensOf(cell.body), ...tokensOf(cell.hoisted)]) {
          const name = text.replace("ǃ", "");
          if (userNames.has(name) && !/^(?:E|N|P)\d|^[xAB]$/.test(name)) expect(lines[line], cell.body).toContain(name);
        }
        expect(cell.body.split("\n")).toHaveLength(lines.length + 2);
      }),
      { numRuns: 150 },
    );
  });

  test("names end up with the values that plain JavaScript gives them", async () => {
    await fc.assert(
      fc.asyncProperty(mixed, async (code) => {
        const names = compile(code)
          .declarations.map(({ name }) => name)
          .filter((name) => name !== "crypto");
        const reference = await evaluatePlainly(code, names);
        using realm = new CellRealm();
        await realm.run(code);
        for (const name of names)
          expect(comparable(realm.value(name)), `${name} in\n${code}`).toEqual(comparable(reference[name]));
      }),
      { numRuns: 60 },
    );
  });
});

/** Values of top-level names when TypeScript compiles the text and a function runs it. */
async function evaluatePlainly(code: string, names: readonly string[]): Promise<Record<string, unknown>> {
  const { outputText } = ts.transpileModule(code.replace(/^export /gm, ""), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const body = outputText.replace(/^(import|export) .*$/gm, "");
  const run = vm.runInThisContext(`(async function () { "use strict"; ${body}
return { ${names.join(", ")} } })`);
  return (run as () => Promise<Record<string, unknown>>)();
}

/** Functions and classes by their kind and name; everything else as it is. */
function comparable(value: unknown): unknown {
  return typeof value === "function" ? `function ${value.name}` : value;
}
