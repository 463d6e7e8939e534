/** The session's side of {@link NotebookHost}. */
import type { CellRegistry } from "./cell-registry.ts";
import { toPath } from "./errors/stack-frames.ts";
import type { EventWriter } from "./event-writer.ts";
import { currentContext } from "./execution-context.ts";
import { NOTEBOOK_HOST, type NotebookHost } from "./notebook-host.ts";
import type { Execution } from "./session.ts";

type DebuggingHook = Parameters<NotebookHost["onDebugging"]>[0];

export class SessionHost implements NotebookHost {
  readonly version = 1;
  readonly directory: string;
  readonly #writer: EventWriter;
  readonly #registry: CellRegistry;
  readonly #interruptHooks = new Set<(execution: Execution) => void>();
  readonly #endHooks = new Set<(execution: Execution) => void>();
  readonly #debuggingHooks = new Set<DebuggingHook>();
  readonly #preparations = new Set<Promise<void>>();
  #debuggerAddress: string | undefined;

  constructor(directory: string, writer: EventWriter, registry: CellRegistry) {
    this.directory = directory;
    this.#writer = writer;
    this.#registry = registry;
  }

  /** Make this the host that libraries of this process find. */
  install(): void {
    Object.defineProperty(globalThis, NOTEBOOK_HOST, { value: this });
  }

  currentExecution(): Execution | undefined {
    return currentContext()?.execution;
  }

  stream(execution: Execution | undefined, name: "stdout" | "stderr", text: string): void {
    this.#writer.stream(execution, name, text);
  }

  display(
    execution: Execution | undefined,
    data: Readonly<Record<string, unknown>>,
    options: Parameters<NotebookHost["display"]>[2] = {},
  ): void {
    const { metadata = {}, displayId, isUpdate = false } = options;
    const id = displayId === undefined ? {} : { displayId };
    this.#writer.send({ type: "display", ...origin(execution), data, metadata, ...id, isUpdate });
  }

  clearOutput(execution: Execution | undefined, wait: boolean): void {
    this.#writer.send({ type: "clear-output", ...origin(execution), wait });
  }

  onInterrupt(hook: (execution: Execution) => void): () => void {
    this.#interruptHooks.add(hook);
    return () => this.#interruptHooks.delete(hook);
  }

  /** Tell the hooks that the user stops `execution`. */
  emitInterrupt(execution: Execution): void {
    this.#call(this.#interruptHooks, execution, "An interrupt hook");
  }

  onCellEnd(hook: (execution: Execution) => void): () => void {
    this.#endHooks.add(hook);
    return () => this.#endHooks.delete(hook);
  }

  emitCellEnd(execution: Execution): void {
    this.#call(this.#endHooks, execution, "A hook at the end of the cell");
  }

  /** A hook that throws does not keep the others from being called. */
  #call(hooks: ReadonlySet<(execution: Execution) => void>, execution: Execution, what: string): void {
    for (const hook of hooks) {
      try {
        hook(execution);
      } catch (error) {
        this.stream(execution, "stderr", `${what} failed: ${String(error)}\n`);
      }
    }
  }

  delegateComm(target: string, address: string): () => void {
    this.#writer.send({ type: "comm-target-delegated", target, address });
    return () => this.#writer.send({ type: "comm-target-withdrawn", target });
  }

  onDebugging(hook: DebuggingHook): () => void {
    this.#debuggingHooks.add(hook);
    if (this.#debuggerAddress !== undefined) this.#prepare(hook);
    return () => this.#debuggingHooks.delete(hook);
  }

  /** Tell the hooks where the debugger is now. */
  emitDebugging(address: string | undefined): void {
    this.#debuggerAddress = address;
    for (const hook of this.#debuggingHooks) this.#prepare(hook);
  }

  /** A hook that fails keeps no cell from running. */
  #prepare(hook: DebuggingHook): void {
    const preparation = Promise.resolve()
      .then(() => hook(this.#debuggerAddress))
      .catch(() => {})
      .finally(() => this.#preparations.delete(preparation));
    this.#preparations.add(preparation);
  }

  debuggerReady(): Promise<void> | undefined {
    if (this.#preparations.size === 0) return undefined;
    return Promise.all(this.#preparations).then(() => {});
  }

  importOf(globalName: string): { readonly specifier: string; readonly imported: string } | undefined {
    return this.#registry.importOf(globalName);
  }

  isCellName(globalName: string): boolean {
    return this.#registry.isCellName(globalName);
  }

  executionCountOf(url: string): number | undefined {
    return this.#registry.cell(toPath(url))?.executionCount;
  }
}

function origin(execution: Execution | undefined): { readonly execution?: Execution } {
  return execution === undefined ? {} : { execution };
}
