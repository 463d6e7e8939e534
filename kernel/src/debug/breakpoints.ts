/** Breakpoints of the front end, by path, and what V8 has for them: one for each run of a cell with that text. */
import { pathToFileURL } from "node:url";
import type { CellBook, KnownCell } from "./cell-book.ts";
import { type Conversation, inspect } from "./conversation.ts";
import { breakablePlaces, comparePositions, nextToken, type Position, placeForLine } from "./positions.ts";
import type { JsonObject, ScriptLocation } from "./protocol.ts";
import { escapePattern } from "./scripts.ts";

/** A line of the user's text, from 1. */
export interface RequestedBreakpoint {
  readonly line: number;
  readonly condition?: string;
}

interface BoundBreakpoint {
  readonly path: string;
  /** Where it belongs in a cell. V8 sets it in both scripts of the cell, in one of them at a wrong place. */
  readonly place?: Position;
}

type Location = Pick<ScriptLocation, "lineNumber" | "columnNumber">;

export class Breakpoints {
  readonly #cells: CellBook;
  readonly #requested = new Map<string, readonly RequestedBreakpoint[]>();
  /** By V8's id. */
  readonly #bound = new Map<string, BoundBreakpoint>();

  constructor(cells: CellBook) {
    this.#cells = cells;
  }

