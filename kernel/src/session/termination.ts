/**
 * Makes the main thread survive `Runtime.terminateExecution`.
 *
 * Node keeps a stack of asynchronous contexts beside V8's call stack. Terminating unwinds the calls but not that stack,
 * and as soon as anything uses AsyncLocalStorage, Node aborts over the leftover. An uncaught exception unwinds calls the
 * same way, and there Node cleans up: so the guardian lets the main thread, in the middle of the spinning code, report
 * an uncaught exception that is handled, and terminates it in the same turn of the inspector.
 */
import type { EventWriter } from "./event-writer.ts";
import type { SharedState } from "./shared-state.ts";

const PREPARE: unique symbol = Symbol.for("mobula.session.prepareTermination");

/** What the guardian evaluates on the main thread before it terminates. */
export const PREPARE_EXPRESSION = 'globalThis[Symbol.for("mobula.session.prepareTermination")]()';

/** Node's entry for uncaught exceptions: public by name, not in the type declarations. */
interface FatalExceptionHandler {
  _fatalException(error: Error, isFromPromise: boolean): boolean;
}

/** Define what {@link PREPARE_EXPRESSION} calls. */
export function installTerminationPreparation(shared: SharedState, writer: EventWriter): void {
  const prepare = (): void => {
    writer.muted(clearAsyncContextStack);
    shared.awaitTermination();
  };
  Object.defineProperty(globalThis, PREPARE, { value: prepare });
}

function clearAsyncContextStack(): void {
  const hasOwnCapture = process.hasUncaughtExceptionCaptureCallback();
  if (!hasOwnCapture) process.setUncaughtExceptionCaptureCallback(() => {});
  try {
    (process as unknown as FatalExceptionHandler)._fatalException(new Error("Execution interrupted"), false);
  } finally {
    if (!hasOwnCapture) process.setUncaughtExceptionCaptureCallback(null);
  }
}
