/** Errors as plain data and back. What a user threw keeps name, message, stack, code, cause chain and its own data. */
import { types } from "node:util";

/** An error as plain data: survives JSON, msgpack and structured clone. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** A cluster error's `ErrorCode`, or a Node error's code such as `ENOENT`. */
  readonly code?: string;
  /** Present when the error has a cause. */
  readonly cause?: WireCause;
  /** Members of an `AggregateError`. */
  readonly errors?: readonly WireCause[];
  /** Other own enumerable properties, as far as they are JSON-like data. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Something thrown: an error, or any other value as JSON-like data (a string such as `[object Socket]` where it is not). */
export type WireCause = { readonly error: WireError } | { readonly value: unknown };

const OWN_FIELDS: ReadonlySet<string> = new Set(["name", "message", "stack", "code", "cause", "errors"]);
const MAX_DEPTH = 16;

/** Anything thrown, as plain data. Cycles and very deep chains of causes are cut. */
export function toWireError(thrown: unknown): WireError {
  const wire = toWireCause(thrown, new Set());
  if ("error" in wire) return wire.error;
  const text = typeof wire.value === "string" ? wire.value : (JSON.stringify(wire.value) ?? String(wire.value));
  return { name: "Error", message: `A value was thrown that is not an error: ${text}` };
}

/** Anything thrown, as plain data that tells errors from other values. */
export function toWireCause(thrown: unknown, seen: Set<unknown> = new Set()): WireCause {
  try {
    return describeThrown(thrown, seen);
  } catch {
    // A proxy whose traps throw, for instance.
    return { error: { name: "Error", message: "Something was thrown that cannot be looked at" } };
  }
}

function describeThrown(thrown: unknown, seen: Set<unknown>): WireCause {
  if (!isError(thrown)) return { value: plain(thrown, 0) };
  if (seen.has(thrown) || seen.size >= MAX_DEPTH) return { value: `[${text(thrown, "name") ?? "Error"}]` };
  seen.add(thrown);
  const code = read(thrown, "code");
  const stack = text(thrown, "stack");
  const errors = read(thrown, "errors");
  const properties = ownData(thrown);
  return {
    error: {
      name: text(thrown, "name") ?? "Error",
      message: text(thrown, "message") ?? "",
      ...(stack === undefined ? {} : { stack }),
      ...(typeof code === "string" ? { code } : {}),
      ...("cause" in thrown ? { cause: toWireCause(read(thrown, "cause"), seen) } : {}),
      ...(Array.isArray(errors) ? { errors: errors.map((member) => toWireCause(member, seen)) } : {}),
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
    },
  };
}

/**
 * The error that `wire` describes.
 *
 * @param prototypeOf - the prototype for an error with this code, if this side has a class for it. Without one, built-in
 *   classes are found by name, and classes unknown here become `Error` with `name` set.
 */
export function fromWireError(wire: WireError, prototypeOf?: (code: string) => object | undefined): Error {
  const error = new Error(wire.message);
  const prototype = (wire.code && prototypeOf?.(wire.code)) || BUILT_IN.get(wire.name)?.prototype;
  if (prototype !== undefined) Object.setPrototypeOf(error, prototype);
  const define = (key: string, value: unknown, enumerable = false): void => {
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  };
  if (error.name !== wire.name) define("name", wire.name);
  define("stack", wire.stack ?? `${wire.name}: ${wire.message}`);
  if (wire.code !== undefined) define("code", wire.code, true);
  if (wire.cause !== undefined) define("cause", fromWireCause(wire.cause, prototypeOf));
  if (wire.errors !== undefined) {
    define(
      "errors",
      wire.errors.map((member) => fromWireCause(member, prototypeOf)),
    );
  }
  for (const [key, value] of Object.entries(wire.properties ?? {})) define(key, value, true);
  return error;
}

export function fromWireCause(wire: WireCause, prototypeOf?: (code: string) => object | undefined): unknown {
  return "error" in wire ? fromWireError(wire.error, prototypeOf) : wire.value;
}

const BUILT_IN: ReadonlyMap<string, { readonly prototype: object }> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError].map((type) => [
    type.name,
    type,
  ]),
);

function isError(value: unknown): value is object {
  if (types.isNativeError(value)) return true;
  // DOMException (AbortError, TimeoutError) is no native error, yet has all that one has.
  return value instanceof Error || (typeof DOMException === "function" && value instanceof DOMException);
}

/** A property read that cannot throw: errors come from user code, and so do their getters. */
function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function text(from: object, key: string): string | undefined {
  const value = read(from, key);
  return typeof value === "string" ? value : undefined;
}

function ownData(error: object): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  for (const key of Object.keys(error)) {
    if (OWN_FIELDS.has(key)) continue;
    const value = plain(read(error, key), 0);
    if (value !== undefined) data[key] = value;
  }
  return data;
}

/** JSON-like data as it is, anything else as a short text; functions and symbols are left out. */
function plain(value: unknown, depth: number): unknown {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object") return undefined;
  if (depth > 4) return `[${constructorName(value)}]`;
  if (Array.isArray(value)) return value.slice(0, 1000).map((item) => plain(item, depth + 1) ?? null);
  if (!isPlainObject(value)) return value instanceof Date ? value.toJSON() : `[${constructorName(value)}]`;
  const entries = Object.keys(value).map((key) => [key, plain(read(value, key), depth + 1)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function constructorName(value: object): string {
  const constructor = read(value, "constructor");
  return (typeof constructor === "function" && constructor.name) || "object";
}
