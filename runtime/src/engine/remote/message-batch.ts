/** Messages of one turn of the event loop, sent in one frame. */
import { packHeader } from "../../protocol/remote-frames.ts";

/** A frame is sent when it has so many messages, or about so many bytes: its reader may begin while the next is packed. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES: number = 1024 ** 2;

const turn: Promise<void> = Promise.resolve();

export class MessageBatch<Message> {
  readonly #send: (packed: Uint8Array) => void;
  #messages: Message[] = [];
  #bytes = 0;

  constructor(send: (packed: Uint8Array) => void) {
    this.#send = send;
  }

  /** The next message carries a value of this size. */
  carries(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Sent at the end of this turn, with what else is added in it. */
  add(message: Message): void {
    const length = this.#messages.push(message);
    if (length === 1) void turn.then(() => this.flush());
    else if (length >= MAX_MESSAGES || this.#bytes >= MAX_BYTES) this.flush();
  }

  /** Needed before code that may not come back, and after V8 dropped pending microtasks. */
  flush(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.clear();
    this.#send(packHeader(messages));
  }

  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
  }
}
