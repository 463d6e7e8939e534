/** Type and syntax errors as annotated source, for the output area of a cell. */
import type { CellDiagnostic } from "../language/language.ts";
import type { ErrorContent } from "../protocol/messages.ts";
import { bold, dim, yellow } from "../traceback/ansi.ts";
import { codeFrame } from "../traceback/code-frame.ts";

/** More than this only buries the first one. */
const MAX_SHOWN = 10;

/** Errors about types that TypeScript numbers among those about syntax. */
const ABOUT_TYPES = new Set([
  ...[1055, 1058, 1062, 1064, 1065], // what an async function returns
  ...[1226, 1345], // type predicates, `void` as a condition
  ...[1236, 1237, 1238, 1239, 1240, 1241, 1270, 1271, 1278, 1279, 1329], // the signature of a decorator
  ...[1320, 1321, 1322], // what is awaited or yielded
  ...[1340, 1361, 1362, 1379, 1380], // a type used as a value, or the other way round
  1360, // `satisfies`
]);

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
    const headline = index === 0 ? `${bold(ename)}: ${evalue}` : error.message;
    return [headline, formatPlace(error, source)];
  });
  return { ename, evalue, traceback: [...shown, ...moreLines(errors)] };
}

/** What a cell that runs in spite of its diagnostics prints to stderr. */
export function toWarningText(diagnostics: readonly CellDiagnostic[], source: DiagnosticSource): string {
  const shown = limit(diagnostics).map(
    (diagnostic) => `${yellow(diagnostic.message)}\n${formatPlace(diagnostic, source)}`,
  );
  return `${[...shown, ...moreLines(diagnostics)].join("\n")}\n`;
}

/** TypeScript numbers its syntax errors 1000 to 1999; 0 is a rule of this kernel about the form of a cell. */
function isSyntaxError({ code }: CellDiagnostic): boolean {
  return code < 2000 && !ABOUT_TYPES.has(code);
}

/** Where a diagnostic is, and its lines with carets below what is wrong. */
function formatPlace(
  { start, length, code: number }: CellDiagnostic,
  { code, executionCount }: DiagnosticSource,
): string {
  const place = { ...locate(code, start), length };
  const label = number === 0 ? "" : `  TS${number}`;
  return [dim(`cell [${executionCount}]:${place.line}:${place.column}${label}`), ...codeFrame(code, place)].join("\n");
}

/** 1-based line and column of a UTF-16 offset. */
function locate(code: string, offset: number): { line: number; column: number } {
  const before = code.slice(0, Math.max(0, offset));
  return { line: before.split("\n").length, column: before.length - before.lastIndexOf("\n") };
}

function limit(diagnostics: readonly CellDiagnostic[]): readonly CellDiagnostic[] {
  return diagnostics.slice(0, MAX_SHOWN);
}

function moreLines(diagnostics: readonly CellDiagnostic[]): string[] {
  const hidden = diagnostics.length - MAX_SHOWN;
  return hidden > 0 ? [dim(`… and ${hidden} more`)] : [];
}
