/** A stream socket that carries messages: many in a frame, one frame per turn of the event loop. */
import type { Socket } from "node:net";
import { encodeFrame, FrameReader } from "../protocol/frames.ts";

/** Longer batches go as several frames, so that the peer starts on the first while we encode the second. */
const MAX_BATCH = 256;

const turn: Promise<void> = Promise.resolve();

/** Enough for any hello; greetings go in a frame of their own. */
export const HELLO_BYTES: number = 64 * 1024;

export interface MessageSocketHooks<In> {
  onMessages(messages: In[]): void;
  /** The longest first frame that is taken: of a peer that has not said who it is. */
  readonly firstFrameBytes?: number;
  /** What came is not of our protocol; the connection ends. */
  onGarbage?(error: unknown): void;
  /** Called once, when either side has ended the connection. */
  onClose(): void;
}

export class MessageSocket<In, Out> {
  readonly #socket: Socket;
  readonly #reader: FrameReader<In>;
  #queue: Out[] = [];
  #isFlushPlanned = false;
  #isClosed = false;

  constructor(socket: Socket, hooks: MessageSocketHooks<In>) {
    this.#socket = socket;
    this.#reader = new FrameReader(hooks.firstFrameBytes);
    socket.on("data", (chunk: Buffer) => {
      let messages: In[];
      try {
        messages = this.#reader.push(chunk);
      } catch (error) {
        hooks.onGarbage?.(error);
        // `close` follows.
        socket.destroy();
        return;
      }
      if (messages.length > 0) hooks.onMessages(messages);
    });
    // Every error is followed by `close`, which is what the owner acts on.
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#isClosed = true;
      this.#queue = [];
      hooks.onClose();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Send at the end of this turn, together with what else is sent in it. After the end it does nothing. */
  send(message: Out): void {
    if (this.#isClosed) return;
    this.#queue.push(message);
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    // A bare promise, not queueMicrotask: that one wraps the callback in an async resource.
    void turn.then(() => this.flush());
  }

  /** Send what waits now. Needed before code that may not come back, and after V8 dropped pending microtasks. */
  flush(): void {
    this.#isFlushPlanned = false;
    if (this.#isClosed || this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    for (let start = 0; start < queue.length; start += MAX_BATCH) {
      this.#socket.write(encodeFrame(queue.length <= MAX_BATCH ? queue : queue.slice(start, start + MAX_BATCH)));
    }
  }

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  ref(): void {
    this.#socket.ref();
  }

  /** Let the process end while the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  /** Send what waits, then end. */
  close(): void {
    this.flush();
    this.#socket.end();
    this.#socket.destroySoon();
  }
}
