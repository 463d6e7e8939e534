/** Growing and reading of byte sequences: the primitives of the value format. */
import { Buffer } from "node:buffer";
import { SerializationError } from "../errors.ts";

/** Node's direct ways to text: faster than `toString(encoding)` for short pieces. */
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}

/** Of the last of eight groups of seven bits: safe integers have no more. */
const LARGEST_FACTOR = 2 ** 49;
const SCRATCH_BYTES = 64 * 1024;
/** Kept between calls: most values are small, and a fresh buffer costs more than they do. */
let scratch: Buffer | undefined = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

const doubles = new Float64Array(1);
const doubleBytes = new Uint8Array(doubles.buffer);

/** Writes numbers and text. */
export class ByteWriter {
  #bytes: Buffer;
  #position = 0;

  constructor() {
    this.#bytes = scratch ?? Buffer.allocUnsafeSlow(1024);
    scratch = undefined;
  }

  get position(): number {
    return this.#position;
  }

  /** What was written, as a copy. Ends the use of this writer. */
  finish(): Buffer {
    const copy = Buffer.allocUnsafe(this.#position);
    this.#bytes.copy(copy, 0, 0, this.#position);
    this.release();
    return copy;
  }

  /** Give the memory back without a result. */
  release(): void {
    if (this.#bytes.length === SCRATCH_BYTES) scratch = this.#bytes;
  }

  #reserve(count: number): void {
    if (this.#position + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#position + count));
    this.#bytes.copy(larger, 0, 0, this.#position);
    this.release();
    this.#bytes = larger;
  }

  byte(value: number): void {
    if (this.#position === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#position++] = value;
  }

  /** @param value - a non-negative safe integer. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest = rest > 0x7fffffff ? Math.floor(rest / 128) : rest >>> 7;
    }
    this.#bytes[this.#position++] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    doubles[0] = value;
    const bytes = this.#bytes;
    let position = this.#position;
    for (let index = 0; index < 8; index++) bytes[position++] = doubleBytes[index] as number;
    this.#position = position;
  }

  u32At(position: number, value: number): void {
    this.#bytes.writeUInt32LE(value, position);
  }

  /** Room for `count` bytes that are filled in later. */
  skip(count: number): number {
    this.#reserve(count);
    this.#position += count;
    return this.#position - count;
  }

  /** Text of fewer than 64 characters, all below U+0100, after a byte `tag + length`. @returns false when it is not that. */
  shortText(tag: number, text: string): boolean {
    const length = text.length;
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    let position = this.#position;
    bytes[position++] = tag + length;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0xff) return false;
      bytes[position++] = unit;
    }
    this.#position = position;
    return true;
  }

  /** Byte length and UTF-8 of a well-formed text. */
  utf8(text: string): void {
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.#reserve(length);
    this.#position += this.#bytes.write(text, this.#position, length, "utf8");
  }

  utf16(text: string): void {
    const length = text.length * 2;
    this.varint(length);
    this.#reserve(length);
    this.#position += this.#bytes.write(text, this.#position, length, "utf16le");
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }
}

/** Reads what `ByteWriter` wrote. Refuses to read past the end. */
export class ByteReader {
  readonly #bytes: Buffer & Slices;
  #position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = view as Buffer & Slices;
    this.#position = start;
    this.#end = end;
  }

  /** The next `count` bytes, in place. */
  raw(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  #take(count: number): number {
    const start = this.#position;
    if (start + count > this.#end)
      throw new SerializationError("The encoded value is cut short; it was not written completely.");
    this.#position = start + count;
    return start;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  varint(): number {
    let value = this.byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    let factor = 128;
    for (;;) {
      const next = this.byte();
      value += (next & 0x7f) * factor;
      if (next < 0x80) return value;
      if (factor >= LARGEST_FACTOR) throw new SerializationError("The encoded value is damaged: a number has no end.");
      factor *= 128;
    }
  }

  double(): number {
    const start = this.#take(8);
    for (let index = 0; index < 8; index++) doubleBytes[index] = this.#bytes[start + index] as number;
    return doubles[0] as number;
  }

  /** `length` characters below U+0100. */
  latin1(length: number): string {
    const start = this.#take(length);
    if (length > 12) return this.#bytes.latin1Slice(start, start + length);
    let text = "";
    for (let index = 0; index < length; index++) text += String.fromCharCode(this.#bytes[start + index] as number);
    return text;
  }

  utf8(): string {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.utf8Slice(start, start + length);
  }

  utf16(): string {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.ucs2Slice(start, start + length);
  }
}
