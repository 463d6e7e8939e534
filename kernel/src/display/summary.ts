/**
 * One line about any value: its type, its size and how it begins. No code of the user runs for it: getters are not read,
 * proxies are not asked, and an object's own way to print itself is not called. What it costs does not grow with arrays,
 * maps, sets, strings and buffers; only of an object with very many keys the keys are listed.
 */
import { inspect, types } from "node:util";

/** What a list of variables shows of a value. */
export interface ValueSummary {
  /** `string`, `number[]`, `Map`, `Matrix`: the kind of a primitive, or the name of the class. */
  readonly type: string;
  /** Characters, items, entries or keys; absent for values that have no parts. */
  readonly size?: number;
  /** The beginning of the value in one line, at most {@link MAX_TEXT} characters. */
  readonly text: string;
}

/** Longest text of a summary, in characters. */
export const MAX_TEXT = 120;
/** Items and keys that a text begins with. */
const MAX_ITEMS = 6;
/** Keys of an object up to which their values are shown, too. */
const MAX_KEYS = 12;

/** Describe `value` in one line without running its code. */
export function summarise(value: unknown): ValueSummary {
  const size = sizeOf(value);
  return { type: typeOf(value), ...(size === undefined ? {} : { size }), text: shorten(textOf(value), MAX_TEXT) };
}

/** The name of a value's kind, as TypeScript or its class calls it. */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (types.isProxy(value)) return "Proxy";
  if (typeof value === "function") return isClass(value) ? "class" : "function";
  if (typeof value !== "object") return typeof value;
  const name = classNameOf(value);
  if (Array.isArray(value) && name === "Array") return `${itemTypeOf(value)}[]`;
  if (name === "Object") return "object";
  return name ?? "object";
}

/** How many parts a value has; undefined when it has none by its nature. */
export function sizeOf(value: unknown): number | undefined {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || types.isProxy(value)) return undefined;
  if (Array.isArray(value)) return value.length;
  if (types.isMap(value)) return mapSize.call(value);
  if (types.isSet(value)) return setSize.call(value);
  if (types.isTypedArray(value)) return typedLength.call(value);
  if (types.isAnyArrayBuffer(value) || types.isDataView(value)) return value.byteLength;
  if (hasNoParts(value)) return undefined;
  return Object.keys(value).length;
}

// The built-in getters: a subclass may have others under the same names.
const mapSize = builtInGetter(Map.prototype, "size");
const setSize = builtInGetter(Set.prototype, "size");
const typedLength = builtInGetter(Object.getPrototypeOf(Uint8Array.prototype) as object, "length");

function builtInGetter(prototype: object, name: string): () => number {
  return Reflect.get(Object.getOwnPropertyDescriptor(prototype, name) ?? {}, "get") as () => number;
}

/** Objects that are one thing, whatever properties they carry. */
export function hasNoParts(value: object): boolean {
  return (
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isBoxedPrimitive(value) ||
    types.isModuleNamespaceObject(value) ||
    types.isGeneratorObject(value) ||
    types.isNativeError(value)
  );
}

/** Whether a value's size says how many items it has. */
export function isIndexed(value: object): boolean {
  return Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isTypedArray(value);
}

/** Cut to one line of at most `maxLength` characters. */
export function shorten(text: string, maxLength: number): string {
  const oneLine = text.slice(0, 4 * maxLength).replace(/\s*\n\s*/g, " ");
  return oneLine.length > maxLength ? `${oneLine.slice(0, maxLength - 1)}…` : oneLine;
}

/** The value of a property that is data; a getter is not run. */
export function dataProperty(object: object, key: PropertyKey): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value as unknown;
}

