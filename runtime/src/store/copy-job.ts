/**
 * One copy of memory that two threads do together, chunk by chunk: whoever is free takes the next. One thread alone does not
 * use the memory's bandwidth.
 */
import { type Address, copyAddress } from "./memory-map.ts";

const CHUNK_BYTES: number = 4 * 1024 ** 2;

/** Words of the shared memory. */
const LOCK = 0;
const SIGNAL = 1;
const NEXT_CHUNK = 2;
const CHUNKS = 3;
const WORDS = 4;
const FREE = 0;
const HELPER = 1;
const OWNER = 2;

export class CopyJob {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Where to, where from, how much. */
  readonly #what: Float64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4 + 3 * 8)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, WORDS);
    this.#what = new Float64Array(buffer, WORDS * 4, 3);
  }

  /** The owner's side: copy, with the helper if it has the time. */
  run(to: Address, from: Address, length: number): void {
    this.#lock();
    this.#what.set([to, from, length]);
    Atomics.store(this.#words, CHUNKS, Math.ceil(length / CHUNK_BYTES));
    Atomics.store(this.#words, NEXT_CHUNK, 0);
    this.#unlock();
    Atomics.add(this.#words, SIGNAL, 1);
    Atomics.notify(this.#words, SIGNAL);
    this.#copyChunks();
    this.finish();
  }

  /** Wait until the helper is done with its chunk. Afterwards it touches nothing. */
  finish(): void {
    this.#lock();
    Atomics.store(this.#words, CHUNKS, 0);
    this.#unlock();
  }

  /** The helper's side: for ever. */
  help(): never {
    for (let seen = 0; ; ) {
      Atomics.wait(this.#words, SIGNAL, seen);
      seen = Atomics.load(this.#words, SIGNAL);
      if (Atomics.compareExchange(this.#words, LOCK, FREE, HELPER) !== FREE) continue;
      this.#copyChunks();
      this.#unlock();
    }
  }

  #copyChunks(): void {
    const [to = 0, from = 0, length = 0] = this.#what;
    const chunks = Atomics.load(this.#words, CHUNKS);
    for (
      let chunk = Atomics.add(this.#words, NEXT_CHUNK, 1);
      chunk < chunks;
      chunk = Atomics.add(this.#words, NEXT_CHUNK, 1)
    ) {
      const start = chunk * CHUNK_BYTES;
      copyAddress(to + start, from + start, Math.min(CHUNK_BYTES, length - start));
    }
  }

  /** The owner may have been stopped while it had the lock. */
  #lock(): void {
    for (;;) {
      const holder = Atomics.compareExchange(this.#words, LOCK, FREE, OWNER);
      if (holder !== HELPER) return;
      Atomics.wait(this.#words, LOCK, HELPER);
    }
  }

  #unlock(): void {
    Atomics.store(this.#words, LOCK, FREE);
    Atomics.notify(this.#words, LOCK);
  }
}
