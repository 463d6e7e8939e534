/**
 * Printed text on its way to the kernel, in memory that the session's main thread and its guardian share: a loop of prints
 * costs a copy each instead of a system call each, and the guardian sends what lies here when the loop goes on without
 * printing. Both use it only while they hold {@link SharedState.writing}.
 *
 * It holds whole frames. Text with the same origin as the one before lengthens the last frame.
 */
import { TEXT_HEAD_BYTES, writeTextLengths } from "./wire.ts";

const CAPACITY_BYTES = 64 * 1024;
const USED = 0;
const ALARMED = 1;
const WORDS_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;
/** Of UTF-8, for one UTF-16 code unit. */
const MAX_BYTES_PER_UNIT = 3;

export class PrintBuffer {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  /** The last frame; only the main thread adds. */
  #last: { readonly start: number; readonly json: Buffer; textBytes: number } | undefined;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(WORDS_BYTES + CAPACITY_BYTES)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, 2);
    this.#bytes = Buffer.from(memory, WORDS_BYTES);
  }

  get usedBytes(): number {
    return Atomics.load(this.#words, USED);
  }

  /**
   * @param json - the rest of the event, as JSON; the same object for the same origin
   * @returns false when there is no room for it
   */
  add(json: Buffer, text: string): boolean {
    const used = this.usedBytes;
    if (used + TEXT_HEAD_BYTES + json.length + MAX_BYTES_PER_UNIT * text.length > CAPACITY_BYTES) return false;
    if (used === 0 || this.#last?.json !== json) {
      json.copy(this.#bytes, used + TEXT_HEAD_BYTES);
      this.#last = { start: used, json, textBytes: 0 };
    }
    const last = this.#last;
    const textStart = last.start + TEXT_HEAD_BYTES + json.length;
    last.textBytes += this.#bytes.write(text, textStart + last.textBytes);
    writeTextLengths(this.#bytes, last.start, json.length, last.textBytes);
    Atomics.store(this.#words, USED, textStart + last.textBytes);
    return true;
  }

  /** Empty it through `send`. */
  flush(send: (frames: Buffer) => void): void {
    const used = this.usedBytes;
    if (used === 0) return;
    send(this.#bytes.subarray(0, used));
    Atomics.store(this.#words, USED, 0);
  }

  /** Main thread: the guardian is to look here. @returns whether it has to be told, because it does not know yet */
  alarm(): boolean {
    return Atomics.exchange(this.#words, ALARMED, 1) === 0;
  }

  /** Guardian: it looks. */
  alarmHeard(): void {
    Atomics.store(this.#words, ALARMED, 0);
  }
}
