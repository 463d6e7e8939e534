/** A function or class as it is now: its text, the variables it uses, and which of them may change. */
import { dirname } from "node:path";
import { noteChange, originOf } from "./class-identity.ts";
import { patchText, type Substitute } from "./class-text.ts";
import type { ImportedName } from "./import-table.ts";
import { type FoundVariable, type FunctionView, inspectFunction, inspectPrivateFields } from "./inspect.ts";
import { isBuiltinGlobal, type KnownName, rememberImport } from "./known.ts";
import { filePathOf, importerFor, isLoadable, moduleRef, requiredRef } from "./modules.ts";
import { type CellNames, notebookNames } from "./notebook.ts";
import { analyseAlone, type FreeVariable, type FunctionInfo, relativeTo } from "./scope-analysis.ts";
import { offsetOf, placeOf, type Script, scriptById } from "./scripts.ts";

export type AnyFunction = (...args: never[]) => unknown;

/** How a function's text is made into a function again. */
export type FunctionForm = "expression" | "method" | "getter" | "setter" | "class";

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

export interface FunctionDescription {
  readonly fn: AnyFunction;
  readonly form: FunctionForm;
  readonly text: string;
  readonly isStrict: boolean;
  readonly name: string;
  readonly url: string;
  /** Where `text` starts in the file. 0-based. */
  readonly line: number;
  readonly column: number;
  readonly variables: readonly CapturedVariable[];
  readonly watches: readonly Watch[];
  readonly info: FunctionInfo;
  /** Identity of a class in all processes, so that it comes home as itself. */
  readonly origin: string;
}

/** Why a function cannot be taken along. */
export class Untransportable extends Error {
  readonly what: string;
  readonly advice: string;

  constructor(what: string, advice: string) {
    super(`${what}. ${advice}`);
    this.what = what;
    this.advice = advice;
  }
}

/** Stands for the flag that tells constructors of revived classes to make private fields only; the reader has its own. */
export const REVIVING: object = Object.freeze({ on: false });

const descriptions = new WeakMap<object, FunctionDescription>();

/**
 * Describe a function. The last description is used again while its variables hold the same values.
 *
 * @throws Untransportable for native functions, and for those that depend on the `this` of a function around them.
 */
export function describeFunction(fn: AnyFunction): FunctionDescription {
  const last = descriptions.get(fn);
  if (last !== undefined && isCurrent(last)) return last;
  if (last !== undefined) noteChange();
  const description = inspectFunction(fn, (view) => describe(fn, view));
  descriptions.set(fn, description);
  return description;
}

/** Do all variables that may change hold what they held? */
export function isCurrent(description: FunctionDescription): boolean {
  const scoped: Watch[] = [];
  for (const watch of description.watches) {
    if (watch.type === "scope") scoped.push(watch);
    else if (!Object.is(globalValue(watch.name), watch.value)) return false;
  }
  if (scoped.length === 0) return true;
  const names = new Set(scoped.map(({ name }) => name));
  const found = inspectFunction(description.fn, (view) => view.find(names));
  return scoped.every(({ name, value }) => Object.is(found.get(name)?.value, value));
}

/** URL of the file a function was written in; empty for native functions. */
export function urlOf(fn: AnyFunction): string {
  const location = inspectFunction(fn, (view) => view.location);
  return location === undefined ? "" : (scriptById(location.scriptId)?.url ?? "");
}

