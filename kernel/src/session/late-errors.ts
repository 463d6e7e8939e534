/** Errors that reach no caller, from callbacks and forgotten promises: shown under their cell; the process goes on. */
import { type TracebackContext, toCellError } from "./errors/traceback.ts";
import { currentContext } from "./execution-context.ts";
import type { PrintText } from "./output.ts";

/** @param takeRejection - says whether a rejection is dealt with elsewhere. */
export function installLateErrors(
  traceback: TracebackContext,
  print: PrintText,
  takeRejection: (promise: Promise<unknown>, reason: unknown) => boolean,
): void {
  const report = (kind: string, error: unknown): void => {
    const context = currentContext();
    const { ename, traceback: lines } = toCellError(error, traceback);
    if (context?.isInterrupted === true && ename === "AbortError") return; // A sleep that ended with its cell.
    print(context?.execution, "stderr", `${kind} ${lines.join("\n")}\n`);
  };
  process.on("uncaughtException", (error: unknown) => report("Uncaught", error));
  process.on("unhandledRejection", (reason: unknown, promise: Promise<unknown>) => {
    if (!takeRejection(promise, reason)) report("Unhandled rejection:", reason);
  });
}
