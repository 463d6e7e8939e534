import ts from "typescript";

/** What an identifier does where it stands. `none`: it names a property, a label or an attribute. */
export type IdentifierRole = "none" | "declaration" | "reference" | "shorthand" | "type-reference";

/** Decide from the parent alone; whether a reference stands inside a type is for the caller to know. */
export function identifierRole(node: ts.Identifier): IdentifierRole {
  const parent = node.parent;
  if (isNameOfDeclaration(node, parent)) return "declaration";
  if (isPropertyName(node, parent)) return "none";
  if (ts.isShorthandPropertyAssignment(parent)) return parent.name === node ? "shorthand" : "reference";
  if (ts.isExportSpecifier(parent)) return exportSpecifierRole(node, parent);
  if (ts.isTypeReferenceNode(parent)) return "type-reference";
  if (ts.isExpressionWithTypeArguments(parent)) return isValueHeritage(parent) ? "reference" : "type-reference";
  if (isJsxTag(parent)) return isIntrinsicTag(node) ? "none" : "reference";
  return "reference";
}

/** Is the variable behind this reference assigned to: `x = 1`, `x++`, `[x] = …`, `({ a: x } = …)`, `for (x of …)`? */
export function isWriteReference(node: ts.Node): boolean {
  const parent = node.parent;
  if (ts.isBinaryExpression(parent)) return parent.left === node && isAssignmentOperator(parent.operatorToken.kind);
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent)) {
    return parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken;
  }
  if (ts.isForOfStatement(parent) || ts.isForInStatement(parent)) return parent.initializer === node;
  if (ts.isShorthandPropertyAssignment(parent)) return parent.name === node && isWriteReference(parent.parent);
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node && isWriteReference(parent.parent);
  if (ts.isSpreadAssignment(parent) || ts.isSpreadElement(parent)) return isWriteReference(parent.parent);
  const wraps =
    ts.isParenthesizedExpression(parent) || ts.isArrayLiteralExpression(parent) || ts.isNonNullExpression(parent);
  return wraps && isWriteReference(parent);
}

function isAssignmentOperator(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

function isNameOfDeclaration(node: ts.Identifier, parent: ts.Node): boolean {
  const declares =
    ts.isVariableDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isFunctionExpression(parent) ||
    ts.isClassLike(parent) ||
    ts.isInterfaceDeclaration(parent) ||
    ts.isTypeAliasDeclaration(parent) ||
    ts.isEnumDeclaration(parent) ||
    ts.isModuleDeclaration(parent) ||
    ts.isTypeParameterDeclaration(parent) ||
    ts.isImportClause(parent) ||
    ts.isNamespaceImport(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportEqualsDeclaration(parent);
  return declares && parent.name === node;
}

function isPropertyName(node: ts.Identifier, parent: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent) || ts.isImportSpecifier(parent)) return parent.propertyName === node;
  const named =
    ts.isPropertyAssignment(parent) ||
    ts.isClassElement(parent) ||
    ts.isTypeElement(parent) ||
    ts.isAccessor(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isEnumMember(parent) ||
    ts.isMetaProperty(parent) ||
    ts.isJsxAttribute(parent) ||
    ts.isNamedTupleMember(parent) ||
    ts.isImportAttribute(parent) ||
    ts.isNamespaceExport(parent);
  if (named) return parent.name === node;
  return (
    ts.isLabeledStatement(parent) ||
    ts.isBreakOrContinueStatement(parent) ||
    ts.isJsxNamespacedName(parent) ||
    ts.isImportTypeNode(parent) ||
    ts.isTypePredicateNode(parent) ||
    ts.isNamespaceExportDeclaration(parent)
  );
}

function exportSpecifierRole(node: ts.Identifier, specifier: ts.ExportSpecifier): IdentifierRole {
  if (specifier.parent.parent.moduleSpecifier) return "none";
  return (specifier.propertyName ?? specifier.name) === node ? "reference" : "none";
}

/** `extends Base` of a class, or `f<number>` in the middle of an expression; everything else of this shape is a type. */
export function isValueHeritage(node: ts.ExpressionWithTypeArguments): boolean {
  const clause = node.parent;
  if (!ts.isHeritageClause(clause)) return true;
  return clause.token === ts.SyntaxKind.ExtendsKeyword && ts.isClassLike(clause.parent);
}

function isJsxTag(node: ts.Node): boolean {
  return ts.isJsxOpeningElement(node) || ts.isJsxClosingElement(node) || ts.isJsxSelfClosingElement(node);
}

function isIntrinsicTag(node: ts.Identifier): boolean {
  return /^[a-z]/.test(node.text) || node.text.includes("-");
}