function describe(fn: AnyFunction, view: FunctionView): FunctionDescription {
  const text = Function.prototype.toString.call(fn);
  if (view.location === undefined || /\{\s*\[native code\]\s*\}\s*$/.test(text)) {
    const isBound = fn.name.startsWith("bound ");
    throw isBound
      ? new Untransportable("is a bound function", "Use an arrow function instead of bind().")
      : new Untransportable(
          "is a native function",
          "Call it by its global name, or import its module inside the task.",
        );
  }
  const script = scriptById(view.location.scriptId);
  const offset = script === undefined ? -1 : offsetOf(script, view.location);
  const textStart = script === undefined ? -1 : script.source.lastIndexOf(text, offset);
  const fromScript = textStart < 0 ? undefined : script?.analysis?.functions.get(offset);
  const info =
    fromScript === undefined ? analyseAlone(text, script?.isModule ?? false) : relativeTo(fromScript, textStart);
  if (info === undefined)
    throw new Untransportable("has code that cannot be parsed", "Write it in standard JavaScript.");
  refuseOuterContext(info);
  const place = script === undefined || textStart < 0 ? { ...view.location } : placeOf(script, textStart);
  const url = script?.url ?? "";
  const context: Context = { fn, view, script, info, url, place, text };
  const { variables, watches } = variablesOf(context);
  const { text: patched, substitutes } = patchText(text, info, keepsHeritage(fn, info, variables));
  for (const { name, type, field } of substitutes) {
    const value = substituteValue(type, context, field);
    const isEager = type !== "import" && type !== "import-meta";
    variables.push({
      name,
      value,
      known: undefined,
      key: "",
      sharing: "always",
      isAssigned: false,
      isEager,
      line: place.line,
    });
  }
  return {
    fn,
    form: formOf(info),
    text: patched,
    isStrict: info.isStrict,
    name: nameOf(fn),
    url,
    line: place.line,
    column: place.column,
    variables,
    watches,
    info,
    origin: info.kind === "class" ? originOf(fn) : "",
  };
}

interface Context {
  readonly fn: AnyFunction;
  readonly view: FunctionView;
  readonly script: Script | undefined;
  readonly info: FunctionInfo;
  readonly url: string;
  readonly place: { readonly line: number; readonly column: number };
  readonly text: string;
}

function refuseOuterContext(info: FunctionInfo): void {
  if (info.usesSuper && info.kind !== "class") {
    throw new Untransportable("uses `super`", "Send the object or class it belongs to, not the method alone.");
  }
  if (info.usesOuterPrivates) {
    throw new Untransportable("uses a private name of a class around it", "Send the class or an instance instead.");
  }
}

/** A name may be used under several declarations only in broken code; the first wins. */
function variablesOf(context: Context): { variables: CapturedVariable[]; watches: Watch[] } {
  const { info, view, script } = context;
  const imports = script?.analysis?.imports ?? new Map();
  const wanted = new Set([...[...info.free.values()].map(({ name }) => name), ...imports.keys()]);
  const found = view.find(wanted);
  for (const [local, imported] of imports) {
    const value = found.get(local)?.value;
    const known = nameOfImport(imported, context.url);
    if (value !== undefined && known?.type === "import") rememberImport(value, known.module, known.path);
  }
  const notebook = notebookNames();
  const variables: CapturedVariable[] = [];
  const watches: Watch[] = [];
  for (const free of info.free.values()) {
    const variable = captureVariable(free, found.get(free.name), context, notebook, watches);
    if (variable !== undefined) variables.push(variable);
  }
  return { variables, watches };
}

/** @returns undefined for modules that plain Node cannot load. */
function nameOfImport({ specifier, path, isRequired }: ImportedName, url: string): KnownName | undefined {
  const module = isRequired ? requiredRef(specifier, url) : moduleRef(specifier, url);
  return isLoadable(module) ? { type: "import", module, path } : undefined;
}

/** What Vitest writes for `import(…)` and `import.meta`. */
const VITEST_NAMES: ReadonlyMap<string, Substitute["type"]> = new Map([
  ["__vite_ssr_dynamic_import__", "import"],
  ["__vite_ssr_import_meta__", "import-meta"],
]);

