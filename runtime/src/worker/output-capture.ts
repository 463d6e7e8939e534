/**
 * What user code prints, tagged with the cell that caused it. It goes to the client whose call runs, before the call's
 * result, and is limited per cell, so that a loop that prints cannot drown the notebook.
 */
import type { LogSource } from "../node/log-file.ts";
import type { FromWorker, WireExecution } from "../protocol/messages.ts";

export type Output = Extract<FromWorker, { type: "output" }>;

/** Lines that one cell may print in a second from one worker; what is beyond is counted. */
const LINES_PER_SECOND = 2_000;
/** A piece longer than this is cut: one line may be as large as a file. */
const MAX_TEXT = 256 * 1024;
const FLUSH_AFTER_MS = 20;
/** Code that spins never lets the timer run: then a write itself sends what is due. */
const OVERDUE_MS = 50;

/** Keeps all that is printed, what the limit leaves out as well. */
export interface OutputLog {
  add(stream: "stdout" | "stderr", text: string, source: LogSource): void;
  flush(): void;
}

export interface PrintingTask {
  /** Absent for what belongs to no task. */
  readonly taskId?: string;
  readonly name: string;
  readonly execution: WireExecution | undefined;
  send(output: Output): void;
  /** Put it on the wire now. */
  flush(): void;
}

interface Budget {
  windowStartMs: number;
  lines: number;
  dropped: number;
}

export class OutputCapture {
  readonly #currentTask: () => PrintingTask;
  readonly #log: OutputLog | undefined;
  readonly #budgets = new Map<string, Budget>();
  #pending: { readonly task: PrintingTask; readonly stream: "stdout" | "stderr"; text: string } | undefined;
  #pendingSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param currentTask - the one that runs, or the last one for what it left behind. */
  constructor(currentTask: () => PrintingTask, log?: OutputLog) {
    this.#currentTask = currentTask;
    this.#log = log;
  }

  /** Replace `write` of the process's streams. */
  install(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const write = (
        chunk: string | Uint8Array,
        encodingOrDone?: BufferEncoding | ((error?: Error | null) => void),
        done?: (error?: Error | null) => void,
      ): boolean => {
        const encoding = typeof encodingOrDone === "string" ? encodingOrDone : "utf8";
        this.#print(stream, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString(encoding));
        const callback = typeof encodingOrDone === "function" ? encodingOrDone : done;
        if (callback !== undefined) process.nextTick(callback);
        return true;
      };
      process[stream].write = write;
    }
  }

  #print(stream: "stdout" | "stderr", text: string): void {
    const task = this.#currentTask();
    this.#log?.add(stream, text, sourceOf(task));
    const allowed = this.#limit(task, text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (cut)\n` : text);
    if (allowed === "") return;
    const pending = this.#pending;
    if (pending !== undefined && pending.task === task && pending.stream === stream && pending.text.length < MAX_TEXT) {
      pending.text += allowed;
    } else {
      this.flush();
      this.#pending = { task, stream, text: allowed };
      this.#pendingSinceMs = performance.now();
      if (this.#timer === undefined) this.#timer = setTimeout(() => this.#due(), FLUSH_AFTER_MS).unref();
    }
    if (performance.now() - this.#pendingSinceMs > OVERDUE_MS) {
      this.flush();
      task.flush();
    }
  }

  #due(): void {
    this.#timer = undefined;
    this.flush();
  }

  /** Send what has been printed; before the result of the task that printed it. */
  flush(): void {
    this.#log?.flush();
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    const { task, stream, text } = pending;
    const execution = task.execution === undefined ? {} : { execution: task.execution };
    task.send({ type: "output", stream, text, source: task.name, pid: process.pid, ...execution });
  }

  /** The part of `text` that its cell may still print in this second. */
  #limit(task: PrintingTask, text: string): string {
    const now = performance.now();
    const key = task.execution?.messageId ?? "";
    const budget = this.#budgets.get(key) ?? { windowStartMs: now, lines: 0, dropped: 0 };
    this.#budgets.set(key, budget);
    let folded = "";
    if (now - budget.windowStartMs >= 1_000) {
      folded = foldedLine(budget.dropped);
      budget.windowStartMs = now;
      budget.lines = 0;
      budget.dropped = 0;
    }
    const lines = countLines(text);
    if (budget.lines + lines <= LINES_PER_SECOND) {
      budget.lines += lines;
      return folded + text;
    }
    if (budget.dropped === 0) this.#planFolded(key, task);
    budget.dropped += lines;
    return folded;
  }

  /** Tell how much was left out, also when nothing more is printed. */
  #planFolded(key: string, task: PrintingTask): void {
    setTimeout(() => {
      const budget = this.#budgets.get(key);
      if (budget === undefined || budget.dropped === 0) return;
      const text = foldedLine(budget.dropped);
      budget.dropped = 0;
      const execution = task.execution === undefined ? {} : { execution: task.execution };
      task.send({ type: "output", stream: "stdout", text, source: task.name, pid: process.pid, ...execution });
    }, 1_000).unref();
  }
}

function sourceOf({ taskId, name, execution }: PrintingTask): LogSource {
  if (taskId === undefined) return { name };
  return { task: taskId, name, ...(execution?.cellId === undefined ? {} : { cellId: execution.cellId }) };
}

function foldedLine(dropped: number): string {
  return dropped === 0 ? "" : `… ${dropped} more lines were not shown (at most ${LINES_PER_SECOND} a second)\n`;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return Math.max(1, count);
}
