/** Writes values: one pass, each object once. Functions and user classes go to the `CodeWriter`. */
import { types } from "node:util";
import { SerializationError } from "../errors.ts";
import type { EncodeHooks, Payload } from "./codec.ts";
import { isArrowTable, tableToBytes } from "./codec-arrow.ts";
import { ACTOR_BRAND, REDUCE, REF_BRAND, type Reduced } from "./codec-brands.ts";
import { ByteWriter } from "./codec-bytes.ts";
import { type Chunk, RangeCollector } from "./codec-chunks.ts";
import { writeArray, writeContent } from "./codec-content.ts";
import {
  FORMAT_PLAIN,
  FORMAT_SECTIONS,
  type ModuleRef,
  OUT_OF_BAND_BYTES,
  PropertyFlag,
  Tag,
  writeHeader,
} from "./codec-format.ts";
import {
  adviceFor,
  hasOnlyPlainData,
  isKeyElsewhere,
  isSameClassElsewhere,
  nameOfClass,
  sameKeys,
  usualPrototype,
  WELL_KNOWN_SYMBOLS,
} from "./codec-kinds.ts";
import { describePath, type PathStep } from "./codec-path.ts";
import { toWireError } from "./wire-error.ts";

/** Why a value cannot travel. */
export interface Refusal {
  /** What it is, e.g. `Pool`; left out when the reason says it. */
  readonly kind?: string;
  /** A predicate: `exists only in this process`. */
  readonly reason: string;
  /** A sentence on what to do. */
  readonly advice: string;
  readonly cause?: unknown;
}

interface Shape {
  readonly id: number;
  readonly keys: readonly string[];
}

interface Deferred {
  readonly path: readonly PathStep[];
  readonly write: () => void;
}

/** In Node since version 20, in TypeScript's library since ES2024. */
type WellFormed = string & { isWellFormed(): boolean };

/** Shapes whose first key is the same are searched one by one, so their number is bounded. */
const MAX_SHAPES_PER_BUCKET = 8;

const NO_RANGES: ReturnType<RangeCollector["finish"]> = { chunks: [], ranges: [] };

export class ValueWriter {
  readonly hooks: EncodeHooks;
  /**
   * Captured objects: properties are taken as they are, accessors included, and no getter runs. Otherwise getters of plain
   * objects are read, as structured clone does.
   */
  readonly keepsAccessors: boolean;
  readonly out: ByteWriter = new ByteWriter();
  /** Where the value that is being written lies. */
  path: PathStep[];

  /** The instance whose own properties are being written. */
  owner: object | undefined;

  /** A class of the user's travels with the value. */
  hasClasses = false;

  // Tables are made when something is to stand in them: most values are small, and a table costs more than they do.
  #seen: Map<object, number> | undefined;
  #objectCount = 0;
  #shapes: Map<string, Shape[]> | undefined;
  #shapeCount = 0;
  #ranges: RangeCollector | undefined;
  readonly #refs: string[] = [];
  #refNumbers: Map<string, number> | undefined;
  readonly #modules: ModuleRef[] = [];
  #moduleNumbers: Map<string, number> | undefined;
  #variables: Map<string, number> | undefined;
  #assigned: Set<number> | undefined;
  readonly #queue: Deferred[] = [];
  #deferredCount = 0;

  constructor(hooks: EncodeHooks, options: { keepsAccessors?: boolean } = {}) {
    this.hooks = hooks;
    this.keepsAccessors = options.keepsAccessors ?? false;
    this.path = [hooks.path ?? "value"];
  }

  /** Write the root value and everything it needs. */
  run(value: unknown): Payload {
    try {
      this.out.byte(FORMAT_PLAIN);
      const lengthAt = this.out.skip(4);
      this.value(value);
      this.#runDeferred();
      return this.#finish(lengthAt);
    } catch (error) {
      this.out.release();
      if (error instanceof RangeError && /call stack/i.test(error.message)) {
        throw this.refuse({ reason: "is nested too deeply", advice: "Flatten it, or send it in pieces." });
      }
      throw error;
    }
  }

