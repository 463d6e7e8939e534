import { expect, test } from "vitest";
import {
  breakablePlaces,
  type CellLines,
  linesOf,
  nextToken,
  placeForLine,
  toUserPosition,
} from "../../../kernel/src/debug/positions.ts";

/** What lowering makes of a function, a constant, and an expression behind a comment. */
const CELL: CellLines = linesOf({
  source: "function f(n: number) {\n  return n;\n}\nconst a = f(1); // one\n// two\na + 1",
  hoisted: '"use strict";;f=\nfunction f(n        ) {\n  return n;\n}',
  body: '(async function(){"use strict";\n;\n\n\n;     a = f(1);return ( // one\n// two\na + 1)\n})',
});

test("a position in the user's own text is the user's", () => {
  expect(toUserPosition(CELL, { line: 1, column: 2 })).toEqual({ line: 1, column: 2 });
  expect(toUserPosition(CELL, { line: 3, column: 6 })).toEqual({ line: 3, column: 6 });
});

test("what lowering has put before a statement stands for the statement, comments left out", () => {
  expect(toUserPosition(CELL, { line: 3, column: 16 })).toEqual({ line: 5, column: 0 });
  expect(toUserPosition(CELL, { line: -1, column: 31 })).toEqual({ line: 0, column: 0 });
});

test("code behind the user's text stands for nothing", () => {
  expect(toUserPosition(CELL, { line: 6, column: 0 })).toBeUndefined();
  expect(toUserPosition(CELL, { line: 5, column: 6 })).toBeUndefined();
});

test("where a function returns, the position stays on its line", () => {
  expect(toUserPosition(CELL, { line: 5, column: 6 }, true)).toEqual({ line: 5, column: 5 });
});

test("a token is found behind blank lines and both kinds of comments", () => {
  const lines = ["", "/* one", "two */ // three", "  x"];
  expect(nextToken(lines, { line: 0, column: 0 })).toEqual({ line: 3, column: 2 });
  expect(nextToken(lines, { line: 3, column: 3 })).toBeUndefined();
});

test("a return of a variable, for which V8 has one place behind it, can be broken at; the end of a function cannot", () => {
  const places = breakablePlaces(CELL, [
    { lineNumber: 2, columnNumber: 11, type: "return" },
    { lineNumber: 3, columnNumber: 0, type: "return" },
  ]);
  expect(places).toEqual([{ script: { line: 1, column: 11 }, user: { line: 1, column: 11 } }]);
});

test("a breakpoint belongs to the first place at or behind its line, in whichever script that is", () => {
  const hoisted = [
    { lineNumber: 0, columnNumber: 14 },
    { lineNumber: 2, columnNumber: 2 },
    { lineNumber: 2, columnNumber: 10, type: "return" },
  ];
  const body = [
    { lineNumber: 0, columnNumber: 0 },
    { lineNumber: 4, columnNumber: 6 },
    { lineNumber: 4, columnNumber: 10, type: "call" },
    { lineNumber: 4, columnNumber: 16 },
    { lineNumber: 7, columnNumber: 0, type: "return" },
  ];
  const places = [...breakablePlaces(CELL, hoisted), ...breakablePlaces(CELL, body)];
  const lineOf = (line: number) => placeForLine(places, line)?.user.line;
  expect([0, 1, 2, 3, 4, 5, 6].map(lineOf)).toEqual([0, 1, 3, 3, 5, 5, undefined]);
  expect(placeForLine(places, 4)?.script).toEqual({ line: 3, column: 16 });
});
