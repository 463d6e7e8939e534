/** A function or class as it is now: its text, the variables it uses, and which of them may change. */
import { noteChange, originOf } from "./class-identity.ts";
import { patchText, type Substitute } from "./class-text.ts";
import { type FoundVariable, type FunctionView, inspectFunction, inspectPrivateFields } from "./inspect.ts";
import { importerFor } from "./modules.ts";
import { analyseAlone, type FunctionInfo, relativeTo } from "./scope-analysis.ts";
import { offsetOf, placeOf, type Script, scriptById } from "./scripts.ts";
import { type CapturedVariable, globalValue, importMeta, variablesOf, type Watch } from "./variables.ts";

export type AnyFunction = (...args: never[]) => unknown;

/** How a function's text is made into a function again. */
export type FunctionForm = "expression" | "method" | "getter" | "setter" | "class";

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
  const description = describe(inspectFunction(fn, (view) => look(fn, view)));
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

/** What looking at a function shows, before its variables are judged. */
export interface FunctionSight {
  readonly fn: AnyFunction;
  readonly script: Script | undefined;
  readonly info: FunctionInfo;
  readonly url: string;
  /** Where the function's text starts. 0-based. */
  readonly place: { readonly line: number; readonly column: number };
  readonly text: string;
  /** Values of the names it uses, and of its file's imports. */
  readonly found: ReadonlyMap<string, FoundVariable>;
}

function look(fn: AnyFunction, view: FunctionView): FunctionSight {
  const text = Function.prototype.toString.call(fn);
  if (view.location === undefined || /\{\s*\[native code\]\s*\}\s*$/.test(text)) throw refuseNative(fn);
  const script = scriptById(view.location.scriptId);
  const offset = script === undefined ? -1 : offsetOf(script, view.location);
  const textStart = script === undefined ? -1 : script.source.lastIndexOf(text, offset);
  const inScript = textStart < 0 ? undefined : script?.analysis?.functions.get(offset);
  const info = inScript === undefined ? analyseAlone(text, script?.isModule ?? false) : relativeTo(inScript, textStart);
  if (info === undefined) {
    throw new Untransportable("has code that cannot be parsed", "Write it in standard JavaScript.");
  }
  refuseOuterContext(info);
  const place = script === undefined || textStart < 0 ? view.location : placeOf(script, textStart);
  const names = new Set([...info.free.values()].map(({ name }) => name));
  for (const name of script?.analysis?.imports.keys() ?? []) names.add(name);
  return { fn, script, info, url: script?.url ?? "", place, text, found: view.find(names) };
}

function describe(sight: FunctionSight): FunctionDescription {
  const { fn, info, url, place } = sight;
  const { variables, watches } = variablesOf(sight);
  const { text, substitutes } = patchText(sight.text, info, keepsHeritage(fn, info, variables));
  variables.push(...substitutes.map((substitute) => substituteVariable(substitute, sight)));
  const origin = info.kind === "class" ? originOf(fn) : "";
  const form = info.kind === "function" || info.kind === "arrow" ? "expression" : info.kind;
  const { line, column } = place;
  return {
    fn,
    form,
    text,
    isStrict: info.isStrict,
    name: nameOf(fn),
    url,
    line,
    column,
    variables,
    watches,
    info,
    origin,
  };
}

function refuseNative(fn: AnyFunction): Untransportable {
  return fn.name.startsWith("bound ")
    ? new Untransportable("is a bound function", "Use an arrow function instead of bind().")
    : new Untransportable("is a native function", "Call it by its global name, or import its module inside the task.");
}

function refuseOuterContext(info: FunctionInfo): void {
  if (info.usesSuper && info.kind !== "class") {
    throw new Untransportable("uses `super`", "Send the object or class it belongs to, not the method alone.");
  }
  if (info.usesOuterPrivates) {
    throw new Untransportable("uses a private name of a class around it", "Send the class or an instance instead.");
  }
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

function substituteVariable({ name, type, field }: Substitute, { fn, url, place }: FunctionSight): CapturedVariable {
  const isEager = type !== "import" && type !== "import-meta";
  const base = {
    name,
    known: undefined,
    key: "",
    sharing: "always",
    isAssigned: false,
    isEager,
    line: place.line,
  } as const;
  switch (type) {
    case "heritage":
      return { ...base, value: Object.getPrototypeOf(fn) };
    case "private-static":
      return { ...base, value: inspectPrivateFields(fn).find((one) => one.name === field)?.value };
    case "import":
      return { ...base, value: importerFor(url) };
    case "import-meta":
      return { ...base, value: importMeta(url) };
    case "reviving":
      return { ...base, value: REVIVING };
  }
}

function nameOf(fn: AnyFunction): string {
  const name: unknown = Object.getOwnPropertyDescriptor(fn, "name")?.value;
  return typeof name === "string" ? name : "";
}
