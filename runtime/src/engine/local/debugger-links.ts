/** The debuggers that look at this worker; without one, nothing of them is even loaded. */
import type { ClientId } from "../../protocol/ids.ts";
import type { StackFrame } from "../../protocol/state.ts";
import type { DebuggerFlags } from "./debugger-flags.ts";
import type { DebuggerLink } from "./debugger-link.ts";
import type { TaskCell } from "./task-cell.ts";

/** A debugger that has not set its breakpoints by then is not waited for. */
const READY_WITHIN_MS = 2_000;

interface Connected {
  readonly driver: ClientId;
  readonly link: DebuggerLink;
  readonly ready: Promise<void>;
}

export class DebuggerLinks {
  readonly #flags: DebuggerFlags;
  readonly #taskCell: TaskCell;
  readonly #workerName: string;
  readonly #onReleased: () => void;
  readonly #links = new Map<string, Connected>();
  #attaching = 0;

  /** @param onReleased - the main thread, which held its calls back meanwhile, may begin. */
  constructor(flags: DebuggerFlags, taskCell: TaskCell, clientId: string, onReleased: () => void) {
    this.#flags = flags;
    this.#taskCell = taskCell;
    this.#workerName = `worker ${clientId.replace(/^w/, "")}`;
    this.#onReleased = onReleased;
  }

  /** Connect to a debugger. Resolves when it is ready; calls that come until then are held back. */
  async attach(address: string, driver: ClientId): Promise<void> {
    this.#attaching += 1;
    this.#flags.hold(true);
    try {
      await this.#connect(address, driver);
    } finally {
      this.#attaching -= 1;
      if (this.#attaching === 0) {
        this.#flags.hold(false);
        this.#onReleased();
      }
    }
  }

  async #connect(address: string, driver: ClientId): Promise<void> {
    const { DebuggerLink } = await import("./debugger-link.ts");
    const known = this.#links.get(address);
    if (known !== undefined) return known.ready;
    let resolve: () => void = () => {};
    const ready = new Promise<void>((done) => {
      resolve = done;
    });
    const limit = setTimeout(resolve, READY_WITHIN_MS);
    const link = new DebuggerLink({
      address,
      name: this.#workerName,
      whoseCall: () => this.#whoseCall(driver),
      onReady: () => resolve(),
      onEnd: () => {
        this.#links.delete(address);
        this.#flags.setInspected(this.#links.size > 0);
      },
    });
    this.#links.set(address, { driver, link, ready });
    this.#flags.setInspected(true);
    await ready;
    clearTimeout(limit);
  }

  /** A cluster can have several drivers, and a debugger stops calls of its own. */
  #whoseCall(driver: ClientId): "ours" | "another's" | "nobody's" {
    const owner = driverOf(this.#taskCell.read()?.taskId);
    if (owner === undefined || owner === driver) return "ours";
    return [...this.#links.values()].some((each) => each.driver === owner) ? "another's" : "nobody's";
  }

  get isPaused(): boolean {
    return this.#all().some((link) => link.isPaused);
  }

  /** How long the main thread has stood altogether. */
  get pausedMs(): number {
    return Math.max(0, ...this.#all().map((link) => link.pausedMs));
  }

  /** Where the main thread stands; undefined when no debugger holds it. */
  get pausedFrames(): readonly StackFrame[] | undefined {
    return this.#all().find((link) => link.isPaused)?.frames;
  }

  /** Let the main thread go on, and not stop again before {@link restorePauses}. */
  releasePauses(): void {
    for (const link of this.#all()) link.releasePause();
  }

  restorePauses(): void {
    for (const link of this.#all()) link.restorePauses();
  }

  end(): void {
    for (const link of this.#all()) link.end();
  }

  #all(): readonly DebuggerLink[] {
    return Array.from(this.#links.values(), ({ link }) => link);
  }
}

/** Who called this task; undefined when that was a worker, whose driver only the head knows. */
function driverOf(taskId: string | undefined): string | undefined {
  const caller = taskId?.split(".")[0];
  return caller === undefined || caller.startsWith("w") ? undefined : caller;
}
