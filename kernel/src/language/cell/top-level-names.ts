import ts from "typescript";
import type { CellDeclaration } from "../language.ts";

/**
 * What a top-level name is. Besides the kinds that exist while the cell runs: `using` (disposed at the cell's end, so
 * later cells cannot see it), `type` (erased) and `ambient` (`declare …`: promised to exist, made by somebody else).
 */
export type NameKind = CellDeclaration["kind"] | "using" | "type" | "ambient";

export interface TopLevelName {
  readonly name: string;
  readonly kind: NameKind;
  /** The identifiers that declare it, in the order of the text. */
  readonly identifiers: readonly ts.Identifier[];
  /** The user's text exports it under its own name already. */
  readonly isExported: boolean;
}

/** Does a global property hold this name while the cell runs? */
export function isRuntimeKind(kind: NameKind): kind is CellDeclaration["kind"] | "using" {
  return kind !== "type" && kind !== "ambient";
}

/** The names a cell declares at its top level, `var` in nested statements included, in the order of the text. */
export function topLevelNames(sourceFile: ts.SourceFile): Map<string, TopLevelName> {
  const names = new Map<string, TopLevelName>();
  const add = (identifier: ts.Identifier, kind: NameKind, isExported: boolean): void => {
    const known = names.get(identifier.text);
    names.set(identifier.text, {
      name: identifier.text,
      // A class and a namespace of one name are one thing; what exists at run time decides what it is.
      kind: known && (isRuntimeKind(known.kind) || !isRuntimeKind(kind)) ? known.kind : kind,
      identifiers: [...(known?.identifiers ?? []), identifier],
      isExported: isExported || (known?.isExported ?? false),
    });
  };
  for (const statement of sourceFile.statements) addStatement(statement, add);
  for (const name of separatelyExported(sourceFile)) {
    const known = names.get(name);
    if (known) names.set(name, { ...known, isExported: true });
  }
  return names;
}

type Add = (identifier: ts.Identifier, kind: NameKind, isExported: boolean) => void;

function addStatement(statement: ts.Statement, add: Add): void {
  const isExported =
    hasModifier(statement, ts.SyntaxKind.ExportKeyword) && !hasModifier(statement, ts.SyntaxKind.DefaultKeyword);
  const isAmbient = hasModifier(statement, ts.SyntaxKind.DeclareKeyword);
  if (ts.isVariableStatement(statement)) {
    const kind = isAmbient ? "ambient" : variableKind(statement.declarationList);
    for (const name of bindingNames(statement.declarationList)) add(name, kind, isExported);
  } else if (ts.isFunctionDeclaration(statement)) {
    if (statement.name) add(statement.name, statement.body ? "function" : "ambient", isExported);
  } else if (ts.isClassDeclaration(statement)) {
    if (statement.name) add(statement.name, isAmbient ? "ambient" : "class", isExported);
  } else if (ts.isEnumDeclaration(statement)) {
    add(statement.name, isAmbient ? "ambient" : "enum", isExported);
  } else if (ts.isModuleDeclaration(statement)) {
    addNamespace(statement, isAmbient, isExported, add);
  } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    add(statement.name, "type", isExported);
  } else if (ts.isImportDeclaration(statement)) {
    addImport(statement, add);
  } else if (ts.isImportEqualsDeclaration(statement)) {
    const kind = ts.isExternalModuleReference(statement.moduleReference) ? "import" : "const";
    add(statement.name, statement.isTypeOnly ? "type" : kind, isExported);
  } else {
    for (const name of nestedVarNames(statement)) add(name, "var", false);
  }
}

function addNamespace(node: ts.ModuleDeclaration, isAmbient: boolean, isExported: boolean, add: Add): void {
  if (!ts.isIdentifier(node.name) || isAugmentation(node)) return;
  add(node.name, isAmbient ? "ambient" : hasValues(node) ? "namespace" : "type", isExported);
}

