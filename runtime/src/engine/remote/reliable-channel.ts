/**
 * Frames that arrive once and in order, however often the connection under them is cut. Both ends of the wire are one of
 * these: what is sent is kept until the peer has it, and sent again on the next connection.
 */
import {
  FRAME,
  type FrameKind,
  makeFrame,
  type RemoteFrame,
  readFrame,
  stampFrame,
} from "../../protocol/remote-frames.ts";
import { BlobSender } from "./blobs.ts";

/** Acknowledge at the latest after so much, so that the peer can forget what it keeps for us. */
const ACK_EVERY_FRAMES = 64;
const ACK_EVERY_BYTES: number = 1024 ** 2;
const ACK_WITHIN_MS = 50;

/** A connection as the channel sees it: what was sent arrives in order, or the connection is gone. */
export interface FrameSocket {
  send(frame: Uint8Array): void;
}

interface Kept {
  readonly number: number;
  readonly frame: Buffer;
  /** Counts for the window of blobs. */
  readonly blobBytes: number;
}

export class ReliableChannel {
  readonly #deliver: (frame: RemoteFrame) => void;
  readonly #blobs: BlobSender;
  #socket: FrameSocket | undefined;
  #sent = 0;
  #kept: Kept[] = [];
  #received = 0;
  #unackedFrames = 0;
  #unackedBytes = 0;
  #ackTimer: NodeJS.Timeout | undefined;

  /**
   * @param deliver - called with each frame of the peer, in order.
   * @param onBlobSent - so many bytes of blobs have left the queue.
   */
  constructor(deliver: (frame: RemoteFrame) => void, onBlobSent: (bytes: number) => void = () => {}) {
    this.#deliver = deliver;
    this.#blobs = new BlobSender((header, raw) => {
      this.#number(makeFrame(FRAME.chunk, header, raw), raw.length);
      onBlobSent(raw.length);
    });
  }

  /** Number of the last frame that arrived; what a greeting says. */
  get received(): number {
    return this.#received;
  }

  /** Frames the peer may not have. */
  get unacknowledged(): number {
    return this.#kept.length;
  }

  /** A connection is there and both have greeted: send what the peer has not received. */
  attach(socket: FrameSocket, peerReceived: number): void {
    this.#forget(peerReceived);
    this.#socket = socket;
    for (const { number, frame } of this.#kept) socket.send(stampFrame(frame, number, this.#received));
    this.#acked();
    this.#blobs.pump();
  }

  /** The connection is gone; what is sent from now on waits for the next one. */
  detach(): void {
    this.#socket = undefined;
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
  }

  send(kind: FrameKind, header: Uint8Array, raw?: Uint8Array): void {
    this.#number(makeFrame(kind, header, raw), 0);
  }

  /** @param parts - must not change any more. */
  sendBlob(blob: number, parts: readonly Uint8Array[]): void {
    this.#blobs.add(blob, parts);
    if (this.#socket !== undefined) this.#blobs.pump();
  }

  /** As `sendBlob`, of a blob that comes piece by piece: the first names the lengths of its parts. */
  sendPiece(blob: number, piece: Uint8Array, lengths?: readonly number[]): void {
    if (lengths !== undefined) this.#blobs.begin(blob, lengths);
    this.#blobs.append(blob, piece);
    if (this.#socket !== undefined) this.#blobs.pump();
  }

  #number(frame: Buffer, blobBytes: number): void {
    const number = ++this.#sent;
    this.#kept.push({ number, frame, blobBytes });
    if (this.#socket === undefined) return;
    this.#socket.send(stampFrame(frame, number, this.#received));
    this.#acked();
  }

  /** A frame that is no greeting. @throws RangeError when it is none of ours: end the connection */
  receive(bytes: Buffer): void {
    const frame = readFrame(bytes);
    this.#forget(frame.ack);
    if (frame.number > this.#received) {
      // In between nothing can be missing: a connection keeps order, and a new one begins with what we had.
      if (frame.number !== this.#received + 1) throw new RangeError("A frame is missing");
      this.#received = frame.number;
      this.#acknowledge(bytes.length);
      this.#deliver(frame);
    }
    this.#blobs.pump();
  }

  #forget(peerReceived: number): void {
    let count = 0;
    for (const { number, blobBytes } of this.#kept) {
      if (number > peerReceived) break;
      this.#blobs.acknowledged(blobBytes);
      count++;
    }
    if (count > 0) this.#kept = this.#kept.slice(count);
  }

  #acknowledge(bytes: number): void {
    this.#unackedFrames++;
    this.#unackedBytes += bytes;
    if (this.#unackedFrames >= ACK_EVERY_FRAMES || this.#unackedBytes >= ACK_EVERY_BYTES) this.#sendAck();
    else this.#ackTimer ??= setTimeout(() => this.#sendAck(), ACK_WITHIN_MS).unref();
  }

  #sendAck(): void {
    if (this.#socket === undefined) return;
    this.#socket.send(stampFrame(makeFrame(FRAME.ack), 0, this.#received));
    this.#acked();
  }

  /** Every frame says what has arrived. */
  #acked(): void {
    this.#unackedFrames = 0;
    this.#unackedBytes = 0;
    if (this.#ackTimer === undefined) return;
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
  }
}
