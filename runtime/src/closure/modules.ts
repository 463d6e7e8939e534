/** Modules by name: from the file that imports them here, to the same module over there. */
import { existsSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import vm from "node:vm";
import { SerializationError } from "../errors.ts";
import type { ModuleRef } from "../protocol/codec-format.ts";

/** This package's own code: `src/` under a test runner, else `dist/`. Its modules travel by their place in it. */
const OWN_ROOT = new URL("../", import.meta.url);
const OWN_EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const OWN_SCHEME = "mobula-own:";
const REQUIRE_SCHEME = "mobula-require:";

/** How a file's import of `specifier` is spelled for another process. */
export function moduleRef(specifier: string, importer: string): ModuleRef {
  if (isBuiltin(specifier)) {
    return { specifier: specifier.startsWith("node:") ? specifier : `node:${specifier}`, parent: undefined };
  }
  const url = fileUrlOf(specifier, importer);
  if (url === undefined) return { specifier, parent: importer === "" ? undefined : toUrl(importer) };
  return { specifier: ownSpecifier(url) ?? url, parent: undefined };
}

/** How a file's `require(specifier)` is spelled for another process. */
export function requiredRef(specifier: string, importer: string): ModuleRef {
  return { specifier: REQUIRE_SCHEME + specifier, parent: importer === "" ? undefined : toUrl(importer) };
}

/** The file that a relative, absolute or URL specifier names; undefined for bare ones. */
function fileUrlOf(specifier: string, importer: string): string | undefined {
  if (specifier.startsWith("./") || specifier.startsWith("../")) return new URL(specifier, toUrl(importer)).href;
  if (specifier.startsWith("file:")) return specifier;
  if (!specifier.startsWith("/")) return undefined;
  // Vite names files by their place in the project.
  const inProject = path.join(process.cwd(), specifier);
  return pathToFileURL(!existsSync(specifier) && existsSync(inProject) ? inProject : specifier).href;
}

function toUrl(fileName: string): string {
  return path.isAbsolute(fileName) ? pathToFileURL(fileName).href : fileName;
}

/** The name of one of this package's own files, the same in every installation. */
export function ownSpecifier(url: string): string | undefined {
  if (!url.startsWith(OWN_ROOT.href)) return undefined;
  return OWN_SCHEME + url.slice(OWN_ROOT.href.length).replace(/\.[jt]s$/, "");
}

/** Where files of the driver's working directory are looked for first. */
let places: { readonly from: string; readonly to: string } | undefined;

/** Files below `from` are taken from the same place below `to`, where they exist there. */
export function lookUnder(folders: { readonly from: string; readonly to: string }): void {
  places = folders;
}

/** The file to import for `url` in this process. */
function placed(url: string): string {
  if (places === undefined || !url.startsWith("file:") || url.includes("/node_modules/")) return url;
  const inside = path.relative(places.from, fileURLToPath(url));
  if (inside === "" || inside.startsWith("..") || path.isAbsolute(inside)) return url;
  const file = path.join(places.to, inside);
  return existsSync(file) ? pathToFileURL(file).href : url;
}

/** Does a module that travels by name exist for plain Node? Sources that only a test runner understands do not. */
export function isLoadable({ specifier }: ModuleRef): boolean {
  return !/^file:.*\.[cm]?tsx?$/.test(specifier) || specifier.includes("/node_modules/");
}

const imported = new Map<string, Promise<unknown>>();

/**
 * Import a module as the file `parent` would. A module that cannot be found from there (the file may not exist on this
 * machine) is looked up from the working directory.
 *
 * @throws SerializationError that names the module and its importer.
 */
export function importModule(specifier: string, parent: string | undefined): Promise<unknown> {
  const key = `${specifier}\n${parent ?? ""}`;
  let loading = imported.get(key);
  if (loading === undefined) {
    loading = load(specifier, parent);
    imported.set(key, loading);
    // A failure may be mended (by an install) before the next try.
    loading.catch(() => imported.delete(key));
  }
  return loading;
}

async function load(specifier: string, parent: string | undefined): Promise<unknown> {
  const own = ownUrl(specifier);
  if (own !== undefined) return import(/* @vite-ignore */ own);
  if (parent === undefined && !isBare(specifier)) return import(/* @vite-ignore */ placed(specifier));
  const isRequired = specifier.startsWith(REQUIRE_SCHEME);
  const name = isRequired ? specifier.slice(REQUIRE_SCHEME.length) : specifier;
  const failures: unknown[] = [];
  for (const from of [parent, pathToFileURL(path.join(process.cwd(), "[mobula]")).href, import.meta.url]) {
    if (from === undefined) continue;
    try {
      return isRequired ? createRequire(from)(name) : await importFrom(from, name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      failures.push(error);
    }
  }
  throw new SerializationError(
    `The module '${name}'${parent ? `, imported by ${parent},` : ""} cannot be found in the worker. ` +
      "Install it where the worker runs, or import it from a path that exists there.",
    { cause: failures[0] },
  );
}

function isBare(specifier: string): boolean {
  return !/^(\.{0,2}\/|[a-z][a-z0-9+.-]+:)/i.test(specifier);
}

function isNotFound(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
}

/** `mobula`, `mobula/data`, … and own files are this very package, wherever the importer lies. */
function ownUrl(specifier: string): string | undefined {
  if (specifier.startsWith(OWN_SCHEME))
    return new URL(specifier.slice(OWN_SCHEME.length) + OWN_EXTENSION, OWN_ROOT).href;
  if (specifier === "mobula") return new URL(`index${OWN_EXTENSION}`, OWN_ROOT).href;
  if (!specifier.startsWith("mobula/")) return undefined;
  const name = specifier.slice("mobula/".length);
  const file = new URL(name + OWN_EXTENSION, OWN_ROOT);
  return existsSync(file) ? file.href : new URL(`${name}/index${OWN_EXTENSION}`, OWN_ROOT).href;
}

const importers = new Map<string, (specifier: string) => Promise<unknown>>();

/** `import()` as the file at `parent` would do it. */
function importFrom(parent: string, specifier: string): Promise<unknown> {
  let importer = importers.get(parent);
  if (importer === undefined) {
    importer = new vm.Script("(specifier) => import(specifier)", {
      filename: parent,
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }).runInThisContext() as (specifier: string) => Promise<unknown>;
    importers.set(parent, importer);
  }
  return withoutExperimentalWarning(() => importer(specifier));
}

/** Node warns once about the option above, during the call; users can do nothing about it. */
function withoutExperimentalWarning<T>(call: () => T): T {
  const warnings = process as { emitWarning: (...args: unknown[]) => void };
  const emit = warnings.emitWarning;
  warnings.emitWarning = (...args) => {
    if (!String(args[0]).includes("USE_MAIN_CONTEXT_DEFAULT_LOADER")) Reflect.apply(emit, process, args);
  };
  try {
    return call();
  } finally {
    warnings.emitWarning = emit;
  }
}

/** Which file a function made by `importerFor` imports for. */
const importingFiles = new WeakMap<object, string>();

/** What stands for `import` in revived functions: relative to the file the function was written in. */
export function importerFor(fileName: string): (specifier: unknown) => Promise<unknown> {
  const importer = async (specifier: unknown): Promise<unknown> => {
    const ref = moduleRef(String(specifier), fileName);
    return importModule(ref.specifier, ref.parent);
  };
  importingFiles.set(importer, fileName);
  return importer;
}

export function importingFile(importer: object): string | undefined {
  return importingFiles.get(importer);
}

/** The path of a file URL; other names as they are. */
export function filePathOf(url: string): string {
  return url.startsWith("file:") ? fileURLToPath(url) : url;
}
