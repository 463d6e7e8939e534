/**
 * Positions in a cell's code and in the user's text. Lowering leaves lines where they are, and columns nearly always
 * (`language/cell/lower.ts`); but what it puts before a statement can stand at the end of an earlier line, as `return (`
 * does, and there V8 finds the statement. All numbers count from 0.
 */

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A cell's text, and the scripts it became. */
export interface CellTexts {
  readonly source: string;
  /** Begins one line above the user's first line, as `body` does. */
  readonly hoisted: string;
  readonly body: string;
}

/** The same, cut into lines once for many questions. */
export interface CellLines {
  readonly source: readonly string[];
  readonly hoisted: readonly string[];
  readonly body: readonly string[];
}

export function linesOf({ source, hoisted, body }: CellTexts): CellLines {
  return { source: source.split("\n"), hoisted: hoisted.split("\n"), body: body.split("\n") };
}

/** A place where V8 can stop, in the script and in the user's text. */
export interface BreakablePlace {
  readonly script: Position;
  readonly user: Position;
}

/**
 * The user's position for one of a script; `undefined` where the script has code that stands for nothing of the user's.
 *
 * @param isReturn - a function is about to return here.
 */
export function toUserPosition(cell: CellLines, { line, column }: Position, isReturn = false): Position | undefined {
  const text = cell.source[line];
  if (text !== undefined) {
    const character = text[column]?.trim() || undefined;
    const isVerbatim = [cell.body, cell.hoisted].some((script) => script[line + 1]?.[column] === character);
    if (character !== undefined && isVerbatim) return { line, column };
    if (isReturn) return { line, column: Math.min(column, text.length) };
  }
  return nextToken(cell.source, line < 0 ? { line: 0, column: 0 } : { line, column });
}

/** The first token at or behind a position, comments left out; `undefined` at the end of the text. */
export function nextToken(lines: readonly string[], from: Position): Position | undefined {
  let { line, column } = from;
  let isComment = false;
  for (; line < lines.length; line += 1, column = 0) {
    const text = lines[line] ?? "";
    while (column < text.length) {
      if (isComment) {
        const end = text.indexOf("*/", column);
        if (end < 0) break;
        isComment = false;
        column = end + 2;
      } else if (text.startsWith("//", column)) {
        break;
      } else if (text.startsWith("/*", column)) {
        isComment = true;
        column += 2;
      } else if (text[column]?.trim() === "") {
        column += 1;
      } else {
        return { line, column };
      }
    }
  }
  return undefined;
}

/**
 * The places of a cell where V8 can stop, in the order of the user's text.
 *
 * @param locations - V8's for one of the scripts, whose line 0 is the one above the user's first.
 */
export function breakablePlaces(
  cell: CellLines,
  locations: readonly { readonly lineNumber: number; readonly columnNumber?: number; readonly type?: string }[],
): BreakablePlace[] {
  return locations.flatMap(({ lineNumber, columnNumber = 0, type }) => {
    const script = { line: lineNumber - 1, column: columnNumber };
    // The end of a function is a place to step to, not one to break at.
    if (type === "return" && !isBehindReturn(cell, script)) return [];
    const user = toUserPosition(cell, script, type === "return");
    return user === undefined || isPrologue(script) ? [] : [{ script, user }];
  });
}

/** Has the line a `return` before it? Of one that returns a variable V8 knows no other place. */
function isBehindReturn({ source }: CellLines, { line, column }: Position): boolean {
  return /\breturn\b[^{}]*$/.test((source[line] ?? "").slice(0, column));
}

/** Where a breakpoint on a line of the user's text belongs. */
export function placeForLine(places: readonly BreakablePlace[], line: number): BreakablePlace | undefined {
  const behind = places.filter(({ user }) => user.line >= line);
  behind.sort((a, b) => comparePositions(a.user, b.user) || comparePositions(a.script, b.script));
  return behind[0];
}

export function comparePositions(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

/** The start of the script itself, where its function is made. */
function isPrologue({ line, column }: Position): boolean {
  return line < 0 && column === 0;
}
