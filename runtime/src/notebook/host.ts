/** What a notebook offers to this package, found by a well-known symbol; see kernel/src/session/notebook-host.ts. */
import type { WireExecution } from "../protocol/messages.ts";

/** The part of the host that this package uses. */
export interface NotebookHost {
  readonly version: number;
  currentExecution(): WireExecution | undefined;
  stream(execution: WireExecution | undefined, name: "stdout" | "stderr", text: string): void;
  display(
    execution: WireExecution | undefined,
    data: Readonly<Record<string, unknown>>,
    options?: { metadata?: Readonly<Record<string, unknown>>; displayId?: string; isUpdate?: boolean },
  ): void;
  onInterrupt(hook: (execution: WireExecution) => void): () => void;
  onCellEnd(hook: (execution: WireExecution) => void): () => void;
  delegateComm(target: string, address: string): () => void;
  /** Missing in kernels whose debugger stops in their own process only. */
  onDebugging?(hook: (address: string | undefined) => Promise<void>): () => void;
  debuggerReady?(): Promise<void> | undefined;
}

const NOTEBOOK_HOST: unique symbol = Symbol.for("mobula.notebook");

/** The host, when this process runs a notebook's cells. */
export function notebookHost(): NotebookHost | undefined {
  return (globalThis as { [NOTEBOOK_HOST]?: NotebookHost })[NOTEBOOK_HOST];
}

/** The cell on whose behalf this code runs. */
export function notebookExecution(): WireExecution | undefined {
  const execution = notebookHost()?.currentExecution();
  if (execution === undefined) return undefined;
  const { messageId, cellId, executionCount } = execution;
  return { messageId, executionCount, ...(cellId === undefined ? {} : { cellId }) };
}
