/** Reads what codec-writer.ts wrote. */
import { errorFromWire, SerializationError } from "../errors.ts";
import type { DecodeHooks, Payload } from "./codec.ts";
import { tableFromBytes } from "./codec-arrow.ts";
import { ByteReader } from "./codec-bytes.ts";
import {
  FORMAT_PLAIN,
  FORMAT_SECTIONS,
  type Header,
  PropertyFlag,
  readHeader,
  Tag,
  VALUE_START,
  VIEW_KINDS,
} from "./codec-format.ts";
import type { WireError } from "./wire-error.ts";

/** How an instance of a class comes to be: with this prototype, or by `construct` where private fields are needed. */
export interface InstanceMaker {
  readonly prototype: object;
  readonly construct?: () => object;
}

interface Chunk {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
}

/** A version that is known, or an error that says what the bytes are. */
export function hasSections(payload: Payload): boolean {
  const format = payload.bytes[0];
  if (format === FORMAT_SECTIONS) return true;
  if (format === FORMAT_PLAIN) return false;
  throw new SerializationError(
    `This is no value of a version that is known here (first byte ${format}). Use the same version of mobula on both sides.`,
  );
}

/** Header and small chunks of a payload with sections. */
export function readSections(payload: Payload): { header: Header; input: ByteReader } {
  const { bytes } = payload;
  if (bytes.length < VALUE_START) throw new SerializationError("The encoded value is cut short; it has no header.");
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1, true);
  const input = new ByteReader(bytes, VALUE_START + length);
  return { header: readHeader(input), input };
}

const NONE_ASSIGNED: ReadonlySet<number> = new Set();

export class ValueReader {
  readonly hooks: DecodeHooks;
  readonly input: ByteReader;
  readonly #refIds: readonly string[];
  readonly #refs: (object | undefined)[] = [];
  readonly #objects: unknown[] = [];
  readonly #shapes: (readonly string[])[] = [];
  readonly #modules: readonly unknown[];
  readonly #chunks: readonly Chunk[] = [];
  readonly #ranges: readonly number[] = [];
  readonly #assigned: ReadonlySet<number> = NONE_ASSIGNED;
  readonly #queue: (() => void)[] = [];
  #hasRunCode = false;
  /** The state of the code that the value's functions belong to. */
  readonly epoch: string = "";

  /** @param modules - what `preload` loaded: the namespaces of the header's modules, in order. */
  constructor(payload: Payload, hooks: DecodeHooks, modules: readonly unknown[]) {
    this.hooks = hooks;
    this.#refIds = payload.refs;
    this.#modules = modules;
    this.input = new ByteReader(payload.bytes, VALUE_START);
    if (!hasSections(payload)) return;
    const { header, input } = readSections(payload);
    this.#ranges = header.ranges;
    this.#assigned = new Set(header.assigned);
    this.epoch = header.epoch;
    this.#chunks = readChunks(header, input, payload.buffers);
  }

  /** Code that came with the value runs next. */
  willRunCode(): void {
    this.#hasRunCode = true;
  }

  /** Has code that came with the value run? Then what is thrown may be its own. */
  get hasRunCode(): boolean {
    return this.#hasRunCode;
  }

  run(): unknown {
    const root = this.value();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    return root;
  }

  /** Read something after the value; the writer deferred its part in the same order. */
  defer(read: () => void): void {
    this.#queue.push(read);
  }

  /** Is this captured variable assigned by one of the functions of the value? */
  isAssigned(variable: number): boolean {
    return this.#assigned.has(variable);
  }

  module(number: number): unknown {
    return this.#modules[number];
  }

  /** Number the object that begins here. */
  reserve(): number {
    return this.#objects.push(undefined) - 1;
  }

  /** Make the object known under its number, before its parts are read. */
  register<T>(number: number, value: T): T {
    this.#objects[number] = value;
    return value;
  }

