/**
 * How calls run while a debugger looks on, which may want to stop at what nobody catches. V8 tells that from handlers on
 * the stack and on promises, where ours would count for one of the user's: so what a call throws becomes a rejection that
 * nobody handles, and is taken where Node reports such.
 */
import { isObjectRef } from "../api/object-ref.ts";

const turn: Promise<void> = Promise.resolve();

export class DebuggedCalls {
  readonly #failures = new WeakMap<Promise<unknown>, (error: unknown) => void>();

  start(call: () => unknown, onValue: (value: unknown) => void, onError: (error: unknown) => void): void {
    const run = async (): Promise<{ readonly value: unknown }> => {
      // Away from the handlers of whoever starts it.
      await turn;
      const result = call();
      // A ref is a result by itself; awaiting it would be something else.
      return { value: isObjectRef(result) ? result : await result };
    };
    const end = run().then(({ value }) => onValue(value));
    this.#failures.set(end, onError);
  }

  /** Is the rejection that nobody handled the end of a call? Then end it. */
  takeRejection(promise: Promise<unknown>, reason: unknown): boolean {
    const fail = this.#failures.get(promise);
    fail?.(reason);
    return fail !== undefined;
  }
}
