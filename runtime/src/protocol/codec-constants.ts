/** Values so small and common that they are neither written nor read anew: most calls have no arguments, many no result. */
import { Buffer } from "node:buffer";
import type { Payload } from "./codec.ts";
import { FORMAT_PLAIN, Tag, VALUE_START } from "./codec-format.ts";

const SMALL_INTEGERS = 64;
const CONSTANT_BYTES = VALUE_START + 1;

/** By their tags. */
const payloads: (Payload | undefined)[] = [];
for (const tag of [Tag.undefined, Tag.null, Tag.true, Tag.false, Tag.shortArray]) payloads[tag] = payloadOf(tag);
for (let value = 0; value < SMALL_INTEGERS; value++) payloads[Tag.smallInt + value] = payloadOf(Tag.smallInt + value);

/** By their values. */
const integers: readonly (Payload | undefined)[] = payloads.slice(Tag.smallInt, Tag.smallInt + SMALL_INTEGERS);

/** An array without items; plain, as the list of a call's arguments is. */
export const EMPTY_LIST: Payload = payloads[Tag.shortArray] as Payload;

function payloadOf(tag: number): Payload {
  return { bytes: Buffer.from([FORMAT_PLAIN, 0, 0, 0, 0, tag]), buffers: [], refs: [] };
}

/** The payload of a constant, shared by all who need it; undefined for other values. */
export function constantPayload(value: unknown): Payload | undefined {
  if (typeof value === "number") return Object.is(value, -0) ? undefined : integers[value];
  if (value === undefined) return payloads[Tag.undefined];
  if (value === null) return payloads[Tag.null];
  if (typeof value === "boolean") return payloads[value ? Tag.true : Tag.false];
  return undefined;
}

/** The tag by which `constantBytes` and `constantOf` know a constant; undefined for the bytes of other values. */
export function constantTag(bytes: Uint8Array): number | undefined {
  if (bytes.length !== CONSTANT_BYTES || bytes[0] !== FORMAT_PLAIN) return undefined;
  const tag = bytes[VALUE_START] as number;
  return payloads[tag] === undefined ? undefined : tag;
}

/** @throws RangeError when there is no such constant */
export function constantBytes(tag: number): Uint8Array {
  const payload = payloads[tag];
  if (payload === undefined) throw new RangeError(`There is no constant ${tag} among values`);
  return payload.bytes;
}

export function constantOf(tag: number): unknown {
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
