/** Values that every process has, or can import: they travel by name. */
import { builtinModules, createRequire } from "node:module";
import { types } from "node:util";
import vm from "node:vm";
import type { ModuleRef } from "../protocol/codec-format.ts";
import { filePathOf, isLoadable, moduleRef, ownSpecifier } from "./modules.ts";

/** How to find a value elsewhere. `path`: property names, one inside the other. */
export type KnownName =
  | { readonly type: "global"; readonly path: readonly string[] }
  | { readonly type: "builtin"; readonly module: string; readonly path: readonly string[] }
  | { readonly type: "import"; readonly module: ModuleRef; readonly path: readonly string[] };

/** Globals of Node that a new context does not have. */
const NODE_GLOBALS = (
  "process Buffer console global clearImmediate clearInterval clearTimeout setImmediate setInterval setTimeout " +
  "queueMicrotask structuredClone atob btoa performance fetch crypto navigator URL URLSearchParams TextEncoder " +
  "TextDecoder AbortController AbortSignal Event EventTarget MessageChannel MessagePort MessageEvent BroadcastChannel " +
  "Blob File FormData Headers Request Response WebSocket EventSource CustomEvent DOMException WebAssembly Crypto " +
  "CryptoKey SubtleCrypto Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver " +
  "PerformanceObserverEntryList PerformanceResourceTiming ReadableStream ReadableStreamDefaultReader " +
  "ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableByteStreamController ReadableStreamDefaultController " +
  "TransformStream TransformStreamDefaultController WritableStream WritableStreamDefaultController " +
  "WritableStreamDefaultWriter ByteLengthQueuingStrategy CountQueuingStrategy TextEncoderStream TextDecoderStream " +
  "CompressionStream DecompressionStream Storage localStorage sessionStorage Navigator CloseEvent"
).split(" ");

let builtinNames: ReadonlySet<string> | undefined;

/** Is this a global that the language or Node defines? */
export function isBuiltinGlobal(name: string): boolean {
  builtinNames ??= new Set([
    ...(vm.runInNewContext("Object.getOwnPropertyNames(globalThis)") as string[]),
    ...NODE_GLOBALS,
  ]);
  return builtinNames.has(name);
}

/** Prototypes and constructors that no global names. */
export const HIDDEN_INTRINSICS: Readonly<Record<string, object>> = hiddenIntrinsics();

function hiddenIntrinsics(): Record<string, object> {
  const generator = up(function* () {});
  const asyncGenerator = up(async function* () {});
  const arrayIterator = up([].values());
  return {
    "%TypedArray%": up(Uint8Array),
    "%AsyncFunction%": up(async () => {}).constructor,
    "%GeneratorFunction%": generator.constructor,
    "%AsyncGeneratorFunction%": asyncGenerator.constructor,
    "%GeneratorPrototype%": (generator as { prototype: object }).prototype,
    "%AsyncGeneratorPrototype%": (asyncGenerator as { prototype: object }).prototype,
    "%ArrayIteratorPrototype%": arrayIterator,
    "%IteratorPrototype%": up(arrayIterator),
    "%AsyncIteratorPrototype%": up((asyncGenerator as { prototype: object }).prototype),
  };
}

function up(value: object): object {
  return Object.getPrototypeOf(value) as object;
}

const names = new Map<object, KnownName>();
const namedModules = new Set<string>();
/** How long Node's list of loaded modules was when it was looked through last. */
let seenModules = 0;
let hasGlobals = false;

/** The name of a built-in value, if it has one. */
export function builtinName(value: object): KnownName | undefined {
  if (!hasGlobals) nameGlobals();
  const name = names.get(value);
  if (name !== undefined) return name;
  nameLoadedModules();
  return names.get(value) ?? (types.isModuleNamespaceObject(value) ? builtinNamespace(value) : undefined);
}

function nameGlobals(): void {
  hasGlobals = true;
  names.set(globalThis, { type: "global", path: [] });
  for (const [name, value] of Object.entries(HIDDEN_INTRINSICS)) {
    addTree(value, (path) => ({ type: "global", path: [name, ...path] }), 1);
  }
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const value: unknown = Object.getOwnPropertyDescriptor(globalThis, name)?.value;
    if (!isBuiltinGlobal(name) || !isObject(value) || value === globalThis) continue;
    addTree(value, (path) => ({ type: "global", path: [name, ...path] }), 2);
  }
  for (const name of ["env", "argv", "versions", "release"] as const) {
    names.set(process[name], { type: "global", path: ["process", name] });
  }
}

