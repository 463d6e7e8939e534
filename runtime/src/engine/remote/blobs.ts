/** Large values in pieces: between small messages, no more under way than the window allows. */
import {
  CHUNK_BYTES,
  type ChunkHeader,
  packHeader,
  type RemoteFrame,
  unpackHeader,
} from "../../protocol/remote-frames.ts";

/** Bytes of blobs that the peer may not have acknowledged: enough for 100 MB/s at 80 ms. */
export const BLOB_WINDOW_BYTES: number = 8 * 1024 ** 2;

interface Outgoing {
  readonly blob: number;
  readonly lengths: readonly number[];
  /** What is here and was not sent. */
  readonly pieces: Uint8Array[];
  unsentBytes: number;
  isBegun: boolean;
}

export class BlobSender {
  readonly #send: (header: Uint8Array, raw: Uint8Array) => void;
  /** Those with bytes that are not here yet, or not sent. */
  readonly #open = new Map<number, Outgoing>();
  /** The same; whose turn it is comes first. */
  readonly #queue: Outgoing[] = [];
  #underWayBytes = 0;

  constructor(send: (header: Uint8Array, raw: Uint8Array) => void) {
    this.#send = send;
  }

  add(blob: number, parts: readonly Uint8Array[]): void {
    this.begin(
      blob,
      parts.map((part) => part.byteLength),
    );
    for (const part of parts) this.append(blob, part);
  }

  /** A blob with parts of these lengths, whose bytes are to be appended. */
  begin(blob: number, lengths: readonly number[]): void {
    const unsentBytes = lengths.reduce((sum, length) => sum + length, 0);
    const outgoing: Outgoing = { blob, lengths, pieces: [], unsentBytes, isBegun: false };
    this.#open.set(blob, outgoing);
    this.#queue.push(outgoing);
  }

  /** @param piece - the next bytes; must not change any more. */
  append(blob: number, piece: Uint8Array): void {
    if (piece.byteLength > 0) this.#open.get(blob)?.pieces.push(piece);
  }

  acknowledged(bytes: number): void {
    this.#underWayBytes -= bytes;
  }

  /** Send what the window has room for; blobs take turns, so that a short one need not wait for a long one's end. */
  pump(): void {
    while (this.#underWayBytes < BLOB_WINDOW_BYTES) {
      const index = this.#queue.findIndex(({ pieces, unsentBytes }) => pieces.length > 0 || unsentBytes === 0);
      const [next] = index === -1 ? [] : this.#queue.splice(index, 1);
      if (next === undefined) return;
      const raw = takeChunk(next.pieces);
      const { blob, lengths } = next;
      const header: ChunkHeader = next.isBegun ? { blob } : { blob, lengths };
      next.isBegun = true;
      next.unsentBytes -= raw.length;
      if (next.unsentBytes > 0) this.#queue.push(next);
      else this.#open.delete(blob);
      this.#underWayBytes += raw.length;
      this.#send(packHeader(header), raw);
    }
  }
}

/** The next bytes, of one piece. */
function takeChunk(pieces: Uint8Array[]): Uint8Array {
  const piece = pieces[0] ?? new Uint8Array(0);
  if (piece.byteLength <= CHUNK_BYTES) pieces.shift();
  else pieces[0] = piece.subarray(CHUNK_BYTES);
  return piece.subarray(0, CHUNK_BYTES);
}

interface Incoming {
  readonly parts: readonly Uint8Array[];
  part: number;
  offset: number;
}

/** Puts blobs together. Every part gets memory of its own, so arrays in it are aligned and can be handed on. */
export class BlobReceiver {
  readonly #onBlob: (blob: number, parts: readonly Uint8Array[]) => void;
  readonly #incoming = new Map<number, Incoming>();

  constructor(onBlob: (blob: number, parts: readonly Uint8Array[]) => void) {
    this.#onBlob = onBlob;
  }

  /** @throws RangeError when it is a part of nothing */
  receive(frame: RemoteFrame): void {
    const { blob, lengths } = unpackHeader(frame.header) as ChunkHeader;
    const incoming = lengths === undefined ? this.#incoming.get(blob) : this.#begin(blob, lengths);
    if (incoming === undefined) throw new RangeError(`A chunk of blob ${blob}, which has not begun`);
    write(incoming, frame.raw);
    if (incoming.part < incoming.parts.length) return;
    this.#incoming.delete(blob);
    this.#onBlob(blob, incoming.parts);
  }

  #begin(blob: number, lengths: readonly number[]): Incoming {
    const incoming: Incoming = { parts: lengths.map((length) => new Uint8Array(length)), part: 0, offset: 0 };
    this.#incoming.set(blob, incoming);
    return incoming;
  }
}

function write(to: Incoming, raw: Uint8Array): void {
  let rest = raw;
  for (;;) {
    const part = to.parts[to.part];
    if (part === undefined) {
      if (rest.length > 0) throw new RangeError("A blob is longer than it said");
      return;
    }
    const count = Math.min(rest.length, part.length - to.offset);
    part.set(rest.subarray(0, count), to.offset);
    rest = rest.subarray(count);
    to.offset += count;
    if (to.offset < part.length) return;
    to.part++;
    to.offset = 0;
  }
}

/** Joins messages that name a blob with the blob, whichever comes first. */
export class BlobStore {
  readonly #arrived = new Map<number, readonly Uint8Array[]>();
  readonly #awaited = new Map<number, (parts: readonly Uint8Array[]) => void>();

  add(blob: number, parts: readonly Uint8Array[]): void {
    const take = this.#awaited.get(blob);
    this.#awaited.delete(blob);
    if (take === undefined) this.#arrived.set(blob, parts);
    else take(parts);
  }

  has(blob: number): boolean {
    return this.#arrived.has(blob);
  }

  /** Call `take` with the blob, once: now or when it is there. */
  take(blob: number, take: (parts: readonly Uint8Array[]) => void): void {
    const parts = this.#arrived.get(blob);
    this.#arrived.delete(blob);
    if (parts === undefined) this.#awaited.set(blob, take);
    else take(parts);
  }
}
