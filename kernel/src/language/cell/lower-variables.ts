import ts from "typescript";
import type { TextEdits } from "./text-edits.ts";
import { variableKind } from "./top-level-names.ts";

/** A text under change: `code` is what was parsed, `blanked` the same with its types erased, `edits` apply to that. */
export interface Draft {
  readonly code: string;
  readonly blanked: string;
  readonly edits: TextEdits;
}

/** Turn a `var`, `let` or `const` list into assignments to globals: `const x = 1` → `;     x = 1`. */
export function lowerVariables(list: ts.VariableDeclarationList, draft: Draft): void {
  const statement = ts.isVariableStatement(list.parent) ? list.parent : undefined;
  const isVar = variableKind(list) === "var";
  const first = list.declarations[0];
  if (!first) return;
  const isLoopHead = ts.isForInStatement(list.parent) || ts.isForOfStatement(list.parent);
  if (statement && isVar && list.declarations.every(({ initializer }) => !initializer)) {
    // A declared `var` reads as `undefined` anyway, and may hold a value by now.
    draft.edits.blank(statement.getStart(), statement.end, ";");
    return;
  }
  const opening = isPattern(first) && !isLoopHead ? "(" : "";
  blankKeyword(
    (statement ?? list).getStart(),
    first.getStart(),
    statement !== undefined && isInList(statement),
    opening,
    draft,
  );
  if (isLoopHead) return;
  for (const declaration of list.declarations) lowerDeclaration(declaration, declaration === first, isVar, draft);
}

/**
 * `;` takes the first column of the keyword, so that nothing before it joins the assignment; an opening parenthesis the
 * last one. A lone branch (`if (c) var x = 1`) must stay one statement, and needs no `;`.
 */
function blankKeyword(start: number, end: number, isSeparate: boolean, opening: string, { edits }: Draft): void {
  edits.blank(start, end - opening.length, isSeparate ? ";" : "");
  if (opening) edits.replace(end - 1, end, opening);
}

function isInList(statement: ts.Statement): boolean {
  const { parent } = statement;
  return ts.isSourceFile(parent) || ts.isBlock(parent) || ts.isCaseOrDefaultClause(parent);
}

function lowerDeclaration(node: ts.VariableDeclaration, isFirst: boolean, isVar: boolean, draft: Draft): void {
  const { edits } = draft;
  if (isPattern(node)) {
    if (!isFirst) edits.insert(node.getStart(), "(");
    closeParenthesis(node.end, ")", draft);
  } else if (!node.initializer) {
    if (isVar) edits.blank(node.name.getStart(), node.name.end, "0");
    else edits.insert(node.name.end, " = void 0");
  }
}

function isPattern(node: ts.VariableDeclaration): boolean {
  return ts.isObjectBindingPattern(node.name);
}

/**
 * Insert `text` at `end`. Where the eraser ended the expression by a `;` of its own (`x as T` at the end of a statement),
 * that `;` would stand inside the parentheses: it goes.
 */
export function closeParenthesis(end: number, text: string, { code, blanked, edits }: Draft): void {
  for (let at = end - 1; at >= 0 && /[\s;]/.test(blanked[at] ?? "x"); at--) {
    if (blanked[at] !== ";") continue;
    if (code[at] === ";") break;
    edits.replace(at, at + 1, " ");
  }
  edits.insert(end, text);
}