/** Name a value and what its data properties hold. Getters are not run; what changes at run time is not named. */
function addTree(value: object, nameFor: (path: string[]) => KnownName, depth: number, path: string[] = []): void {
  if (names.has(value) || (path.length > 0 && !isConstantPart(value))) return;
  names.set(value, nameFor(path));
  if (depth === 0) return;
  for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (isObject(descriptor.value) && key !== "constructor")
      addTree(descriptor.value, nameFor, depth - 1, [...path, key]);
  }
}

/** Functions and what functions hang on (prototypes, namespaces); not arrays, maps or caches. */
function isConstantPart(value: object): boolean {
  return typeof value === "function" || (!Array.isArray(value) && !types.isMap(value) && !types.isSet(value));
}

/** Name the exports of `node:` modules that are loaded by now; others nobody can hold a part of. */
function nameLoadedModules(): void {
  const list = (process as unknown as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  if (list.length === seenModules) return;
  seenModules = list.length;
  for (const name of publicModulesIn(list)) {
    if (namedModules.has(name)) continue;
    namedModules.add(name);
    const exports = process.getBuiltinModule(name);
    if (isObject(exports)) addTree(exports, (path) => ({ type: "builtin", module: name, path }), 2);
    if (name === "fs") {
      const { promises } = exports as { promises: object };
      addTree(promises, (path) => ({ type: "builtin", module: "fs/promises", path }), 1);
    }
  }
}

const publicModules: ReadonlySet<string> = new Set(builtinModules.filter((name) => !name.startsWith("_")));

function publicModulesIn(list: readonly string[]): string[] {
  return list
    .filter((entry) => entry.startsWith("NativeModule "))
    .map((entry) => entry.slice("NativeModule ".length))
    .filter((name) => publicModules.has(name));
}

function builtinNamespace(namespace: object): KnownName | undefined {
  const exports = (namespace as { default?: unknown }).default;
  const name = isObject(exports) ? names.get(exports) : undefined;
  if (name?.type !== "builtin" || name.path.length > 0) return undefined;
  return { type: "import", module: { specifier: `node:${name.module}`, parent: undefined }, path: [] };
}

const importNames = new WeakMap<object, KnownName>();

/** Remember that `value` is what an import gives, so that it travels by name wherever else it appears. */
export function rememberImport(value: unknown, module: ModuleRef, path: readonly string[]): void {
  if (!isObject(value)) return;
  if (!importNames.has(value)) importNames.set(value, { type: "import", module, path });
  if (path.length === 0 && types.isModuleNamespaceObject(value)) rememberExports(value, module);
}

/** Remember the functions and classes that a module exports. */
export function rememberExports(exports: object, module: ModuleRef): void {
  // `import()` of a CommonJS module surely has its exports under `default`, and only perhaps under their names.
  const prefix = types.isModuleNamespaceObject(exports) ? [] : ["default"];
  for (const name of Object.keys(exports)) {
    const value = (exports as Record<string, unknown>)[name];
    if (typeof value === "function" && !importNames.has(value)) {
      importNames.set(value, { type: "import", module, path: [...prefix, name] });
    }
  }
}

export function importName(value: object): KnownName | undefined {
  return importNames.get(value);
}

/**
 * The name of something a package exports, found through the file it was written in. Only files of packages, and of this
 * package itself, are looked into: they are there in every process.
 */
export function exportName(value: object, url: string): KnownName | undefined {
  const own = ownSpecifier(url);
  if (own === undefined && !url.includes("/node_modules/")) return undefined;
  const module = own === undefined ? moduleRef(url, url) : { specifier: own, parent: undefined };
  if (!(url.startsWith("file:") || url.startsWith("/")) || !isLoadable({ specifier: url, parent: undefined }))
    return undefined;
  try {
    // The file is loaded already, so this only looks up its exports.
    const exports: unknown = createRequire(import.meta.url)(filePathOf(url));
    if (exports === value) return { type: "import", module: moduleRef(url, url), path: ["default"] };
    if (isObject(exports)) rememberExports(exports, module);
  } catch {
    return undefined; // A module that cannot be required, such as one with a top-level await: its code travels instead.
  }
  return importNames.get(value);
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** A `require` function travels as the file it belongs to. */
export function isRequire(value: object): boolean {
  return typeof value === "function" && typeof (value as NodeJS.Require).resolve === "function" && "cache" in value;
}
