import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mobula, startMobula } from "./mobula.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-install-ö-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The kernelspec and the extension in a Jupyter data directory, and nothing else. */
async function expectInstalled(data: string): Promise<void> {
  const spec = JSON.parse(await readFile(join(data, "kernels/mobula/kernel.json"), "utf8")) as { argv: string[] };
  expect(spec.argv[0]).toBe(process.execPath);
  expect((await stat(spec.argv[1] ?? "")).isFile()).toBe(true);
  const extension = join(data, "labextensions/@mobula/jupyterlab");
  const { jupyterlab } = JSON.parse(await readFile(join(extension, "package.json"), "utf8")) as {
    jupyterlab: { _build: { load: string } };
  };
  expect((await stat(join(extension, jupyterlab._build.load))).isFile()).toBe(true);
  expect((await readdir(join(data, "kernels"))).sort()).toEqual(["mobula", "mobula-javascript"]);
  expect(await readdir(join(data, "labextensions/@mobula"))).toEqual(["jupyterlab"]);
}

test("kernel and extension go to a data directory, and going there twice changes nothing", async () => {
  for (let n = 0; n < 2; n++) {
    const { code, stdout, stderr } = await mobula(folder, "install", "--data-dir", "data");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(join(folder, "data", "kernels", "mobula"));
    await expectInstalled(join(folder, "data"));
  }
});

test("--prefix names a Python environment", async () => {
  expect((await mobula(folder, "install", "--prefix", "env")).code).toBe(0);
  await expectInstalled(join(folder, "env", "share", "jupyter"));
});

test("by default they go to the user's own directory", async () => {
  const env = { ...process.env, JUPYTER_DATA_DIR: join(folder, "mine") };
  expect((await startMobula(folder, ["install"], env).finished).code).toBe(0);
  await expectInstalled(join(folder, "mine"));
});

test("a directory that cannot be written is named, with exit code 1", async () => {
  await writeFile(join(folder, "file"), "");
  const { code, stderr } = await mobula(folder, "install", "--data-dir", "file/data");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^mobula: Cannot install .*file\/data.*\n$/);
});
