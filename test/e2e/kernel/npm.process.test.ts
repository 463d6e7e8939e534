/** Packages from cells: real npm and a registry on loopback. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KernelClient, RunningKernel } from "../../../kernel/src/client/index.ts";
import { run, runUntil, startRealKernel } from "../../support/kernel/real-kernel.ts";
import { NpmRegistry } from "../../support/npm-registry.ts";

const spoon = (version: string, size: string) => ({
  name: "spoon-for-test",
  version,
  files: {
    "index.js": `export const size = ${size};`,
    "index.d.ts": `export declare const size: ${typeof JSON.parse(size)};`,
    "wood.js": "export const wood = 'beech';",
    "wood.d.ts": "export declare const wood: string;",
  },
  more: { type: "module", exports: { ".": "./index.js", "./wood": "./wood.js" } },
});

let folder: string;
let directory: string;
let registry: NpmRegistry;
let kernel: RunningKernel;
let client: KernelClient;

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "kernel-npm-")));
  directory = join(folder, "Übung 1");
  const fork = { ...spoon("1.0.0", "0"), name: "@cutlery/fork" };
  registry = await NpmRegistry.start(folder, [spoon("1.2.0", "12"), spoon("2.0.0", '"large"'), fork]);
  mkdirSync(directory);
  // Of its own, so that no folder above the notebook counts as the project.
  writeFileSync(join(directory, "package.json"), "{}");
  kernel = await startRealKernel(directory, "ipc", {
    npm_config_registry: registry.url,
    npm_config_cache: join(folder, "cache"),
    npm_config_fetch_retries: "0",
  });
  client = kernel.client;
});

afterAll(async () => {
  await kernel?.shutdown();
  await registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("%npm install makes a package usable in the same cell, with its types", async () => {
  expect((await run(client, 'import { size } from "spoon-for-test";')).error?.ename).toBe("TypeScriptError");
  const { value, stdout, error } = await run(
    client,
    '%npm install spoon-for-test@1\nimport { size } from "spoon-for-test";\nconst doubled: number = size * 2;\ndoubled',
  );
  expect({ value, error }).toEqual({ value: "24", error: undefined });
  expect(stdout).toMatch(/^npm install spoon-for-test@1\n[^]*added 1 package/);
  expect((await run(client, "size.toUpperCase()")).error?.ename).toBe("TypeScriptError");
});

test("an import from npm: installs what is missing, in the version it names, with subpaths and scopes", async () => {
  const wood = await run(client, 'import { wood } from "npm:spoon-for-test@1.2/wood";\nwood');
  expect(wood).toMatchObject({ value: "'beech'", stdout: "" });
  const scoped = await run(client, 'const { size: prongs } = await import("npm:@cutlery/fork");\nprongs');
  expect(scoped.stdout).toContain("npm install @cutlery/fork\n");
  expect(scoped.value).toBe("0");
  expect(existsSync(join(directory, "node_modules/@cutlery/fork"))).toBe(true);
});

test("a task on a worker imports it as well", async () => {
  const code = `import { task, shutdown } from "mobula";
    import { wood as material } from "npm:spoon-for-test/wood";
    const name = task(() => material.toUpperCase(), { name: "name" });
    const named = await name();
    await shutdown();
    named`;
  expect((await run(client, code)).value).toBe("'BEECH'");
});

test("what npm cannot do is told in its words, and nothing runs", async () => {
  const { error, stderr } = await run(client, "%npm install no-such-package-of-test\nconst after = 1;");
  expect(error?.evalue).toContain("npm install no-such-package-of-test failed with exit code 1");
  expect(stderr).toContain("404");
  expect((await run(client, "typeof after")).error?.ename).toBe("TypeScriptError");
});

test("an interrupt ends npm", async () => {
  const { finished } = await runUntil(client, '%npm exec -c "echo begun; sleep 300"', "begun");
  await client.interrupt();
  expect((await finished).error?.ename).toBe("KeyboardInterrupt");
  expect((await run(client, "1 + 1")).value).toBe("2");
});
