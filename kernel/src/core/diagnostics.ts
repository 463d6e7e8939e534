/** Type and syntax errors as annotated source, for the output area of a cell. */
import type { CellDiagnostic } from "../language/language.ts";
import type { ErrorContent } from "../protocol/messages.ts";

const RED = "\u001b[31m";
const BOLD_RED = "\u001b[1;31m";
const YELLOW = "\u001b[33m";
const GREY = "\u001b[90m";
const RESET = "\u001b[0m";

/** More than this only buries the first one. */
const MAX_SHOWN = 10;

/** Lines shown before and after the line of the error. */
const CONTEXT_LINES = 2;

export interface DiagnosticSource {
  readonly code: string;
  /** The number in front of the cell. */
  readonly executionCount: number;
}

/** The `error` message of a cell that a diagnostic blocks. `diagnostics` has at least one of category "error". */
export function toErrorContent(diagnostics: readonly CellDiagnostic[], source: DiagnosticSource): ErrorContent {
  const errors = diagnostics.filter(({ category }) => category === "error");
  const first = errors[0];
  const ename = first && !isSyntaxError(first) ? "TypeScriptError" : "SyntaxError";
  const evalue = first?.message ?? "This cell cannot be compiled.";
  const shown = limit(errors).flatMap((error, index) => {
    const headline = index === 0 ? `${BOLD_RED}${ename}${RESET}: ${evalue}` : `${RED}${error.message}${RESET}`;
    return [headline, formatPlace(error, source, RED)];
  });
  return { ename, evalue, traceback: [...shown, ...moreLines(errors)] };
}

/** What a cell that runs in spite of its diagnostics prints to stderr. */
export function toWarningText(diagnostics: readonly CellDiagnostic[], source: DiagnosticSource): string {
  const shown = limit(diagnostics).map(
    (diagnostic) => `${YELLOW}${diagnostic.message}${RESET}\n${formatPlace(diagnostic, source, YELLOW)}`,
  );
  return `${[...shown, ...moreLines(diagnostics)].join("\n")}\n`;
}

/** TypeScript numbers its syntax errors 1000 to 1999; 0 is a rule of this kernel about the form of a cell. */
function isSyntaxError({ code }: CellDiagnostic): boolean {
  return code < 2000;
}

/** Where a diagnostic is, and its lines with carets below what is wrong. */
function formatPlace(diagnostic: CellDiagnostic, { code, executionCount }: DiagnosticSource, color: string): string {
  const lines = code.split(/\r?\n/);
  const { line, column } = locate(code, diagnostic.start);
  const first = Math.max(0, line - CONTEXT_LINES);
  const last = Math.min(lines.length - 1, line + CONTEXT_LINES);
  const width = String(last + 1).length;
  const number = diagnostic.code === 0 ? "" : `  TS${diagnostic.code}`;
  const frame: string[] = [];
  for (let index = first; index <= last; index++) {
    const text = lines[index] ?? "";
    const label = String(index + 1).padStart(width);
    if (index !== line) {
      frame.push(`  ${GREY}${label} |${RESET} ${text}`);
      continue;
    }
    frame.push(`${color}>${RESET} ${GREY}${label} |${RESET} ${text}`);
    frame.push(`  ${" ".repeat(width)} ${GREY}|${RESET} ${color}${underline(text, column, diagnostic.length)}${RESET}`);
  }
  const place = `${GREY}cell [${executionCount}]:${line + 1}:${column + 1}${number}${RESET}`;
  return [place, ...frame].join("\n");
}

/** Carets below the marked text; tabs are kept, so that the carets stay below it whatever a tab's width. */
function underline(text: string, column: number, length: number): string {
  const indent = text.slice(0, column).replace(/[^\t]/g, " ");
  return indent + "^".repeat(Math.max(1, Math.min(length, text.length - column)));
}

/** 0-based line and column of a UTF-16 offset. */
function locate(code: string, offset: number): { line: number; column: number } {
  const before = code.slice(0, Math.max(0, offset));
  const line = before.split("\n").length - 1;
  return { line, column: before.length - (before.lastIndexOf("\n") + 1) };
}

function limit(diagnostics: readonly CellDiagnostic[]): readonly CellDiagnostic[] {
  return diagnostics.slice(0, MAX_SHOWN);
}

function moreLines(diagnostics: readonly CellDiagnostic[]): string[] {
  const hidden = diagnostics.length - MAX_SHOWN;
  return hidden > 0 ? [`${GREY}… and ${hidden} more${RESET}`] : [];
}
