import ts from "typescript";
import type { CellImport } from "../language.ts";
import { jsxPragmas } from "./directives.ts";
import { closeParenthesis, type Draft, lowerVariables } from "./lower-variables.ts";
import { type ImportNames, importOf } from "./module-syntax.ts";
import { parseJavaScript } from "./parse.ts";
import { blankText, TextEdits, trailingSpaces } from "./text-edits.ts";
import { bindingNames, hasModifier, isAugmentation, nestedVarLists } from "./top-level-names.ts";
import { type TranspileOptions, transpileStatement } from "./transpile.ts";
import { eraseTypes } from "./unerasable.ts";

/** What lowering must know about the names of a cell. */
export interface LoweringContext extends ImportNames {
  /** Is this (possibly renamed) name one that the cell declares, so that a global property holds it? */
  isCellName(name: string): boolean;
  /** Functions whose text uses their own name. */
  readonly selfReferencing: ReadonlySet<string>;
  readonly isTsx: boolean;
  readonly transpile: TranspileOptions;
}

/** A cell's text as JavaScript that assigns to globals. Both texts lack the line above the user's first one. */
export interface LoweredText {
  /** To stand at the end of the line above `body`. */
  readonly bodyOpening: string;
  readonly body: string;
  readonly hoistedOpening: string;
  /** Empty when the cell declares no function. */
  readonly hoisted: string;
  readonly imports: readonly CellImport[];
  readonly hasResult: boolean;
}

/** Lower a parsed cell whose names are final. */
export function lowerCell(sourceFile: ts.SourceFile, context: LoweringContext): LoweredText {
  const { blanked, unerasable } = eraseTypes(sourceFile);
  return new Lowering(sourceFile, blanked, unerasable, context, false).run(true);
}

/** One pass over the statements of a cell, or of the JavaScript that a transpiled statement became (a `piece`). */
class Lowering {
  readonly #sourceFile: ts.SourceFile;
  readonly #code: string;
  readonly #context: LoweringContext;
  readonly #unerasable: ReadonlySet<ts.Statement>;
  readonly #isPiece: boolean;
  readonly #draft: Draft;
  readonly #imports: CellImport[] = [];
  #bodyOpening = "";
  #hoistedOpening = "";
  #hoisted = "";
  #hoistedEnd = 0;
  #hasResult = false;

  constructor(
    sourceFile: ts.SourceFile,
    blanked: string,
    unerasable: ReadonlySet<ts.Statement>,
    context: LoweringContext,
    isPiece: boolean,
  ) {
    this.#sourceFile = sourceFile;
    this.#code = sourceFile.text;
    this.#context = context;
    this.#unerasable = unerasable;
    this.#isPiece = isPiece;
    this.#draft = { code: sourceFile.text, blanked, edits: new TextEdits(blanked) };
  }