  /** Replace the breakpoints of a path. Returns where each of them is. */
  *replace(path: string, requested: readonly RequestedBreakpoint[]): Conversation<JsonObject[]> {
    for (const [breakpointId, bound] of this.#bound) {
      if (bound.path !== path) continue;
      this.#bound.delete(breakpointId);
      yield* inspect("Debugger.removeBreakpoint", { breakpointId });
    }
    let lines: readonly (number | undefined)[] = requested.map(({ line }) => this.#codeLine(path, line));
    if (this.#cells.isCellPath(path)) {
      for (const run of this.#cells.runsOf(path)) lines = yield* this.#bindRun(run, requested);
    } else {
      lines = yield* this.#bindFile(path, requested);
    }
    const placed = requested.map((each, index) => ({ ...each, line: lines[index] ?? each.line }));
    if (requested.length === 0) this.#requested.delete(path);
    else this.#requested.set(path, placed);
    return placed.map(({ line }, index) => ({ verified: lines[index] !== undefined, line, source: { path } }));
  }

  /** A cell is about to run: set what was asked for its text. */
  *bind(cell: KnownCell): Conversation<void> {
    const requested = this.#requested.get(cell.path);
    if (requested !== undefined) yield* this.#bindRun(cell, requested);
  }

  /** Set the breakpoints in files once more, in a new process. */
  *bindFiles(): Conversation<void> {
    for (const [path, requested] of this.#requested) {
      if (!this.#cells.isCellPath(path)) yield* this.#bindFile(path, requested);
    }
  }

  /** What V8 is asked for in a process that gets parts of cells: the same for each run of a cell that has places. */
  orders(): JsonObject[] {
    return [...this.#requested].flatMap(([path, requested]) =>
      this.#cells.isCellPath(path)
        ? this.#cells.runsOf(path).flatMap((run) => ordersOf(run, requested))
        : requested.map(({ line, condition }) => fileOrder(path, line, condition)),
    );
  }

  /** Is there a breakpoint on this line of a cell's script? */
  isOnLine(cell: KnownCell, scriptLine: number): boolean {
    return ordersOf(cell, this.#requested.get(cell.path) ?? []).some(({ lineNumber }) => lineNumber === scriptLine);
  }

  /** Does one of the breakpoints with these ids belong where the code stands? */
  isGenuine(breakpointIds: readonly string[], { lineNumber, columnNumber = 0 }: Location): boolean {
    const position = { line: lineNumber, column: columnNumber };
    return breakpointIds.some((id) => {
      const bound = this.#bound.get(id);
      return bound !== undefined && (bound.place === undefined || comparePositions(bound.place, position) === 0);
    });
  }

  /** For `debugInfo`. */
  list(): { readonly source: string; readonly breakpoints: readonly RequestedBreakpoint[] }[] {
    return [...this.#requested].map(([source, breakpoints]) => ({ source, breakpoints }));
  }

  /** The process with V8's breakpoints is gone. */
  forgetBound(): void {
    this.#bound.clear();
  }

  clear(): void {
    this.#bound.clear();
    this.#requested.clear();
  }

  /** The line itself, or the next one with code, in a cell that has not run. */
  #codeLine(path: string, line: number): number {
    const text = this.#cells.textOf(path);
    if (text === undefined) return line;
    return (nextToken(text.split("\n"), { line: line - 1, column: 0 })?.line ?? line - 1) + 1;
  }

  *#bindRun(cell: KnownCell, requested: readonly RequestedBreakpoint[]): Conversation<(number | undefined)[]> {
    if (requested.length === 0) return [];
    cell.places ??= yield* askPlaces(cell);
    const lines: (number | undefined)[] = [];
    const taken = new Set<string>();
    for (const { line, condition } of requested) {
      const place = placeForLine(cell.places, line - 1);
      lines.push(place === undefined ? undefined : place.user.line + 1);
      if (place === undefined) continue;
      const { script } = place;
      const key = `${script.line}:${script.column}`;
      if (taken.has(key)) continue; // V8 refuses a second one.
      taken.add(key);
      const order = cellOrder(cell, script, condition);
      const { breakpointId } = yield* inspect<{ breakpointId: string }>("Debugger.setBreakpointByUrl", order);
      this.#bound.set(breakpointId, { path: cell.path, place: script });
    }
    return lines;
  }

  *#bindFile(path: string, requested: readonly RequestedBreakpoint[]): Conversation<number[]> {
    const lines: number[] = [];
    for (const { line, condition } of requested) {
      const { breakpointId, locations } = yield* inspect<{ breakpointId: string; locations: readonly Location[] }>(
        "Debugger.setBreakpointByUrl",
        fileOrder(path, line, condition),
      );
      this.#bound.set(breakpointId, { path });
      lines.push((locations.at(-1)?.lineNumber ?? line - 1) + 1);
    }
    return lines;
  }
}

/** One for each place, of a cell that was asked for its places. */
function ordersOf(cell: KnownCell, requested: readonly RequestedBreakpoint[]): JsonObject[] {
  const orders = new Map<string, JsonObject>();
  for (const { line, condition } of requested) {
    const script = placeForLine(cell.places ?? [], line - 1)?.script;
    if (script === undefined) continue;
    const key = `${script.line}:${script.column}`;
    if (!orders.has(key)) orders.set(key, cellOrder(cell, script, condition));
  }
  return [...orders.values()];
}

function cellOrder({ url }: KnownCell, { line, column }: Position, condition: string | undefined): JsonObject {
  return { url, lineNumber: line, columnNumber: column, ...(condition === undefined ? {} : { condition }) };
}

function fileOrder(path: string, line: number, condition: string | undefined): JsonObject {
  return {
    // A reloaded file has a version behind its name.
    urlRegex: `^${escapePattern(pathToFileURL(path).href)}(\\?.*)?$`,
    lineNumber: line - 1,
    ...(condition === undefined ? {} : { condition }),
  };
}

/** Compile the scripts of a cell without running them, and ask V8 where it can stop in them. */
function* askPlaces(cell: KnownCell): Conversation<ReturnType<typeof breakablePlaces>> {
  const places: ReturnType<typeof breakablePlaces> = [];
  for (const expression of [cell.hoisted, cell.body]) {
    if (expression === "") continue;
    const { scriptId } = yield* inspect<{ scriptId?: string }>("Runtime.compileScript", {
      expression,
      sourceURL: "mobula:places",
      // Without it V8 may drop the script before the next question.
      persistScript: true,
    });
    if (scriptId === undefined) continue;
    const start = { scriptId, lineNumber: 0, columnNumber: 0 };
    const { locations } = yield* inspect<{ locations: readonly Location[] }>("Debugger.getPossibleBreakpoints", {
      start,
    });
    places.push(...breakablePlaces(cell.lines, locations));
  }
  return places;
}
