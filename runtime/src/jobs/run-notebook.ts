/** Runs a notebook from its first cell to its last, and keeps its file up to date all the while. */
import { setTimeout as sleep } from "node:timers/promises";
import { CellOutputs, errorOutput, type IopubMessage } from "./cell-outputs.ts";
import { messageOf } from "./job-error.ts";
import { type CodeCell, type ErrorOutput, isObject, type JsonObject, type Notebook, tagsOf } from "./notebook.ts";
import { NotebookSaver } from "./notebook-saver.ts";
import { finishCell, finishNotebook, markFailure, type RunFacts, startCell, startNotebook } from "./provenance.ts";

/** What an interrupted cell gets to stop its work before the kernel is ended. */
const INTERRUPT_GRACE_MS = 5_000;

/** A message on the way from the kernel to the notebook. */
export interface CellMessage extends IopubMessage {
  /** When the kernel sent it, ISO 8601. */
  readonly date: string;
}

export interface CellRequest {
  readonly code: string;
  readonly cellId: string;
  /** An error ends the run, so the kernel need not wait for more. */
  readonly stopOnError: boolean;
  /** Hears all that the cell publishes, also what comes after its end. */
  readonly onMessage: (message: CellMessage) => void;
}

/** The end of one cell. `content` is that of Jupyter's `execute_reply`. */
export interface CellReply {
  readonly content: JsonObject;
  readonly metadata: JsonObject;
  readonly date: string;
}

/** What a run needs of a kernel. */
export interface NotebookKernel {
  /** Jupyter's `language_info`, for the notebook's metadata. */
  readonly languageInfo: JsonObject;
  /** Resolves after the cell's last message, also when the cell fails. Rejects when the kernel is dead or dies. */
  execute(request: CellRequest): Promise<CellReply>;
  interrupt(): Promise<void>;
  /** End the kernel and everything it started. */
  close(): Promise<void>;
}

/** Hears how a run goes on. `position` counts the cells that run, from 1. */
export interface RunReporter {
  cellStarted(cell: CodeCell, position: number, total: number): void;
  messageArrived(cell: CodeCell, message: IopubMessage): void;
  cellFinished(cell: CodeCell, end: { durationMs: number; status: "ok" | "error-allowed" | "failed" }): void;
  saveFailed(error: unknown): void;
}

export type StopReason = "interrupted" | "notebook-timeout" | "cell-timeout";

export type RunOutcome =
  | { readonly status: "completed" }
  | { readonly status: "failed"; readonly cell: CodeCell; readonly error: ErrorOutput }
  /** `cell` is the one that ran then, if one did. */
  | { readonly status: "stopped"; readonly reason: StopReason; readonly cell?: CodeCell }
  | { readonly status: "kernel-died"; readonly reason: string; readonly cell?: CodeCell };

export interface RunOptions {
  readonly notebook: Notebook;
  readonly facts: RunFacts;
  readonly startKernel: () => Promise<NotebookKernel>;
  readonly reporter: RunReporter;
  /** Aborted when the run shall stop early: the cell is interrupted and the notebook saved as it is then. */
  readonly stop: AbortSignal;
  /** For the whole run. */
  readonly timeoutMs?: number;
  /** For each cell. */
  readonly cellTimeoutMs?: number;
}

/**
 * Run `notebook` and write it to `facts.outputPath`: before the first cell, after every cell, about once a second while
 * a cell produces output, and at the end. The kernel and everything it started is gone when this settles.
 *
 * @throws JobError when the notebook cannot be saved.
 */
export async function runNotebook(options: RunOptions): Promise<RunOutcome> {
  const { notebook, facts, reporter } = options;
  const saver = new NotebookSaver(facts.outputPath, notebook, (error) => reporter.saveFailed(error));
  startNotebook(notebook, facts, new Date());
  await saver.save();
  const timeout = timeoutSignal(options.timeoutMs, "notebook-timeout");
  const stop = AbortSignal.any([options.stop, timeout.signal]);
  let kernel: NotebookKernel | undefined;
  try {
    const outcome = await options.startKernel().then(
      (started) => {
        kernel = started;
        return new NotebookRun(options, started, saver, stop).runAll();
      },
      (error: unknown): RunOutcome => ({ status: "kernel-died", reason: messageOf(error) }),
    );
    if (outcome.status === "failed") markFailure(notebook, outcome.cell);
    finishNotebook(notebook, outcome.status !== "completed", new Date());
    return outcome;
  } finally {
    timeout.cancel();
    // First the notebook: the kernel may take seconds to end, and whoever is in a hurry then loses nothing.
    try {
      await saver.close();
    } finally {
      await kernel?.close();
    }
  }
}

/** The cells that a run executes: code that is not blank and not tagged `skip-execution`. */
export function isExecutable(cell: Notebook["cells"][number]): cell is CodeCell {
  return cell.cell_type === "code" && cell.source.trim() !== "" && !tagsOf(cell).includes("skip-execution");
}

class NotebookRun {
  readonly #notebook: Notebook;
  readonly #kernel: NotebookKernel;
  readonly #saver: NotebookSaver;
  readonly #reporter: RunReporter;
  readonly #stop: AbortSignal;
  readonly #cellTimeoutMs: number | undefined;
  readonly #outputs = new CellOutputs();

  constructor(options: RunOptions, kernel: NotebookKernel, saver: NotebookSaver, stop: AbortSignal) {
    this.#notebook = options.notebook;
    this.#kernel = kernel;
    this.#saver = saver;
    this.#reporter = options.reporter;
    this.#stop = stop;
    this.#cellTimeoutMs = options.cellTimeoutMs;
  }

