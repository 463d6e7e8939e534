/** The actor behind a `Queue`. */
import { context } from "./values.ts";

interface Waiting<T> {
  readonly give: (outcome: T) => void;
  isOver: boolean;
}

/** Oldest first; entries that gave up are passed over. */
class WaitingList<T> {
  #entries: Waiting<T>[] = [];

  get next(): Waiting<T> | undefined {
    while (this.#entries[0]?.isOver === true) this.#entries.shift();
    return this.#entries.shift();
  }

  /**
   * Until somebody gives an outcome, the time is over, or the caller cancels its call.
   *
   * @param late - the outcome when the time is over
   */
  wait(timeoutMs: number | undefined, late: T): Promise<T> {
    const { signal } = context();
    return new Promise((resolve, reject) => {
      const entry: Waiting<T> = {
        isOver: false,
        give: (outcome) => {
          stop();
          resolve(outcome);
        },
      };
      const onAbort = (): void => {
        stop();
        reject(signal.reason);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => entry.give(late), timeoutMs);
      const stop = (): void => {
        entry.isOver = true;
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#entries.push(entry);
    });
  }
}

/** What became of a `put`. */
export type Stored = "stored" | "full" | "closed";

/** What became of a `get`. Items are wrapped, so that any value can be one. */
export type Taken<T> = { readonly item: T } | "empty" | "closed";

export class QueueActor<T> {
  readonly #maxSize: number;
  readonly #items: T[] = [];
  readonly #putters = new WaitingList<"room" | "full" | "closed">();
  readonly #getters = new WaitingList<Taken<T>>();
  #isClosed = false;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get #isFull(): boolean {
    return this.#items.length >= this.#maxSize;
  }

  async put(boxed: readonly [T], timeoutMs?: number): Promise<Stored> {
    while (this.#isFull && !this.#isClosed) {
      if (timeoutMs === 0) return "full";
      if ((await this.#putters.wait(timeoutMs, "full")) === "full") return "full";
    }
    if (this.#isClosed) return "closed";
    this.#add(boxed[0]);
    return "stored";
  }

  /** All of them or none. */
  async putMany(items: readonly T[]): Promise<Stored> {
    if (this.#isClosed) return "closed";
    if (this.#items.length + items.length > this.#maxSize) return "full";
    for (const item of items) this.#add(item);
    return "stored";
  }

  #add(item: T): void {
    const getter = this.#getters.next;
    if (getter === undefined) this.#items.push(item);
    else getter.give({ item });
  }

  async get(timeoutMs?: number): Promise<Taken<T>> {
    if (this.#items.length > 0) return { item: this.#take() };
    if (this.#isClosed) return "closed";
    return timeoutMs === 0 ? "empty" : this.#getters.wait(timeoutMs, "empty");
  }

  /** At most so many, those that are there. */
  async getMany(most: number): Promise<T[]> {
    const items: T[] = [];
    while (items.length < most && this.#items.length > 0) items.push(this.#take());
    return items;
  }

  #take(): T {
    const item = this.#items.shift() as T;
    this.#putters.next?.give("room");
    return item;
  }

  async size(): Promise<number> {
    return this.#items.length;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (let putter = this.#putters.next; putter !== undefined; putter = this.#putters.next) putter.give("closed");
    for (let getter = this.#getters.next; getter !== undefined; getter = this.#getters.next) getter.give("closed");
  }
}
