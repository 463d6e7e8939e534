import ts from "typescript";
import { importedModule } from "../../core/npm-specifier.ts";
import type { CellImport } from "../language.ts";

/** The properties of the global object that imports define, and which imported names are types only. */
export interface ImportNames {
  globalName(name: string): string;
  isType(name: string): boolean;
}

/** What a statement imports at run time; `undefined` when it only concerns types, or imports nothing. */
export function importOf(node: ts.Statement, names: ImportNames): CellImport | undefined {
  const line = ts.getLineAndCharacterOfPosition(node.getSourceFile(), node.getStart()).line;
  if (ts.isImportDeclaration(node)) return importDeclaration(node, line, names);
  if (ts.isImportEqualsDeclaration(node)) return importEquals(node, line, names);
  if (ts.isExportDeclaration(node)) return reExport(node, line);
  return undefined;
}

function importDeclaration(node: ts.ImportDeclaration, line: number, names: ImportNames): CellImport | undefined {
  const bindings = clauseBindings(node.importClause);
  const values = bindings.filter(({ local }) => !names.isType(local));
  // `import "m"` and `import {} from "m"` run the module; an import of types alone does not.
  if (bindings.length > 0 && values.length === 0) return undefined;
  const attributes = attributesOf(node.attributes);
  return {
    specifier: specifierText(node.moduleSpecifier),
    bindings: values.map(({ imported, local }) => ({ imported, local: names.globalName(local) })),
    line,
    ...(attributes && { attributes }),
  };
}

function clauseBindings(clause: ts.ImportClause | undefined): { imported: string; local: string }[] {
  if (!clause) return [];
  const named = clause.namedBindings;
  const bindings = clause.name ? [{ imported: "default", local: clause.name.text }] : [];
  if (named && ts.isNamespaceImport(named)) bindings.push({ imported: "*", local: named.name.text });
  if (named && ts.isNamedImports(named)) {
    for (const { propertyName, name } of named.elements) {
      bindings.push({ imported: (propertyName ?? name).text, local: name.text });
    }
  }
  return bindings;
}

function attributesOf(node: ts.ImportAttributes | undefined): Record<string, string> | undefined {
  if (!node) return undefined;
  return Object.fromEntries(node.elements.map(({ name, value }) => [name.text, specifierText(value)]));
}

function importEquals(node: ts.ImportEqualsDeclaration, line: number, names: ImportNames): CellImport | undefined {
  const reference = node.moduleReference;
  if (!ts.isExternalModuleReference(reference) || names.isType(node.name.text)) return undefined;
  const binding = { imported: "default", local: names.globalName(node.name.text) };
  return { specifier: specifierText(reference.expression), bindings: [binding], line };
}

/** `export … from "m"` names nothing in a notebook, but the module runs. */
function reExport(node: ts.ExportDeclaration, line: number): CellImport | undefined {
  if (!node.moduleSpecifier || node.isTypeOnly) return undefined;
  return { specifier: specifierText(node.moduleSpecifier), bindings: [], line };
}

function specifierText(node: ts.Expression): string {
  return ts.isStringLiteralLike(node) ? importedModule(node.text) : "";
}
