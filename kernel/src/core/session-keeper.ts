import type { ExecuteOutcome, ExecuteRequest, Session, SessionEvent } from "../session/session.ts";

/** How a session ended. */
export interface SessionExit extends Omit<Extract<SessionEvent, { type: "exited" }>, "type"> {
  /** `false`: a cell failed because its session ended, but no report of the death came, as when the kernel closes it. */
  readonly isReported: boolean;
}

/** The session's process ended while a cell ran in it. */
export class SessionExitedError extends Error {
  override readonly name = "SessionExitedError";
  readonly code = "SESSION_EXITED";
  readonly exit: SessionExit;

  constructor(exit: SessionExit) {
    super(describeExit(exit));
    this.exit = exit;
  }
}

/** How long the report of a death may come after the failure of the cell that it caused. */
const EXIT_REPORT_MS = 1000;

/**
 * Holds the session: starts it when it is needed, and again after it died. One that dies before it ran anything is not
 * started again until a cell needs it; otherwise a session that cannot live would be started in a circle.
 */
export class SessionKeeper {
  private readonly session: Session;
  private started: Promise<void> | undefined;
  /** The process that was started last answers. */
  private isReady = false;
  private hasRun = false;
  private isClosed = false;
  private lastExit: SessionExit | undefined;
  /** Cells that failed because of it, and wait for its report. */
  private readonly waiting = new Set<() => void>();

  /** @param onExit - told about a death that nobody ordered, before the new session starts. */
  constructor(session: Session, onExit: (exit: SessionExit) => void) {
    this.session = session;
    session.onEvent((event) => {
      if (event.type === "exited" && !this.isClosed) this.handleExit({ ...event, isReported: true }, onExit);
    });
  }

  /** @throws what starting the process throws; the next call tries again. */
  start(): Promise<void> {
    if (!this.started) {
      const starting = this.session.start();
      this.started = starting;
      starting.then(
        () => {
          this.isReady = this.started === starting;
        },
        () => {
          if (this.started === starting) this.started = undefined;
        },
      );
    }
    return this.started;
  }

  /** @throws SessionExitedError when the process dies meanwhile. */
  async execute(request: ExecuteRequest): Promise<ExecuteOutcome> {
    this.hasRun = true;
    this.lastExit = undefined;
    try {
      return await this.session.execute(request);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "SESSION_EXITED") throw error;
      throw new SessionExitedError(await this.waitForExit());
    }
  }

  interrupt(): Promise<void> {
    return this.session.interrupt();
  }

  deleteGlobals(names: readonly string[]): void {
    if (names.length > 0 && this.started) this.session.deleteGlobals(names);
  }

  /** Resource use; `undefined` while there is no process that could say it, which nobody waits for. */
  async usage(): Promise<{ readonly cpuPercent: number; readonly rssBytes: number; readonly pid: number } | undefined> {
    if (!this.isReady) return undefined;
    try {
      return await this.session.usage();
    } catch (error) {
      if ((error as { code?: unknown }).code === "SESSION_EXITED") return undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.session.close();
  }

  private handleExit(exit: SessionExit, onExit: (exit: SessionExit) => void): void {
    const isRestarted = this.hasRun;
    this.started = undefined;
    this.isReady = false;
    this.hasRun = false;
    this.lastExit = exit;
    for (const reported of this.waiting) reported();
    onExit(exit);
    if (isRestarted) this.start().catch(() => {}); // reported to the next cell
  }

  private async waitForExit(): Promise<SessionExit> {
    const isReported = this.lastExit !== undefined || this.isClosed;
    if (!isReported) {
      await new Promise<void>((resolve) => {
        const reported = (): void => {
          clearTimeout(timer);
          this.waiting.delete(reported);
          resolve();
        };
        const timer = setTimeout(reported, EXIT_REPORT_MS);
        this.waiting.add(reported);
      });
    }
    return this.lastExit ?? { code: null, signal: null, stderrTail: "", isReported: false };
  }
}

/** One sentence: what happened to the process. */
export function describeExit({ code, signal }: SessionExit): string {
  if (signal !== null) return `The process that runs the cells was killed by ${signal}.`;
  if (code !== null) return `The process that runs the cells ended with exit code ${code}.`;
  return "The process that runs the cells ended.";
}