  async runAll(): Promise<RunOutcome> {
    this.#notebook.metadata["language_info"] = this.#kernel.languageInfo;
    const total = this.#notebook.cells.filter(isExecutable).length;
    let position = 0;
    for (const [index, cell] of this.#notebook.cells.entries()) {
      if (!isExecutable(cell)) {
        finishCell(cell, "completed", new Date());
        continue;
      }
      const stopped = stopReasonOf(this.#stop);
      if (stopped !== undefined) return { status: "stopped", reason: stopped };
      this.#reporter.cellStarted(cell, ++position, total);
      const outcome = await this.#runCell(cell, cell.id ?? `cell-${index + 1}`);
      this.#saver.saveInBackground();
      if (outcome.status !== "completed") return outcome;
    }
    return { status: "completed" };
  }

  async #runCell(cell: CodeCell, cellId: string): Promise<RunOutcome> {
    const startMs = performance.now();
    const isErrorAllowed = tagsOf(cell).includes("raises-exception");
    startCell(cell, new Date());
    this.#outputs.clear(cell);
    this.#saver.saveSoon();
    const outcome = await this.#execute(cell, cellId, !isErrorAllowed);
    const hasFailed = outcome.status !== "completed" && !(outcome.status === "failed" && isErrorAllowed);
    finishCell(cell, hasFailed ? "failed" : "completed", new Date());
    const status = hasFailed ? "failed" : outcome.status === "failed" ? "error-allowed" : "ok";
    this.#reporter.cellFinished(cell, { durationMs: performance.now() - startMs, status });
    return hasFailed ? outcome : { status: "completed" };
  }

  async #execute(cell: CodeCell, cellId: string, stopOnError: boolean): Promise<RunOutcome> {
    const timeout = timeoutSignal(this.#cellTimeoutMs, "cell-timeout");
    const stop = AbortSignal.any([this.#stop, timeout.signal]);
    try {
      const onMessage = (message: CellMessage): void => this.#takeMessage(cell, message);
      const ended = this.#kernel.execute({ code: cell.source, cellId, stopOnError, onMessage }).then(
        (reply) => ({ status: "replied", reply }) as const,
        (error: unknown) => ({ status: "kernel-died", reason: messageOf(error), cell }) as const,
      );
      const first = await Promise.race([ended, whenAborted(stop)]);
      if (first === "aborted") return await this.#interrupt(cell, ended, stopReasonOf(stop) ?? "interrupted");
      return first.status === "replied" ? this.#finish(cell, first.reply) : first;
    } finally {
      timeout.cancel();
    }
  }

  /** Let the cell end by an interrupt; what it showed until then, and its error, stay in the notebook. */
  async #interrupt(
    cell: CodeCell,
    ended: Promise<{ status: "replied"; reply: CellReply } | { status: "kernel-died" }>,
    reason: StopReason,
  ): Promise<RunOutcome> {
    const grace = new AbortController();
    const interrupted = this.#kernel.interrupt().then(() => ended);
    const expired = sleep(INTERRUPT_GRACE_MS, undefined, { signal: grace.signal }).catch(() => undefined);
    const last = await Promise.race([interrupted.catch(() => undefined), expired]);
    grace.abort();
    if (last?.status === "replied") this.#finish(cell, last.reply);
    return { status: "stopped", reason, cell };
  }

  #finish(cell: CodeCell, reply: CellReply): RunOutcome {
    const { content, metadata, date } = reply;
    if (typeof content["execution_count"] === "number") cell.execution_count = content["execution_count"];
    const timing = timingOf(cell);
    if (typeof metadata["started"] === "string") timing["shell.execute_reply.started"] = metadata["started"];
    timing["shell.execute_reply"] = date;
    if (content["status"] === "ok") return { status: "completed" };
    const published = cell.outputs.findLast((output) => output.output_type === "error");
    const error = published ?? errorOutput(content);
    // A kernel that only replies with an error must not make the cell look fine.
    if (published === undefined) cell.outputs.push(error);
    return { status: "failed", cell, error };
  }

  #takeMessage(cell: CodeCell, message: CellMessage): void {
    if (message.type === "status") {
      const state = message.content["execution_state"];
      if (state === "busy" || state === "idle") timingOf(cell)[`iopub.status.${state}`] = message.date;
    } else if (message.type === "execute_input") {
      timingOf(cell)["iopub.execute_input"] = message.date;
      const count = message.content["execution_count"];
      if (typeof count === "number") cell.execution_count = count;
    } else if (this.#outputs.apply(cell, message)) {
      this.#saver.saveSoon();
      this.#reporter.messageArrived(cell, message);
    }
  }
}

/** When the parts of the run happened, under the names that JupyterLab records them. */
function timingOf(cell: CodeCell): JsonObject {
  if (!isObject(cell.metadata["execution"])) cell.metadata["execution"] = {};
  return cell.metadata["execution"] as JsonObject;
}

function stopReasonOf(signal: AbortSignal): StopReason | undefined {
  if (!signal.aborted) return undefined;
  return signal.reason === "notebook-timeout" || signal.reason === "cell-timeout" ? signal.reason : "interrupted";
}

function whenAborted(signal: AbortSignal): Promise<"aborted"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("aborted");
    else signal.addEventListener("abort", () => resolve("aborted"), { once: true });
  });
}

/** A signal that aborts with `reason` after a time; never, without one. */
function timeoutSignal(timeoutMs: number | undefined, reason: StopReason): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => controller.abort(reason), timeoutMs);
  return { signal: controller.signal, cancel: () => clearTimeout(timer) };
}