/** @returns undefined for names that every process has, and for names that exist nowhere. */
function captureVariable(
  free: FreeVariable,
  found: FoundVariable | undefined,
  context: Context,
  notebook: CellNames | undefined,
  watches: Watch[],
): CapturedVariable | undefined {
  const { name, isAssigned, isEager } = free;
  const base = { name, isAssigned, isEager, line: lineOf(context, free.offset) };
  if (found === undefined) {
    return captureGlobal(base, notebook, watches);
  }
  const identity = identityOf(free, found, context.script);
  const substitute = VITEST_NAMES.get(name);
  if (substitute !== undefined) {
    return { ...base, ...identity, value: substituteValue(substitute, context, undefined), known: undefined };
  }
  const imported = free.declaration?.import;
  if (imported !== undefined && !free.declaration?.isReassigned) {
    const known = nameOfImport(imported, context.url);
    if (known !== undefined) return { ...base, ...identity, value: found.value, known };
    return { ...base, ...identity, value: usedMembers(found.value, free.members), known: undefined };
  }
  if (mayChange(free, found)) watches.push({ type: "scope", name, value: found.value });
  return { ...base, ...identity, value: found.value, known: undefined };
}

function captureGlobal(
  base: Pick<CapturedVariable, "name" | "isAssigned" | "isEager" | "line">,
  notebook: CellNames | undefined,
  watches: Watch[],
): CapturedVariable | undefined {
  const { name } = base;
  const identity = { key: `global ${name}`, sharing: "always" } as const;
  if (notebook?.isCellName(name)) {
    const imported = notebook.importOf(name);
    if (imported !== undefined) {
      const module = moduleRef(imported.specifier, `${notebook.directory}/notebook.ts`);
      if (isLoadable(module)) {
        const path = imported.imported === "*" ? [] : [imported.imported];
        const value = globalValue(name);
        rememberImport(value, module, path);
        watches.push({ type: "global", name, value });
        return { ...base, ...identity, value, known: { type: "import", module, path } };
      }
    }
  } else if (isBuiltinGlobal(name)) return undefined;
  if (!Object.hasOwn(globalThis, name)) return undefined;
  const value = globalValue(name);
  watches.push({ type: "global", name, value });
  return { ...base, ...identity, value, known: undefined };
}

/** The value of a global variable. A name that has no value yet gives undefined, as it would after hoisting. */
function globalValue(name: string): unknown {
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

function lineOf({ script, place, text }: Context, offset: number): number {
  const before = text.slice(0, Math.max(0, offset));
  return (script === undefined ? 0 : place.line) + (before.match(/\r\n|[\n\r\u2028\u2029]/g)?.length ?? 0);
}

/** Does `extends X` name a variable that holds the base class? */
function keepsHeritage(fn: AnyFunction, info: FunctionInfo, variables: readonly CapturedVariable[]): boolean {
  const identifier = info.classParts?.heritage?.identifier;
  const base: unknown = Object.getPrototypeOf(fn);
  if (identifier === undefined) return false;
  const variable = variables.find(({ name }) => name === identifier);
  if (variable !== undefined) return variable.value === base;
  return (globalThis as Record<string, unknown>)[identifier] === base;
}

function substituteValue(type: Substitute["type"], { fn, url }: Context, field: string | undefined): unknown {
  if (type === "heritage") return Object.getPrototypeOf(fn);
  if (type === "private-static") return inspectPrivateFields(fn).find(({ name }) => name === field)?.value;
  if (type === "import") return importerFor(url);
  return type === "import-meta" ? importMeta(url) : REVIVING;
}

/** What `import.meta` says of a file, as far as it is plain data. */
function importMeta(url: string): object {
  if (!url.startsWith("file:")) return { url };
  const filename = filePathOf(url);
  return { url, filename, dirname: dirname(filename) };
}

function formOf(info: FunctionInfo): FunctionForm {
  return info.kind === "function" || info.kind === "arrow" ? "expression" : info.kind;
}

function nameOf(fn: AnyFunction): string {
  const name: unknown = Object.getOwnPropertyDescriptor(fn, "name")?.value;
  return typeof name === "string" ? name : "";
}
