/**
 * Frames of the wire of remote.ts; each is one binary WebSocket message. All numbers are little-endian.
 *
 * | bytes | what |
 * |---|---|
 * | 0 | kind |
 * | 1–7 | zero |
 * | 8–15 | number of this frame, from 1; 0 for greetings and acknowledgements, which are not sent again |
 * | 16–23 | number of the last frame that arrived from the peer |
 * | 24–27 | length of the header |
 * | 28– | header (msgpack: maps with string keys, no extensions), then raw bytes to the end |
 */
import { Packr, Unpackr } from "msgpackr/pack";

export const FRAME = {
  /** Header: `RemoteHello` or `RemoteGreeting`. */
  greeting: 0,
  /** Only says what has arrived. No header. */
  ack: 1,
  /** Header: an array of messages. */
  messages: 2,
  /** A part of a blob. Header: `ChunkHeader`. */
  chunk: 3,
  /** Bytes of a panel's connection. Header: `ViewHeader`. */
  view: 4,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** The blob that raw bytes belong to; they follow those of the chunk before. */
export interface ChunkHeader {
  readonly blob: number;
  /** In the first chunk: byte lengths of the blob's parts, which lie one after the other. */
  readonly lengths?: readonly number[];
}

/** A panel's connection at the driver is one to the cluster's view socket; see "Delegated comms" in ARCHITECTURE.md. */
export interface ViewHeader {
  readonly view: number;
  /** Either side has ended the connection. */
  readonly isEnd?: boolean;
}

/** Bytes of a blob that travel in one frame, so that small messages never wait long for a large one. */
export const CHUNK_BYTES: number = 1024 ** 2;

/** Larger WebSocket messages are refused. */
export const MAX_REMOTE_FRAME_BYTES: number = 256 * 1024 ** 2;

const HEAD_BYTES = 28;
const EMPTY = new Uint8Array(0);

// No record extension: a peer in another language reads plain maps.
const OPTIONS = { useRecords: false, variableMapSize: true, moreTypes: false, encodeUndefinedAsNil: true } as const;
const packr = new Packr(OPTIONS);
const unpackr = new Unpackr(OPTIONS);

export interface RemoteFrame {
  readonly kind: FrameKind;
  readonly number: number;
  readonly ack: number;
  /** Packed; aliases what arrived. */
  readonly header: Uint8Array;
  readonly raw: Uint8Array;
}

export function packHeader(header: unknown): Uint8Array {
  return packr.pack(header);
}

export function unpackHeader(header: Uint8Array): unknown {
  return unpackr.unpack(header);
}

/** A frame without its numbers; see `stampFrame`. */
export function makeFrame(kind: FrameKind, header: Uint8Array = EMPTY, raw: Uint8Array = EMPTY): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + header.length + raw.length);
  frame.fill(0, 0, HEAD_BYTES);
  frame[0] = kind;
  frame.writeUInt32LE(header.length, 24);
  frame.set(header, HEAD_BYTES);
  frame.set(raw, HEAD_BYTES + header.length);
  return frame;
}

/** @param number - 0 for frames that are not sent again. */
export function stampFrame(frame: Buffer, number: number, ack: number): Buffer {
  frame.writeUIntLE(number, 8, 6);
  frame.writeUIntLE(ack, 16, 6);
  return frame;
}

/** @throws RangeError when the bytes are no frame */
export function readFrame(bytes: Buffer): RemoteFrame {
  const kind = bytes[0] as FrameKind | undefined;
  if (kind === undefined || kind > FRAME.view || bytes.length < HEAD_BYTES) throw new RangeError("This is no frame");
  const headerEnd = HEAD_BYTES + bytes.readUInt32LE(24);
  if (headerEnd > bytes.length) throw new RangeError("The frame's header is longer than the frame");
  return {
    kind,
    number: bytes.readUIntLE(8, 6),
    ack: bytes.readUIntLE(16, 6),
    header: bytes.subarray(HEAD_BYTES, headerEnd),
    raw: bytes.subarray(headerEnd),
  };
}
