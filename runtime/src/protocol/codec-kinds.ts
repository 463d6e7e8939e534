/** What kind of object a value is, below its class. */
import { Buffer } from "node:buffer";
import { types } from "node:util";

export const WELL_KNOWN_SYMBOLS: ReadonlyMap<symbol, string> = new Map(
  Object.getOwnPropertyNames(Symbol)
    .map((name) => [(Symbol as unknown as Record<string, unknown>)[name], name] as const)
    .filter((entry): entry is readonly [symbol, string] => typeof entry[0] === "symbol"),
);

/** Symbols that only this process has are no keys anywhere else: what they name stays here, as in structured clone. */
export function isKeyElsewhere(key: PropertyKey): boolean {
  return typeof key !== "symbol" || WELL_KNOWN_SYMBOLS.has(key) || Symbol.keyFor(key) !== undefined;
}

/** The prototype an object of this internal kind has when nobody changed it; undefined for kinds that cannot travel. */
export function usualPrototype(value: object): object | undefined {
  if (Array.isArray(value)) return Array.prototype;
  if (ArrayBuffer.isView(value)) return usualViewPrototype(value);
  if (types.isArrayBuffer(value)) return ArrayBuffer.prototype;
  if (types.isMap(value)) return Map.prototype;
  if (types.isSet(value)) return Set.prototype;
  if (types.isDate(value)) return Date.prototype;
  if (types.isRegExp(value)) return RegExp.prototype;
  if (types.isNativeError(value) || value instanceof Error) return Error.prototype;
  if (types.isBoxedPrimitive(value)) return boxPrototype(value);
  if (value instanceof URL) return URL.prototype;
  if (value instanceof URLSearchParams) return URLSearchParams.prototype;
  if (isBoundToProcess(value)) return undefined;
  return Object.prototype;
}

function usualViewPrototype(value: ArrayBufferView): object {
  if (Buffer.isBuffer(value)) return Buffer.prototype;
  return (
    (globalThis as unknown as Record<string, { prototype: object }>)[viewName(value)]?.prototype ?? Object.prototype
  );
}

/** Name of the built-in class of a view, also of one of a subclass. */
export function viewName(value: ArrayBufferView): string {
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return (Reflect.get(typedArray, Symbol.toStringTag, value) as string | undefined) ?? "DataView";
}

function boxPrototype(value: object): object {
  if (types.isNumberObject(value)) return Number.prototype;
  if (types.isStringObject(value)) return String.prototype;
  if (types.isBooleanObject(value)) return Boolean.prototype;
  return types.isBigIntObject(value) ? BigInt.prototype : Symbol.prototype;
}

function isBoundToProcess(value: object): boolean {
  return (
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isSharedArrayBuffer(value) ||
    types.isGeneratorObject(value) ||
    types.isExternal(value) ||
    types.isModuleNamespaceObject(value) ||
    types.isMapIterator(value) ||
    types.isSetIterator(value) ||
    types.isArgumentsObject(value) ||
    types.isKeyObject(value) ||
    types.isCryptoKey(value) ||
    value instanceof WeakRef
  );
}

/** A built-in class of another realm (a vm context) is that class. */
export function isSameClassElsewhere(prototype: object, usual: object): boolean {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return (
    typeof constructor === "function" &&
    nameOfClass(prototype) === nameOfClass(usual) &&
    /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(constructor))
  );
}

/** What to do about a kind that cannot travel. */
export function adviceFor(kind: string): string {
  if (kind === "Promise") return "Await it first.";
  if (kind === "Module") return "Import it at the top of the file, or inside the function.";
  return "Create it inside the task or in an actor.";
}

export function nameOfClass(prototype: object): string {
  const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as
    | { name?: unknown }
    | undefined;
  return typeof constructor?.name === "string" && constructor.name !== "" ? constructor.name : "an unnamed class";
}

export function hasHoles(value: readonly unknown[]): boolean {
  for (let index = 0; index < value.length; index++) {
    if (value[index] === undefined && !(index in value)) return true;
  }
  return false;
}

/** Do all items fit an Int32Array or a Float64Array? */
export function numbersKind(value: readonly unknown[]): "ints" | "doubles" | undefined {
  if (typeof value[0] !== "number") return undefined;
  let areInts = true;
  for (let index = 0; index < value.length; index++) {
    const item = value[index];
    if (typeof item !== "number") return undefined;
    if (areInts && ((item | 0) !== item || (item === 0 && 1 / item < 0))) areInts = false;
  }
  return areInts ? "ints" : "doubles";
}

export function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** All own properties are enumerable, writable data under string keys: then names and values say everything. */
export function hasOnlyPlainData(value: object): boolean {
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === "symbol") return false;
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor === undefined || !descriptor.enumerable || !("value" in descriptor)) return false;
  }
  return true;
}
