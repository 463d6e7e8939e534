/** Folders and npm packages of a runtimeEnv on a Ray cluster, through the public API. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { actor, get, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { failure } from "../../support/api-world.ts";
import { NpmRegistry } from "../../support/npm-registry.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

let ray: RayCluster;
let folder: string;
let registry: NpmRegistry;

beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  folder = mkdtempSync("/tmp/ray-environments-");
  const spoon = { name: "spoon-for-ray", version: "1.2.0", files: { "index.js": "exports.wood = 'beech';" } };
  registry = await NpmRegistry.start(folder, [spoon]);
  await init({ address: ray.address, token: ray.token });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
  await ray.stop();
});

/** A folder of the driver, with these texts by file name. */
function made(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(path, file, ".."), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  return path;
}

const look = task(() => {
  const { readdirSync, readFileSync } = process.getBuiltinModule("node:fs");
  const files = readdirSync(".", { recursive: true, encoding: "utf8" }).sort();
  const text = files.includes("größe.txt") ? readFileSync("größe.txt", "utf8") : "";
  return { cwd: process.cwd(), files, text };
});

/** With a cache of its own, and the registry of this test. */
const npmVariables = (cache: string): Record<string, string> => ({
  MOBULA_CACHE_DIRECTORY: join(folder, cache),
  npm_config_registry: registry.url,
});

test("a folder goes to the cluster once for each content, and tasks run in it", async () => {
  const workingDir = made("a folder", { "größe.txt": "7 m", "data/rows.csv": "1,2\n", "node_modules/x/index.js": "" });
  symlinkSync(join(workingDir, "größe.txt"), join(workingDir, "link"));
  symlinkSync(join(workingDir, "nowhere"), join(workingDir, "broken"));
  const first = await look.with({ runtimeEnv: { workingDir } })();
  expect(first).toMatchObject({ files: ["data", "data/rows.csv", "größe.txt", "link"], text: "7 m" });
  expect(first.cwd).not.toBe(workingDir);
  const [same, other] = await get([
    look.with({
      runtimeEnv: { workingDir: made("its twin", { "größe.txt": "7 m", "data/rows.csv": "1,2\n", link: "7 m" }) },
    })(),
    look.with({ runtimeEnv: { workingDir }, cpus: 0.5 })(),
  ]);
  expect([same.cwd, other.cwd]).toEqual([first.cwd, first.cwd]);
  writeFileSync(join(workingDir, "größe.txt"), "8 metres");
  const changed = await look.with({ runtimeEnv: { workingDir } })();
  expect(changed.text).toBe("8 metres");
  expect(changed.cwd).not.toBe(first.cwd);
});

test("actors live in a folder, tasks that a task starts are in the same, and an empty one is a folder", async () => {
  const runtimeEnv = { workingDir: made("home", { "größe.txt": "9" }), envVars: { HUE: "blau ü" } };
  const Reader = actor(
    class {
      read(): string {
        return process.getBuiltinModule("node:fs").readFileSync("größe.txt", "utf8") + process.env["HUE"];
      }
    },
    { runtimeEnv },
  );
  expect(await new Reader().read()).toBe("9blau ü");
  const outer = task(
    async () => {
      const library = "mobula";
      const { task } = (await import(library)) as typeof import("mobula");
      const where = task(() => [process.cwd(), process.env["HUE"], process.env["MORE"]]);
      const more = where.with({ runtimeEnv: { envVars: { MORE: "1" } } });
      return [[process.cwd()], await where(), await more()];
    },
    { runtimeEnv },
  );
  const [[here], inner, more] = (await outer()) as [[string], string[], string[]];
  expect(inner).toEqual([here, "blau ü", undefined]);
  expect(more).toEqual([here, "blau ü", "1"]);
  const empty = look.with({ runtimeEnv: { workingDir: made("empty", {}) } });
  expect((await empty()).files).toEqual([]);
});

test("a folder that is missing, is none, or is too large fails its tasks in a sentence", async () => {
  const nowhere = join(folder, "nowhere");
  const missing = look.with({ runtimeEnv: { workingDir: nowhere } });
  expect(await failure(missing())).toMatchObject({
    code: "RUNTIME_ENV_SETUP",
    message: expect.stringContaining(`workingDir '${nowhere}' does not exist on this machine`),
  });
  const file = join(made("one", { "x.txt": "" }), "x.txt");
  expect((await failure(look.with({ runtimeEnv: { workingDir: file } })())).message).toContain(
    `'${file}' is no folder`,
  );
  const large = made("large", { "data.bin": "" });
  truncateSync(join(large, "data.bin"), 101 * 1024 ** 2);
  expect((await failure(look.with({ runtimeEnv: { workingDir: large } })())).message).toContain(
    `'${large}' has more than 100 MB (the largest is data.bin, 101.0 MB)`,
  );
  made("nowhere", { "y.txt": "" });
  expect((await missing()).files).toEqual(["y.txt"]);
});

const wood = task(async () => {
  const name = "spoon-for-ray";
  return ((await import(name)) as { default: { wood: string } }).default.wood;
});

test("npm packages are installed once on a node, from the registry and from files of the driver", async () => {
  const envVars = npmVariables("cache");
  const fromRegistry = wood.with({ runtimeEnv: { envVars, npm: ["spoon-for-ray@1.2.0"] } });
  expect(await get([fromRegistry(), fromRegistry()])).toEqual(["beech", "beech"]);
  const installed = readdirSync(join(folder, "cache", "npm"));
  expect(installed).toHaveLength(1);
  const own = made("spoon", {
    "package.json": '{ "name": "spoon-for-ray", "version": "2.0.0" }',
    "index.js": "exports.wood = 'Eiche';",
  });
  expect(await wood.with({ runtimeEnv: { envVars, npm: { "spoon-for-ray": `file:${own}` } } })()).toBe("Eiche");
  const tarball = join(folder, "spoon-for-ray-1.2.0.tgz");
  expect(await wood.with({ runtimeEnv: { envVars, npm: [tarball] } })()).toBe("beech");
});

test("a package that nobody has fails its tasks with npm's words, and those of other environments run", async () => {
  const runtimeEnv = { envVars: npmVariables("other"), npm: ["no-such-spoon@1.0.0"] };
  expect(await failure(wood.with({ runtimeEnv })())).toMatchObject({
    code: "RUNTIME_ENV_SETUP",
    message: expect.stringMatching(/npm could not install no-such-spoon@1\.0\.0:[\s\S]*404/),
  });
  expect(await failure(wood.with({ runtimeEnv: { npm: [join(folder, "no.tgz")] } })())).toMatchObject({
    code: "RUNTIME_ENV_SETUP",
    message: expect.stringContaining("The npm package"),
  });
  expect(await task(() => 1)()).toBe(1);
});
