/** Loads the modules a cell imports and defines the names they bring. */
import { dirname } from "node:path";
import type { CellImport, CompiledCell } from "../language/language.ts";
import { defineValue } from "./cell-names.ts";
import type { CellRegistry } from "./cell-registry.ts";
import { runScript } from "./script.ts";

type ModuleNamespace = Readonly<Record<string, unknown>>;

/** A module or one of its exports is missing. Its stack points at the import in the cell. */
export class ImportError extends Error {
  override readonly name = "ImportError";

  constructor(message: string, cell: CompiledCell, line: number, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.stack = `ImportError: ${message}\n    at ${cell.fileName}:${line + 1}:1`;
  }
}

/**
 * Load all imports of `cell` and define their names on the global object; none is defined when one fails.
 *
 * @returns the names, as the user wrote them.
 * @throws ImportError for a missing module or export; otherwise what the module itself threw.
 */
export async function loadImports(cell: CompiledCell, registry: CellRegistry): Promise<string[]> {
  const load = runScript("(specifier) => import(specifier)", cell.fileName) as (
    specifier: string,
  ) => Promise<ModuleNamespace>;
  const loaded = await Promise.all(
    cell.imports.map(async (cellImport) => {
      const namespace = await load(cellImport.specifier).catch((error: unknown) => {
        throw explainMissingModule(error, cell, cellImport);
      });
      return cellImport.bindings.map(({ imported, local }) => ({
        local,
        imported,
        specifier: cellImport.specifier,
        value: pick(namespace, imported, cell, cellImport),
      }));
    }),
  );
  return loaded.flat().map(({ local, imported, specifier, value }) => {
    const declaration = cell.declarations.find(
      ({ kind, name, globalName }) => kind === "import" && (name === local || globalName === local),
    );
    const globalName = declaration?.globalName ?? local;
    defineValue(globalName, value);
    registry.define(globalName, { specifier, imported });
    return declaration?.name ?? local;
  });
}

function pick(
  namespace: ModuleNamespace,
  imported: string,
  cell: CompiledCell,
  { specifier, line }: CellImport,
): unknown {
  if (imported === "*") return namespace;
  if (Object.hasOwn(namespace, imported)) return namespace[imported];
  // Node finds the exports of a CommonJS module by reading its text, and misses computed ones.
  const common = namespace.default;
  if (common !== null && (typeof common === "object" || typeof common === "function") && imported in common) {
    return (common as ModuleNamespace)[imported];
  }
  const names = Object.keys(namespace);
  const list = names.length > 30 ? `${names.slice(0, 30).join(", ")}, … (${names.length})` : names.join(", ");
  const what = imported === "default" ? "no default export" : `no export '${imported}'`;
  const exists = names.length === 0 ? "It exports nothing." : `It exports: ${list}.`;
  throw new ImportError(`Module '${specifier}' has ${what}. ${exists}`, cell, line);
}

/** Turns "not found" for what the cell itself names into an error at the import; passes on everything else. */
function explainMissingModule(error: unknown, cell: CompiledCell, { specifier, line }: CellImport): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") return error;
  if (code === "ERR_MODULE_NOT_FOUND" && !String(message).includes(cell.fileName)) return error;
  const directory = dirname(cell.fileName);
  const isPath = /^(\.{0,2}\/|file:)/.test(specifier);
  const advice = isPath
    ? `Paths start at the notebook's directory, ${directory}.`
    : `Install it there: npm install ${packageName(specifier)} (in ${directory}).`;
  const text = code === "ERR_MODULE_NOT_FOUND" ? `Cannot find module '${specifier}'. ${advice}` : String(message);
  return new ImportError(text, cell, line);
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
