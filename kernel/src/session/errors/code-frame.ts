/** A few lines of source around a position. */
import { boldRed, dim } from "./ansi.ts";

const LINES_BEFORE = 2;
const LINES_AFTER = 1;
const MAX_LINE_LENGTH = 160;

/**
 * @param line - 1-based.
 * @param column - 1-based, UTF-16.
 * @returns lines with numbers, an arrow at `line` and a caret under `column`; none when the position is outside.
 */
export function codeFrame(source: string, line: number, column: number): string[] {
  const lines = source.split("\n");
  if (line < 1 || line > lines.length) return [];
  const first = Math.max(1, line - LINES_BEFORE);
  const last = Math.min(lines.length, line + LINES_AFTER);
  const width = String(last).length;
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = (lines[number - 1] ?? "").replace(/\r$/, "").replaceAll("\t", " ");
    const shown = text.length > MAX_LINE_LENGTH ? `${text.slice(0, MAX_LINE_LENGTH)}…` : text;
    const isMarked = number === line;
    const gutter = `${isMarked ? ">" : " "} ${String(number).padStart(width)} | `;
    frame.push((isMarked ? boldRed(gutter) : dim(gutter)) + shown);
    if (isMarked && column >= 1 && column <= shown.length + 1) {
      frame.push(dim(`  ${" ".repeat(width)} | `) + " ".repeat(column - 1) + boldRed("^"));
    }
  }
  return frame;
}
