/**
 * What runs notebooks and scripts on a Ray cluster that has Node and nothing else: this package, the kernel, the compiler,
 * and what they load. It travels once for each version of them.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { programUrl } from "../../node/program-url.ts";
import { filesBelow, packageRoot } from "./package-files.ts";
import type { ZipFile } from "./zip.ts";

/** Nodes of clusters run Linux. */
const NATIVE = "build/linux/(x64|arm64)/node/glibc-\\d+-Release/[^/]+\\.node";

/** Which files of each package are loaded, or looked up as types. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  "@mobula/kernel": /^(dist\/(?!snapshot\/).*\.(js|d\.ts)|resources\/.*)$/,
  "@types/node": /\.d\.ts$/,
  acorn: /^dist\/acorn\.m?js$/,
  "cmake-ts": /^build\/loader\.m?js$/,
  // Where its own package.json leads `require`.
  msgpackr: /^([^/]+\.js|dist\/node\.cjs)$/,
  "ts-blank-space": /^out\/.*\.js$/,
  typescript: /^lib\/(typescript\.js|lib\..*\.d\.ts)$/,
  "undici-types": /\.d\.ts$/,
  ws: /^(lib\/.*\.js|index\.js|wrapper\.mjs)$/,
  zeromq: new RegExp(`^(lib/.*\\.js|build/manifest\\.json|${NATIVE})$`),
};
/** Of charts' pictures, which the kernel draws itself. */
const DRAWING = ["array", "color", "format", "interpolate", "path", "scale", "shape", "time", "time-format"];
const DRAWING_FILES = /^(src|dist)\/(?!.*\.min\.).*\.m?js$/;

/** Beside `mobula_ray`, which Python finds, a `node_modules` in which Node finds everything. */
export function jobProgramFiles(): ZipFile[] {
  const root = fileURLToPath(new URL("../", programUrl("x")));
  const python = filesIn(join(root, "python"), /^mobula_ray\/[^/]+\.py$/, "");
  const own = filesIn(
    root,
    /^(dist\/.*\.(js|d\.ts)|python\/mobula_(?:python|ray)\/[^/]+\.py|package\.json)$/,
    "node_modules/mobula/",
  );
  const others = [
    ...Object.entries(PACKAGES),
    ...[...DRAWING.map((part) => `d3-${part}`), "internmap"].map((name) => [name, DRAWING_FILES] as const),
  ];
  return [...python, ...own, ...others.flatMap(([name, pattern]) => packageFilesOf(name, pattern))];
}

function packageFilesOf(name: string, pattern: RegExp): ZipFile[] {
  return filesIn(folderOf(name), new RegExp(`^package\\.json$|${pattern.source}`), `node_modules/${name}/`);
}

/** As the kernel finds it. Packages of types have nothing that could be imported. */
function folderOf(name: string): string {
  const kernel = packageRoot("@mobula/kernel");
  if (name === "@mobula/kernel") return kernel;
  const places = createRequire(join(kernel, "package.json")).resolve.paths(name) ?? [];
  const folder = places.map((place) => join(place, name)).find((path) => existsSync(join(path, "package.json")));
  return folder ?? packageRoot(name);
}

function filesIn(root: string, pattern: RegExp, to: string): ZipFile[] {
  return filesBelow(root, pattern).map((path) => ({ path: `${to}${path}`, bytes: readFileSync(join(root, path)) }));
}
