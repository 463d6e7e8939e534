/** The same in programs of plain Node: ES modules, CommonJS, and scripts as a notebook's cells are. */
import { execFile } from "node:child_process";
import { sep } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";

const reported = new Map<string, unknown>();
let output = { stdout: "", stderr: "" };

beforeAll(async () => {
  const program = fileURLToPath(new URL("./fixtures/plain.mjs", import.meta.url));
  output = await promisify(execFile)(process.execPath, [program], { timeout: 60_000 });
  for (const line of output.stdout.trim().split("\n")) {
    const { title, value } = JSON.parse(line) as { title: string; value: unknown };
    reported.set(title, value);
  }
});

describe("a function of a plain Node program, revived in another process", () => {
  test.each([
    ["relative import", [8, 10, "m", true]],
    ["modules are loaded there, not copied", true],
    ["instances of imported classes", [[1, 2], true]],
    ["instances among the arguments", [true, 3]],
    ["instances come home", true],
    ["package import", 1],
    ["import.meta.url", true],
    ["relative dynamic import", 16],
    ["required module", `a${sep}b${sep}legacy.cjs`],
    ["required package", [8]],
    ["require inside", 42],
    ["sloppy mode", "object"],
    ["let, before", "first"],
    ["let, after", "second"],
    ["stack frame", [true, true]],
  ])("%s", (title, expected) => {
    expect(reported.get(title)).toEqual(expected);
  });
});

describe("a function of a notebook's cell, revived in another process", () => {
  test.each([
    ["cells", 24],
    ["cells after an assignment", 120],
    ["cells after a redefinition", 3],
    ["cell variable that is assigned there", 11],
    ["cell variable here is untouched", 10],
    ["cell recursion", "done"],
    [
      "cell refusal",
      "task 'anonymous' captures `total` (WeakMap, line 3 of cell [5]), which exists only in this process. " +
        "Create it inside the task or in an actor.",
    ],
    ["cell stack", ".cell-9.ts:3:16"],
  ])("%s", (title, expected) => {
    expect(reported.get(title)).toEqual(expected);
  });

  test("nothing is printed to stderr, not even a warning of Node's", () => {
    expect(output.stderr).toBe("");
  });
});
