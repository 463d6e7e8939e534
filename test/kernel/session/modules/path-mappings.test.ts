import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PathMappings } from "../../../../kernel/src/session/modules/path-mappings.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "path-mappings-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(path: string, json: object): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), JSON.stringify(json));
}

test("the pattern with the longest beginning counts, and one without a star before all", async () => {
  const paths = { "*": ["any/*"], "~/*": ["src/*", "more/*"], "~/deep/*": ["deep/*"], "~/deep/one": ["one.ts"] };
  write("tsconfig.json", { compilerOptions: { paths } });
  const mappings = new PathMappings(directory);
  const inside = async (specifier: string) =>
    (await mappings.candidates(specifier)).map((path) => path.slice(directory.length + 1));
  expect(await inside("~/a/b")).toEqual(["src/a/b", "more/a/b"]);
  expect(await inside("~/deep/b")).toEqual(["deep/b"]);
  expect(await inside("~/deep/one")).toEqual(["one.ts"]);
  expect(await inside("lodash")).toEqual(["any/lodash"]);
});

test("paths start where the config lies that names them, or at its baseUrl", async () => {
  write("tsconfig.json", { extends: "./config/base.json" });
  write("config/base.json", { compilerOptions: { paths: { "#lib": ["./lib.ts"] } } });
  mkdirSync(join(directory, "notebooks"));
  expect(await new PathMappings(join(directory, "notebooks")).candidates("#lib")).toEqual([
    join(directory, "config/lib.ts"),
  ]);
  write("notebooks/tsconfig.json", { compilerOptions: { baseUrl: "./src" } });
  expect(await new PathMappings(join(directory, "notebooks")).candidates("models/net")).toEqual([
    join(directory, "notebooks/src/models/net"),
  ]);
});

test("an edited config counts from the next import on; without one nothing is mapped", async () => {
  const mappings = new PathMappings(directory);
  expect(await mappings.candidates("~/a")).toEqual([]);
  write("tsconfig.json", { compilerOptions: { paths: { "~/*": ["one/*"] } } });
  expect(await mappings.candidates("~/a")).toEqual([join(directory, "one/a")]);
  write("tsconfig.json", { compilerOptions: { paths: { "~/*": ["another/*"] } } });
  expect(await mappings.candidates("~/a")).toEqual([join(directory, "another/a")]);
});
