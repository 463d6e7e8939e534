/**
 * Functions as data: what `task(fn)` sends to a worker, and how the worker gets the function back.
 *
 * - A function travels as its text and the variables it uses, with what these hold, and so on. Functions that see the same
 *   variable share it on the other side too; there it is theirs, and assignments to it do not come back.
 * - A variable is taken as it is at the first call after it was assigned. Changes inside an object are not noticed.
 * - Imports, exports of installed packages, `node:` modules and built-ins travel by name. Relative imports become absolute.
 *   An import of a file that plain Node cannot load (TypeScript) travels by value, reduced to what is used of it.
 * - Classes travel like functions. Static fields keep their values; their initial values and static blocks are not
 *   evaluated again. Instances keep their class and private fields, except those of classes that come from a module.
 * - A class that comes home is the class it was, and a worker that meets a class again uses the one it has.
 * - Not at all: bound and native functions, methods that use `super` without their class, arrow functions that use a `this`
 *   around them (unless they are properties of the instance itself), and what exists only in one process.
 */
import { createHash } from "node:crypto";
import {
  type CodeWriter,
  type DecodeHooks,
  decode,
  type EncodeHooks,
  type Payload,
  payloadBytes,
  preload,
} from "../protocol/codec.ts";
import { ValueWriter } from "../protocol/codec-writer.ts";
import { type AnyFunction, type FunctionDescription, isCurrent } from "./describe.ts";
import { closureReader } from "./reader.ts";
import { makeClosureWriter } from "./writer.ts";

export type { AnyFunction } from "./describe.ts";
export { importModule } from "./modules.ts";
export { closureReader } from "./reader.ts";

export type AnyClass = abstract new (...args: never[]) => unknown;

export type FunctionKind = "function" | "async" | "generator" | "async-generator" | "class";

/** A function or class together with everything it needs. */
export interface CapturedCode {
  /** Content hash: same code with the same captured values has the same id (classes count by identity). 32 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly kind: FunctionKind;
  /** Send it to a worker once per `id`; `payload.refs` are the captured refs. */
  readonly payload: Payload;
  readonly sizeBytes: number;
  /** Captured variables with buffers of 1 MiB and more, for a warning: `[{ name: "weights", sizeBytes: 8_000_000 }]`. */
  readonly large: readonly { readonly name: string; readonly sizeBytes: number }[];
}

export interface CaptureOptions {
  /** How errors call it; default `fn.name`, else "anonymous". */
  readonly name?: string;
  /** What it is, in errors: "task" (default) or "actor". */
  readonly role?: string;
  /** Refs and actor handles inside captured values. */
  readonly hooks?: Pick<EncodeHooks, "refOf" | "actorOf">;
}

/** Captured buffers of at least this size are worth a warning. */
const LARGE_BYTES = 1024 * 1024;

const captures = new WeakMap<object, CapturedCode>();
const descriptionsOf = new WeakMap<CapturedCode, readonly FunctionDescription[]>();

/**
 * Capture a function or class with its variables, as they are now. A repeated call gives the same `CapturedCode` object
 * as long as no captured variable was assigned since (changes inside a captured object are not noticed).
 *
 * @throws SerializationError that names the variable which cannot travel, and where it is used.
 */
export function captureFunction(fn: AnyFunction | AnyClass, options: CaptureOptions = {}): CapturedCode {
  const name = options.name ?? (fn.name || "anonymous");
  const last = lastCapture(fn);
  if (last !== undefined) return last.name === name ? last : renamed(last, name);
  const descriptions: FunctionDescription[] = [];
  const writer = new ValueWriter(
    {
      ...options.hooks,
      path: `${options.role ?? "task"} '${name}'`,
      code: makeClosureWriter({ descriptions }),
    },
    { keepsAccessors: true },
  );
  const payload = writer.run(fn);
  const captured: CapturedCode = {
    id: hashOf(payload),
    name,
    kind: kindOf(fn),
    payload,
    sizeBytes: payloadBytes(payload),
    large: largeVariables(descriptions),
  };
  captures.set(fn, captured);
  descriptionsOf.set(captured, descriptions);
  return captured;
}

/** What `captureFunction` gave for `fn`, as long as no captured variable was assigned since. */
export function lastCapture(fn: AnyFunction | AnyClass): CapturedCode | undefined {
  const last = captures.get(fn);
  return last === undefined || isStale(last) ? undefined : last;
}

/** The same code under another name, as `task.with({ name })` asks for. */
function renamed(captured: CapturedCode, name: string): CapturedCode {
  const copy = { ...captured, name };
  descriptionsOf.set(copy, descriptionsOf.get(captured) ?? []);
  return copy;
}

/** Has a variable that `captured` depends on been assigned since? `captureFunction` asks this itself. */
export function isStale(captured: CapturedCode): boolean {
  const descriptions = descriptionsOf.get(captured);
  return descriptions !== undefined && !descriptions.every(isCurrent);
}

/**
 * The function again, in any process. Its imports are loaded first; its stack traces show the original file and line.
 * Each call makes a new function with variables of its own; classes that this process has already stay themselves.
 */
export async function reviveFunction(
  payload: Payload,
  hooks: DecodeHooks = {},
): Promise<(...args: unknown[]) => unknown> {
  const withCode = { code: closureReader, ...hooks };
  await preload(payload, withCode);
  return decode(payload, withCode) as (...args: unknown[]) => unknown;
}

/** Give this as `code` to `encode`, so that functions and class instances inside values travel. */
export const closureWriter: CodeWriter = makeClosureWriter();

function hashOf({ bytes, buffers, refs }: Payload): string {
  const hash = createHash("sha256").update(bytes);
  for (const buffer of buffers) hash.update(`\n${buffer.byteLength}\n`).update(buffer);
  for (const ref of refs) hash.update(`\n${ref}`);
  return hash.digest("hex").slice(0, 32);
}

function kindOf(fn: AnyFunction | AnyClass): FunctionKind {
  const text = Function.prototype.toString.call(fn);
  if (/^class\b/.test(text)) return "class";
  switch (Object.prototype.toString.call(fn)) {
    case "[object AsyncFunction]":
      return "async";
    case "[object GeneratorFunction]":
      return "generator";
    case "[object AsyncGeneratorFunction]":
      return "async-generator";
    default:
      return "function";
  }
}

function largeVariables(descriptions: readonly FunctionDescription[]): CapturedCode["large"] {
  const sizes = new Map<string, number>();
  for (const { variables } of descriptions) {
    for (const { name, value, known } of variables) {
      const sizeBytes = known === undefined ? sizeOf(value) : 0;
      if (sizeBytes >= LARGE_BYTES) sizes.set(name, sizeBytes);
    }
  }
  return [...sizes].map(([name, sizeBytes]) => ({ name, sizeBytes }));
}

/** Bytes of buffers, and of arrays of numbers, that a variable holds itself. */
function sizeOf(value: unknown): number {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (typeof value === "string") return value.length;
  if (Array.isArray(value)) return value.length * 8;
  return 0;
}
