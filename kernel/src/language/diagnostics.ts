import ts from "typescript";
import type { EngineSyntaxError } from "./cell/engine-syntax.ts";
import type { CellDiagnostic, CheckLevel } from "./language.ts";
import { explainCellModules } from "./module-names.ts";
import type { LiveName } from "./notebook-world.ts";

const CANNOT_FIND_MODULE = 2307;

/** Errors that speak of how a file is compiled, and make no sense for a cell. */
const SENSELESS = new Set([
  1375, // 'await' expressions are only allowed at the top level of a file when that file is a module
  1378, // top-level 'await' expressions need a certain module option
  1431, // 'for await' loops, likewise
  1432,
  1202, // import assignment cannot be used when targeting ECMAScript modules
]);

/** Worth saying, but never a reason to refuse a cell: a package without types is still a package. */
const ONLY_WARNINGS = new Set([7016]);

/** A variable that its own cell fills without a type is `any` for later cells; they cannot help it. */
const IMPLICIT_ANY_OF_VARIABLE = new Set([7005, 7034]);

const CANNOT_FIND_NAME = new Set([2304, 2552, 2503, 2749, 2693]);
/** No JSX factory in scope, or no types for JSX. */
const NO_JSX = new Set([2874, 7026]);
const CANNOT_ASSIGN_TO_IMPORT = 2632;

/** What the translation of TypeScript's diagnostics needs to know about the cell they were found in. */
export interface DiagnosticContext {
  readonly code: string;
  /** Length of what the module holds before the user's text. */
  readonly headerLength: number;
  readonly level: CheckLevel;
  readonly isTsx: boolean;
  /** Names of earlier cells that the module imports. */
  readonly imported: readonly LiveName[];
  /** Does the name belong to the text this cell had before, and to nothing else? */
  readonly isFormerName: (name: string) => boolean;
}

/** Errors of the parser. They block at every level. */
export function syntaxDiagnostics(errors: readonly ts.DiagnosticWithLocation[], code: string): CellDiagnostic[] {
  return errors.map((error) => ({ ...place(error.start, error.length, code), category: "error", ...content(error) }));
}

/** Errors of the checker, in the user's text and terms. */
export function typeDiagnostics(errors: readonly ts.Diagnostic[], context: DiagnosticContext): CellDiagnostic[] {
  return errors.flatMap((error) => {
    const start = (error.start ?? 0) - context.headerLength;
    if (SENSELESS.has(error.code) || start < 0 || start > context.code.length) return [];
    const where = place(start, error.length ?? 0, context.code);
    const name = context.code.slice(where.start, where.start + where.length);
    if (IMPLICIT_ANY_OF_VARIABLE.has(error.code) && context.imported.some((live) => live.name === name)) return [];
    if (error.code === CANNOT_ASSIGN_TO_IMPORT) {
      const said = assignmentError(name, context.imported, content(error));
      return said ? [{ ...where, category: categoryAt(context.level), ...said }] : [];
    }
    const category = ONLY_WARNINGS.has(error.code) ? "warning" : categoryAt(context.level);
    return [{ ...where, category, ...withHint(content(error), name, context) }];
  });
}

/** An error that only V8 found. */
export function engineDiagnostic(error: EngineSyntaxError, code: string): CellDiagnostic {
  const lines = code.split("\n");
  const line = Math.min(Math.max(error.line, 0), lines.length - 1);
  const lineStart = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
  const column = Math.min(error.column, lines[line]?.length ?? 0);
  return { ...place(lineStart + column, 1, code), category: "error", code: 0, message: error.message };
}

/** `return` at the top level of a cell: it would end the cell silently, so it blocks at every level. */
export function misplacedReturns(sourceFile: ts.SourceFile): CellDiagnostic[] {
  const found: CellDiagnostic[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) return;
    if (ts.isReturnStatement(node)) {
      const start = node.getStart();
      const message = "A 'return' statement can only be used within a function body.";
      found.push({ category: "error", code: 1108, message, start, length: "return".length });
    }
    ts.forEachChild(node, visit);
  };
  visit(sourceFile);
  return found;
}

function categoryAt(level: CheckLevel): "error" | "warning" {
  return level === "error" ? "error" : "warning";
}

/** TypeScript's advice for names that are newer than the library files that `library-files.ts` chose. */
const NEWER_LIBRARY =
  / Do you need to change your target library\? Try changing the 'lib' compiler option to '\S+' or later\./;
const NOT_IN_NODE = `\nNode.js ${process.versions.node}, which runs the cells, does not have it.`;

function content(error: ts.Diagnostic): Pick<CellDiagnostic, "code" | "message"> {
  const message = ts.flattenDiagnosticMessageText(error.messageText, "\n").replace(NEWER_LIBRARY, NOT_IN_NODE);
  return { code: error.code, message: explainCellModules(message) };
}

/** Errors at the end of a text point behind its last character; keep them inside. */
function place(start: number, length: number, code: string): Pick<CellDiagnostic, "start" | "length"> {
  const inside = Math.min(start, code.length);
  return { start: inside, length: Math.min(length, code.length - inside) };
}

type Said = Pick<CellDiagnostic, "code" | "message">;

const NOT_ASSIGNABLE: Partial<Record<LiveName["kind"], Said>> = {
  const: { code: 2588, message: "a constant" },
  class: { code: 2629, message: "a class" },
  enum: { code: 2628, message: "an enum" },
  function: { code: 2630, message: "a function" },
  namespace: { code: 2631, message: "a namespace" },
};

/** Names of earlier cells are imports for TypeScript, but variables for the user. `undefined`: it may be assigned to. */
function assignmentError(name: string, imported: readonly LiveName[], original: Said): Said | undefined {
  const kind = imported.find((live) => live.name === name)?.kind;
  if (kind === "let" || kind === "var") return undefined;
  const reason = kind && NOT_ASSIGNABLE[kind];
  return reason ? { ...reason, message: `Cannot assign to '${name}' because it is ${reason.message}.` } : original;
}

function withHint(said: Said, name: string, { isTsx, isFormerName }: DiagnosticContext): Said {
  if (isTsx && NO_JSX.has(said.code)) {
    return { ...said, message: `${said.message}\nJSX needs a library, such as: import React from "react"` };
  }
  if (CANNOT_FIND_NAME.has(said.code) && isFormerName(name)) {
    return { ...said, message: `${said.message}\nThe text that this cell had before declared it; now it does not.` };
  }
  return said;
}

/** False for a package that is not there yet and will be installed when the cell runs. */
export function isNoPackageToCome({ code, message }: CellDiagnostic): boolean {
  return code !== CANNOT_FIND_MODULE || !message.includes("'npm:");
}
