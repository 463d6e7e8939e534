/**
 * The breakpoints of the front end in one worker process. Functions of a cell arrive there alone, each as a script of its
 * own under the cell's name and at the place where it stands in the cell; so V8 gets the same places as in the session.
 */
import type { Breakpoints } from "./breakpoints.ts";
import type { CellBook } from "./cell-book.ts";
import { type Conversation, inspect } from "./conversation.ts";
import type { ScriptLocation } from "./protocol.ts";

export class WorkerBreakpoints {
  readonly #requested: Breakpoints;
  readonly #cells: CellBook;
  /** V8's ids, by what it was asked. */
  readonly #bound = new Map<string, string>();

  constructor(requested: Breakpoints, cells: CellBook) {
    this.#requested = requested;
    this.#cells = cells;
  }

  /** Let V8 have what the front end asked for, and nothing else. */
  *sync(): Conversation<void> {
    const wanted = new Map(this.#requested.orders().map((order) => [JSON.stringify(order), order]));
    for (const [key, breakpointId] of this.#bound) {
      if (wanted.has(key)) continue;
      this.#bound.delete(key);
      yield* inspect("Debugger.removeBreakpoint", { breakpointId });
    }
    for (const [key, order] of wanted) {
      if (this.#bound.has(key)) continue;
      const { breakpointId } = yield* inspect<{ breakpointId: string }>("Debugger.setBreakpointByUrl", order);
      this.#bound.set(key, breakpointId);
    }
  }

  /** In a script that lacks the line V8 takes a later one. */
  isGenuine(_breakpointIds: readonly string[], { lineNumber }: ScriptLocation, url: string): boolean {
    const cell = this.#cells.byUrl(url);
    return cell === undefined || this.#requested.isOnLine(cell, lineNumber);
  }
}
