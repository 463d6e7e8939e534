/**
 * Frames on a stream socket: `u32 length (big-endian) | msgpack array of messages`. Small buffers ride inside the
 * msgpack; larger values lie in the arena and never cross a socket. Record definitions of msgpackr are local to a frame,
 * so every frame can be read alone.
 */
import { Packr, RESERVE_START_SPACE, Unpackr } from "msgpackr/pack";
import { lengthen, shorten } from "./short-messages.ts";

/** Longer frames are refused: a peer that speaks something else would make us wait for gigabytes. */
export const MAX_FRAME_BYTES: number = 1024 ** 3;

const LENGTH_BYTES = 4;
const OPTIONS = { moreTypes: false, encodeUndefinedAsNil: false } as const;
const packr = new Packr(OPTIONS);
const unpackr = new Unpackr(OPTIONS);

/** Messages read before the native part of msgpackr is worth the 10 ms that it takes to load. */
const MESSAGES_WITHOUT_NATIVE = 2_000;
let messagesRead = 0;

/** It makes reading strings of long frames faster; it is used from then on, here too. */
function countRead(messages: number): void {
  const before = messagesRead;
  messagesRead += messages;
  if (before < MESSAGES_WITHOUT_NATIVE && messagesRead >= MESSAGES_WITHOUT_NATIVE) void import("msgpackr");
}

/** One frame that carries `messages`. */
export function encodeFrame(messages: readonly unknown[]): Buffer {
  const frame = packr.pack(messages.map(shorten), RESERVE_START_SPACE + LENGTH_BYTES);
  frame.writeUInt32BE(frame.length - LENGTH_BYTES, 0);
  return frame;
}

/** Cuts a byte stream into messages. Buffers inside a message may alias the chunk that brought it. */
export class FrameReader<Message> {
  /** Of the frame that comes next. */
  #limit: number;
  #rest: Buffer | undefined;
  /** Chunks of a frame longer than what has arrived; joined once, when it is complete. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #wanted = 0;

  /** @param firstFrameBytes - the longest first frame; what a peer may make us keep before we know who it is. */
  constructor(firstFrameBytes: number = MAX_FRAME_BYTES) {
    this.#limit = firstFrameBytes;
  }

  /** @throws RangeError when the stream is not one of frames. */
  push(chunk: Buffer): Message[] {
    if (this.#wanted > 0) {
      this.#parts.push(chunk);
      this.#partBytes += chunk.length;
      if (this.#partBytes < this.#wanted) return [];
      chunk = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#partBytes = 0;
      this.#wanted = 0;
    } else if (this.#rest !== undefined) {
      chunk = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    return this.#cut(chunk);
  }

  #cut(bytes: Buffer): Message[] {
    let messages: Message[] | undefined;
    let position = 0;
    while (bytes.length - position >= LENGTH_BYTES) {
      const length = bytes.readUInt32BE(position);
      if (length > this.#limit) throw new RangeError(`A frame of ${length} bytes is longer than ${this.#limit}`);
      const end = position + LENGTH_BYTES + length;
      if (end > bytes.length) {
        this.#wanted = LENGTH_BYTES + length;
        this.#parts = [bytes.subarray(position)];
        this.#partBytes = bytes.length - position;
        return messages ?? [];
      }
      messages ??= [];
      const batch = unpackr.unpack(bytes.subarray(position + LENGTH_BYTES, end)) as unknown[];
      if (!Array.isArray(batch)) throw new RangeError("A frame holds something else than a list of messages");
      countRead(batch.length);
      for (const each of batch) messages.push(lengthen(each) as Message);
      position = end;
      this.#limit = MAX_FRAME_BYTES;
    }
    if (position < bytes.length) this.#rest = bytes.subarray(position);
    return messages ?? [];
  }
}
