import { blankSourceFile } from "ts-blank-space";
import ts from "typescript";
import { variableKind } from "./top-level-names.ts";

/**
 * Blank the types of a cell out. Statements that hold something with a meaning at run time that JavaScript (of Node 20)
 * does not know are returned for transpilation; their text in `blanked` is not to be used.
 */
export function eraseTypes(sourceFile: ts.SourceFile): { blanked: string; unerasable: ReadonlySet<ts.Statement> } {
  const unerasable = new Set<ts.Statement>();
  const mark = (node: ts.Node): void => {
    const statement = sourceFile.statements.find(({ pos, end }) => pos <= node.pos && node.end <= end);
    // Imports and exports are handled by the caller, whatever the eraser thinks of `import x = require("m")`.
    if (statement && !isModuleSyntax(statement)) unerasable.add(statement);
  };
  const blanked = blankSourceFile(sourceFile, mark);
  for (const statement of sourceFile.statements) if (holdsNewSyntax(statement)) unerasable.add(statement);
  return { blanked, unerasable };
}

function isModuleSyntax(node: ts.Statement): boolean {
  if (ts.isExportAssignment(node)) return node.isExportEquals ?? false;
  return ts.isImportDeclaration(node) || ts.isImportEqualsDeclaration(node) || ts.isExportDeclaration(node);
}

/** JSX, decorators, `accessor` fields and `using`: valid for the eraser, but not for the engine. */
function holdsNewSyntax(node: ts.Node): boolean {
  if (ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node) || ts.isJsxFragment(node) || ts.isDecorator(node))
    return true;
  if (node.kind === ts.SyntaxKind.AccessorKeyword) return true;
  if (ts.isVariableDeclarationList(node) && variableKind(node) === "using") return true;
  return ts.forEachChild(node, (child) => holdsNewSyntax(child) || undefined) ?? false;
}
