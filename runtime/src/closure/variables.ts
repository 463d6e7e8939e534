/** The variables a function uses: where their values come from, which may change, which travel by name. */
import { dirname } from "node:path";
import type { FunctionSight } from "./describe.ts";
import type { ImportedName } from "./import-table.ts";
import type { FoundVariable } from "./inspect.ts";
import { isBuiltinGlobal, type KnownName, rememberImport } from "./known.ts";
import { filePathOf, importerFor, isLoadable, moduleRef, requiredRef } from "./modules.ts";
import { notebookNames } from "./notebook.ts";
import type { FreeVariable } from "./scope-analysis.ts";
import type { Script } from "./scripts.ts";

export interface CapturedVariable {
  /** As in the text. */
  readonly name: string;
  readonly value: unknown;
  /** Set when the variable stands for a module or a part of one: then `value` stays here. */
  readonly known: KnownName | undefined;
  /** Variables with different keys are different. */
  readonly key: string;
  /**
   * Are two of the same key one variable? `same-value`: when they hold the same value. `once-per-place`: also, and their
   * functions come from different places, since each place makes one closure for each variable.
   */
  readonly sharing: "always" | "same-value" | "once-per-place";
  readonly isAssigned: boolean;
  readonly isEager: boolean;
  /** Where it is used, for errors. 0-based. */
  readonly line: number;
}

/** A variable that may have been assigned since the function was described. */
export type Watch =
  | { readonly type: "global"; readonly name: string; readonly value: unknown }
  | { readonly type: "scope"; readonly name: string; readonly value: unknown };

/** What a function uses, in the order in which its text does. */
export function variablesOf(sight: FunctionSight): { variables: CapturedVariable[]; watches: Watch[] } {
  rememberImportsOf(sight);
  const captured = [...sight.info.free.values()].map((free) =>
    captureVariable(free, sight.found.get(free.name), sight),
  );
  return {
    variables: captured.flatMap((one) => one?.variable ?? []),
    watches: captured.flatMap((one) => one?.watch ?? []),
  };
}

/** All imports of the function's file, also those that only its values are made with. */
function rememberImportsOf({ script, found, url }: FunctionSight): void {
  for (const [local, imported] of script?.analysis?.imports ?? []) {
    const value = found.get(local)?.value;
    const known = nameOfImport(imported, url);
    if (value !== undefined && known?.type === "import") rememberImport(value, known.module, known.path);
  }
}

/** @returns undefined for modules that plain Node cannot load. */
function nameOfImport({ specifier, path, isRequired }: ImportedName, url: string): KnownName | undefined {
  const module = isRequired ? requiredRef(specifier, url) : moduleRef(specifier, url);
  return isLoadable(module) ? { type: "import", module, path } : undefined;
}

/** What Vitest writes for `import(…)` and `import.meta`. */
const VITEST_IMPORT = "__vite_ssr_dynamic_import__";
const VITEST_META = "__vite_ssr_import_meta__";

interface Captured {
  readonly variable: CapturedVariable;
  readonly watch?: Watch;
}

/** @returns undefined for names that every process has, and for names that exist nowhere. */
function captureVariable(
  free: FreeVariable,
  found: FoundVariable | undefined,
  sight: FunctionSight,
): Captured | undefined {
  if (found === undefined) return captureGlobal(free, sight);
  const { name, declaration } = free;
  const { value } = found;
  const base = { ...baseOf(free, sight), ...identityOf(free, found, sight.script) };
  if (name === VITEST_IMPORT) return { variable: { ...base, value: importerFor(sight.url), known: undefined } };
  if (name === VITEST_META) return { variable: { ...base, value: importMeta(sight.url), known: undefined } };
  const imported = declaration?.isReassigned ? undefined : declaration?.import;
  if (imported !== undefined) {
    const known = nameOfImport(imported, sight.url);
    const part = known === undefined && imported.path.length === 0 ? usedMembers(value, free.members) : value;
    return { variable: { ...base, value: part, known } };
  }
  const variable = { ...base, value, known: undefined };
  return mayChange(free, found) ? { variable, watch: { type: "scope", name, value } } : { variable };
}

/** A property of the global object: of a cell, or put there by the program. */
function captureGlobal(free: FreeVariable, sight: FunctionSight): Captured | undefined {
  const { name } = free;
  const notebook = notebookNames();
  const isOfCell = notebook?.isCellName(name) === true;
  if ((!isOfCell && isBuiltinGlobal(name)) || !Object.hasOwn(globalThis, name)) return undefined;
  const value = globalValue(name);
  const base = { ...baseOf(free, sight), key: `global ${name}`, sharing: "always" } as const;
  const watch: Watch = { type: "global", name, value };
  const imported = isOfCell ? notebook.importOf(name) : undefined;
  if (imported === undefined) return { variable: { ...base, value, known: undefined }, watch };
  const path = imported.imported === "*" ? [] : [imported.imported];
  const known = nameOfImport({ specifier: imported.specifier, path }, `${notebook?.directory}/notebook.ts`);
  if (known?.type === "import") rememberImport(value, known.module, known.path);
  const part = known === undefined && path.length === 0 ? usedMembers(value, free.members) : value;
  return { variable: { ...base, value: part, known }, watch };
}

function baseOf(
  free: FreeVariable,
  sight: FunctionSight,
): Pick<CapturedVariable, "name" | "isAssigned" | "isEager" | "line"> {
  const { name, isAssigned, isEager, offset } = free;
  return { name, isAssigned, isEager, line: lineOf(sight, offset) };
}

/** The value of a global variable. A name that has no value yet gives undefined, as it would after hoisting. */
export function globalValue(name: string): unknown {
  try {
    return (globalThis as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function mayChange(free: FreeVariable, found: FoundVariable): boolean {
  const { declaration } = free;
  // A value of undefined may be that of a variable which is not initialized yet.
  return declaration === undefined || declaration.isReassigned || found.value === undefined;
}

/** Of a module that cannot be loaded elsewhere, only what the function uses travels. */
function usedMembers(value: unknown, members: ReadonlySet<string> | undefined): unknown {
  if (members === undefined || typeof value !== "object" || value === null) return value;
  const used: Record<string, unknown> = {};
  for (const name of members) used[name] = (value as Record<string, unknown>)[name];
  return used;
}

/**
 * Which variable this is. V8 does not say whether two closures share one, so it is inferred: top-level variables exist
 * once; variables of nested scopes are told apart by what `sharing` allows.
 */
function identityOf(
  free: FreeVariable,
  found: FoundVariable,
  script: Script | undefined,
): Pick<CapturedVariable, "key" | "sharing"> {
  const { declaration } = free;
  if (declaration === undefined)
    return { key: `${script?.id ?? "?"} ${free.name} ${found.depth}`, sharing: "same-value" };
  const key = `${script?.id ?? "?"} ${declaration.offset}`;
  if (declaration.isTopLevel) return { key, sharing: "always" };
  return { key, sharing: free.mayRepeat ? "same-value" : "once-per-place" };
}

function lineOf({ place, text }: FunctionSight, offset: number): number {
  const before = text.slice(0, Math.max(0, offset));
  return place.line + (before.match(/\r\n|[\n\r\u2028\u2029]/g)?.length ?? 0);
}

/** What `import.meta` says of a file, as far as it is plain data. */
export function importMeta(url: string): object {
  if (!url.startsWith("file:")) return { url };
  const filename = filePathOf(url);
  return { url, filename, dirname: dirname(filename) };
}
