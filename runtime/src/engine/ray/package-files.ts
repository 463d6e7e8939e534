/** What travels to a Ray cluster: the Python side, this package as JavaScript, and the packages that workers load. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { programUrl } from "../../node/program-url.ts";
import type { ZipFile } from "./zip.ts";

/** With the folders of each that its code is in. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "@mobula/kernel": ["dist/npm.js"],
  acorn: ["dist/acorn.js", "dist/acorn.mjs"],
  msgpackr: ["pack.js", "unpack.js", "iterators.js", "index.js", "node-index.js", "stream.js", "struct.js"],
  ws: ["lib", "index.js", "wrapper.mjs"],
};
/** Programs for people, not for workers. */
const LEFT_OUT: readonly string[] = ["cli/", "jobs/"];

export function packageFiles(): ZipFile[] {
  const root = fileURLToPath(new URL("../", programUrl("x")));
  const file = (path: string, from: string): ZipFile => ({ path, bytes: readFileSync(from) });
  const python = filesBelow(join(root, "python"), /^mobula_(?:python|ray)\/[^/]+\.py$/);
  const code = filesBelow(join(root, "dist"), /\.js$/).filter(
    (path) => !LEFT_OUT.some((part) => path.startsWith(part)),
  );
  const node = [
    file("package.json", join(root, "package.json")),
    ...code.map((path) => file(`dist/${path}`, join(root, "dist", path))),
    ...Object.entries(PACKAGES).flatMap(([name, parts]) => packageCode(name, parts, file)),
  ];
  return [
    ...python.map((path) => file(path, join(root, "python", path))),
    ...[...node, sizesOf(node)].map(({ path, bytes }) => ({ path: `node/${path}`, bytes })),
  ];
}

/** Says whether all of it is there; see node.py. */
function sizesOf(files: readonly ZipFile[]): ZipFile {
  const sizes = Object.fromEntries(files.map(({ path, bytes }) => [path, bytes.byteLength]));
  return { path: "sizes.json", bytes: Buffer.from(JSON.stringify(sizes)) };
}

export function packageCode(
  name: string,
  parts: readonly string[],
  file: (path: string, from: string) => ZipFile,
): ZipFile[] {
  const root = packageRoot(name);
  const isWanted = (path: string): boolean =>
    path === "package.json" || parts.some((part) => path === part || path.startsWith(`${part}/`));
  return filesBelow(root, /\.(js|mjs|json)$/)
    .filter(isWanted)
    .map((path) => file(`node_modules/${name}/${path}`, join(root, path)));
}

export function packageRoot(name: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  for (;;) {
    try {
      const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: string };
      if (about.name === name) return folder;
    } catch {
      // Not here.
    }
    const above = dirname(folder);
    if (above === folder) throw new Error(`The package '${name}' has no folder`);
    folder = above;
  }
}

/** Paths below `root`, with `/` between folders, in an order that is always the same. */
export function filesBelow(root: string, pattern: RegExp): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.split(sep).join("/"))
    .filter((path) => pattern.test(path) && !path.startsWith("node_modules/"))
    .sort();
}

/** Names what is in the files. */
export function fingerprintOf(files: readonly ZipFile[]): string {
  const hash = createHash("sha256");
  for (const { path, bytes } of files) hash.update(`${path}\n${bytes.byteLength}\n`).update(bytes);
  return hash.digest("hex").slice(0, 32);
}
