/** Names that stand for modules: import declarations, `require("…")`, `await import("…")`, and Vitest's form of imports. */
import type { SyntaxNode } from "./scope-analysis.ts";

/** Where a name comes from. */
export interface ImportedName {
  readonly specifier: string;
  /** `require` and `import` may find different files, with different exports. */
  readonly isRequired?: true;
  /** `[]`: the namespace, or what `require` returns; `["default"]`, `["readFile"]`: an export; longer: a property of it. */
  readonly path: readonly string[];
}

/** Local names of all import declarations. Imports with attributes (JSON) are data and travel by value. */
export function importsOf(program: SyntaxNode): Map<string, ImportedName> {
  const imports = new Map<string, ImportedName>();
  for (const statement of program["body"] as readonly SyntaxNode[]) {
    if (statement.type !== "ImportDeclaration") continue;
    for (const [local, imported] of declaredImports(statement)) imports.set(local, imported);
  }
  return imports;
}

/** Names that one import declaration declares. */
export function declaredImports(statement: SyntaxNode): [string, ImportedName][] {
  if (((statement["attributes"] ?? []) as readonly unknown[]).length > 0) return [];
  const specifier = (statement["source"] as SyntaxNode)["value"] as string;
  return (statement["specifiers"] as readonly SyntaxNode[]).map((part) => {
    const local = (part["local"] as SyntaxNode)["name"] as string;
    if (part.type === "ImportNamespaceSpecifier") return [local, { specifier, path: [] }];
    if (part.type === "ImportDefaultSpecifier") return [local, { specifier, path: ["default"] }];
    return [local, { specifier, path: [nameOf(part["imported"] as SyntaxNode)] }];
  });
}

/** What a variable with this initial value stands for, if that is a module. */
export function importFromInitializer(init: SyntaxNode): ImportedName | undefined {
  const value = init.type === "AwaitExpression" ? (init["argument"] as SyntaxNode) : init;
  if (value.type === "ImportExpression") {
    if (value["options"]) return undefined;
    return init === value ? undefined : fromLiteral(value["source"] as SyntaxNode, []);
  }
  if (value.type !== "CallExpression") return undefined;
  const callee = value["callee"] as SyntaxNode;
  const argument = (value["arguments"] as readonly SyntaxNode[])[0];
  if (callee.type !== "Identifier" || argument === undefined) return undefined;
  const name = callee["name"] as string;
  if (name === "require" && init === value) {
    const required = fromLiteral(argument, []);
    return required && { ...required, isRequired: true };
  }
  return name === "__vite_ssr_import__" && init !== value ? fromLiteral(argument, []) : undefined;
}

function fromLiteral(node: SyntaxNode, path: readonly string[]): ImportedName | undefined {
  const specifier = node["value"];
  return node.type === "Literal" && typeof specifier === "string" ? { specifier, path } : undefined;
}

function nameOf(node: SyntaxNode): string {
  return (node["name"] ?? node["value"]) as string;
}
