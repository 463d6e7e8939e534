/** The programs of docs/python.md, as they stand there. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { VENV_PYTHON } from "../../support/jupyter-home.ts";
import { blocksOf, blockWith, runnable } from "../../support/manual.ts";

const run = promisify(execFile);
const blocks = blocksOf("python.md");

test.each([
  ["prices", "{ mean: 3, most: 6 }\n1\n3\n6\n42\n"],
  ["stats", "[ [ 1, 2 ], [ 3, 4, 5 ] ]\n3.5\n4.5\n2\n{ parts: [ [ 1, 2 ], [ 3, 4, 5 ], [ 6 ] ] }\n"],
])("the program that calls %s.py prints what it should", async (name, printed) => {
  const folder = mkdtempSync(join(tmpdir(), "python-manual-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(resolve(import.meta.dirname, "../../../node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, `${name}.py`), blockWith(blocks, `# ${name}.py`).text);
  const program = runnable(blockWith(blocks, `"${name}:`));
  writeFileSync(join(folder, program.name), program.text);
  const env = { ...process.env, MOBULA_PYTHON: VENV_PYTHON, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await run(process.execPath, [program.name], { cwd: folder, env });
  expect(stdout).toBe(printed);
});
