/** `ActorPool`: work for several actors of one kind, each busy with one call at a time. */
import type { ObjectId } from "../protocol/ids.ts";
import { currentRuntime } from "./lifecycle.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { GetOptions } from "./runtime.ts";

/** Calls a method of an actor for an item, e.g. `(actor, item) => actor.double(item)`. */
export type PoolCall<Handle, Item, Result> = (actor: Handle, item: Item) => ObjectRef<Result>;

/** One item on its way: it waits for an actor, or its call runs, or its result waits to be taken. */
interface Submission<Handle> {
  readonly start: (actor: Handle) => ObjectRef<unknown>;
  readonly result: Promise<unknown>;
  readonly finish: (result: PromiseLike<unknown> | Promise<never>) => void;
  isOver: boolean;
}

/**
 * Hands items to whichever actor is free.
 *
 * ```ts
 * const pool = new ActorPool([new Model(), new Model()]);
 * for await (const answer of pool.map((model, question: string) => model.ask(question), questions)) console.log(answer);
 * ```
 */
export class ActorPool<Handle extends object> {
  readonly #idle: Handle[];
  #size: number;
  readonly #waiting: Submission<Handle>[] = [];
  /** Submissions whose result was not taken, in their order. */
  readonly #untaken = new Set<Submission<Handle>>();
  #onOver: () => void = () => {};

  /** @throws TypeError when there is no actor */
  constructor(actors: readonly Handle[]) {
    if (actors.length === 0) throw new TypeError("An ActorPool needs at least one actor");
    this.#idle = [...actors];
    this.#size = actors.length;
  }

  /** Results in the order of the items. An item that fails ends the loop with its error. */
  async *map<Item, Result>(
    call: PoolCall<Handle, Item, Result>,
    items: Iterable<Item> | AsyncIterable<Item>,
  ): AsyncGenerator<Result, void> {
    yield* this.#each(call, items, () => this.getNext<Result>());
  }

  /** Results as they come. An item that fails ends the loop with its error. */
  async *mapUnordered<Item, Result>(
    call: PoolCall<Handle, Item, Result>,
    items: Iterable<Item> | AsyncIterable<Item>,
  ): AsyncGenerator<Result, void> {
    yield* this.#each(call, items, () => this.getNextUnordered<Result>());
  }

  /** Items are drawn as they are needed: two per actor are on their way. */
  async *#each<Item, Result>(
    call: PoolCall<Handle, Item, Result>,
    items: Iterable<Item> | AsyncIterable<Item>,
    next: () => Promise<Result>,
  ): AsyncGenerator<Result, void> {
    if (this.hasNext) throw new Error("Take the results of earlier submissions first, with getNext()");
    try {
      for await (const item of items) {
        this.submit(call, item);
        if (this.#untaken.size >= 2 * this.#size) yield await next();
      }
      while (this.hasNext) yield await next();
    } finally {
      // The loop was left early: nobody takes what is still on its way.
      this.#waiting.length = 0;
      this.#untaken.clear();
    }
  }

  /** Call for one item as soon as an actor is free. Take the result with `getNext` or `getNextUnordered`. */
  submit<Item, Result>(call: PoolCall<Handle, Item, Result>, item: Item): void {
    let finish: Submission<Handle>["finish"] = () => {};
    const result = new Promise<unknown>((resolve) => {
      finish = resolve;
    });
    // Whoever takes it gets the error; until then it is nobody's.
    result.catch(() => {});
    const submission: Submission<Handle> = { start: (actor) => call(actor, item), result, finish, isOver: false };
    this.#untaken.add(submission);
    this.#waiting.push(submission);
    this.#startWaiting();
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.#idle.length > 0) {
      const submission = this.#waiting.shift() as Submission<Handle>;
      const actor = this.#idle.shift() as Handle;
      const over = (): void => {
        submission.isOver = true;
        this.#idle.push(actor);
        this.#onOver();
        this.#startWaiting();
      };
      try {
        const ref = submission.start(actor);
        submission.finish(ref);
        currentRuntime().engine.whenSettled(ref.id as ObjectId, over);
      } catch (error) {
        submission.finish(Promise.reject(error));
        over();
      }
    }
  }

  /** Are there results to take, now or later? */
  get hasNext(): boolean {
    return this.#untaken.size > 0;
  }

  /** Is an actor idle? */
  get hasFree(): boolean {
    return this.#idle.length > 0;
  }

  /**
   * The result of the earliest submission that was not taken yet.
   *
   * @throws RangeError when nothing was submitted
   * @throws GetTimeoutError; the result can be taken later
   */
  async getNext<Result>(options: GetOptions = {}): Promise<Result> {
    this.#requireNext();
    const [submission] = this.#untaken as Iterable<Submission<Handle>> as [Submission<Handle>];
    await this.#until(() => submission.isOver, options);
    return this.#take(submission);
  }

  /**
   * The result of whichever submission is done first.
   *
   * @throws RangeError when nothing was submitted
   * @throws GetTimeoutError; the result can be taken later
   */
  async getNextUnordered<Result>(options: GetOptions = {}): Promise<Result> {
    this.#requireNext();
    const firstOver = (): Submission<Handle> | undefined => [...this.#untaken].find(({ isOver }) => isOver);
    await this.#until(() => firstOver() !== undefined, options);
    return this.#take(firstOver() as Submission<Handle>);
  }

  #requireNext(): void {
    if (!this.hasNext) throw new RangeError("Nothing was submitted to this ActorPool; call submit() first");
  }

  async #until(isTrue: () => boolean, options: GetOptions): Promise<void> {
    if (isTrue()) return;
    const arrival = new Promise<void>((resolve) => {
      const before = this.#onOver;
      this.#onOver = () => {
        before();
        if (!isTrue()) return;
        this.#onOver = before;
        resolve();
      };
    });
    await currentRuntime().waiting(arrival, "a result of the ActorPool", options);
  }

  #take<Result>(submission: Submission<Handle>): Promise<Result> {
    this.#untaken.delete(submission);
    return submission.result as Promise<Result>;
  }

  /** Add an actor. */
  push(actor: Handle): void {
    this.#idle.push(actor);
    this.#size++;
    this.#startWaiting();
  }

  /** Take an idle actor out; undefined when all are busy. */
  popIdle(): Handle | undefined {
    const actor = this.#idle.shift();
    if (actor !== undefined) this.#size--;
    return actor;
  }
}
