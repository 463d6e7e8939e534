/** `Queue`: a first-in, first-out queue that tasks, actors and drivers share. */
import { QueueClosedError, QueueEmptyError, QueueFullError } from "../errors.ts";
import { type ActorHandle, actor, kill } from "./actor.ts";
import { type ActorOptions, checkCount } from "./options.ts";
import { QueueActor, type Stored, type Taken } from "./queue-actor.ts";

/** What a new `Queue` takes; the options of actors are for its host. */
export interface QueueOptions extends Pick<ActorOptions, "cpus" | "name" | "getIfExists" | "resources"> {
  /** Items it holds at most; a `put` beyond waits. Default: no limit. */
  readonly maxSize?: number;
}

/** How long `put` and `get` of a `Queue` wait. */
export interface QueueWaitOptions {
  /** Give up after this long. 0 does not wait at all. Default: never. */
  readonly timeoutMs?: number;
}

const QueueHost = actor(QueueActor);

/** No method of the class: an instance with private members could not travel. */
function check(stored: Stored, timeoutMs: number | undefined): void {
  if (stored === "full") throw new QueueFullError(timeoutMs ?? 0);
  if (stored === "closed") throw new QueueClosedError();
}

/**
 * A queue, hosted by an actor. Pass it to tasks and actors like any value; every copy is the same queue.
 *
 * ```ts
 * const queue = new Queue<number>({ maxSize: 100 });
 * const produce = task(async () => { for (let i = 0; i < 5; i++) await queue.put(i); await queue.close(); });
 * produce();
 * for await (const item of queue) console.log(item);
 * ```
 *
 * `for await` takes items until the queue is closed and empty. Several loops share the items.
 */
export class Queue<T> implements AsyncIterable<T> {
  readonly host: ActorHandle<QueueActor<T>>;

  /** @throws RangeError when `maxSize` is no whole number from 1 */
  constructor(options: QueueOptions = {}) {
    const { maxSize, ...actorOptions } = options;
    checkCount("maxSize", maxSize, 1);
    this.host = new (QueueHost.with(actorOptions))(maxSize ?? Number.POSITIVE_INFINITY) as ActorHandle<QueueActor<T>>;
  }

  /**
   * Add an item at the end; waits while the queue is full.
   *
   * @throws QueueFullError when it is still full after `timeoutMs`
   * @throws QueueClosedError
   */
  async put(item: T, { timeoutMs }: QueueWaitOptions = {}): Promise<void> {
    check(await this.host.put([item], timeoutMs), timeoutMs);
  }

  /**
   * Add several items at once: all or, when there is no room for all, none.
   *
   * @throws QueueFullError, QueueClosedError
   */
  async putMany(items: readonly T[]): Promise<void> {
    check(await this.host.putMany([...items]), 0);
  }

  /**
   * Take the first item; waits for one.
   *
   * @throws QueueEmptyError when there is none after `timeoutMs`
   * @throws QueueClosedError when it is closed and empty
   */
  async get({ timeoutMs }: QueueWaitOptions = {}): Promise<T> {
    const taken: Taken<T> = await this.host.get(timeoutMs);
    if (taken === "empty") throw new QueueEmptyError(timeoutMs ?? 0);
    if (taken === "closed") throw new QueueClosedError();
    return taken.item;
  }

  /** Take what is there, at most `most` items; none when it is empty. */
  async getMany(most: number): Promise<T[]> {
    checkCount("most", most, 1);
    return this.host.getMany(most);
  }

  /** How many items wait in it now. */
  async size(): Promise<number> {
    return this.host.size();
  }

  /** No more items: `put` fails from now on, `get` and loops take what is left and then end. */
  async close(): Promise<void> {
    await this.host.close();
  }

  /** End the actor; what is in the queue is gone, and who waits gets an ActorDiedError. */
  shutdown(): void {
    kill(this.host);
  }

  /** Takes items until the queue is closed and empty. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const taken: Taken<T> = await this.host.get();
      if (taken === "closed" || taken === "empty") return;
      yield taken.item;
    }
  }
}
