/** What the control thread answers for a main thread that is busy: what it runs, and where in its code it is. */
import type { ToHead } from "../../protocol/messages.ts";
import type { StackFrame } from "../../protocol/state.ts";
import type { DebuggerLinks } from "./debugger-links.ts";
import type { TaskCell } from "./task-cell.ts";

/** The main thread has so long to list its tasks itself. */
const PATIENCE_MS = 150;
/** How long a stack is waited for: of a main thread that runs a task, and of one that seems to run nothing. */
const BUSY_WITHIN_MS = 1_500;
const IDLE_WITHIN_MS = 300;

export class Inquiries {
  readonly #taskCell: TaskCell;
  readonly #debuggers: DebuggerLinks;
  readonly #send: (message: ToHead) => void;
  readonly #waiting = new Map<number, NodeJS.Timeout>();

  /** @param send - to the head, at once. */
  constructor(taskCell: TaskCell, debuggers: DebuggerLinks, send: (message: ToHead) => void) {
    this.#taskCell = taskCell;
    this.#debuggers = debuggers;
    this.#send = send;
  }

  /** The main thread has been asked, too. */
  tasksAsked(inquiryId: number): void {
    const answer = (): void => {
      this.#waiting.delete(inquiryId);
      const current = this.#taskCell.read();
      const busy = current === undefined ? {} : { taskId: current.taskId, sinceMs: current.startedMs };
      this.#send({ type: "tasks-listed", inquiryId, listings: { items: [], counts: {}, busy } });
    };
    this.#waiting.set(inquiryId, setTimeout(answer, PATIENCE_MS));
  }

  /** An answer of the main thread that comes too late is not sent. */
  isWanted(message: ToHead): boolean {
    if (message.type !== "tasks-listed") return true;
    clearTimeout(this.#waiting.get(message.inquiryId));
    return this.#waiting.delete(message.inquiryId);
  }

  async stackAsked(inquiryId: number): Promise<void> {
    const current = this.#taskCell.read();
    // To pause it a second time would let it go on.
    const frames = this.#debuggers.pausedFrames ?? (await this.#dumpMainThread(current !== undefined));
    const task = current === undefined ? {} : { taskId: current.taskId, sinceMs: current.startedMs };
    this.#send({ type: "stack-dumped", inquiryId, stack: { frames, ...task } });
  }

  async #dumpMainThread(isBusy: boolean): Promise<readonly StackFrame[]> {
    // Nobody asks most processes: they start earlier without it.
    const { dumpMainThread } = await import("./stack-dump.ts");
    return dumpMainThread(isBusy ? BUSY_WITHIN_MS : IDLE_WITHIN_MS);
  }
}