  // The four bytes of the length are spent on small values too: moving the value afterwards would cost more.
  #finish(lengthAt: number): Payload {
    const { chunks, ranges } = this.#ranges?.finish() ?? NO_RANGES;
    const needsHeader = chunks.length > 0 || this.#modules.length > 0 || this.#deferredCount > 0;
    if (!needsHeader) {
      // What the scratch memory held before is nobody's business, and equal values have equal bytes.
      this.out.u32At(lengthAt, 0);
      return { bytes: this.out.finish(), buffers: [], refs: this.#refs };
    }
    this.out.u32At(lengthAt, this.out.position - lengthAt - 4);
    writeHeader(this.out, {
      modules: this.#modules,
      ranges,
      chunks: chunks.map((chunk) => ({
        byteLength: chunk.bytes.length,
        isInline: isInline(chunk),
        isBuffer: chunk.isBuffer,
      })),
      assigned: [...(this.#assigned ?? [])],
      epoch: this.hasClasses ? (this.hooks.code?.epoch() ?? "") : "",
    });
    for (const chunk of chunks) if (isInline(chunk)) this.out.raw(chunk.bytes);
    const bytes = this.out.finish();
    bytes[0] = FORMAT_SECTIONS;
    return { bytes, buffers: chunks.filter((chunk) => !isInline(chunk)).map((chunk) => chunk.bytes), refs: this.#refs };
  }

  /** Write something after the value, when all functions exist. The reader runs its part in the same order. */
  defer(write: () => void): void {
    this.#deferredCount++;
    this.#queue.push({ path: [...this.path], write });
  }

  #runDeferred(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.path = [...next.path];
      next.write();
    }
  }

  /** Number of a module in this value. */
  module(ref: ModuleRef): number {
    const key = `${ref.specifier}\n${ref.parent ?? ""}`;
    this.#moduleNumbers ??= new Map();
    let number = this.#moduleNumbers.get(key);
    if (number === undefined) {
      number = this.#modules.push(ref) - 1;
      this.#moduleNumbers.set(key, number);
    }
    return number;
  }

  /** Number of a captured variable; `key` says which variable it is. */
  variable(key: string, isAssigned: boolean): number {
    this.#variables ??= new Map();
    let number = this.#variables.get(key);
    if (number === undefined) {
      number = this.#variables.size;
      this.#variables.set(key, number);
    }
    if (isAssigned) (this.#assigned ??= new Set()).add(number);
    return number;
  }

  /** An error that says where the trouble lies: "`args[0].db` (Pool) exists only in this process. Create it …". */
  refuse({ kind, reason, advice, cause }: Refusal): SerializationError {
    const { text, subject, place, joint } = describePath(this.path);
    const details = [kind, place].filter((part) => part !== undefined && part !== "").join(", ");
    const message = `${subject}${details === "" ? "" : ` (${details})`}${joint} ${reason}. ${advice}`;
    return new SerializationError(message, { path: text, cause });
  }

  /** Write a value one step further down. */
  child(step: PathStep, value: unknown): void {
    this.path.push(step);
    this.value(value);
    this.path.pop();
  }

  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.text(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "boolean":
        this.out.byte(value ? Tag.true : Tag.false);
        break;
      case "undefined":
        this.out.byte(Tag.undefined);
        break;
      case "object":
        if (value === null) this.out.byte(Tag.null);
        else this.#object(value);
        break;
      case "function":
        this.#function(value);
        break;
      case "bigint":
        this.out.byte(Tag.bigint);
        this.out.byte(value < 0n ? 1 : 0);
        this.text((value < 0n ? -value : value).toString(16));
        break;
      case "symbol":
        this.#symbol(value);
        break;
    }
  }

  text(text: string): void {
    const out = this.out;
    if (text.length < 64 && out.shortText(Tag.shortText, text)) return;
    if ((text as WellFormed).isWellFormed()) {
      out.byte(Tag.utf8);
      out.utf8(text);
    } else {
      out.byte(Tag.utf16);
      out.utf16(text);
    }
  }

  #number(value: number): void {
    const out = this.out;
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 64) out.byte(Tag.smallInt + value);
      else {
        out.byte(Tag.int);
        out.varint(value < 0 ? -2 * value - 1 : 2 * value);
      }
    } else {
      out.byte(Tag.double);
      out.double(value);
    }
  }

  #symbol(value: symbol): void {
    const wellKnown = WELL_KNOWN_SYMBOLS.get(value);
    const key = wellKnown ?? Symbol.keyFor(value);
    if (key === undefined) {
      throw this.refuse({
        kind: String(value),
        reason: "is a symbol of this process",
        advice: "Use Symbol.for(…), which is the same in every process.",
      });
    }
    this.out.byte(Tag.symbol);
    this.out.byte(wellKnown === undefined ? 0 : 1);
    this.text(key);
  }

  /** Writes a reference when the object was written before. */
  #isBackReference(value: object): boolean {
    this.#seen ??= new Map();
    const number = this.#seen.get(value);
    if (number === undefined) {
      this.#seen.set(value, this.#objectCount++);
      return false;
    }
    this.out.byte(Tag.back);
    this.out.varint(number);
    return true;
  }

  /** What is written next takes a number in the value, though nothing refers back to it. */
  anonymous(): void {
    this.#objectCount++;
  }

  #function(value: object): void {
    if (this.#isBackReference(value) || this.#special(value)) return;
    if (this.hooks.code === undefined)
      throw this.refuse({ reason: "is a function", advice: "Functions cannot be sent from here." });
    this.hooks.code.function(value as (...args: never[]) => unknown, this);
  }

  #object(value: object): void {
    if (this.#isBackReference(value)) return;
    if (Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype) return writeArray(value, this);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype && !types.isProxy(value)) {
      if (this.#special(value) || (this.keepsAccessors && this.#known(value))) return;
      return this.#properties(value);
    }
    if (this.#special(value) || this.#known(value)) return;
    if (types.isProxy(value)) throw this.refuse({ reason: "is a Proxy", advice: "Send the object behind it." });
    if (isArrowTable(value)) return this.#arrow(value);
    this.#byKind(value, prototype as object | null);
  }

  #known(value: object): boolean {
    return this.hooks.code?.known(value, this) ?? false;
  }

  /** Refs, actor handles and what knows itself how to travel. */
  #special(value: object): boolean {
    const branded = value as { [REF_BRAND]?: unknown; [ACTOR_BRAND]?: unknown };
    if (branded[REF_BRAND]) {
      const reduced = this.hooks.reduceRef?.(value);
      if (reduced !== undefined) return this.#reduced(reduced);
      if (this.hooks.refOf === undefined)
        throw this.refuse({ reason: "is an ObjectRef", advice: "Refs cannot be sent from here." });
      const id = this.hooks.refOf(value);
      this.out.byte(Tag.ref);
      this.out.varint(this.#refNumber(id));
      return true;
    }
    if (branded[ACTOR_BRAND]) {
      if (this.hooks.actorOf === undefined)
        throw this.refuse({ reason: "is an actor handle", advice: "Handles cannot be sent from here." });
      const description = this.hooks.actorOf(value);
      this.out.byte(Tag.actor);
      this.value(description);
      return true;
    }
    return this.#hasReduce(value);
  }

  #hasReduce(value: object): boolean {
    const reduce = (value as { [REDUCE]?: () => Reduced })[REDUCE];
    return typeof reduce === "function" && this.#reduced(reduce.call(value));
  }

  #reduced({ specifier, imported, args }: Reduced): true {
    const number = this.module({ specifier, parent: undefined });
    this.out.byte(Tag.reduced);
    this.out.varint(number);
    this.text(imported);
    this.out.varint(args.length);
    for (const arg of args) this.value(arg);
    return true;
  }

  #refNumber(id: string): number {
    this.#refNumbers ??= new Map();
    let number = this.#refNumbers.get(id);
    if (number === undefined) {
      number = this.#refs.push(id) - 1;
      this.#refNumbers.set(id, number);
    }
    return number;
  }

  /** An array, object or built-in by its internal kind; with its prototype when that is not the kind's own. */
  #byKind(value: object, prototype: object | null): void {
    const usual = usualPrototype(value);
    if (usual === undefined) {
      const kind = Object.prototype.toString.call(value).slice(8, -1);
      throw this.refuse({ kind, reason: "exists only in this process", advice: adviceFor(kind) });
    }
    if (usual === Error.prototype) return this.#error(value);
    if (prototype === null) this.out.byte(Tag.nullPrototype);
    else if (prototype !== usual && !isSameClassElsewhere(prototype, usual)) {
      if (this.hooks.code === undefined) {
        throw this.refuse({
          kind: nameOfClass(prototype),
          reason: "is a class instance",
          advice: "Class instances cannot be sent from here.",
        });
      }
      this.out.byte(Tag.instance);
      this.hooks.code.instance(value, prototype, this);
      const { owner } = this;
      this.owner = value;
      this.#contentOf(value);
      this.owner = owner;
      return;
    }
    this.#contentOf(value);
  }

  #contentOf(value: object): void {
    if (!writeContent(value, this)) this.#properties(value);
  }

  /** Number of a range of memory in the value; see `RangeCollector.add`. */
  range(buffer: ArrayBufferLike, start: number, byteLength: number, alignment: number, isBuffer = false): number {
    this.#ranges ??= new RangeCollector();
    return this.#ranges.add(buffer, start, byteLength, alignment, isBuffer);
  }

  #arrow(value: object): void {
    const arrow = tableToBytes(value, this.hooks.code);
    if (arrow === undefined) {
      throw this.refuse({
        kind: "Arrow table",
        reason: "comes from a copy of `apache-arrow` that cannot be found",
        advice: "Install it in this project: npm install apache-arrow.",
      });
    }
    const { bytes, file } = arrow;
    this.out.byte(Tag.arrow);
    this.out.varint(this.module({ specifier: "apache-arrow", parent: file }));
    this.out.varint(this.range(bytes.buffer, bytes.byteOffset, bytes.byteLength, 8));
    this.out.varint(bytes.byteLength);
  }

  #error(value: object): void {
    this.out.byte(Tag.error);
    this.value(toWireError(value));
  }

  /** Own properties, without the prototype. */
  #properties(value: object): void {
    if (this.keepsAccessors) {
      if (!hasOnlyPlainData(value)) return this.properties(value, Reflect.ownKeys(value).filter(isKeyElsewhere));
    } else if (Object.getOwnPropertySymbols(value).length > 0) return this.#dataProperties(value);
    this.#shaped(value as Record<string, unknown>, Object.keys(value));
  }

  #shaped(value: Record<string, unknown>, keys: readonly string[]): void {
    const shape = this.#shapeOf(keys);
    const out = this.out;
    if (shape === undefined) {
      out.byte(Tag.shape);
      out.varint(keys.length);
      for (const key of keys) this.text(key);
    } else if (shape.id < 32) out.byte(Tag.shortObject + shape.id);
    else {
      out.byte(Tag.object);
      out.varint(shape.id);
    }
    const depth = this.path.push("") - 1;
    for (const key of keys) {
      this.path[depth] = key;
      this.value(value[key]);
    }
    this.path.pop();
  }

  /** @returns undefined for a shape that was not seen before; it has a number from now on. */
  #shapeOf(keys: readonly string[]): Shape | undefined {
    const first = keys[0] ?? "";
    this.#shapes ??= new Map();
    const bucket = this.#shapes.get(first);
    if (bucket !== undefined) {
      for (const shape of bucket) if (sameKeys(shape.keys, keys)) return shape;
    }
    const shape = { id: this.#shapeCount++, keys };
    if (bucket === undefined) this.#shapes.set(first, [shape]);
    else if (bucket.length < MAX_SHAPES_PER_BUCKET) bucket.push(shape);
    return undefined;
  }

  /** Enumerable properties, symbols included, by value. */
  #dataProperties(value: object): void {
    const keys = Reflect.ownKeys(value)
      .filter(isKeyElsewhere)
      .filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
    this.out.byte(Tag.properties);
    this.out.varint(keys.length);
    for (const key of keys) {
      this.out.byte(PropertyFlag.all);
      this.value(key);
      this.child(key, (value as Record<PropertyKey, unknown>)[key]);
    }
  }

  /** Own properties as they are: accessors as functions, with their attributes. No getter runs. */
  properties(value: object, keys: readonly PropertyKey[]): void {
    this.out.byte(Tag.properties);
    this.out.varint(keys.length);
    for (const key of keys) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      this.out.byte(flagsOf(descriptor));
      this.value(typeof key === "number" ? String(key) : key);
      if (isAccessor(descriptor)) {
        this.child(key, Reflect.get(descriptor, "get"));
        this.child(key, Reflect.get(descriptor, "set"));
      } else this.child(key, descriptor.value);
    }
  }
}

function isInline({ bytes }: Chunk): boolean {
  return bytes.length < OUT_OF_BAND_BYTES;
}

function isAccessor(descriptor: PropertyDescriptor): boolean {
  return descriptor.get !== undefined || descriptor.set !== undefined;
}

function flagsOf(descriptor: PropertyDescriptor): number {
  return (
    (descriptor.enumerable ? PropertyFlag.enumerable : 0) |
    (descriptor.writable ? PropertyFlag.writable : 0) |
    (descriptor.configurable ? PropertyFlag.configurable : 0) |
    (isAccessor(descriptor) ? PropertyFlag.accessor : 0)
  );
}