  text(): string {
    const text = this.value();
    if (typeof text === "string") return text;
    throw new SerializationError("The encoded value is damaged: something else stands where a text belongs.");
  }

  value(): unknown {
    const tag = this.input.byte();
    if (tag >= Tag.smallInt) {
      if (tag < Tag.shortText) return tag - Tag.smallInt;
      if (tag < Tag.shortObject) return this.input.latin1(tag - Tag.shortText);
      if (tag < Tag.shortArray) return this.#shaped(this.reserve(), {}, this.#shape(tag - Tag.shortObject));
      return this.#array(this.reserve(), tag - Tag.shortArray);
    }
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.true:
        return true;
      case Tag.false:
        return false;
      case Tag.int: {
        const zigzag = this.input.varint();
        return zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
      }
      case Tag.double:
        return this.input.double();
      case Tag.bigint: {
        const isNegative = this.input.byte() === 1;
        const size = BigInt(`0x${this.text()}`);
        return isNegative ? -size : size;
      }
      case Tag.latin1:
        return this.input.latin1(this.input.varint());
      case Tag.utf8:
        return this.input.utf8();
      case Tag.utf16:
        return this.input.utf16();
      case Tag.symbol:
        return this.#symbol();
      case Tag.back:
        return this.#objects[this.input.varint()];
      default:
        return this.#object(tag, this.reserve());
    }
  }

  #symbol(): symbol {
    const isWellKnown = this.input.byte() === 1;
    const key = this.text();
    return isWellKnown ? ((Symbol as unknown as Record<string, symbol>)[key] as symbol) : Symbol.for(key);
  }

  #object(tag: number, number: number): unknown {
    switch (tag) {
      case Tag.ref:
        return this.register(number, this.#ref(this.input.varint()));
      case Tag.actor: {
        if (this.hooks.makeActor === undefined) throw missingHook("an actor handle", "makeActor");
        return this.register(number, this.hooks.makeActor(this.value()));
      }
      case Tag.reduced:
        return this.register(number, this.#reduced());
      case Tag.instance:
        return this.#instance(number);
      case Tag.nullPrototype:
        return this.#content(this.input.byte(), number, { prototype: null as unknown as object });
      case Tag.error:
        return this.register(number, errorFromWire(this.value() as WireError));
      case Tag.arrow:
        return this.register(number, tableFromBytes(this.module(this.input.varint()), this.#bytes()));
      case Tag.function:
      case Tag.imported:
      case Tag.global:
      case Tag.builtin:
      case Tag.prototypeOf:
        return this.#code(`a function`).read(tag, number, this);
      default:
        return this.#content(tag, number);
    }
  }

  #code(what: string): NonNullable<DecodeHooks["code"]> {
    if (this.hooks.code === undefined) throw missingHook(what, "code");
    return this.hooks.code;
  }

  #ref(index: number): object {
    const existing = this.#refs[index];
    if (existing !== undefined) return existing;
    const id = this.#refIds[index];
    if (id === undefined)
      throw new SerializationError(`The value names ref ${index}, but came with ${this.#refIds.length}.`);
    if (this.hooks.makeRef === undefined) throw missingHook("an ObjectRef", "makeRef");
    const ref = this.hooks.makeRef(id);
    this.#refs[index] = ref;
    return ref;
  }

  #reduced(): unknown {
    const module = this.module(this.input.varint()) as Record<string, (...args: unknown[]) => unknown>;
    const imported = this.text();
    const args: unknown[] = [];
    for (let count = this.input.varint(); count > 0; count--) args.push(this.value());
    const make = module[imported];
    if (typeof make !== "function")
      throw new SerializationError(`A value needs '${imported}', which this version lacks.`);
    this.willRunCode();
    return make(...args);
  }

  #instance(number: number): unknown {
    const maker = this.#code("a class instance").instance(this);
    return this.#content(this.input.byte(), number, maker);
  }

  /** Objects by kind; with `maker`, as an instance of its class. */
  #content(tag: number, number: number, maker?: InstanceMaker): unknown {
    if (tag >= Tag.shortArray) return adopt(this.#array(number, tag - Tag.shortArray), maker);
    if (tag >= Tag.shortObject) return this.#shaped(number, emptyObject(maker), this.#shape(tag - Tag.shortObject));
    const input = this.input;
    switch (tag) {
      case Tag.shape: {
        const keys: string[] = [];
        for (let count = input.varint(); count > 0; count--) keys.push(this.text());
        this.#shapes.push(keys);
        return this.#shaped(number, emptyObject(maker), keys);
      }
      case Tag.object:
        return this.#shaped(number, emptyObject(maker), this.#shape(input.varint()));
      case Tag.properties:
        return this.properties(this.register(number, emptyObject(maker)));
      case Tag.array:
        return adopt(this.#array(number, input.varint()), maker);
      case Tag.sparse:
        return adopt(this.#sparse(number), maker);
      case Tag.doubles:
      case Tag.ints: {
        const length = input.varint();
        const type = tag === Tag.ints ? Int32Array : Float64Array;
        const { buffer, offset } = this.#place(input.varint(), type.BYTES_PER_ELEMENT);
        return adopt(this.register(number, toArray(new type(buffer, offset, length))), maker);
      }
      case Tag.map: {
        const map = this.register(number, (maker?.construct?.() ?? adopt(new Map(), maker)) as Map<unknown, unknown>);
        for (let count = input.varint(); count > 0; count--) Map.prototype.set.call(map, this.value(), this.value());
        return map;
      }
      case Tag.set: {
        const set = this.register(number, (maker?.construct?.() ?? adopt(new Set(), maker)) as Set<unknown>);
        for (let count = input.varint(); count > 0; count--) Set.prototype.add.call(set, this.value());
        return set;
      }
      default:
        return adopt(this.register(number, this.#leaf(tag)), maker);
    }
  }

  /** Objects without parts. */
  #leaf(tag: number): object {
    const input = this.input;
    switch (tag) {
      case Tag.date:
        return new Date(input.double());
      case Tag.regexp: {
        const pattern = new RegExp(this.text(), this.text());
        pattern.lastIndex = input.varint();
        return pattern;
      }
      case Tag.boxed:
        return Object(this.value()) as object;
      case Tag.url:
        return new URL(this.text());
      case Tag.urlSearchParams:
        return new URLSearchParams(this.text());
      case Tag.arrayBuffer:
        return this.#place(input.varint(), 1).buffer;
      case Tag.view:
        return this.#view();
      default:
        throw new SerializationError(
          `The value has a part of an unknown kind (${tag}). Use the same version of mobula on both sides.`,
        );
    }
  }

  #shape(number: number): readonly string[] {
    const keys = this.#shapes[number];
    if (keys === undefined)
      throw new SerializationError("The encoded value is damaged: it names a shape that it does not have.");
    return keys;
  }

  #shaped(number: number, target: object, keys: readonly string[]): object {
    const object = this.register(number, target) as Record<string, unknown>;
    for (const key of keys) {
      if (key === "__proto__") define(object, key, this.value());
      else object[key] = this.value();
    }
    return object;
  }

  #array(number: number, length: number): unknown[] {
    const array: unknown[] = this.register(number, []);
    for (let index = 0; index < length; index++) array.push(this.value());
    return array;
  }

  #sparse(number: number): unknown[] {
    const array: unknown[] = this.register(number, []);
    array.length = this.input.varint();
    for (let count = this.input.varint(); count > 0; count--) array[this.input.varint()] = this.value();
    return array;
  }

  /** Read own properties into `target`. */
  properties(target: object): object {
    for (let count = this.input.varint(); count > 0; count--) {
      const flags = this.input.byte();
      const key = this.value() as PropertyKey;
      const attributes = {
        enumerable: (flags & PropertyFlag.enumerable) !== 0,
        configurable: (flags & PropertyFlag.configurable) !== 0,
      };
      if ((flags & PropertyFlag.accessor) !== 0) {
        const get = this.value() as (() => unknown) | undefined;
        const set = this.value() as ((value: unknown) => void) | undefined;
        Object.defineProperty(target, key, { ...attributes, get, set } as PropertyDescriptor);
      } else {
        const value = this.value();
        Object.defineProperty(target, key, { ...attributes, value, writable: (flags & PropertyFlag.writable) !== 0 });
      }
    }
    return target;
  }

  #view(): ArrayBufferView {
    const kind = VIEW_KINDS[this.input.byte()] ?? "unknown";
    const range = this.input.varint();
    const length = this.input.varint();
    if (kind === "Buffer") {
      const { buffer, offset } = this.#place(range, 1);
      return Buffer.from(buffer, offset, length);
    }
    const type = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[kind];
    if (type === undefined) throw new SerializationError(`This Node version has no ${kind}. Use a newer one here.`);
    const { buffer, offset } = this.#place(range, type.BYTES_PER_ELEMENT ?? 1);
    return new type(buffer, offset, length);
  }

  /** Range number, then byte length. */
  #bytes(): Uint8Array {
    const { buffer, offset } = this.#place(this.input.varint(), 1);
    return new Uint8Array(buffer, offset, this.input.varint());
  }

  #place(range: number, alignment: number): Chunk {
    const chunk = this.#chunks[this.#ranges[2 * range] ?? -1];
    if (chunk === undefined) throw new SerializationError("The value came without one of its buffers.");
    const offset = chunk.offset + (this.#ranges[2 * range + 1] ?? 0);
    if (offset % alignment !== 0) throw new SerializationError("The encoded value is damaged: a buffer is misaligned.");
    return { buffer: chunk.buffer, offset };
  }
}

