import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { init, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackages, type PackagesRequest } from "../../../runtime/src/node/npm-packages.ts";
import { failure } from "../../support/api-world.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "npm-packages-test-")));
const KEPT = ["MOBULA_CACHE_DIRECTORY", "npm_config_registry"].map((name) => [name, process.env[name]] as const);
let registry: Server;

/** A tarball as `npm pack` makes it, of a package with an ES module, a CommonJS module and a dependency. */
function pack(name: string, version: string, files: Record<string, string>, more: object = {}): string {
  const source = join(folder, `${name}-${version}-source`);
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, "package.json"), JSON.stringify({ name, version, ...more }));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(source, file), text);
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: source, stdio: "ignore" });
  return join(folder, `${name}-${version}.tgz`);
}

let spoon = "";

beforeAll(async () => {
  // A registry that knows no package: what is not in a file must fail fast, and not for want of a network.
  registry = createServer((_, response) => {
    response.writeHead(404, { "content-type": "application/json" }).end('{"error":"Not found"}');
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  process.env["npm_config_registry"] = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
  process.env["MOBULA_CACHE_DIRECTORY"] = join(folder, "cache");
  const handle = pack("handle-of-spoon", "1.0.0", { "index.js": "exports.wood = 'beech';" });
  const exportsOfSpoon = { ".": { import: "./index.mjs", require: "./index.cjs" }, "./size": "./size.mjs" };
  spoon = pack(
    "spoon-for-test",
    "1.2.0",
    {
      "index.mjs":
        "import handle from 'handle-of-spoon'; export const kind = 'module'; export const { wood } = handle;",
      "index.cjs": "exports.kind = 'commonjs'; exports.wood = require('handle-of-spoon').wood;",
      "size.mjs": "export const size = 12;",
    },
    { exports: exportsOfSpoon, dependencies: { "handle-of-spoon": `file:${handle}` } },
  );
});

afterAll(async () => {
  await new Promise((resolve) => registry.close(resolve));
  for (const [name, value] of KEPT) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  rmSync(folder, { recursive: true, force: true });
});

function request(more: Partial<PackagesRequest>, texts: string[] = []): PackagesRequest {
  return {
    specs: [spoon],
    key: "k",
    root: join(folder, "root"),
    timeoutMs: 100_000,
    signal: new AbortController().signal,
    onText: (text) => void texts.push(text),
    ...more,
  };
}

describe("installing packages", () => {
  it("happens once, also when two want them at the same time", async () => {
    const texts: string[] = [];
    const [first, second] = await Promise.all([
      installPackages(request({ key: "once" }, texts)),
      installPackages(request({ key: "once" }, texts)),
    ]);
    expect(second).toEqual(first);
    expect(first.names).toEqual(["spoon-for-test"]);
    expect(texts.filter((text) => text.startsWith("Installing"))).toHaveLength(1);
    expect(texts.filter((text) => text.startsWith("Another process"))).toHaveLength(1);
    expect(existsSync(join(first.folder, "node_modules/handle-of-spoon"))).toBe(true);
    const again: string[] = [];
    await installPackages(request({ key: "once" }, again));
    expect(again).toEqual([]);
  });

  it("goes on after one who was killed at it", async () => {
    const root = join(folder, "killed");
    mkdirSync(root);
    const { platform, arch, versions } = process;
    const name = `k-${platform}-${arch}-${versions.modules}`;
    writeFileSync(join(root, `${name}.lock`), JSON.stringify({ pid: 2 ** 22 + 1, startTicks: "1" }));
    mkdirSync(join(root, `${name}.77.part/node_modules`), { recursive: true });
    expect((await installPackages(request({ root }))).names).toEqual(["spoon-for-test"]);
    expect(readdirSync(root)).toEqual([name]);
  });

  it("fails with npm's words, and leaves nothing", async () => {
    const root = join(folder, "unknown");
    const error = await failure(installPackages(request({ root, specs: ["no-such-package-of-test@1.0.0"] })));
    expect(error.code).toBe("RUNTIME_ENV_SETUP");
    expect(error.message).toMatch(/npm could not install no-such-package-of-test@1\.0\.0:\n[^]*404/);
    expect(readdirSync(root)).toEqual([]);
  });

  it("ends when its time is over", async () => {
    const root = join(folder, "late");
    const error = await failure(installPackages(request({ root, timeoutMs: 1 })));
    expect(error).toMatchObject({ code: "RUNTIME_ENV_SETUP", message: expect.stringContaining("longer than 1 ms") });
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("runtimeEnv.npm", () => {
  beforeAll(() => init({ cpus: 2, objectStoreBytes: 64 * 1024 ** 2 }));
  afterAll(() => shutdown());

  it("lets tasks import packages by name, and `require` them", async () => {
    const load = task(
      async (name: string) => {
        const { createRequire } = await import("node:module");
        const module = (await import(name)) as { kind: string; wood: string };
        const { size } = (await import(`${name}/size`)) as { size: number };
        const required = createRequire(`${process.cwd()}/x.js`)(name) as { kind: string; wood: string };
        return [module.kind, module.wood, size, required.kind, required.wood];
      },
      { runtimeEnv: { npm: [spoon] } },
    );
    expect(await load("spoon-for-test")).toEqual(["module", "beech", 12, "commonjs", "beech"]);
    const plain = load.with({ runtimeEnv: {} });
    expect((await failure(plain("spoon-for-test"))).message).toContain("spoon-for-test");
  });

  it("finds them from files of the task's folder, before others of the same name", async () => {
    const place = join(folder, "place");
    mkdirSync(join(place, "node_modules/spoon-for-test"), { recursive: true });
    writeFileSync(join(place, "node_modules/spoon-for-test/index.js"), "exports.kind = 'of the folder';");
    writeFileSync(join(place, "uses.mjs"), "import { kind } from 'spoon-for-test'; export { kind };");
    const load = task(async (file: string) => ((await import(file)) as { kind: string }).kind);
    const uses = join(place, "uses.mjs");
    const named = { "spoon-for-test": `file:${spoon}` };
    expect(await load.with({ runtimeEnv: { workingDir: place, npm: named } })(uses)).toBe("module");
    expect(await load.with({ runtimeEnv: { workingDir: place } })(uses)).toBe("of the folder");
  });

  it("of another content under the same path is another environment", async () => {
    const changing = join(folder, "changing.tgz");
    const load = task(async (name: string) => ((await import(name)) as { default: { n: number } }).default.n);
    for (const n of [1, 2]) {
      const made = pack("changing-for-test", `1.0.${n}`, { "index.js": `exports.n = ${n};` });
      writeFileSync(changing, readFileSync(made));
      expect(await load.with({ runtimeEnv: { npm: [changing] } })("changing-for-test")).toBe(n);
    }
  });

  it("that npm cannot install fails the task with npm's words", async () => {
    const one = task(() => 1, { runtimeEnv: { npm: ["no-such-package-of-test"] } });
    expect(await failure(one())).toMatchObject({
      code: "RUNTIME_ENV_SETUP",
      message: expect.stringContaining("404"),
    });
  });
});
