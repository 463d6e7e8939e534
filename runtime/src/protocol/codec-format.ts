/**
 * The byte format of values, version 1.
 *
 * `bytes` is a format byte, a u32 and the value. After `FORMAT_SECTIONS` the u32 is the value's length, and a header and
 * the small buffers follow; after `FORMAT_PLAIN` it means nothing. Integers are LEB128 varints; everything else is little
 * endian. Objects are numbered in the order in which they begin; `Tag.back` names an earlier one.
 */

import type { ByteReader, ByteWriter } from "./codec-bytes.ts";

/** The value starts after the format byte and the u32. */
export const VALUE_START = 5;

/** First byte: nothing but the value follows. */
export const FORMAT_PLAIN = 0x21;
/** First byte: value, header and small buffers follow. */
export const FORMAT_SECTIONS = 0x22;

export const Tag = {
  undefined: 0x00,
  null: 0x01,
  true: 0x02,
  false: 0x03,
  /** zigzag varint */
  int: 0x04,
  /** f64 */
  double: 0x05,
  /** byte 1 when negative, then hex digits as a string */
  bigint: 0x06,
  /** byte length, bytes */
  latin1: 0x07,
  utf8: 0x08,
  /** byte length, bytes; for text with lone surrogates */
  utf16: 0x09,
  /** object number */
  back: 0x0a,
  /** length, items */
  array: 0x0b,
  /** length, count, (index, item)…: an array with holes */
  sparse: 0x0c,
  /** length, range number of a Float64Array or Int32Array that holds the items */
  doubles: 0x0d,
  ints: 0x0e,
  /** count, names…, values…: an object with a new shape */
  shape: 0x0f,
  /** shape number, values… */
  object: 0x10,
  /** count, (flags, key, value or getter and setter)…: own properties as they are */
  properties: 0x11,
  /** an object without prototype follows */
  nullPrototype: 0x12,
  date: 0x13,
  regexp: 0x14,
  map: 0x15,
  set: 0x16,
  error: 0x17,
  /** `new Number(1)` and its kin: the primitive follows */
  boxed: 0x18,
  arrayBuffer: 0x19,
  /** kind byte, range number, length in elements */
  view: 0x1a,
  ref: 0x1b,
  actor: 0x1c,
  arrow: 0x1d,
  url: 0x1e,
  urlSearchParams: 0x1f,
  /** prototype, then the object */
  instance: 0x20,
  /** written by closure/: see there */
  function: 0x21,
  /** module number, export name or "*" */
  imported: 0x22,
  /** path from the global object, as strings */
  global: 0x23,
  /** name of a `node:` module, path from its exports */
  builtin: 0x24,
  /** module number, export name, arguments: called to make the value */
  reduced: 0x25,
  /** well-known or registered symbol */
  symbol: 0x26,
  /** `prototype` of the function that follows */
  prototypeOf: 0x27,
  /** 0x40…0x7f: the integers 0…63 */
  smallInt: 0x40,
  /** 0x80…0xbf: latin1 text of 0…63 characters */
  shortText: 0x80,
  /** 0xc0…0xdf: object of shape 0…31 */
  shortObject: 0xc0,
  /** 0xe0…0xff: array of 0…31 items */
  shortArray: 0xe0,
} as const;

/** Kinds of `Tag.view`, by number: part of the format, append only. */
export const VIEW_KINDS: readonly string[] = [
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Buffer",
  "Float16Array",
];

/** A module that the value needs, found before it is decoded. */
export interface ModuleRef {
  /** As in an import statement; relative ones have become file URLs. */
  readonly specifier: string;
  /** URL or path of the file that imports it: where a bare specifier is looked up first. */
  readonly parent: string | undefined;
}

/** Facts about the value that are known only when all of it is written. */
export interface Header {
  readonly modules: readonly ModuleRef[];
  /** Pairs (chunk number, byte offset in the chunk), one for each range of memory in the value. */
  readonly ranges: readonly number[];
  /** Where each chunk's bytes are: behind the header, or in the next of the out-of-band buffers. */
  readonly chunks: readonly { readonly byteLength: number; readonly isInline: boolean; readonly isBuffer: boolean }[];
  /** Numbers of captured variables that a captured function assigns. */
  readonly assigned: readonly number[];
  /** The state of the sender's code: classes of the same state need to be made only once. Empty without classes. */
  readonly epoch: string;
}

/** Buffers of at least this many bytes travel out of band. */
export const OUT_OF_BAND_BYTES = 4096;

export const PropertyFlag = { enumerable: 1, writable: 2, configurable: 4, accessor: 8, all: 7 } as const;

const ChunkFlag = { isInline: 1, isBuffer: 2 } as const;

export function writeHeader(out: ByteWriter, header: Header): void {
  out.varint(header.modules.length);
  for (const { specifier, parent } of header.modules) {
    out.utf8(specifier);
    out.utf8(parent ?? "");
  }
  writeIntegers(out, header.ranges);
  writeIntegers(out, header.assigned);
  out.varint(header.chunks.length);
  for (const chunk of header.chunks) {
    out.byte((chunk.isInline ? ChunkFlag.isInline : 0) | (chunk.isBuffer ? ChunkFlag.isBuffer : 0));
    out.varint(chunk.byteLength);
  }
  out.utf8(header.epoch);
}

function writeIntegers(out: ByteWriter, integers: readonly number[]): void {
  out.varint(integers.length);
  for (const integer of integers) out.varint(integer);
}

export function readHeader(input: ByteReader): Header {
  const modules = readList(input, () => {
    const specifier = input.utf8();
    const parent = input.utf8();
    return { specifier, parent: parent === "" ? undefined : parent };
  });
  const ranges = readList(input, () => input.varint());
  const assigned = readList(input, () => input.varint());
  const chunks = readList(input, () => {
    const flags = input.byte();
    return {
      byteLength: input.varint(),
      isInline: (flags & ChunkFlag.isInline) !== 0,
      isBuffer: (flags & ChunkFlag.isBuffer) !== 0,
    };
  });
  return { modules, ranges, chunks, assigned, epoch: input.utf8() };
}

function readList<T>(input: ByteReader, readItem: () => T): T[] {
  const items: T[] = [];
  for (let count = input.varint(); count > 0; count--) items.push(readItem());
  return items;
}