  run(wantsResult: boolean): LoweredText {
    const { statements } = this.#sourceFile;
    const last = statements.findLast((statement) => !ts.isEmptyStatement(statement));
    if (this.#code.startsWith("#!")) this.#draft.edits.blank(0, ts.getShebang(this.#code)?.length ?? 0);
    let previousEnd: number | undefined;
    for (const statement of statements) {
      this.#lower(statement, previousEnd, wantsResult && statement === last);
      previousEnd = statement.end;
    }
    return {
      bodyOpening: this.#bodyOpening,
      body: this.#draft.edits.apply(),
      hoistedOpening: this.#hoistedOpening,
      hoisted: this.#hoisted,
      imports: this.#imports,
      hasResult: this.#hasResult,
    };
  }

  #lower(node: ts.Statement, previousEnd: number | undefined, isLast: boolean): void {
    if (isErased(node)) return;
    if (this.#unerasable.has(node)) return this.#lowerPiece(node, isLast);
    if (isModuleSyntax(node)) return this.#lowerModuleSyntax(node);
    if (ts.isFunctionDeclaration(node)) return this.#lowerFunction(node, previousEnd);
    if (ts.isClassDeclaration(node)) return this.#lowerClass(node, previousEnd);
    if (ts.isVariableStatement(node)) return this.#lowerVariableStatement(node);
    if (ts.isExpressionStatement(node) || ts.isExportAssignment(node))
      return this.#lowerExpression(node, previousEnd, isLast);
    for (const list of nestedVarLists(node)) lowerVariables(list, this.#draft);
  }

  #lowerModuleSyntax(node: ts.Statement): void {
    const { edits } = this.#draft;
    const found = importOf(node, this.#context);
    if (found) this.#imports.push(found);
    const isAlias = ts.isImportEqualsDeclaration(node) && !ts.isExternalModuleReference(node.moduleReference);
    // `import X = N.Y` is an assignment already, behind its keyword.
    if (isAlias && !this.#context.isType(node.name.text)) edits.blank(node.getStart(), node.name.getStart(), ";");
    else edits.blank(node.getStart(), node.end, ";");
  }

  #lowerVariableStatement(node: ts.VariableStatement): void {
    const list = node.declarationList;
    const first = list.declarations[0];
    if (this.#isPiece && first && this.#isHelper(node)) {
      // `let` keeps it inside the block around the piece.
      this.#draft.edits.blank(list.getStart(), first.getStart(), "let");
      return;
    }
    lowerVariables(list, this.#draft);
    if (this.#isPiece) for (const name of bindingNames(list)) this.#renameDecoratedClass(name);
  }

  /** The transpiler makes a variable of a decorated class, and classes kept their name so far. */
  #renameDecoratedClass(name: ts.Identifier): void {
    const newName = this.#context.globalName(name.text);
    if (newName !== name.text) this.#draft.edits.replace(name.getStart(), name.end, newName);
  }

  #lowerFunction(node: ts.FunctionDeclaration, previousEnd: number | undefined): void {
    if (node.name) this.#hoist(node, node.name.text);
    else this.#lowerNameless(node, previousEnd);
  }

  #lowerClass(node: ts.ClassDeclaration, previousEnd: number | undefined): void {
    if (!node.name) return this.#lowerNameless(node, previousEnd);
    const prefix = `;${this.#context.globalName(node.name.text)}=`;
    this.#open(prefix, node.getStart(), this.#keywordStart(node), previousEnd);
    this.#draft.edits.insert(node.end, ";");
  }

  /** `export default class { … }`: an expression in a notebook. */
  #lowerNameless(node: ts.FunctionDeclaration | ts.ClassDeclaration, previousEnd: number | undefined): void {
    this.#open(";(", node.getStart(), this.#keywordStart(node), previousEnd);
    this.#draft.edits.insert(node.end, ");");
  }

