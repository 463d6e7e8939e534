/**
 * Lines of cells that do not wait for one another: the main shell and its subshells (protocol 5.5, JEP 91). JavaScript has
 * one thread, so cells of two shells take turns at their awaits, and share all variables.
 *
 * @see https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html
 */
import { randomUUID } from "node:crypto";
import { ExecutionQueue, type Job } from "./execution-queue.ts";
import { History } from "./history.ts";
import { Inputs } from "./inputs.ts";
import type { Origin } from "./outbox.ts";

/** A request names a subshell that is not there. */
export class UnknownSubshellError extends Error {
  override readonly name = "UnknownSubshellError";
  readonly code = "UNKNOWN_SUBSHELL";

  constructor(id: unknown) {
    super(
      `This kernel has no subshell ${JSON.stringify(id)}: it was deleted, or the kernel was restarted since. ` +
        "Make a new one with create_subshell_request.",
    );
  }
}

/** What each shell has for itself. */
export interface Shell {
  readonly queue: ExecutionQueue;
  readonly history: History;
  readonly inputs: Inputs;
  /** Of the last cell that was counted. */
  executionCount: number;
}

export interface ShellsOptions {
  /** The history of the main shell. A subshell ends with its kernel, and its history with it. */
  readonly history: History;
  readonly newInputs: () => Inputs;
  /** Runs one job to its end, the reply included; never rejects. */
  readonly run: (job: Job, shell: Shell) => Promise<void>;
}

export class Shells {
  readonly main: Shell;
  private readonly options: ShellsOptions;
  private readonly subshells = new Map<string, Shell>();
  /** Deleted ones whose last cell has not ended. */
  private readonly ending = new Set<Shell>();

  constructor(options: ShellsOptions) {
    this.options = options;
    this.main = this.open(options.history);
  }

  /** @returns its id. */
  create(): string {
    const id = randomUUID();
    this.subshells.set(id, this.open(new History()));
    return id;
  }

  /** Ids of the subshells, oldest first. */
  list(): string[] {
    return [...this.subshells.keys()];
  }

  /**
   * The shell that a request is for; what comes on control is for none in particular.
   *
   * @throws UnknownSubshellError
   */
  of({ channel, header: { subshell_id: id } }: Origin): Shell {
    if (channel === "control" || id === undefined || id === null) return this.main;
    return this.get(id);
  }

  /**
   * Take a subshell away: it begins no more cells.
   *
   * @param abortWaiting - answers the cells that it has not begun.
   * @returns a promise that resolves when its running cell has ended.
   * @throws UnknownSubshellError
   */
  async delete(id: string, abortWaiting: (shell: Shell) => void): Promise<void> {
    const shell = this.get(id);
    this.subshells.delete(id);
    this.ending.add(shell);
    abortWaiting(shell);
    await shell.queue.idle();
    this.ending.delete(shell);
  }

  all(): readonly Shell[] {
    return [this.main, ...this.subshells.values(), ...this.ending];
  }

  /** The cells that run now. */
  running(): readonly Job[] {
    return this.all().flatMap(({ queue }) => queue.running ?? []);
  }

  /** Does a cell run, in another shell than this one? */
  isRunning(except?: Shell): boolean {
    const isAt = (shell: Shell) => shell !== except && shell.queue.running !== undefined;
    if (this.subshells.size === 0 && this.ending.size === 0) return isAt(this.main);
    return this.all().some(isAt);
  }

  /** Resolves when no shell runs anything. */
  async idle(): Promise<void> {
    await Promise.all(this.all().map(({ queue }) => queue.idle()));
  }

  private get(id: unknown): Shell {
    const shell = typeof id === "string" ? this.subshells.get(id) : undefined;
    if (!shell) throw new UnknownSubshellError(id);
    return shell;
  }

  private open(history: History): Shell {
    const shell: Shell = {
      queue: new ExecutionQueue((job) => this.options.run(job, shell)),
      history,
      inputs: this.options.newInputs(),
      executionCount: 0,
    };
    return shell;
  }
}
