/** What objects of the built-in kinds hold, without their class. */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import { Tag, VIEW_KINDS } from "./codec-format.ts";
import { hasHoles, numbersKind, viewName } from "./codec-kinds.ts";
import type { ValueWriter } from "./codec-writer.ts";

/** Plain arrays of numbers of at least this length travel as typed arrays. */
const PACK_NUMBERS_FROM = 64;

/** @returns false for objects that are no more than their properties. */
export function writeContent(value: object, writer: ValueWriter): boolean {
  if (Array.isArray(value)) writeArray(value, writer);
  else if (ArrayBuffer.isView(value)) writeView(value, writer);
  else if (types.isArrayBuffer(value)) {
    writer.out.byte(Tag.arrayBuffer);
    writer.out.varint(writer.range(value, 0, value.byteLength, 8, true));
  } else if (types.isMap(value)) writeMap(value, writer);
  else if (types.isSet(value)) writeSet(value, writer);
  else return writeLeaf(value, writer);
  return true;
}

/** Objects without parts. */
function writeLeaf(value: object, writer: ValueWriter): boolean {
  const { out } = writer;
  if (types.isDate(value)) {
    out.byte(Tag.date);
    out.double(Date.prototype.getTime.call(value));
  } else if (types.isRegExp(value)) {
    out.byte(Tag.regexp);
    writer.text(value.source);
    writer.text(value.flags);
    out.varint(Math.max(0, value.lastIndex));
  } else if (types.isBoxedPrimitive(value)) {
    out.byte(Tag.boxed);
    writer.value((value as { valueOf(): unknown }).valueOf());
  } else if (value instanceof URL) {
    out.byte(Tag.url);
    writer.text(value.href);
  } else if (value instanceof URLSearchParams) {
    out.byte(Tag.urlSearchParams);
    writer.text(value.toString());
  } else return false;
  return true;
}

function writeMap(value: object, writer: ValueWriter): void {
  writer.out.byte(Tag.map);
  writer.out.varint(Reflect.get(Map.prototype, "size", value));
  let index = 0;
  for (const [key, item] of Map.prototype.entries.call(value) as IterableIterator<[unknown, unknown]>) {
    writer.child(index, key);
    writer.child(typeof key === "string" ? key : index, item);
    index++;
  }
}

function writeSet(value: object, writer: ValueWriter): void {
  writer.out.byte(Tag.set);
  writer.out.varint(Reflect.get(Set.prototype, "size", value));
  let index = 0;
  for (const item of Set.prototype.values.call(value) as IterableIterator<unknown>) writer.child(index++, item);
}

export function writeArray(value: readonly unknown[], writer: ValueWriter): void {
  const { out, path } = writer;
  const { length } = value;
  if (length >= PACK_NUMBERS_FROM && writePackedNumbers(value, writer)) return;
  if (hasHoles(value)) return writeSparse(value, writer);
  if (length < 32) out.byte(Tag.shortArray + length);
  else {
    out.byte(Tag.array);
    out.varint(length);
  }
  const depth = path.push(0) - 1;
  for (let index = 0; index < length; index++) {
    path[depth] = index;
    writer.value(value[index]);
  }
  path.pop();
}

function writePackedNumbers(value: readonly unknown[], writer: ValueWriter): boolean {
  const kind = numbersKind(value);
  if (kind === undefined) return false;
  const numbers = value as readonly number[];
  const packed = kind === "ints" ? Int32Array.from(numbers) : Float64Array.from(numbers);
  writer.out.byte(Tag[kind]);
  writer.out.varint(value.length);
  writer.out.varint(writer.range(packed.buffer, 0, packed.byteLength, packed.BYTES_PER_ELEMENT));
  return true;
}

function writeSparse(value: readonly unknown[], writer: ValueWriter): void {
  const indexes = Object.keys(value).filter((key) => String(Number(key) >>> 0) === key);
  writer.out.byte(Tag.sparse);
  writer.out.varint(value.length);
  writer.out.varint(indexes.length);
  for (const index of indexes.map(Number)) {
    writer.out.varint(index);
    writer.child(index, value[index]);
  }
}

function writeView(value: ArrayBufferView, writer: ValueWriter): void {
  const name = Buffer.isBuffer(value) ? "Buffer" : viewName(value);
  const kind = VIEW_KINDS.indexOf(name);
  if (kind < 0) {
    throw writer.refuse({ kind: name, reason: "is of an unknown kind", advice: "Copy it to another array." });
  }
  // A DataView reads at any alignment; what matters is only that views beside it keep theirs.
  const size = (value as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  writer.out.byte(Tag.view);
  writer.out.byte(kind);
  writer.out.varint(writer.range(value.buffer, value.byteOffset, value.byteLength, size));
  writer.out.varint(value.byteLength / size);
}
