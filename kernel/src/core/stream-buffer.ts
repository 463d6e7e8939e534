import type { ParentHeader } from "../protocol/messages.ts";

/** Text of one stream that is waiting to be sent. */
export interface StreamText {
  readonly parent: ParentHeader;
  readonly name: "stdout" | "stderr";
  readonly text: string;
}

/** Long enough that a loop of prints becomes few messages, short enough to look immediate. */
const DELAY_MS = 10;

/** A message of this size is sent without waiting for more. */
const MAX_CHARS = 64 * 1024;

/**
 * Joins prints that follow one another closely into one `stream` message. Order is kept: text of another stream or
 * another cell sends what waited before it. Call `flush` before any other message of the same cell.
 */
export class StreamBuffer {
  private readonly send: (text: StreamText) => void;
  private waiting: { parent: ParentHeader; name: "stdout" | "stderr"; texts: string[]; chars: number } | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(send: (text: StreamText) => void) {
    this.send = send;
  }

  add({ parent, name, text }: StreamText): void {
    if (text === "") return;
    if (this.waiting && (this.waiting.name !== name || this.waiting.parent.msg_id !== parent.msg_id)) this.flush();
    this.waiting ??= { parent, name, texts: [], chars: 0 };
    this.waiting.texts.push(text);
    this.waiting.chars += text.length;
    if (this.waiting.chars >= MAX_CHARS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const waiting = this.waiting;
    this.waiting = undefined;
    if (waiting) this.send({ parent: waiting.parent, name: waiting.name, text: waiting.texts.join("") });
  }
}
