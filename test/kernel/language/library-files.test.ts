import { afterAll, beforeAll, expect, test } from "vitest";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
beforeAll(() => {
  notebook = new Notebook();
});
afterAll(() => notebook[Symbol.dispose]());

const NAMES = [
  "[1].toSorted",
  "''.isWellFormed",
  "Atomics.waitAsync",
  "new ArrayBuffer(1).transfer",
  "Object.groupBy",
  "Map.groupBy",
  "Promise.withResolvers",
  "new Set([1]).union",
  "[1].values().map",
  "Math.f16round",
  "Promise.try",
  "RegExp.escape",
  "Array.fromAsync",
  "Error.isError",
  "new Uint8Array(1).toBase64",
];

test.each(NAMES)("%s has a type exactly when this Node has it", (name) => {
  // oxlint-disable-next-line no-implied-eval -- the engine is what the answer is compared with
  const isThere: unknown = new Function(`return typeof ${name} === "function"`)();
  const errors = notebook.errors(name);
  expect(errors.length === 0).toBe(isThere);
  expect(errors.join("\n")).not.toContain("'lib' compiler option");
});

test("what the compiler lowers is there in any Node", () => {
  expect(
    notebook.errors(
      "{ using file = { [Symbol.dispose]() {} } }\nclass A { @log run() {} }\nfunction log<T>(value: T, _: DecoratorContext): T { return value }",
    ),
  ).toEqual([]);
});
