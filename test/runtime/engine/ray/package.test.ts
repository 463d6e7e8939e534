import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fingerprintOf, packageFiles } from "../../../../runtime/src/engine/ray/package-files.ts";
import { zip } from "../../../../runtime/src/engine/ray/zip.ts";

const PYTHON =
  "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), len(z.namelist())); z.extractall(sys.argv[2])";

test("Python reads the archives, with every byte as it was", () => {
  const folder = mkdtempSync(join(tmpdir(), "zip-"));
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  const files = [
    { path: "a/numbers.bin", bytes },
    { path: "a/b/ä.txt", bytes: Buffer.from("ü") },
    { path: "empty", bytes: new Uint8Array(0) },
  ];
  writeFileSync(join(folder, "x.zip"), zip(files));
  const { stdout } = spawnSync("python3", ["-c", PYTHON, join(folder, "x.zip"), folder], { encoding: "utf8" });
  expect(stdout.trim()).toBe("None 3");
  for (const { path, bytes } of files) expect(readFileSync(join(folder, path))).toEqual(Buffer.from(bytes));
  rmSync(folder, { recursive: true });
});

test("the package has the Python side, the workers' program and what it loads, and is small", () => {
  const files = packageFiles();
  const paths = files.map(({ path }) => path);
  for (const path of [
    "mobula_ray/hub.py",
    "node/package.json",
    "node/dist/index.js",
    "node/dist/ray-worker/main.js",
    "node/node_modules/acorn/dist/acorn.mjs",
    "node/node_modules/msgpackr/pack.js",
    "node/node_modules/ws/wrapper.mjs",
  ]) {
    expect(paths).toContain(path);
  }
  expect(paths.filter((path) => /\.(map|ts|pyc)$/.test(path))).toEqual([]);
  expect(zip(files).length).toBeLessThan(2_000_000);
  expect(fingerprintOf(files)).toBe(fingerprintOf(packageFiles()));
  expect(fingerprintOf(files.slice(1))).not.toBe(fingerprintOf(files));
});
