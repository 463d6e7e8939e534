/** Items of a streaming task between the worker that yields them and the loop that takes them. */
import { type ObjectId, partOf, type TaskId } from "../../protocol/ids.ts";
import type { ItemStream } from "../engine.ts";

/** Items a worker may be ahead of the consumer. */
export const STREAM_WINDOW = 16;

export interface StreamHooks {
  /** The consumer has taken so many items in all. */
  onTaken(count: number): void;
  /** The consumer wants no more before the end. */
  onAbandoned(): void;
  /** An item nobody will take. */
  onUnwanted(id: ObjectId): void;
}

export class StreamBuffer implements ItemStream {
  readonly taskId: TaskId;
  readonly #hooks: StreamHooks;
  readonly #window: number;
  readonly #items: ObjectId[] = [];
  readonly #waiting: { resolve(id: ObjectId | undefined): void; reject(error: Error): void }[] = [];
  #received = 0;
  #taken = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #isClosed = false;

  /** @param window - items the worker may be ahead; STREAM_WINDOW when undefined. */
  constructor(taskId: TaskId, window: number | undefined, hooks: StreamHooks) {
    this.taskId = taskId;
    this.#window = window ?? STREAM_WINDOW;
    this.#hooks = hooks;
  }

  /** Items that arrived; a retry skips as many. */
  get received(): number {
    return this.#received;
  }

  /** Items that the worker may have made and that have not arrived. */
  expected(): ObjectId[] {
    const count = this.#taken + this.#window + 1 - this.#received;
    return Array.from({ length: Math.max(0, count) }, (_, index) => partOf(this.taskId, this.#received + index));
  }

  add(id: ObjectId): void {
    this.#received++;
    if (this.#isClosed) {
      this.#hooks.onUnwanted(id);
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#items.push(id);
    else {
      waiter.resolve(id);
      this.#took();
    }
  }

  finish(error?: Error): void {
    this.#end ??= { error };
    for (const waiter of this.#waiting.splice(0)) {
      if (error === undefined) waiter.resolve(undefined);
      else waiter.reject(error);
    }
  }

  next(): Promise<ObjectId | undefined> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#took();
      return Promise.resolve(item);
    }
    if (this.#isClosed) return Promise.resolve(undefined);
    if (this.#end !== undefined) {
      const { error } = this.#end;
      return error === undefined ? Promise.resolve(undefined) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #took(): void {
    this.#taken++;
    if (this.#end === undefined) this.#hooks.onTaken(this.#taken);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const id of this.#items.splice(0)) this.#hooks.onUnwanted(id);
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(undefined);
    if (this.#end === undefined) this.#hooks.onAbandoned();
  }
}
