/**
 * What libraries find at `globalThis[Symbol.for("mobula.notebook")]` inside a notebook: the way for a cluster runtime to
 * print, show and cancel in the cell that caused the work, without importing the kernel.
 */
import type { Execution, MimeBundle } from "./session.ts";

export interface NotebookHost {
  readonly version: 1;
  /** Directory of the notebook: where relative imports start. */
  readonly directory: string;
  /** The cell on whose behalf this code runs, also in its timers and callbacks. */
  currentExecution(): Execution | undefined;
  stream(execution: Execution | undefined, name: "stdout" | "stderr", text: string): void;
  display(
    execution: Execution | undefined,
    data: MimeBundle,
    options?: { metadata?: MimeBundle; displayId?: string; isUpdate?: boolean },
  ): void;
  /** Empty the output of the cell; with `wait`, when the next output arrives. */
  clearOutput(execution: Execution | undefined, wait: boolean): void;
  /** Called when the user interrupts `execution`, before its awaits are rejected. Returns the way to unsubscribe. */
  onInterrupt(hook: (execution: Execution) => void): () => void;
  /** Called when a cell has ended, before that is reported: the moment for last outputs. Returns the way to unsubscribe. */
  onCellEnd(hook: (execution: Execution) => void): () => void;
  /** Let comms of `target` talk to the unix socket or `host:port` at `address`. Returns the way to withdraw it. */
  delegateComm(target: string, address: string): () => void;
  /**
   * Called with the address at which worker processes on this machine reach the debugger (`PORT/TOKEN`, on the loopback
   * interface), at once when it is on, and with `undefined` when it ends. Cells wait for the promise. Returns the way to
   * unsubscribe. See `worker-inspections.ts` for what a worker says there.
   */
  onDebugging(hook: (address: string | undefined) => Promise<void>): () => void;
  /** Resolves when the promises of these hooks have; `undefined` when none is open. */
  debuggerReady(): Promise<void> | undefined;
  /** The import a top-level name of a cell stands for, if it is one. */
  importOf(globalName: string): { readonly specifier: string; readonly imported: string } | undefined;
  /** Is `globalName` a top-level name of a cell (and so data to capture, not a built-in)? */
  isCellName(globalName: string): boolean;
  /** The number before the cell whose code V8 knows as `url`; undefined for other files. */
  executionCountOf(url: string): number | undefined;
}

export const NOTEBOOK_HOST: unique symbol = Symbol.for("mobula.notebook");
