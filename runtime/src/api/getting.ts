/** `get` under way: the values of some refs, read as they arrive. */
import type { Engine } from "../engine/engine.ts";
import type { ObjectId } from "../protocol/ids.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { ValueCodec } from "./value-codec.ts";

/**
 * One for all refs of a `get`, with one listener per ref that is not there yet: thousands of refs are awaited at once, and
 * promises of their own would cost more than short tasks do.
 */
export class Getting {
  readonly values: unknown[];
  readonly #engine: Engine;
  readonly #codec: ValueCodec;
  readonly #refs: readonly ObjectRef<unknown>[];
  /** By the ref's index; used once each, since the refs may be collected meanwhile. */
  readonly #awaited: (() => void)[] = [];
  #missing: number;
  #failure: { readonly error: unknown } | undefined;
  #onAll: (() => void) | undefined;
  #onFailure: ((error: unknown) => void) | undefined;

  constructor(engine: Engine, codec: ValueCodec, refs: readonly ObjectRef<unknown>[]) {
    this.#engine = engine;
    this.#codec = codec;
    this.#refs = refs;
    this.#missing = refs.length;
    this.values = Array.from({ length: refs.length });
    for (let index = 0; index < refs.length && this.#failure === undefined; index++) {
      const id = (refs[index] as ObjectRef<unknown>).id as ObjectId;
      if (engine.isReadable(id)) this.#read(index, id);
      else this.#await(index, id);
    }
  }

  /** All values are there, or one has failed. */
  get isOver(): boolean {
    return this.#missing === 0 || this.#failure !== undefined;
  }

  /** What is waited for, in an error. */
  get missingText(): string {
    return this.#refs.length === 1 ? `object ${this.#refs[0]?.id}` : `${this.#missing} of ${this.#refs.length} objects`;
  }

  /** Call one of these, once; at once when it is over. */
  whenOver(onAll: () => void, onFailure: (error: unknown) => void): void {
    this.#onAll = onAll;
    this.#onFailure = onFailure;
    if (this.#failure !== undefined) onFailure(this.#failure.error);
    else if (this.#missing === 0) onAll();
  }

  #await(index: number, id: ObjectId): void {
    this.#engine.use(id);
    let isArrived = false;
    const stop = this.#engine.whenReadable(id, () => {
      if (isArrived) return;
      isArrived = true;
      this.#read(index, id);
      this.#engine.unuse(id);
    });
    this.#awaited.push(() => {
      if (isArrived) return;
      isArrived = true;
      stop();
      this.#engine.unuse(id);
    });
  }

  #read(index: number, id: ObjectId): void {
    let value: unknown;
    try {
      value = this.#codec.decodeRead(this.#engine.read(id));
    } catch (error) {
      this.#failed(error);
      return;
    }
    // A value that is a ref, or needs a module, is a promise of what the user wants.
    if (isThenable(value)) {
      value.then(
        (inner) => this.#place(index, inner),
        (error: unknown) => this.#failed(error),
      );
    } else this.#place(index, value);
  }

  #place(index: number, value: unknown): void {
    this.values[index] = value;
    if (--this.#missing === 0) this.#onAll?.();
  }

  #failed(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.stop();
    this.#onFailure?.(error);
  }

  /** Wait no longer. */
  stop(): void {
    for (const stop of this.#awaited.splice(0)) stop();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
