import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findJupyter } from "../../../runtime/src/cli/jupyter.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-jupyter-"));
  for (const name of ["first", "second"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "jupyter"), "");
  }
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("the first folder that holds the program wins, and a file that cannot be run is none", async () => {
  const folders = ["missing", "first", "second"].map((name) => join(folder, name));
  await chmod(join(folder, "second", "jupyter"), 0o755);
  expect(await findJupyter(undefined, folders)).toBe(join(folder, "second", "jupyter"));
  await chmod(join(folder, "first", "jupyter"), 0o755);
  expect(await findJupyter(undefined, folders)).toBe(join(folder, "first", "jupyter"));
});

test("without one, a sentence says how to get it", async () => {
  await expect(findJupyter(undefined, [])).rejects.toThrow(
    /^There is no 'jupyter' here; install it with .* --jupyter PATH\.$/,
  );
});

test("a named program that is not there is refused", async () => {
  await expect(findJupyter(join(folder, "nothing"))).rejects.toThrow("and there is no such program.");
});
