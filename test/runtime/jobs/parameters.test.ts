import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { readParameters } from "../../../runtime/src/jobs/parameters.ts";

function read(source: string) {
  return readParameters({ source, directory: tmpdir() });
}

describe("a parameter is read from its declaration", () => {
  test.each([
    [
      "let blocks = 4; // number of blocks",
      { name: "blocks", kind: "number", defaultText: "4", description: "number of blocks" },
    ],
    ["const lr = -1e-3", { name: "lr", kind: "number", defaultText: "-1e-3", declaredWith: "const" }],
    ["let name: string = `x`;", { name: "name", kind: "string", defaultText: "`x`" }],
    ["var isFast = false /* quick */;", { name: "isFast", kind: "boolean", declaredWith: "var" }],
    ["let seed = 42n;", { name: "seed", kind: "bigint" }],
    ["let größe = 1;", { name: "größe", kind: "number" }],
    ["export const n: number = 2;", { name: "n", kind: "number" }],
  ])("%s", async (source, expected) => {
    expect(await read(source)).toMatchObject([{ isRequired: false, ...expected }]);
  });

  test.each([
    ["let file: string;", true],
    ["let file!: string;", true],
    ["let file: string | undefined;", false],
    ["let file;", true],
  ])("%s: required is %s", async (source, isRequired) => {
    expect(await read(source)).toMatchObject([{ name: "file", isRequired }]);
  });

  test.each([
    ['let mode: "fast" | "slow" = "fast";', { kind: "other", type: '"fast" | "slow"' }],
    ["const sizes = [1, 2];", { kind: "other", type: "number[]" }],
    ["let steps = 2 * 4;", { kind: "number", type: "number" }],
    ["let off = !true;", { kind: "boolean", type: "boolean" }],
    ["let when = new Date(0);", { kind: "other", type: "Date" }],
    ['const level = "a" as string;', { kind: "string", type: "string" }],
    ["let x = somethingOfAnotherCell();", { kind: "other", type: "any" }],
  ])("%s: the compiler says the type", async (source, expected) => {
    expect(await read(source)).toMatchObject([expected]);
  });

  test("the comment above describes it, unless it stands behind the one before or apart", async () => {
    const source = [
      "/** Learning rate,\n * per step. */",
      "let a = 1;",
      "let b = 2; // behind b",
      "let c = 3;",
      "// a section",
      "",
      "let d = 4;",
      "// about e",
      "let e = 5,",
      "  f = 6; // behind f",
    ].join("\n");
    const found = (await read(source)).map(({ name, description }) => [name, description]);
    expect(found).toEqual([
      ["a", "Learning rate, per step."],
      ["b", "behind b"],
      ["c", ""],
      ["d", ""],
      ["e", "about e"],
      ["f", "behind f"],
    ]);
  });
});

test("what is no variable is no parameter", async () => {
  const source = 'import { x } from "./x.ts";\nfunction f() {}\nconst { a } = { a: 1 };\nclass C {}\nlet n = 1;\nn;';
  expect((await read(source)).map(({ name }) => name)).toEqual(["n"]);
});

test("a syntax error is named with its line", async () => {
  await expect(read("let a = 1;\nlet b = ;")).rejects.toThrow(
    "The cell tagged 'parameters' has a syntax error in line 2: Expression expected.",
  );
});