  #lowerExpression(
    node: ts.ExpressionStatement | ts.ExportAssignment,
    previousEnd: number | undefined,
    isLast: boolean,
  ): void {
    if (isLast) this.#hasResult = true;
    if (!isLast && ts.isExpressionStatement(node)) return;
    const { expression } = node;
    this.#open(isLast ? ";return (" : ";(", node.getStart(), expression.getStart(), previousEnd);
    closeParenthesis(expression.end, ")", this.#draft);
  }

  /** A function runs as an assignment in the hoisted script, and leaves a `;` in the body. */
  #hoist(node: ts.FunctionDeclaration, name: string): void {
    const start = this.#keywordStart(node);
    const text = new TextEdits(this.#draft.blanked);
    // Inside a named function its name means itself; without one it means the global, which a later cell may replace.
    if (node.name && this.#context.selfReferencing.has(name)) text.blank(node.name.getStart(), node.name.end);
    this.#draft.edits.blank(node.getStart(), node.end, ";");
    this.#appendHoisted(`;${this.#context.globalName(name)}=`, start, text.apply(start, node.end), node.end);
  }

  #appendHoisted(prefix: string, start: number, text: string, end: number): void {
    const gap = blankText(this.#code.slice(this.#hoistedEnd, start));
    this.#hoisted += this.#hoistedEnd === 0 ? gap : withPrefix(gap, prefix);
    if (this.#hoistedEnd === 0) this.#hoistedOpening = prefix;
    this.#hoisted += text;
    this.#hoistedEnd = end;
  }

  /** Transpile a statement that cannot be erased, then lower what came out. */
  #lowerPiece(node: ts.Statement, isLast: boolean): void {
    const { isTsx, transpile } = this.#context;
    const start = node.getStart();
    const pragmas = isTsx ? jsxPragmas(this.#code).map(withoutLines).join("") : "";
    const text = pragmas + this.#code.slice(start, node.end);
    const output = parseJavaScript(transpileStatement(text, isTsx, transpile));
    const isResult = isLast && (ts.isExpressionStatement(node) || ts.isExportAssignment(node));
    const piece = new Lowering(output, output.text, new Set(), this.#context, true).run(isResult);
    const { line } = this.#sourceFile.getLineAndCharacterOfPosition(start);
    this.#imports.push(...piece.imports.map((found) => ({ ...found, line })));
    if (ts.isFunctionDeclaration(node) && node.name) {
      this.#draft.edits.blank(start, node.end, ";");
      this.#appendHoistedPiece(piece, start, node.end);
    } else {
      const isBlock = output.statements.some((statement) => this.#isHelper(statement));
      this.#draft.edits.replace(start, node.end, isBlock ? `{${piece.body}}` : `;${piece.body}`);
      this.#hasResult ||= piece.hasResult;
    }
  }

  /** Helpers of the transpiler stand in `piece.body`; an arrow function keeps them out of the global scope. */
  #appendHoistedPiece(piece: LoweredText, start: number, end: number): void {
    const helpers = piece.body.replace(/[\s;]+$/, "");
    if (helpers === "") this.#appendHoisted(piece.hoistedOpening, start, piece.hoisted, end);
    else {
      const text = `${joinLines(helpers)}${piece.hoistedOpening}${piece.hoisted.trimStart()}})();`;
      this.#appendHoisted(";(()=>{", start, withLinesOf(this.#code.slice(start, end), text), end);
    }
  }

  /** A variable that the transpiler added. */
  #isHelper(statement: ts.Statement): boolean {
    if (!ts.isVariableStatement(statement)) return false;
    const names = bindingNames(statement.declarationList);
    return names.length > 0 && !names.some(({ text }) => this.#context.isCellName(text));
  }

  /**
   * Put `prefix` before the token at `keyword` without moving it: over the blanked modifiers from `start` on, or else
   * behind the previous statement when that ends on an earlier line. Only within a line does the text move.
   */
  #open(prefix: string, start: number, keyword: number, previousEnd: number | undefined): void {
    const { edits } = this.#draft;
    const modifiers = blankText(this.#code.slice(start, keyword));
    if (trailingSpaces(modifiers) >= prefix.length) {
      edits.replace(start, keyword, modifiers.slice(0, -prefix.length) + prefix);
      return;
    }
    if (modifiers) edits.replace(start, keyword, modifiers);
    if (this.#isPiece) edits.insert(keyword, prefix);
    else if (previousEnd === undefined) this.#bodyOpening += prefix;
    else if (this.#code.slice(previousEnd, start).includes("\n")) edits.insert(previousEnd, prefix);
    else edits.insert(keyword, prefix);
  }

  /** Where a declaration begins once `export`, `default`, `declare` and `abstract` are gone. */
  #keywordStart(node: ts.FunctionDeclaration | ts.ClassDeclaration): number {
    const kept = node.modifiers?.find(
      ({ kind }) => kind === ts.SyntaxKind.AsyncKeyword || kind === ts.SyntaxKind.Decorator,
    );
    if (kept) return kept.getStart();
    const scanner = ts.createScanner(ts.ScriptTarget.ESNext, true, ts.LanguageVariant.Standard, this.#code);
    scanner.resetTokenState(node.modifiers?.end ?? node.getStart());
    scanner.scan();
    return scanner.getTokenStart();
  }
}

/** Statements that the eraser blanks whole. */
function isErased(node: ts.Statement): boolean {
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || isAugmentation(node)) return true;
  if (hasModifier(node, ts.SyntaxKind.DeclareKeyword)) return true;
  return ts.isFunctionDeclaration(node) && !node.body;
}

function isModuleSyntax(node: ts.Statement): boolean {
  if (ts.isExportAssignment(node)) return node.isExportEquals ?? false;
  return ts.isImportDeclaration(node) || ts.isImportEqualsDeclaration(node) || ts.isExportDeclaration(node);
}

/** `prefix` at the end of blank text without moving what follows, where there is room for it. */
function withPrefix(gap: string, prefix: string): string {
  if (trailingSpaces(gap) >= prefix.length) return gap.slice(0, -prefix.length) + prefix;
  const line = /\r?\n[^\n]*$/.exec(gap);
  return line ? gap.slice(0, line.index) + prefix + gap.slice(line.index) : gap + prefix;
}

/** Printed JavaScript on one line; the transpiler's helpers hold no multi-line literal. */
function joinLines(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}

function withoutLines(comment: string): string {
  return comment.replace(/\s*\n\s*/g, " ");
}

function withLinesOf(original: string, text: string): string {
  const missing = original.split("\n").length - text.split("\n").length;
  return text + "\n".repeat(Math.max(0, missing));
}
