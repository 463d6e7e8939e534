import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FolderReader } from "../../../../runtime/src/engine/ray/folder-reader.ts";
import { RayEnvironments } from "../../../../runtime/src/engine/ray/ray-environments.ts";
import type { ObjectId } from "../../../../runtime/src/protocol/ids.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "folder-"));
  mkdirSync(join(folder, ".git"));
  writeFileSync(join(folder, ".git", "x"), "1");
  writeFileSync(join(folder, "a.txt"), "1");
  writeFileSync(join(folder, "b.txt"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a folder is named by its content, without what is made anew elsewhere", () => {
  const reader = new FolderReader();
  const first = reader.read(folder, "workingDir");
  writeFileSync(join(folder, ".git", "x"), "2");
  expect(reader.read(folder, "workingDir")).toBe(first);
  utimesSync(join(folder, "a.txt"), 1, 1);
  expect(reader.read(folder, "workingDir")).toEqual(first);
  writeFileSync(join(folder, "a.txt"), "2");
  expect(reader.read(folder, "workingDir").hash).not.toBe(first.hash);
});

test("what an environment names is sent once, and packages from a registry are left alone", () => {
  const sent: Uint8Array[] = [];
  const environments = new RayEnvironments((archive) => `d.${sent.push(archive)}` as ObjectId);
  const specs = [
    "left-pad@1.3.0",
    `spoon@file:${folder}`,
    "https://example.org/x.tgz",
    `@a/b@${join(folder, "a.txt")}`,
  ];
  const made = environments.prepare({ id: "e", envVars: { A: "1" }, workingDir: folder, npm: { specs, key: "k" } });
  expect(made.workingDir).toBeUndefined();
  expect(made.folders).toMatchObject([
    { id: "d.1" },
    { id: "d.1", package: { specIndex: 1, prefix: "spoon@file:" } },
    { id: "d.2", file: "a.txt", package: { specIndex: 3, prefix: "@a/b@" } },
  ]);
  const again = environments.prepare({ id: "f", envVars: { A: "1" }, workingDir: folder, npm: { specs, key: "k" } });
  expect([again.id, sent.length]).toEqual([made.id, 2]);
  const variables = { id: "v", envVars: { A: "1" } };
  expect(environments.prepare(variables)).toBe(variables);
});
