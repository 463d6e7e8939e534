/**
 * A message as ZeroMQ frames and back: `identities… <IDS|MSG> signature header parent metadata content buffers…`.
 *
 * @see https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Header, JsonObject, Message, ParentHeader } from "./messages.ts";

const DELIMITER = Buffer.from("<IDS|MSG>");

/** Routing prefix: who sent a request, and where its reply goes; on IOPub, the topic. */
export type Identities = readonly Uint8Array[];

export interface Envelope {
  readonly identities: Identities;
  readonly message: Message;
}

/** Frames that are not a message, or that nobody who knows the key has signed. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly code = "BAD_FRAMES";
}

/** @param key - secret of the connection file; an empty one means "do not sign". */
export function encodeFrames(key: string, identities: Identities, message: Message<object>): Uint8Array[] {
  const parts = [message.header, message.parent_header, message.metadata, message.content].map((part) =>
    Buffer.from(JSON.stringify(part)),
  );
  return [...identities, DELIMITER, Buffer.from(sign(key, parts)), ...parts, ...message.buffers];
}

/** @throws FrameError when the frames are malformed, or `key` is not empty and the signature is wrong. */
export function decodeFrames(key: string, frames: readonly Uint8Array[]): Envelope {
  const delimiter = frames.findIndex((frame) => DELIMITER.equals(frame));
  if (delimiter < 0) throw new FrameError("no <IDS|MSG> delimiter");
  const [signature, header, parent, metadata, content, ...buffers] = frames.slice(delimiter + 1);
  if (!signature || !header || !parent || !metadata || !content) throw new FrameError("fewer than five parts");
  // Signed are the bytes as they came: another JSON writer may order or space them differently from ours.
  if (key !== "" && !isSignature(signature, sign(key, [header, parent, metadata, content]))) {
    throw new FrameError("wrong signature");
  }
  return {
    identities: frames.slice(0, delimiter),
    message: {
      header: parseHeader(header),
      parent_header: parseObject("parent header", parent) as ParentHeader,
      metadata: parseObject("metadata", metadata),
      content: parseObject("content", content),
      buffers,
    },
  };
}

/** HMAC-SHA256 in lower-case hexadecimal; empty without a key. */
function sign(key: string, parts: readonly Uint8Array[]): string {
  if (key === "") return "";
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}

function isSignature(given: Uint8Array, expected: string): boolean {
  const wanted = Buffer.from(expected);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function parseObject(what: string, bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw new FrameError(`the ${what} is not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FrameError(`the ${what} is not an object`);
  }
  return value as JsonObject;
}

function parseHeader(bytes: Uint8Array): Header {
  const header = parseObject("header", bytes);
  if (typeof header.msg_id !== "string" || typeof header.msg_type !== "string") {
    throw new FrameError("the header has no msg_id or msg_type");
  }
  return header as unknown as Header;
}
