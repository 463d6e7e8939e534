import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { toErrorContent, toWarningText } from "../../../kernel/src/core/diagnostics.ts";
import type { CellDiagnostic } from "../../../kernel/src/language/language.ts";

function diagnostic(code: string, text: string, fields: Partial<CellDiagnostic> = {}): CellDiagnostic {
  return {
    category: "error",
    code: 2322,
    message: "Wrong type.",
    start: code.indexOf(text),
    length: text.length,
    ...fields,
  };
}

test("an error is shown in its lines, with carets below what is wrong", () => {
  const code = 'const a = 1;\nconst b = 2;\nconst c = 3;\nconst n: number = "x";\n';
  const { ename, evalue, traceback } = toErrorContent([diagnostic(code, "n:", { length: 1 })], {
    code,
    executionCount: 7,
  });
  expect([ename, evalue]).toEqual(["TypeScriptError", "Wrong type."]);
  expect(stripVTControlCharacters(traceback.join("\n"))).toMatchInlineSnapshot(`
    "TypeScriptError: Wrong type.
    cell [7]:4:7  TS2322
      2 | const b = 2;
      3 | const c = 3;
    > 4 | const n: number = "x";
        |       ^
      5 | "
  `);
});

test("each error has its message above its place", () => {
  const code = "a;\nb;";
  const errors = [diagnostic(code, "a"), diagnostic(code, "b", { message: "Also wrong." })];
  const { traceback } = toErrorContent(errors, { code, executionCount: 1 });
  expect(traceback.map((text) => stripVTControlCharacters(text).split("\n")[0])).toEqual([
    "TypeScriptError: Wrong type.",
    "cell [1]:1:1  TS2322",
    "Also wrong.",
    "cell [1]:2:1  TS2322",
  ]);
});

test("a syntax error goes by that name", () => {
  const code = "let = ;";
  expect(toErrorContent([diagnostic(code, ";", { code: 1109 })], { code, executionCount: 1 }).ename).toBe(
    "SyntaxError",
  );
});

test.each([
  ["satisfies", 1360],
  ["a decorator's signature", 1241],
  ["what an async function returns", 1064],
  ["a type used as a value", 1361],
])("an error about %s is none of syntax, whatever its number", (_what, number) => {
  const code = "wrong";
  expect(toErrorContent([diagnostic(code, code, { code: number })], { code, executionCount: 1 }).ename).toBe(
    "TypeScriptError",
  );
});

test("carets stand below their text behind tabs, and stop at the end of the line", () => {
  const code = "\t\tf(1,\n  2)";
  const [, frame = ""] = toErrorContent([diagnostic(code, "f(1,\n  2)")], { code, executionCount: 1 }).traceback;
  expect(stripVTControlCharacters(frame).split("\n")[2]).toBe("    | \t\t^^^^");
});

test("a position behind the end of the cell still shows its last line", () => {
  const code = "const a = (";
  const [, frame = ""] = toErrorContent([diagnostic(code, "", { start: 99 })], { code, executionCount: 1 }).traceback;
  expect(stripVTControlCharacters(frame)).toContain("> 1 | const a = (");
});

test("many errors are cut, and their number is told", () => {
  const code = "x";
  const many = Array.from({ length: 14 }, () => diagnostic(code, "x"));
  const { traceback } = toErrorContent(many, { code, executionCount: 1 });
  expect(traceback).toHaveLength(21);
  expect(stripVTControlCharacters(traceback.at(-1) ?? "")).toBe("… and 4 more");
});

test("a warning ends with a newline, so that what the cell prints starts on its own line", () => {
  const code = "x";
  expect(toWarningText([diagnostic(code, "x")], { code, executionCount: 1 })).toMatch(/Wrong type[^]*\n$/);
});
