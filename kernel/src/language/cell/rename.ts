import ts from "typescript";
import type { Reference } from "./references.ts";
import { TextEdits } from "./text-edits.ts";
import { isAwaitUsing, isRuntimeKind, type TopLevelName, variableKind } from "./top-level-names.ts";

/** The identifier that a cell's `import.meta` becomes: of the same length, and a global that the session defines. */
export const IMPORT_META = "$importMeta";

/** The function that a cell's `using` declarations register with; `compile-cell.ts` defines it. */
export const USE_RESOURCE = "$use";

/**
 * The first pass over a cell's text, still TypeScript: names that live under another global name are renamed, also in
 * `{ name }`; `import.meta` becomes an identifier; `using x = f()` becomes `const x = $use(f())`.
 *
 * @param globalName - the property of the global object behind a name of this or an earlier cell.
 */
export function renameGlobals(
  sourceFile: ts.SourceFile,
  names: Iterable<TopLevelName>,
  references: readonly Reference[],
  globalName: (name: string) => string,
): string {
  const edits = new TextEdits(sourceFile.text);
  const rename = (node: ts.Identifier, isShorthand: boolean): void => {
    const newName = globalName(node.text);
    if (newName === node.text) return;
    edits.replace(node.getStart(sourceFile), node.end, isShorthand ? `${node.text}:${newName}` : newName);
  };
  for (const { node, isType, isShorthand } of references) {
    if (!isType && !ts.isExportSpecifier(node.parent)) rename(node, isShorthand);
  }
  for (const { kind, identifiers } of names) {
    if (!isRuntimeKind(kind)) continue;
    for (const node of identifiers) if (isRenamedDeclaration(node)) rename(node, isShorthandBinding(node));
  }
  for (const node of importMetas(sourceFile)) {
    const start = node.getStart(sourceFile);
    edits.blank(start, node.end, IMPORT_META);
  }
  for (const statement of sourceFile.statements) {
    if (ts.isVariableStatement(statement)) lowerUsing(statement.declarationList, sourceFile, edits);
  }
  return edits.apply();
}

/** Functions and classes keep their name, which `f.name` shows; the assignment in front of them carries the new one. */
function isRenamedDeclaration(node: ts.Identifier): boolean {
  const parent = node.parent;
  return (
    ts.isVariableDeclaration(parent) ||
    ts.isBindingElement(parent) ||
    ts.isEnumDeclaration(parent) ||
    ts.isModuleDeclaration(parent) ||
    ts.isImportEqualsDeclaration(parent)
  );
}

function isShorthandBinding(node: ts.Identifier): boolean {
  const element = node.parent;
  if (!ts.isBindingElement(element) || !ts.isObjectBindingPattern(element.parent)) return false;
  return !element.propertyName && !element.dotDotDotToken;
}

function importMetas(sourceFile: ts.SourceFile): ts.MetaProperty[] {
  if (!sourceFile.text.includes("meta")) return [];
  const found: ts.MetaProperty[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) found.push(node);
    else ts.forEachChild(node, visit);
  };
  visit(sourceFile);
  return found;
}

/** `using` and `const ` are of one length, so only what follows the initializer moves. */
function lowerUsing(list: ts.VariableDeclarationList, sourceFile: ts.SourceFile, edits: TextEdits): void {
  const first = list.declarations[0];
  if (variableKind(list) !== "using" || !first) return;
  edits.blank(list.getStart(sourceFile), first.getStart(sourceFile), "const");
  const isAsync = isAwaitUsing(list);
  for (const { initializer } of list.declarations) {
    if (!initializer) continue;
    edits.insert(initializer.getStart(sourceFile), `${USE_RESOURCE}(`);
    edits.insert(initializer.end, `,${isAsync})`);
  }
}
