import ts from "typescript";
import { identifierRole, isValueHeritage, isWriteReference } from "./identifier-role.ts";
import { bindingNames, nestedVarNames, patternNames, variableKind } from "./top-level-names.ts";

/** A use of a name that no scope inside the cell declares: it means a top-level name, an earlier cell's or a global. */
export interface Reference {
  readonly node: ts.Identifier;
  /** It stands in a type, and is erased. */
  readonly isType: boolean;
  /** `{ name }`: the identifier is a property's name as well. */
  readonly isShorthand: boolean;
  /** The variable is assigned to. */
  readonly isWrite: boolean;
}

/**
 * Find the references of a cell that leave its inner scopes. A binder of our own, because cells whose check is off never
 * see TypeScript's checker, and because only the direction "what leaves" is needed.
 */
export function freeReferences(sourceFile: ts.SourceFile): Reference[] {
  const references: Reference[] = [];
  const visitChildren = (node: ts.Node, scope: Scope | undefined, isType: boolean): void => {
    ts.forEachChild(node, (child) => visit(child, scope, isType));
  };
  const visit = (node: ts.Node, scope: Scope | undefined, isType: boolean): void => {
    if (ts.isIdentifier(node)) {
      const reference = referenceAt(node, scope, isType);
      if (reference) references.push(reference);
      return;
    }
    const inType = isType || isTypeSyntax(node);
    const inner = scopeOf(node, scope);
    if (inner === scope) return visitChildren(node, scope, inType);
    // Decorators and computed names are evaluated outside of what they belong to.
    ts.forEachChild(node, (child) => visit(child, isOutside(child, node) ? scope : inner, inType));
  };
  visitChildren(sourceFile, undefined, false);
  return references;
}

/** Names that one scope declares. Values and types live apart: a type parameter `T` does not hide a variable `T`. */
interface Scope {
  readonly values: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  readonly parent: Scope | undefined;
}

function referenceAt(node: ts.Identifier, scope: Scope | undefined, isType: boolean): Reference | undefined {
  const role = identifierRole(node);
  if (role === "none" || role === "declaration") return undefined;
  const meaning = role === "type-reference" ? "types" : "values";
  if (isDeclared(node.text, meaning, scope)) return undefined;
  return {
    node,
    isType: isType || role === "type-reference",
    isShorthand: role === "shorthand",
    isWrite: !isType && isWriteReference(node),
  };
}

function isDeclared(name: string, meaning: "values" | "types", scope: Scope | undefined): boolean {
  for (let at = scope; at; at = at.parent) if (at[meaning].has(name)) return true;
  return false;
}

/** Types proper; an `extends` clause of a class looks like one but is an expression. */
function isTypeSyntax(node: ts.Node): boolean {
  if (ts.isExpressionWithTypeArguments(node)) return !isValueHeritage(node);
  return (
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isTypeParameterDeclaration(node)
  );
}

function isOutside(child: ts.Node, node: ts.Node): boolean {
  return ts.isDecorator(child) || (ts.isComputedPropertyName(child) && "name" in node && node.name === child);
}

/** The scope that `node` opens, or `parent` where it opens none. */
function scopeOf(node: ts.Node, parent: Scope | undefined): Scope | undefined {
  const values = new Set<string>();
  const types = new Set<string>();
  if (ts.isFunctionLike(node)) addFunction(node, values, types);
  else if (ts.isClassLike(node)) addClass(node, values, types);
  else if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
    addTypeParameters(node.typeParameters, types);
  else if (ts.isMappedTypeNode(node)) types.add(node.typeParameter.name.text);
  else if (ts.isConditionalTypeNode(node)) addInferred(node.extendsType, types);
  else if (ts.isEnumDeclaration(node)) addMembers(node, values);
  else if (ts.isModuleBlock(node) || ts.isClassStaticBlockDeclaration(node)) addVars(node, values);
  else if (ts.isCatchClause(node) && node.variableDeclaration) {
    for (const name of patternNames(node.variableDeclaration.name)) values.add(name.text);
  } else if (ts.isForStatement(node) || ts.isForInStatement(node) || ts.isForOfStatement(node)) addLoop(node, values);
  for (const statement of statementsOf(node)) addLexical(statement, values, types);
  return values.size === 0 && types.size === 0 ? parent : { values, types, parent };
}

function addFunction(node: ts.SignatureDeclaration, values: Set<string>, types: Set<string>): void {
  addTypeParameters(node.typeParameters, types);
  for (const parameter of node.parameters) for (const name of patternNames(parameter.name)) values.add(name.text);
  if (ts.isFunctionExpression(node) && node.name) values.add(node.name.text);
  if ("body" in node && node.body && ts.isBlock(node.body)) addVars(node.body, values);
  if (!ts.isArrowFunction(node)) values.add("arguments");
}

function addClass(node: ts.ClassLikeDeclaration, values: Set<string>, types: Set<string>): void {
  if (node.name) values.add(node.name.text);
  if (node.name) types.add(node.name.text);
  addTypeParameters(node.typeParameters, types);
}

function addTypeParameters(nodes: readonly ts.TypeParameterDeclaration[] | undefined, types: Set<string>): void {
  for (const node of nodes ?? []) types.add(node.name.text);
}

function addInferred(node: ts.Node, types: Set<string>): void {
  if (ts.isInferTypeNode(node)) types.add(node.typeParameter.name.text);
  ts.forEachChild(node, (child) => addInferred(child, types));
}

function addMembers(node: ts.EnumDeclaration, values: Set<string>): void {
  for (const member of node.members) {
    if (ts.isIdentifier(member.name) || ts.isStringLiteral(member.name)) values.add(member.name.text);
  }
}

function addVars(block: ts.Node, values: Set<string>): void {
  ts.forEachChild(block, (child) => {
    for (const name of nestedVarNames(child)) values.add(name.text);
  });
}

function addLoop(node: ts.ForStatement | ts.ForInOrOfStatement, values: Set<string>): void {
  const list = node.initializer;
  if (!list || !ts.isVariableDeclarationList(list) || variableKind(list) === "var") return;
  for (const name of bindingNames(list)) values.add(name.text);
}

function statementsOf(node: ts.Node): readonly ts.Statement[] {
  if (ts.isBlock(node) || ts.isModuleBlock(node)) return node.statements;
  if (ts.isCaseBlock(node)) return node.clauses.flatMap((clause) => [...clause.statements]);
  return [];
}

function addLexical(statement: ts.Statement, values: Set<string>, types: Set<string>): void {
  if (ts.isVariableStatement(statement)) {
    if (variableKind(statement.declarationList) === "var") return;
    for (const name of bindingNames(statement.declarationList)) values.add(name.text);
  } else if (ts.isFunctionDeclaration(statement)) {
    if (statement.name) values.add(statement.name.text);
  } else if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
    if (!statement.name) return;
    values.add(statement.name.text);
    types.add(statement.name.text);
  } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    types.add(statement.name.text);
  } else if (ts.isModuleDeclaration(statement) || ts.isImportEqualsDeclaration(statement)) {
    if (!ts.isIdentifier(statement.name)) return;
    values.add(statement.name.text);
    types.add(statement.name.text);
  }
}
