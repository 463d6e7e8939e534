/** What a streaming task has made, as its items. */
export interface Items {
  next(): Promise<IteratorResult<unknown>> | IteratorResult<unknown>;
  return?(): unknown;
}

/** @throws TypeError when there is nothing to iterate over */
export function iterate(made: unknown): Items {
  const source = made as Partial<AsyncIterable<unknown>> & Partial<Iterable<unknown>>;
  const items = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]?.();
  if (items === undefined) throw new TypeError("A streaming task must return something that can be iterated");
  return items as Items;
}