/** The class of an object, told by the nearest `constructor` of its prototypes; undefined without one. */
export function classNameOf(value: object): string | undefined {
  let prototype: unknown = Object.getPrototypeOf(value);
  while (typeof prototype === "object" && prototype !== null && !types.isProxy(prototype)) {
    const constructor = dataProperty(prototype, "constructor");
    if (typeof constructor === "function" && !types.isProxy(constructor)) {
      const name = dataProperty(constructor, "name");
      if (typeof name === "string" && name !== "") return name;
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  return undefined;
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** What the first items have in common. */
function itemTypeOf(items: readonly unknown[]): string {
  const seen = new Set<string>();
  for (let at = 0; at < Math.min(items.length, 20); at += 1) {
    const descriptor = Object.getOwnPropertyDescriptor(items, at);
    const item: unknown = descriptor?.value;
    seen.add(Array.isArray(item) && !types.isProxy(item) ? "unknown[]" : typeOf(item));
  }
  const [only] = seen;
  return seen.size === 1 && only !== undefined ? only : "unknown";
}

function textOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return primitiveText(value);
  if (types.isNativeError(value)) return errorText(value);
  if (!types.isProxy(value) && (isSimpleObject(value) || isInstance(value))) return objectText(value);
  // Node would read the `size` that a class derived from Map may have of its own.
  if (isDerivedCollection(value)) return `${classNameOf(value) ?? "object"}(${sizeOf(value)})`;
  // Node looks through a proxy without asking it.
  return (types.isProxy(value) ? "Proxy of " : "") + builtInText(value);
}

function isDerivedCollection(value: object): boolean {
  if (types.isProxy(value) || !(types.isMap(value) || types.isSet(value))) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Map.prototype && prototype !== Set.prototype;
}

function builtInText(value: unknown): string {
  return inspect(value, {
    depth: 1,
    customInspect: false,
    breakLength: Number.POSITIVE_INFINITY,
    compact: true,
    maxArrayLength: MAX_ITEMS,
    maxStringLength: MAX_TEXT,
  });
}

function primitiveText(value: unknown): string {
  if (typeof value === "function") return types.isProxy(value) ? "Proxy of a function" : functionText(value);
  return inspect(value, { maxStringLength: MAX_TEXT, breakLength: Number.POSITIVE_INFINITY });
}

function functionText(value: object): string {
  const name = dataProperty(value, "name");
  const isNamed = typeof name === "string" && name !== "";
  if (isClass(value)) return isNamed ? `[class ${name}]` : "[class]";
  return isNamed ? `[Function: ${name}]` : "[Function]";
}

/** Name and message of an error, without its stack. */
export function errorText(error: Error): string {
  const ownName = dataProperty(error, "name");
  const name = typeof ownName === "string" ? ownName : (classNameOf(error) ?? "Error");
  const message = dataProperty(error, "message");
  return typeof message === "string" && message !== "" ? `${name}: ${message}` : name;
}

function isSimpleObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || classNameOf(value) === "Object";
}

/** An object of a class that is not built in. */
function isInstance(value: object): boolean {
  const isBuiltIn =
    Array.isArray(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    ArrayBuffer.isView(value) ||
    types.isAnyArrayBuffer(value) ||
    hasNoParts(value);
  return !isBuiltIn;
}

function objectText(value: object): string {
  const keys = Object.keys(value);
  const shown = keys.slice(0, MAX_KEYS);
  const more = keys.length - shown.length;
  const parts = shown.map((key) => (keys.length > MAX_KEYS ? key : `${key}: ${propertyText(value, key)}`));
  if (more > 0) parts.push(`… ${more} more`);
  const name = isSimpleObject(value) ? "" : `${classNameOf(value) ?? "object"} `;
  return parts.length === 0 ? `${name}{}` : `${name}{ ${parts.join(", ")} }`;
}

/** A property in the text of its object: short, and of objects only what they are. */
function propertyText(object: object, key: string): string {
  const descriptor = Object.getOwnPropertyDescriptor(object, key);
  if (descriptor === undefined) return "?";
  if ("get" in descriptor && !("value" in descriptor)) return accessorText(descriptor);
  const value: unknown = descriptor.value;
  if (typeof value !== "object" || value === null) return shorten(primitiveText(value), 40);
  if (hasNoParts(value) && !types.isProxy(value)) return shorten(textOf(value), 40);
  const type = typeOf(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `${type.replace(/\[\]$/, "")}[${value.length}]`;
  if (type === "object") return sizeOf(value) === 0 ? "{}" : "{…}";
  return isIndexed(value) ? `${type}(${sizeOf(value)})` : type;
}

/** How a property looks that is not data. */
export function accessorText(accessor: PropertyDescriptor): string {
  if (accessor.get === undefined) return "[Setter]";
  return accessor.set === undefined ? "[Getter]" : "[Getter/Setter]";
}
