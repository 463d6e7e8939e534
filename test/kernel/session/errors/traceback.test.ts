import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { CellRegistry } from "../../../../kernel/src/session/cell-registry.ts";
import { parseFrames } from "../../../../kernel/src/session/errors/stack-frames.ts";
import { toCellError } from "../../../../kernel/src/session/errors/traceback.ts";
import { codeFrame } from "../../../../kernel/src/traceback/code-frame.ts";

const directory = "/home/ada/my notebooks";

function refuse(): never {
  throw new Error("no");
}

function explain(thrown: unknown, source = "const a = 1;\na.b();"): string {
  const registry = new CellRegistry();
  const fileName = `${directory}/.cell-4.ts`;
  const cell = { version: 4, fileName, source, hoisted: "", body: "", imports: [], declarations: [], hasResult: false };
  registry.addCell(cell, 7);
  const { traceback } = toCellError(thrown, { registry, directory, kernelDirectory: "/kernel/dist/" });
  return stripVTControlCharacters(traceback.join("\n"));
}

function errorWithStack(...frames: readonly string[]): Error {
  const error = new TypeError("a.b is not a function");
  error.stack = ["TypeError: a.b is not a function", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

test("a stack shows the user's code first, in the user's words", () => {
  const error = errorWithStack(
    `${directory}/.cell-4.ts:2:3`,
    "Array.map (<anonymous>)",
    `async helper (file://${directory.replace(" ", "%20")}/lib/helper.ts?v=3:9:1)`,
    "run (/kernel/dist/session/cell-runner.js:5:1)",
    "process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    `pool.query (${directory}/node_modules/pg/index.js:1:1)`,
    "new Promise (<anonymous>)",
  );
  expect(explain(error)).toBe(
    [
      "TypeError: a.b is not a function",
      "  1 | const a = 1;",
      "> 2 | a.b();",
      "    |   ^",
      "    at cell [7]:2:3",
      "    at Array.map (<anonymous>)",
      "    at async helper (lib/helper.ts:9:1)",
      "    at pool.query (node_modules/pg/index.js:1:1)",
    ].join("\n"),
  );
});

test("a cause that leads back to its error ends", () => {
  const error = errorWithStack();
  error.cause = new Error("second", { cause: error });
  expect(explain(error).match(/a\.b is not/g)).toHaveLength(1);
});

test("a cause with the stack of its error shows that stack once", () => {
  const frame = `f (${directory}/.cell-4.ts:2:3)`;
  const error = errorWithStack(frame);
  error.cause = Object.assign(errorWithStack(frame), { message: "inner" });
  const text = explain(error);
  expect(text.match(/a\.b\(\)/g)).toHaveLength(1);
  expect(text).toMatch(/\[cause\] TypeError: inner$/);
});

test.each<[unknown, string]>([
  ["text", "string: thrown: 'text'"],
  [undefined, "undefined: thrown: undefined"],
  [null, "null: thrown: null"],
  [{ reason: 1 }, "object: thrown: { reason: 1 }"],
])("%j thrown is shown as it is", (thrown, shown) => expect(explain(thrown)).toBe(shown));

test("an object like an error, from another realm, counts as one", () => {
  expect(
    explain({ name: "RemoteError", message: "gone", stack: `x\n    at f (${directory}/.cell-4.ts:1:1)` }),
  ).toContain("RemoteError: gone\n> 1 | const a = 1;");
});

test("a proxy that refuses everything is reported, not thrown", () => {
  const proxy: unknown = new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse, has: refuse });
  expect(() => explain(proxy)).not.toThrow();
});

test("a code frame outside the source is empty", () => {
  expect(codeFrame("one\ntwo", { line: 3, column: 1 })).toEqual([]);
  expect(codeFrame("one\ntwo", { line: 0, column: 1 })).toEqual([]);
});

test("file names with parentheses and spaces are read", () => {
  expect(parseFrames("E\n    at async f (/a (b)/c d.ts:1:2)\n    at async /x.ts:3:4")).toEqual([
    { functionName: "async f", position: { fileName: "/a (b)/c d.ts", line: 1, column: 2 } },
    { functionName: "async", position: { fileName: "/x.ts", line: 3, column: 4 } },
  ]);
});
