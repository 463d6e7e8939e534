/** Well-known symbols by which values say that they travel in a way of their own. */

/** Marks an ObjectRef: the property is truthy on every ref. */
export const REF_BRAND: unique symbol = Symbol.for("mobula.ref") as never;

/** Marks an actor handle: the property is truthy on every handle, also where the handle is a Proxy. */
export const ACTOR_BRAND: unique symbol = Symbol.for("mobula.actor") as never;

/**
 * A method that says how to make the value again elsewhere; for objects and functions that are more than their data, such
 * as what `task(fn)` returns.
 */
export const REDUCE: unique symbol = Symbol.for("mobula.reduce") as never;

/** On the other side the value is what `(await import(specifier))[imported](...args)` returns. */
export interface Reduced {
  /** A module that resolves from anywhere, such as `mobula/internal`. */
  readonly specifier: string;
  readonly imported: string;
  readonly args: readonly unknown[];
}
