/** The same cells in tslab 1.0.22 and in this kernel: every difference is a decision, and stands in the table. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../support/jupyter-home.ts";
import { NOTEBOOKS } from "./tslab/corpus.ts";
import { mobula, TSLAB, tslab } from "./tslab/dialects.ts";
import { DIFFERENCES } from "./tslab/differences.ts";
import { type Dialect, type Outcome, runNotebooks } from "./tslab/outcomes.ts";

const CELLS = Object.entries(NOTEBOOKS).flatMap(([notebook, cells]) =>
  Object.keys(cells).map((name) => `${notebook}/${name}`),
);

let theirs: ReadonlyMap<string, Outcome>;
let ours: ReadonlyMap<string, Outcome>;
const directories: string[] = [];

beforeAll(async () => {
  if (!existsSync(TSLAB)) throw new Error(`There is no tslab at ${TSLAB}; \`npm test\` installs it.`);
  [theirs, ours] = await Promise.all([runApart(tslab), runApart(mobula)]);
}, 240_000);
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function runApart(dialect: Dialect): Promise<ReadonlyMap<string, Outcome>> {
  const directory = mkdtempSync(join(tmpdir(), "beside-tslab-"));
  directories.push(directory);
  return runNotebooks(dialect, NOTEBOOKS, directory);
}

const listed = new Set(DIFFERENCES.flatMap(({ cells }) => cells));

test.each(CELLS.filter((cell) => !listed.has(cell)))("%s comes out as in tslab", (cell) => {
  expect(ours.get(cell)).toEqual(theirs.get(cell));
});

describe.each(DIFFERENCES)("a decision: $here", ({ cells, outcomes }) => {
  test.each(cells)("%s still differs", (cell) => {
    expect(ours.get(cell)).not.toEqual(theirs.get(cell));
    expect(`${theirs.get(cell)?.status} → ${ours.get(cell)?.status}`).toBe(outcomes);
  });
});

test("the table names cells that exist, each of them once", () => {
  const named = DIFFERENCES.flatMap(({ cells }) => cells);
  expect(named.filter((cell, index) => !CELLS.includes(cell) || named.indexOf(cell) !== index)).toEqual([]);
});

test("the user's table has the same rows", () => {
  const rows = readFileSync(join(ROOT, "docs/from-tslab.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2);
  expect(rows).toEqual(DIFFERENCES.map((row) => `| ${row.tslab} | ${row.here} |`));
});
