/** Which cell the running code works for, through awaits, timers and callbacks. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Execution } from "./session.ts";

/** The run of one cell, as its own code sees it. */
export interface ExecutionContext {
  readonly execution: Execution;
  /** May the cell ask its user? */
  readonly allowStdin: boolean;
  /** End the waits this cell started: its pending timers and sleeps. Called when the user interrupts the cell. */
  readonly stops: Set<() => void>;
  /** The user has stopped this cell; what of it still runs must not start new waits. */
  isInterrupted: boolean;
}

const storage = new AsyncLocalStorage<ExecutionContext | undefined>();

export function currentContext(): ExecutionContext | undefined {
  return storage.getStore();
}

export function runInContext<Result>(context: ExecutionContext | undefined, action: () => Result): Result {
  return storage.run(context, action);
}
