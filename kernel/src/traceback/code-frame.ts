/** A few lines of source around a position. */
import { bold, dim } from "./ansi.ts";

const LINES_AROUND = 2;
const MAX_LINE_LENGTH = 160;

export interface MarkedPlace {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
  /** How much of the line is marked. Default 1; never more than the line has. */
  readonly length?: number;
}

/** Lines with numbers, an arrow at the line of `place` and carets under it; none when the place is outside `source`. */
export function codeFrame(source: string, { line, column, length = 1 }: MarkedPlace): string[] {
  const lines = source.split(/\r?\n/);
  if (line < 1 || line > lines.length) return [];
  const first = Math.max(1, line - LINES_AROUND);
  const last = Math.min(lines.length, line + LINES_AROUND);
  const width = String(last).length;
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = lines[number - 1] ?? "";
    const shown = text.length > MAX_LINE_LENGTH ? `${text.slice(0, MAX_LINE_LENGTH)}…` : text;
    const label = `${String(number).padStart(width)} |`;
    if (number !== line) {
      frame.push(`${dim(`  ${label}`)} ${shown}`);
      continue;
    }
    frame.push(`${bold(`> ${label}`)} ${shown}`);
    if (column <= shown.length + 1)
      frame.push(`${dim(`  ${" ".repeat(width)} |`)} ${bold(carets(shown, column, length))}`);
  }
  return frame;
}

/** Tabs are kept, so that the carets stay below their text whatever a tab's width. */
function carets(text: string, column: number, length: number): string {
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, " ");
  return indent + "^".repeat(Math.max(1, Math.min(length, text.length - column + 1)));
}
