/** Values for Python and from there: the codec of all values, without what Python has no counterpart for. */
import { types } from "node:util";
import { reduceInner } from "../api/python-values.ts";
import type { ArgumentCodec } from "../api/value-codec.ts";
import { closureReader, closureWriter } from "../closure/index.ts";
import {
  type CodeWriter,
  type DecodeHooks,
  decodeAsync,
  type EncodeHooks,
  encode,
  type Payload,
} from "../protocol/codec.ts";
import { isArrowTable } from "../protocol/codec-arrow.ts";
import { nameOfClass } from "../protocol/codec-kinds.ts";
import type { ValueWriter } from "../protocol/codec-writer.ts";

const ADVICE = "Pass plain data: numbers, strings, arrays, objects, typed arrays.";

const plainDataOnly: CodeWriter = {
  function: (_fn, writer) => {
    throw writer.refuse({ reason: "is a function, which Python cannot call", advice: ADVICE });
  },
  instance: (_value, prototype, writer) => {
    throw refused(nameOfClass(prototype), writer);
  },
  known: (value, writer) => {
    if (!hasCounterpart(value)) throw refused(nameOfClass(Object.getPrototypeOf(value) as object), writer);
    return false;
  },
  epoch: () => "",
  fileOf: (fn) => closureWriter.fileOf(fn),
};

function refused(kind: string, writer: ValueWriter): Error {
  return writer.refuse({ kind, reason: "has no counterpart in Python", advice: ADVICE });
}

function hasCounterpart(value: object): boolean {
  return (
    Object.getPrototypeOf(value) === null ||
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    types.isArrayBuffer(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isDate(value) ||
    value instanceof URL ||
    isArrowTable(value) ||
    isPlainElsewhere(value)
  );
}

/** An object of a literal in another realm, such as a cell's. */
function isPlainElsewhere(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object;
  return Object.getPrototypeOf(prototype) === null && nameOfClass(prototype) === "Object";
}

/** What `encode` asks when the value goes to Python: handles, functions and objects of classes are refused. */
const pythonHooks: EncodeHooks = { code: plainDataOnly };

const fromPython: DecodeHooks = { code: closureReader };

/**
 * @param path - how errors call the value.
 * @param place - of a ref inside it: the index of the argument that its value comes as. Without it such refs are refused.
 */
export function toPython(value: unknown, path: string, place?: (ref: object) => number): Payload {
  const hooks = { ...pythonHooks, path };
  return encode(value, place === undefined ? hooks : { ...hooks, reduceRef: (ref) => reduceInner(place(ref)) });
}

/** In place of the codec of other calls' arguments. */
export const pythonCodec: ArgumentCodec = { encode: toPython };

export function valueOfPython(parts: readonly Uint8Array[]): Promise<unknown> {
  const [bytes = new Uint8Array(), ...buffers] = parts;
  return decodeAsync({ bytes, buffers, refs: [] }, fromPython);
}
