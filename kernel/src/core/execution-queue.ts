import type { ExecuteRequestContent } from "../protocol/messages.ts";
import type { Origin } from "./outbox.ts";

/** An `execute_request` on its way: waiting, running or answered. */
export interface Job {
  readonly origin: Origin;
  readonly content: ExecuteRequestContent;
  /** Aborted when the user interrupts the cell. */
  readonly interruption: AbortController;
  /** The front end's id of the cell, when it sends one. */
  readonly cellId?: string;
  /** Ids of cells that the user deleted since the front end's last request. */
  readonly deletedCells: readonly string[];
}

/** Runs jobs one after the other, in the order they came. */
export class ExecutionQueue {
  private readonly run: (job: Job) => Promise<void>;
  private waiting: Job[] = [];
  private current: Job | undefined;
  private work: Promise<void> = Promise.resolve();

  /** @param run - runs one job to its end, the reply included; never rejects. */
  constructor(run: (job: Job) => Promise<void>) {
    this.run = run;
  }

  /** The job that runs now. */
  get running(): Job | undefined {
    return this.current;
  }

  add(job: Job): void {
    this.waiting.push(job);
    if (!this.current) this.work = this.runAll();
  }

  /** Remove and return the jobs that have not begun. */
  takeWaiting(): readonly Job[] {
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }

  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void> {
    return this.work;
  }

  private async runAll(): Promise<void> {
    for (let job = this.waiting.shift(); job; job = this.waiting.shift()) {
      this.current = job;
      await this.run(job);
    }
    this.current = undefined;
  }
}
