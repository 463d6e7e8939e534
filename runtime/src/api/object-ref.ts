/** A value that is somewhere in the cluster, or will be. */
import { REF_BRAND } from "../protocol/codec.ts";
import type { ActorId, ObjectId } from "../protocol/ids.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What is to be let go of when a ref or handle is collected; nothing any more when it was disposed. Cheaper than a token to
 * unregister by, which every ref would pay for.
 */
export interface Hold {
  id: ObjectId | ActorId | undefined;
}

/**
 * The result of a task or actor call, or something that was `put`. Await it for its value, or pass it on: a ref is
 * accepted wherever its value is.
 *
 * The value lives as long as somebody holds a ref to it. `using` or `ref[Symbol.dispose]()` lets go at once, instead of
 * when the ref is collected.
 */
export class ObjectRef<T> implements PromiseLike<T>, Disposable {
  readonly id: string;
  readonly #runtime: Runtime;
  readonly #hold: Hold;

  /** Only the runtime makes refs: the object must be used once for it. */
  constructor(runtime: Runtime, id: ObjectId) {
    this.id = id;
    this.#runtime = runtime;
    this.#hold = { id };
    runtime.collected.register(this, this.#hold);
  }

  /** Rejects with what the task failed with. */
  // oxlint-disable-next-line unicorn/no-thenable -- awaiting a ref is the point.
  then<Fulfilled = T, Rejected = never>(
    onFulfilled?: ((value: T) => Fulfilled | PromiseLike<Fulfilled>) | null,
    // oxlint-disable-next-line typescript/no-explicit-any -- as Promise has it, so that `(error: Error) => …` can be passed
    onRejected?: ((reason: any) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#runtime.getOne<T>(this).then(onFulfilled, onRejected);
  }

  /** As of a promise. */
  catch<Rejected = never>(
    // oxlint-disable-next-line typescript/no-explicit-any -- as Promise has it, so that `(error: Error) => …` can be passed
    onRejected?: ((reason: any) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<T | Rejected> {
    return this.#runtime.getOne<T>(this).catch(onRejected);
  }

  /** As of a promise. */
  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.#runtime.getOne<T>(this).finally(onFinally);
  }

  /** Is the value there, or the failure? */
  get isSettled(): boolean {
    return this.#runtime.engine.isSettled(this.id as ObjectId);
  }

  get runtime(): Runtime {
    return this.#runtime;
  }

  /** Let go of the value. The ref cannot be used afterwards. */
  [Symbol.dispose](): void {
    if (this.#hold.id === undefined) return;
    this.#hold.id = undefined;
    this.#runtime.engine.unuse(this.id as ObjectId);
  }

  get [Symbol.toStringTag](): string {
    return "ObjectRef";
  }

  toString(): string {
    return `ObjectRef(${this.id})`;
  }
}

function describe(ref: ObjectRef<unknown>): string {
  return `ObjectRef(${ref.id}, ${ref.isSettled ? "there" : "pending"})`;
}

// Well-known properties, beside the class because their keys are computed.
Object.defineProperties(ObjectRef.prototype, {
  [REF_BRAND]: { value: true },
  [Symbol.for("nodejs.util.inspect.custom")]: {
    value(this: ObjectRef<unknown>): string {
      return describe(this);
    },
  },
  /** How a notebook shows it. */
  [Symbol.for("Jupyter.display")]: {
    value(this: ObjectRef<unknown>): Record<string, string> {
      const hint = `${this.isSettled ? "there" : "pending"}; await it for its value`;
      return {
        "text/plain": `ObjectRef(${this.id}, ${hint})`,
        "text/html": `<code>ObjectRef</code> ${this.id} <span style="color:var(--jp-ui-font-color2)">${hint}</span>`,
      };
    },
  },
});

/** Is `value` a ref, also one of another copy of this package? */
export function isObjectRef(value: unknown): value is ObjectRef<unknown> {
  return typeof value === "object" && value !== null && (value as { [REF_BRAND]?: unknown })[REF_BRAND] === true;
}
