/** Values so small and common that they are neither written nor read anew: most calls have no arguments, many no result. */
import { Buffer } from "node:buffer";
import type { Payload } from "./codec.ts";
import { FORMAT_PLAIN, Tag, VALUE_START } from "./codec-format.ts";

const SMALL_INTEGERS = 64;
const CONSTANT_BYTES = VALUE_START + 1;

const undefinedPayload = payloadOf(Tag.undefined);
const nullPayload = payloadOf(Tag.null);
const truePayload = payloadOf(Tag.true);
const falsePayload = payloadOf(Tag.false);
const integerPayloads = Array.from({ length: SMALL_INTEGERS }, (_, value) => payloadOf(Tag.smallInt + value));

/** An array without items; plain, as the list of a call's arguments is. */
export const EMPTY_LIST: Payload = payloadOf(Tag.shortArray);

function payloadOf(tag: number): Payload {
  return { bytes: Buffer.from([FORMAT_PLAIN, 0, 0, 0, 0, tag]), buffers: [], refs: [] };
}

/** The payload of a constant, shared by all who need it; undefined for other values. */
export function constantPayload(value: unknown): Payload | undefined {
  if (typeof value === "number") return Object.is(value, -0) ? undefined : integerPayloads[value];
  if (value === undefined) return undefinedPayload;
  if (value === null) return nullPayload;
  if (typeof value === "boolean") return value ? truePayload : falsePayload;
  return undefined;
}

/** Is it one of the payloads made here, or one that looks like it? Then `constantOf` reads it. */
export function isConstant({ bytes }: Payload): boolean {
  if (bytes.length !== CONSTANT_BYTES || bytes[0] !== FORMAT_PLAIN) return false;
  const tag = bytes[VALUE_START] as number;
  return tag <= Tag.false || (tag >= Tag.smallInt && tag < Tag.smallInt + SMALL_INTEGERS) || tag === Tag.shortArray;
}

export function constantOf({ bytes }: Payload): unknown {
  const tag = bytes[VALUE_START] as number;
  switch (tag) {
    case Tag.undefined:
      return undefined;
    case Tag.null:
      return null;
    case Tag.true:
      return true;
    case Tag.false:
      return false;
    case Tag.shortArray:
      return [];
    default:
      return tag - Tag.smallInt;
  }
}
