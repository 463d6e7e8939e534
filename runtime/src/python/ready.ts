/** A property of what a class has made: it can be used when this has resolved. */
export const READY: unique symbol = Symbol.for("mobula.ready") as never;
