/**
 * Makes the main thread survive `Runtime.terminateExecution`.
 *
 * Node keeps a stack of asynchronous contexts beside V8's call stack. Terminating unwinds the calls but not that stack,
 * and where anything uses AsyncLocalStorage, Node aborts over the leftover as soon as a callback ends. So the guardian has
 * the main thread, in the middle of the spinning code, empty that stack and switch the checks off; a few steps of code
 * still run before the termination strikes and may leave something again. The first message after it puts all in order.
 *
 * @see `InternalCallbackScope::Close` in Node's `src/api/callback.cc`, and `clearAsyncIdStack`, which Node itself calls
 * after an uncaught exception.
 */
import type { SharedState } from "./shared-state.ts";
import { withoutWarnings } from "./warnings.ts";

const PREPARE: unique symbol = Symbol.for("mobula.session.prepareTermination");

/** What the guardian evaluates on the main thread before it terminates. */
export const PREPARE_EXPRESSION = 'globalThis[Symbol.for("mobula.session.prepareTermination")]()';

/** The part of Node's internal `async_wrap` that is used here. */
interface AsyncWrap {
  clearAsyncIdStack(): void;
  readonly async_hook_fields: Uint32Array;
  readonly constants: Readonly<Record<HookField | "kTotals" | "kCheck", number>>;
}

type HookField = (typeof HOOK_FIELDS)[number];

/** How many hooks of each kind are active; their sum is `kTotals`. */
const HOOK_FIELDS = ["kInit", "kBefore", "kAfter", "kDestroy", "kPromiseResolve"] as const;

export class TerminationGuard {
  readonly #asyncWrap: AsyncWrap | undefined = findAsyncWrap();
  #savedCheck: number | undefined;

  /** Define what {@link PREPARE_EXPRESSION} calls. */
  install(shared: SharedState): void {
    const prepare = (): void => {
      this.#prepare();
      shared.awaitTermination();
    };
    Object.defineProperty(globalThis, PREPARE, { value: prepare });
  }

  /** Runs inside an evaluation of the inspector, so it must call no code of others. */
  #prepare(): void {
    if (this.#asyncWrap === undefined) return;
    const { async_hook_fields: fields, constants } = this.#asyncWrap;
    this.#savedCheck ??= fields[constants.kCheck];
    fields[constants.kCheck] = 0;
    fields[constants.kTotals] = 0;
    this.#asyncWrap.clearAsyncIdStack();
  }

  /** Undo the preparation, if there was one. Call it from a message's handler, when nothing is left of the old calls. */
  repair(): void {
    if (this.#asyncWrap === undefined || this.#savedCheck === undefined) return;
    const { async_hook_fields: fields, constants } = this.#asyncWrap;
    this.#asyncWrap.clearAsyncIdStack();
    fields[constants.kCheck] = this.#savedCheck;
    fields[constants.kTotals] = HOOK_FIELDS.reduce((sum, field) => sum + (fields[constants[field]] ?? 0), 0);
    this.#savedCheck = undefined;
  }
}

/** Undefined where Node does not give access to it; a termination is a risk there. */
function findAsyncWrap(): AsyncWrap | undefined {
  const { binding } = process as { binding?: (name: string) => unknown };
  try {
    return withoutWarnings(() => binding?.call(process, "async_wrap") as AsyncWrap | undefined);
  } catch {
    return undefined;
  }
}
