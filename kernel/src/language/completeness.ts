import type ts from "typescript";
import { parseCell } from "./cell/parse.ts";
import type { Completeness } from "./language.ts";

/** Errors that more text can mend wherever they stand: JSX without its closing tag. */
const UNCLOSED = new Set([17008, 17014]);

/** An unterminated string, regular expression: they end with their line, so more text does not help. */
const NEVER_MENDED = new Set([1002, 1161]);

const INDENT = "  ";

/** Is `code` ready to run, or does the user still type? */
export function completenessOf(code: string): Completeness {
  const { errors } = parseCell(code);
  const first = errors[0];
  if (!first) return { status: "complete" };
  const end = code.trimEnd().length;
  const isOpen = errors.every((error) => isMendable(error, end));
  return isOpen ? { status: "incomplete", indent: indentAfter(code) } : { status: "invalid" };
}

/** Everything up to the end was fine: something is missing there. */
function isMendable(error: ts.DiagnosticWithLocation, end: number): boolean {
  if (NEVER_MENDED.has(error.code)) return false;
  return error.start >= end || UNCLOSED.has(error.code);
}

/** The indent of the last line, one step deeper behind an opening bracket. */
function indentAfter(code: string): string {
  const line = code.trimEnd().split("\n").at(-1) ?? "";
  const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
  return /(?:[{([]|=>)\s*$/.test(line) ? indent + INDENT : indent;
}