function addImport(node: ts.ImportDeclaration, add: Add): void {
  const clause = node.importClause;
  if (!clause) return;
  const kindOf = (isTypeOnly: boolean): NameKind => (isTypeOnly || clause.isTypeOnly ? "type" : "import");
  if (clause.name) add(clause.name, kindOf(false), false);
  const bindings = clause.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) add(bindings.name, kindOf(false), false);
  if (bindings && ts.isNamedImports(bindings)) {
    for (const element of bindings.elements) add(element.name, kindOf(element.isTypeOnly), false);
  }
}

function separatelyExported(sourceFile: ts.SourceFile): string[] {
  return sourceFile.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || !statement.exportClause) return [];
    const clause = statement.exportClause;
    return ts.isNamedExports(clause) ? clause.elements.map((element) => element.name.text) : [];
  });
}

/** `declare global { … }` and `declare module "m" { … }`: they add to other modules and name nothing here. */
export function isAugmentation(node: ts.Node): boolean {
  if (!ts.isModuleDeclaration(node)) return false;
  return ts.isStringLiteral(node.name) || (node.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
}

/** Does a namespace hold anything that exists at run time? Those without are erased. */
function hasValues(node: ts.ModuleDeclaration): boolean {
  const body = node.body;
  if (!body) return false;
  if (ts.isModuleDeclaration(body)) return hasValues(body);
  if (!ts.isModuleBlock(body)) return true;
  return body.statements.some((statement) => {
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return false;
    if (ts.isModuleDeclaration(statement)) return hasValues(statement);
    if (ts.isImportEqualsDeclaration(statement)) return hasModifier(statement, ts.SyntaxKind.ExportKeyword);
    return true;
  });
}

/** The names of every `var` in a statement, without those of functions and namespaces inside it. */
export function nestedVarNames(statement: ts.Node): ts.Identifier[] {
  return nestedVarLists(statement).flatMap(bindingNames);
}

/** Every `var` list in a statement that belongs to the enclosing function (here: the cell). */
export function nestedVarLists(node: ts.Node): ts.VariableDeclarationList[] {
  const lists: ts.VariableDeclarationList[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isFunctionLike(child) || ts.isClassLike(child) || ts.isModuleDeclaration(child)) return;
    if (ts.isVariableDeclarationList(child) && variableKind(child) === "var") lists.push(child);
    ts.forEachChild(child, visit);
  };
  visit(node);
  return lists;
}

/** The identifiers that a list of declarations binds, patterns taken apart. */
export function bindingNames(list: ts.VariableDeclarationList): ts.Identifier[] {
  return list.declarations.flatMap((declaration) => patternNames(declaration.name));
}

/** The identifiers that a name or pattern binds. */
export function patternNames(name: ts.BindingName): ts.Identifier[] {
  if (ts.isIdentifier(name)) return [name];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? patternNames(element.name) : []));
}

const VARIABLE_KINDS: ReadonlyMap<number, "const" | "let" | "using"> = new Map([
  [ts.NodeFlags.Const, "const"],
  [ts.NodeFlags.Let, "let"],
  [ts.NodeFlags.Using, "using"],
  [ts.NodeFlags.AwaitUsing, "using"],
]);

/** `await using` counts as `using`; @see isAwaitUsing */
export function variableKind(list: ts.VariableDeclarationList): "const" | "let" | "var" | "using" {
  return VARIABLE_KINDS.get(list.flags & ts.NodeFlags.BlockScoped) ?? "var";
}

export function isAwaitUsing(list: ts.VariableDeclarationList): boolean {
  const awaitUsing: number = ts.NodeFlags.AwaitUsing;
  return (list.flags & ts.NodeFlags.BlockScoped) === awaitUsing;
}

export function hasModifier(node: ts.Node, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(node) && (node.modifiers?.some((modifier) => modifier.kind === kind) ?? false);
}