interface ViewConstructor {
  new (buffer: ArrayBuffer, offset: number, length: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT?: number;
}

function readChunks(header: Header, input: ByteReader, buffers: readonly Uint8Array[]): Chunk[] {
  let next = 0;
  return header.chunks.map(({ byteLength, isInline, isBuffer }) => {
    if (isInline) return copied(input.raw(byteLength));
    const bytes = buffers[next++];
    if (bytes === undefined || bytes.length < byteLength) {
      throw new SerializationError(`The value came without its buffer of ${byteLength} bytes.`);
    }
    const fillsItsBuffer = bytes.byteOffset === 0 && bytes.buffer.byteLength === byteLength;
    const isUsable = bytes.byteOffset % 8 === 0 && (!isBuffer || fillsItsBuffer);
    if (!isUsable || !(bytes.buffer instanceof ArrayBuffer)) return copied(bytes.subarray(0, byteLength));
    return { buffer: bytes.buffer, offset: bytes.byteOffset };
  });
}

/** A loop, as `Array.from` takes ten times as long. */
function toArray(numbers: Int32Array | Float64Array): number[] {
  const array: number[] = [];
  for (let index = 0; index < numbers.length; index++) array.push(numbers[index] as number);
  return array;
}

function copied(bytes: Uint8Array): Chunk {
  return { buffer: new Uint8Array(bytes).buffer, offset: 0 };
}

function emptyObject(maker: InstanceMaker | undefined): object {
  if (maker === undefined) return {};
  return maker.construct?.() ?? Object.create(maker.prototype);
}

/** Give an object that is not plain its class. */
function adopt<T extends object>(object: T, maker: InstanceMaker | undefined): T {
  if (maker !== undefined) Object.setPrototypeOf(object, maker.prototype);
  return object;
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}

function missingHook(what: string, hook: string): SerializationError {
  return new SerializationError(`The value contains ${what}, which cannot be read here (no ${hook}).`);
}
