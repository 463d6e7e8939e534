/**
 * The parameters of a notebook: the variables that its cell tagged `parameters` declares.
 *
 * The cell is ordinary TypeScript with the defaults: `let blocks = 4; // number of blocks`. A variable without a value
 * (`let file: string;`) has to be given. Nothing here runs the cell; it is parsed, and checked only if a type is more
 * than a number, string, boolean or bigint.
 */
import type ts from "typescript";
import { JobError } from "./job-error.ts";
import { typesOfVariables } from "./parameter-types.ts";

export interface Parameter {
  readonly name: string;
  readonly declaredWith: "const" | "let" | "var";
  /** `other` is whatever only the compiler can judge. */
  readonly kind: ParameterKind;
  /** The type as TypeScript writes it; `any` when it cannot be known without running other cells. */
  readonly type: string;
  /** The default as it stands in the cell. Absent when the variable has none. */
  readonly defaultText?: string;
  /** It has no default and its type does not include `undefined`. */
  readonly isRequired: boolean;
  /** The comment behind the declaration, or above it; empty when there is none. */
  readonly description: string;
}

export type ParameterKind = "number" | "string" | "boolean" | "bigint" | "other";

/** Where a parameters cell stands: types it imports are looked up from here. */
export interface ParametersCell {
  readonly source: string;
  /** Absolute path of the notebook's directory. */
  readonly directory: string;
}

/**
 * The parameters that a cell declares, in order.
 *
 * @throws JobError `PARAMETERS_INVALID` when the cell has a syntax error.
 */
export async function readParameters(cell: ParametersCell): Promise<Parameter[]> {
  const compiler = (await import("typescript")).default;
  const file = compiler.createSourceFile("parameters.ts", cell.source, compiler.ScriptTarget.ESNext, true);
  refuseSyntaxErrors(compiler, file);
  const found = file.statements
    .filter(compiler.isVariableStatement)
    .flatMap((statement) => statement.declarationList.declarations)
    .flatMap((declaration) => readDeclaration(compiler, file, declaration));
  if (found.every((parameter) => parameter.kind !== "other")) return found;
  const types = await typesOfVariables(cell);
  return found.map((parameter) => withCheckedType(parameter, types.get(parameter.name)));
}

function refuseSyntaxErrors(compiler: typeof ts, file: ts.SourceFile): void {
  const { diagnostics = [] } = compiler.transpileModule(file.text, {
    reportDiagnostics: true,
    compilerOptions: { target: compiler.ScriptTarget.ESNext, module: compiler.ModuleKind.ESNext },
  });
  const first = diagnostics[0];
  if (first === undefined) return;
  const line = file.getLineAndCharacterOfPosition(first.start ?? 0).line + 1;
  const message = compiler.flattenDiagnosticMessageText(first.messageText, " ");
  throw new JobError(
    "PARAMETERS_INVALID",
    `The cell tagged 'parameters' has a syntax error in line ${line}: ${message}`,
  );
}

function readDeclaration(
  compiler: typeof ts,
  file: ts.SourceFile,
  declaration: ts.VariableDeclaration,
): Parameter | readonly [] {
  const { name, type, initializer } = declaration;
  if (!compiler.isIdentifier(name)) return [];
  const kind = type ? kindOfType(compiler, type) : kindOfLiteral(compiler, initializer);
  return {
    name: name.text,
    declaredWith: declaredWith(compiler, declaration),
    kind,
    type: type?.getText(file) ?? (kind === "other" ? "any" : kind),
    ...(initializer && { defaultText: initializer.getText(file) }),
    isRequired: initializer === undefined && !(type && includesUndefined(compiler, type)),
    description: descriptionOf(compiler, file, declaration),
  };
}

function withCheckedType(parameter: Parameter, type: string | undefined): Parameter {
  if (parameter.kind !== "other" || type === undefined) return parameter;
  const kind = type === "number" || type === "string" || type === "boolean" || type === "bigint" ? type : "other";
  // What the user wrote reads better than what the compiler prints, unless nothing was written.
  return { ...parameter, kind, type: parameter.type === "any" ? type : parameter.type };
}

function kindOfType({ SyntaxKind }: typeof ts, type: ts.TypeNode): ParameterKind {
  const kinds = new Map<ts.SyntaxKind, ParameterKind>([
    [SyntaxKind.NumberKeyword, "number"],
    [SyntaxKind.StringKeyword, "string"],
    [SyntaxKind.BooleanKeyword, "boolean"],
    [SyntaxKind.BigIntKeyword, "bigint"],
  ]);
  return kinds.get(type.kind) ?? "other";
}

function kindOfLiteral(compiler: typeof ts, node: ts.Expression | undefined): ParameterKind {
  if (node === undefined) return "other";
  if (compiler.isPrefixUnaryExpression(node) && node.operator !== compiler.SyntaxKind.ExclamationToken) {
    return kindOfLiteral(compiler, node.operand);
  }
  if (compiler.isNumericLiteral(node)) return "number";
  if (compiler.isStringLiteralLike(node) || compiler.isTemplateExpression(node)) return "string";
  if (compiler.isBigIntLiteral(node)) return "bigint";
  const { TrueKeyword, FalseKeyword } = compiler.SyntaxKind;
  return node.kind === TrueKeyword || node.kind === FalseKeyword ? "boolean" : "other";
}

function includesUndefined(compiler: typeof ts, type: ts.TypeNode): boolean {
  if (compiler.isUnionTypeNode(type)) return type.types.some((part) => includesUndefined(compiler, part));
  return type.kind === compiler.SyntaxKind.UndefinedKeyword;
}

function declaredWith(compiler: typeof ts, declaration: ts.VariableDeclaration): Parameter["declaredWith"] {
  const flags = declaration.parent.flags;
  if (flags & compiler.NodeFlags.Const) return "const";
  return flags & compiler.NodeFlags.Let ? "let" : "var";
}

/** The comment on the rest of the line where the declaration ends, or else the one right above its statement. */
function descriptionOf(compiler: typeof ts, file: ts.SourceFile, declaration: ts.VariableDeclaration): string {
  const { text } = file;
  const line = text.slice(declaration.getEnd()).split("\n", 1)[0] ?? "";
  const behind = /^\s*[,;]?\s*(\/\/.*|\/\*.*?\*\/)/.exec(line)?.[1];
  if (behind !== undefined) return commentText(behind);
  const statement = declaration.parent.parent;
  const above = compiler.getLeadingCommentRanges(text, statement.getFullStart())?.at(-1);
  const isTouching = above !== undefined && !/\n\s*\n/.test(text.slice(above.end, statement.getStart(file)));
  if (!isTouching || belongsToLineBefore(text, statement.getFullStart(), above.pos)) return "";
  return commentText(text.slice(above.pos, above.end));
}

/** A comment on the line where the statement before ends describes that statement. */
function belongsToLineBefore(text: string, statementStart: number, commentStart: number): boolean {
  return statementStart > 0 && !text.slice(statementStart, commentStart).includes("\n");
}

function commentText(comment: string): string {
  return comment
    .replace(/^\/\/+|^\/\*+|\*\/$/g, "")
    .replace(/^\s*\*\s?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}
