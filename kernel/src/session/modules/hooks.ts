/**
 * Module hooks of the session: TypeScript files, imports without extension, fresh versions of edited files, and packages
 * of the kernel's own installation. Node runs this file in a thread of its own.
 */
import { readFile } from "node:fs/promises";
import { type InitializeHook, isBuiltin, type LoadHook, type ResolveHook } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { importedModule } from "../../core/npm-specifier.ts";
import { standInFor } from "../../tslab/stand-ins.ts";
import { LocalVersions } from "./local-versions.ts";
import { PathMappings } from "./path-mappings.ts";

type NextResolve = Parameters<ResolveHook>[2];
type Resolution = Awaited<ReturnType<NextResolve>>;

const TYPESCRIPT = /\.[mc]?tsx?$/;
const EXTENSIONS = [".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", "/index.ts", "/index.js"];
/** Where the compiled kernel lies. */
const KERNEL_FILES = new URL("../../", import.meta.url).href;
const versions = new LocalVersions();
let mappings: PathMappings | undefined;

/** What {@link registerModuleHooks} hands over. */
export interface HookData {
  /** The notebook's directory. */
  readonly directory: string;
}

export const initialize: InitializeHook<HookData> = ({ directory }) => {
  mappings = new PathMappings(directory);
};

export const resolve: ResolveHook = async (written, context, nextResolve) => {
  const specifier = importedModule(written);
  const mapped = await resolveMapped(specifier, context, nextResolve);
  const resolution = mapped ?? (await resolveWithFallbacks(specifier, context, nextResolve));
  if (!mapped && !isPath(specifier)) return resolution;
  if (!isLocal(resolution)) return resolution;
  return { ...resolution, url: versions.versionedUrl(resolution.url, context.parentURL) };
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const path = url.startsWith("file:") ? fileURLToPath(url) : "";
  if (TYPESCRIPT.test(path)) {
    const { eraseTypes } = await import("./erase-types.ts");
    return { format: "module", source: eraseTypes(await readFile(path, "utf8"), path), shortCircuit: true };
  }
  if (path.endsWith(".json") && context.importAttributes.type === undefined) {
    // A cell's import has no attributes. Parsed at run time: a JSON text is not always a JavaScript expression.
    const text = JSON.stringify(await readFile(path, "utf8"));
    return { format: "module", source: `export default JSON.parse(${text});`, shortCircuit: true };
  }
  return nextLoad(url, context);
};

/** By the `paths` of the project, which come before packages; packages themselves have nothing to do with them. */
async function resolveMapped(
  specifier: string,
  context: Parameters<ResolveHook>[1],
  nextResolve: NextResolve,
): Promise<Resolution | undefined> {
  if (!mappings || !isOfProject(context.parentURL) || isPath(specifier) || isBuiltin(specifier)) return undefined;
  for (const path of await mappings.candidates(specifier)) {
    try {
      return await resolveWithFallbacks(pathToFileURL(path).href, context, nextResolve);
    } catch (error) {
      if (!isMissing(error) && (error as { code?: unknown }).code !== "ERR_UNSUPPORTED_DIR_IMPORT") throw error;
    }
  }
  return undefined;
}

/** Neither a package nor the kernel, whose own imports must not wait for what it reads. */
function isOfProject(url: string | undefined): boolean {
  return url?.startsWith("file:") === true && !url.includes("/node_modules/") && !url.startsWith(KERNEL_FILES);
}

async function resolveWithFallbacks(
  specifier: string,
  context: Parameters<ResolveHook>[1],
  nextResolve: NextResolve,
): Promise<Resolution> {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    for (const alternative of alternatives(specifier)) {
      try {
        return await nextResolve(alternative, context);
      } catch {
        // The next one, and in the end the first error.
      }
    }
    if (!isMissing(error) || isPath(specifier)) throw error;
    try {
      return await nextResolve(standInFor(specifier), { ...context, parentURL: import.meta.url });
    } catch {
      throw error;
    }
  }
}

/** Other spellings of a path: with an extension, or `.ts` for the `.js` that TypeScript lets people write. */
function alternatives(specifier: string): string[] {
  if (!isPath(specifier)) return [];
  const asTypeScript = specifier.replace(/\.([mc]?)js$/, ".$1ts");
  return [
    ...(asTypeScript === specifier ? [] : [asTypeScript]),
    ...EXTENSIONS.map((extension) => specifier + extension),
  ];
}

/** A file that its author edits beside the notebook, in contrast to an installed package. */
function isLocal({ url, format }: Resolution): boolean {
  if (!url.startsWith("file:") || url.includes("/node_modules/")) return false;
  // Node keeps CommonJS modules by file name, so a new URL would not give a new module.
  return format !== "commonjs" && format !== "builtin" && !url.endsWith(".node") && !url.endsWith(".wasm");
}

function isPath(specifier: string): boolean {
  return /^(\.{0,2}\/|file:)/.test(specifier);
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
}
