/** What a streaming task or method gives: its items, one by one, while it still runs. */
import type { ObjectRef } from "./object-ref.ts";

/**
 * Items in order, each as soon as it is yielded. The task stays a few items ahead of its reader, no more.
 *
 * `for await` gives values, and leaving the loop early cancels the task. Values, not refs: TypeScript awaits what such a
 * loop yields, so a loop over refs would have the values' type. `nextRef` is for those who want refs.
 */
export interface ResultStream<Item> {
  /** The items as values; ending the loop early cancels the task. */
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined>;
  /** The next item as a ref, to pass it on without fetching it. Inside an object, because a promise of a ref is its value. */
  nextRef(): Promise<IteratorResult<ObjectRef<Item>, undefined>>;
  /** Take no more items; the task is cancelled. */
  close(): void;
}

/** @param next - the ref of the next item, or undefined after the last one. */
export function resultStream<Item>(
  next: () => Promise<{ readonly ref: ObjectRef<Item> } | undefined>,
  close: () => void,
): ResultStream<Item> {
  const stream: ResultStream<Item> = {
    nextRef: async () => {
      const item = await next();
      return item === undefined ? { done: true, value: undefined } : { done: false, value: item.ref };
    },
    close,
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const { done, value } = await stream.nextRef();
        if (done === true) return { done, value: undefined };
        try {
          return { done: false, value: await value };
        } catch (error) {
          close(); // the loop ends without calling `return`
          throw error;
        }
      },
      return: () => {
        close();
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return stream;
}
