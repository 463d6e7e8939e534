/**
 * Collects garbage when large objects may hide in it. V8 sees a mapped array or a ref as a few bytes, and would let
 * gigabytes of shared memory wait for its next collection.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Less than this is not worth a collection. */
const WORTH_BYTES = 16 * 1024 ** 2;

/**
 * So much may be copied for readers before the young generation is collected, where copies mostly die: 0.3 ms. For every
 * 10 MB of them V8 would mark the whole heap, with four threads: 40 % of the processor time of passing 1 MB there and back.
 */
const COPIED_BYTES = 4 * 1024 ** 2;

type Collector = (options?: { readonly type: "minor" }) => void;

let collector: Collector | undefined;

function collectNow(options?: { readonly type: "minor" }): void {
  if (collector === undefined) {
    // V8 hands out `gc` to contexts made while the flag is set; the process's own globals stay as they are.
    setFlagsFromString("--expose-gc");
    collector = runInNewContext("gc") as Collector;
    setFlagsFromString("--no-expose-gc");
  }
  collector(options);
}

export class Garbage {
  readonly #limitBytes: number;
  readonly #idleMs: number;
  #sinceLast = 0;
  #copied = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param limitBytes - collect at once when this much was used since the last time.
   * @param idleMs - collect when nothing large was used for so long.
   */
  constructor(limitBytes: number, idleMs: number) {
    this.#limitBytes = limitBytes;
    this.#idleMs = idleMs;
  }

  /** So many bytes of shared memory were mapped or written, and may be garbage soon. */
  used(bytes: number): void {
    this.#sinceLast += bytes;
    if (this.#sinceLast > this.#limitBytes) {
      this.collect();
      return;
    }
    if (this.#sinceLast < WORTH_BYTES) return;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.collect(), this.#idleMs).unref();
    else this.#timer.refresh();
  }

  /** So many bytes were copied out of shared memory. */
  copied(bytes: number): void {
    this.#copied += bytes;
    if (this.#copied < COPIED_BYTES) return;
    this.#copied = 0;
    collectNow({ type: "minor" });
  }

  collect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sinceLast = 0;
    collectNow();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
