/**
 * Values as bytes and back: numbers, strings, BigInt, Date, RegExp, URL, Map, Set, Error, typed arrays, Arrow tables, class
 * instances, functions, refs and actor handles, with cycles and shared references kept.
 *
 * Errors keep name, message, stack, code, causes and their plain data; classes of this package come back as themselves,
 * classes of the user's as `Error` with the right name. Views that overlap in one ArrayBuffer still do on arrival.
 */

import { ClusterError, SerializationError } from "../errors.ts";
import type { Reduced } from "./codec-brands.ts";
import { constantOf, constantPayload, constantTag } from "./codec-constants.ts";
import type { ModuleRef } from "./codec-format.ts";
import { hasSections, type InstanceMaker, readSections, ValueReader } from "./codec-reader.ts";
import { ValueWriter } from "./codec-writer.ts";

export { ACTOR_BRAND, REDUCE, REF_BRAND, type Reduced } from "./codec-brands.ts";

/** An encoded value. */
export interface Payload {
  /** The value without its large buffers. */
  readonly bytes: Uint8Array;
  /** Buffers of 4 KiB and more. After `encode` they alias the caller's memory: write or copy them before it changes. */
  readonly buffers: readonly Uint8Array[];
  /** Ids of the refs inside the value, each once, in order of appearance. */
  readonly refs: readonly string[];
}

/** What `encode` asks of its surroundings. */
export interface EncodeHooks {
  /** How the value is called in errors: `args` gives `args[0].db`. Default `value`. */
  readonly path?: string;
  /** The id of a value that carries `REF_BRAND`. Without this hook refs cannot travel. */
  refOf?(value: object): string;
  /** What takes the place of such a value, where it does not travel as a ref. */
  reduceRef?(value: object): Reduced | undefined;
  /** Plain data (itself encodable) from which the other side makes the handle again, for a value with `ACTOR_BRAND`. */
  actorOf?(value: object): unknown;
  /** Carries functions and instances of user classes: `closureWriter` of closure/. Without it they cannot travel. */
  readonly code?: CodeWriter;
}

/** What `decode` asks of its surroundings. */
export interface DecodeHooks {
  /** Called once for each id in the value: the same ref in two places stays one object. */
  makeRef?(id: string): object;
  /** The handle for what `actorOf` returned. */
  makeActor?(description: unknown): object;
  /** Load a module for `preload`. Default: `importModule` of closure/, where `code` is given, else `import()`. */
  importModule?(specifier: string, parent: string | undefined): Promise<unknown>;
  /** Revives functions and instances: `closureReader` of closure/. */
  readonly code?: CodeReader;
}

type AnyFunction = (...args: never[]) => unknown;

/** The part of `encode` that closure/ provides. */
export interface CodeWriter {
  /** Write a function or class that was not written before. */
  function(fn: AnyFunction, writer: ValueWriter): void;
  /** Write how an instance with this unusual prototype is made; its content follows. */
  instance(value: object, prototype: object, writer: ValueWriter): void;
  /** Is `value` part of a module or of the language, so that its name says it? Then write the name. */
  known(value: object, writer: ValueWriter): boolean;
  /** Names the state of this process's code; a new name after every change of a captured variable. */
  epoch(): string;
  /** URL of the file a function comes from. */
  fileOf(fn: AnyFunction): string | undefined;
}

/** The part of `decode` that closure/ provides. */
export interface CodeReader {
  /** Read what `CodeWriter.function` and `known` wrote; `number` is the object's number in the value. */
  read(tag: number, number: number, reader: ValueReader): unknown;
  instance(reader: ValueReader): InstanceMaker;
  importModule(specifier: string, parent: string | undefined): Promise<unknown>;
}

/**
 * Encode `value`. Getters of plain objects are read, as structured clone does.
 *
 * @throws SerializationError naming the path of what cannot travel (a socket, a WeakMap, a private symbol).
 */
export function encode(value: unknown, hooks: EncodeHooks = {}): Payload {
  try {
    return constantPayload(value) ?? new ValueWriter(hooks).run(value);
  } catch (error) {
    if (!(error instanceof RangeError) || error.message !== STACK_IS_FULL) throw error;
    const text = `${hooks.path ?? "value"} is nested too deeply to travel: store long chains of objects as an array`;
    throw new SerializationError(text, { path: hooks.path, cause: error });
  }
}

/** What V8 says when calls nest too deeply. */
const STACK_IS_FULL = "Maximum call stack size exceeded";

/** Modules that `preload` loaded for a payload. */
const loaded = new WeakMap<Uint8Array, readonly unknown[]>();

/**
 * Load what `payload` needs before `decode`: modules its functions import, `apache-arrow` for tables.
 *
 * @returns undefined when there is nothing to load (then `decode` may be called at once), else a promise.
 */
export function preload(payload: Payload, hooks: DecodeHooks = {}): Promise<void> | undefined {
  if (!hasSections(payload) || loaded.has(payload.bytes)) return undefined;
  const { modules } = readSections(payload).header;
  if (modules.length === 0) return undefined;
  return loadModules(payload.bytes, modules, hooks);
}

async function loadModules(bytes: Uint8Array, modules: readonly ModuleRef[], hooks: DecodeHooks): Promise<void> {
  const importOne = ({ specifier, parent }: ModuleRef): Promise<unknown> =>
    hooks.importModule?.(specifier, parent) ?? hooks.code?.importModule(specifier, parent) ?? import(specifier);
  loaded.set(bytes, await Promise.all(modules.map(importOne)));
}

/**
 * Decode a payload. Large arrays are views on `payload.buffers` (copied only when those are misaligned), so hand over
 * buffers that nobody reuses.
 *
 * @throws SerializationError when the bytes are not a payload of this version, or `preload` was needed and not awaited.
 */
export function decode(payload: Payload, hooks: DecodeHooks = {}): unknown {
  const constant = constantTag(payload.bytes);
  if (constant !== undefined) return constantOf(constant);
  let reader: ValueReader | undefined;
  try {
    reader = new ValueReader(payload, hooks, modulesOf(payload));
    return reader.run();
  } catch (error) {
    // What code that came with the value throws is the user's.
    if (error instanceof ClusterError || reader?.hasRunCode === true) throw error;
    throw new SerializationError(`The encoded value is damaged: ${String(error)}`, { cause: error });
  }
}

const NO_MODULES: readonly unknown[] = [];

function modulesOf(payload: Payload): readonly unknown[] {
  if (!hasSections(payload)) return NO_MODULES;
  const modules = loaded.get(payload.bytes);
  if (modules !== undefined) return modules;
  if (readSections(payload).header.modules.length > 0) {
    throw new SerializationError("The value needs modules that are not loaded yet: await preload(payload) first.");
  }
  return NO_MODULES;
}

/** `preload`, then `decode`. */
export async function decodeAsync(payload: Payload, hooks: DecodeHooks = {}): Promise<unknown> {
  await preload(payload, hooks);
  return decode(payload, hooks);
}

/** Size of a payload in bytes, buffers included. */
export function payloadBytes(payload: Payload): number {
  return payload.buffers.reduce((sum, buffer) => sum + buffer.byteLength, payload.bytes.byteLength);
}
