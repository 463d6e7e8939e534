/** Which imported names are types only, so that nothing is to be loaded for them. */
import ts from "typescript";
import type { AnalysedCell } from "./cell/compile-cell.ts";

/**
 * Ask the checker about every import of a module. What it cannot resolve counts as a value: then the loading of the
 * module says what is wrong.
 *
 * @param userStart - imports before this offset are the notebook's own.
 */
export function typeOnlyImports(program: ts.Program, fileName: string, userStart: number): Set<string> {
  const checker = program.getTypeChecker();
  const found = new Set<string>();
  for (const statement of program.getSourceFile(fileName)?.statements ?? []) {
    if (statement.pos < userStart - 1 || !isImport(statement)) continue;
    for (const name of importedNames(statement)) {
      const symbol = checker.getSymbolAtLocation(name);
      if (symbol && !isValue(symbol, checker)) found.add(name.text);
    }
  }
  return found;
}

/** Without the checker: imported names that the cell uses in types and nowhere else. */
export function unusedAsValues({ names, references }: AnalysedCell): Set<string> {
  const found = new Set<string>();
  for (const { name, kind } of names.values()) {
    if (kind !== "import") continue;
    const uses = references.filter(({ node }) => node.text === name);
    if (uses.length > 0 && uses.every(({ isType }) => isType)) found.add(name);
  }
  return found;
}

function isImport(node: ts.Statement): node is ts.ImportDeclaration | ts.ImportEqualsDeclaration {
  return ts.isImportDeclaration(node) || ts.isImportEqualsDeclaration(node);
}

function importedNames(node: ts.ImportDeclaration | ts.ImportEqualsDeclaration): ts.Identifier[] {
  if (ts.isImportEqualsDeclaration(node)) return [node.name];
  const clause = node.importClause;
  const named = clause?.namedBindings;
  return [
    ...(clause?.name ? [clause.name] : []),
    ...(named && ts.isNamespaceImport(named) ? [named.name] : []),
    ...(named && ts.isNamedImports(named) ? named.elements.map(({ name }) => name) : []),
  ];
}

/** Follow an alias to what it stands for; `export type` on the way makes a type of a value. */
function isValue(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  let at: ts.Symbol | undefined = symbol;
  while (at && at.flags & ts.SymbolFlags.Alias) {
    if (at.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration)) return false;
    at = checker.getImmediateAliasedSymbol(at);
  }
  return at === undefined || at.declarations === undefined || (at.flags & ts.SymbolFlags.Value) !== 0;
}
