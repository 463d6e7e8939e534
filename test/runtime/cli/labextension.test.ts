import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installExtension, isExtensionInstalled } from "../../../runtime/src/cli/labextension.ts";

let folder: string;
let built: string;
let data: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-extension-"));
  built = join(folder, "built");
  data = join(folder, "data ö");
  await mkdir(join(built, "static"), { recursive: true });
  await writeBuild("1");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function writeBuild(hash: string): Promise<void> {
  await rm(join(built, "static"), { recursive: true });
  await mkdir(join(built, "static"));
  await writeFile(join(built, "package.json"), JSON.stringify({ load: `static/remoteEntry.${hash}.js` }));
  await writeFile(join(built, "static", `remoteEntry.${hash}.js`), hash);
}

test("the extension is copied to where JupyterLab looks, with a note who installed it", async () => {
  expect(await isExtensionInstalled(built, data)).toBe(false);
  const target = await installExtension(built, data);
  expect(target).toBe(join(data, "labextensions", "@mobula", "jupyterlab"));
  expect(await readFile(join(target, "static", "remoteEntry.1.js"), "utf8")).toBe("1");
  expect(JSON.parse(await readFile(join(target, "install.json"), "utf8"))).toMatchObject({
    packageManager: "npm",
    packageName: "@mobula/jupyterlab",
  });
  expect(await isExtensionInstalled(built, data)).toBe(true);
});

test("a newer build replaces the older one whole, and nothing else stays", async () => {
  const target = await installExtension(built, data);
  await writeBuild("2");
  expect(await isExtensionInstalled(built, data)).toBe(false);
  await installExtension(built, data);
  await installExtension(built, data);
  expect(await readdir(join(target, "static"))).toEqual(["remoteEntry.2.js"]);
  expect(await readdir(join(target, ".."))).toEqual(["jupyterlab"]);
});

test("a data directory that cannot be written is named, and an installed extension stays", async () => {
  const target = await installExtension(built, data);
  await expect(installExtension(join(folder, "missing"), data)).rejects.toThrow(`into '${data}'`);
  expect(await readdir(join(target, ".."))).toEqual(["jupyterlab"]);
  await writeFile(join(folder, "file"), "");
  await expect(installExtension(built, join(folder, "file"))).rejects.toThrow(
    "Cannot install the JupyterLab extension",
  );
});
