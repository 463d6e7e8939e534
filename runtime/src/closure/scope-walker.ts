/** The walk behind scope-analysis.ts: scopes, declarations, uses, functions. */

import { classPartsOf } from "./class-parts.ts";
import { declaredImports, type ImportedName } from "./import-table.ts";
import type { Analysis, ClassParts, Declaration, FunctionInfo, NameUse, SyntaxNode } from "./scope-analysis.ts";
import {
  addToUnits,
  functionHome,
  infoOf,
  markOuterThis,
  markPrivate,
  markSuper,
  nested,
  resolve,
  type Scope,
  type Unit,
  type Use,
  varHome,
} from "./scopes.ts";

type ImportReader = (init: SyntaxNode) => ImportedName | undefined;

export class ScopeWalker {
  readonly #source: string;
  readonly #isModule: boolean;
  readonly #readImport: ImportReader;
  readonly #units: Unit[] = [];
  readonly #uses: Use[] = [];

  constructor(source: string, isModule: boolean, readImport: ImportReader) {
    this.#source = source;
    this.#isModule = isModule;
    this.#readImport = readImport;
  }

  walk(program: SyntaxNode): void {
    const isStrict = this.#isModule || hasUseStrict(program["body"]);
    const scope: Scope = {
      kind: "program",
      parent: undefined,
      names: new Map(),
      unit: undefined,
      repeats: false,
      holdsVars: true,
      isStrict,
      isEager: false,
    };
    for (const statement of program["body"] as readonly SyntaxNode[]) this.#visit(statement, scope);
  }

  /** Resolve every use, now that all declarations are known. */
  finish(): Pick<Analysis, "functions" | "uses"> {
    const resolved = this.#uses.map((use) => ({ use, home: resolve(use) }));
    for (const { use, home } of resolved) if (use.isWrite && home) home.declaration.isReassigned = true;
    for (const { use, home } of resolved) addToUnits(use, home?.declaration, home?.scope);
    const uses: NameUse[] = resolved.map(({ use, home }) => ({
      name: use.name,
      offset: use.offset,
      declaration: home?.declaration,
      isShorthand: use.isShorthand,
      isCallee: use.isCallee,
    }));
    // A class and its constructor lie at the same place for V8; the class comes first and is what the function is.
    const functions = new Map<number, FunctionInfo>();
    for (const unit of this.#units) if (!functions.has(unit.location)) functions.set(unit.location, infoOf(unit));
    return { functions, uses };
  }

  #visit(node: SyntaxNode | null | undefined, scope: Scope): void {
    if (node === null || node === undefined) return;
    switch (node.type) {
      case "Identifier":
        return this.#use(node, scope);
      case "MemberExpression":
        return this.#member(node, scope);
      case "CallExpression":
      case "TaggedTemplateExpression":
        return this.#call(node, scope);
      case "Property":
      case "PropertyDefinition":
      case "MethodDefinition":
        return this.#property(node, scope);
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return this.#function(node, scope, node.type === "ArrowFunctionExpression" ? "arrow" : "function");
      case "ClassDeclaration":
      case "ClassExpression":
        return this.#class(node, scope);
      case "VariableDeclaration":
        return this.#variables(node, scope);
      case "AssignmentExpression":
        this.#assign(node["left"] as SyntaxNode, scope);
        // `x += 1` reads and writes the same name: one use is enough.
        return this.#visit(node["right"] as SyntaxNode, scope);
      case "UpdateExpression":
        return this.#assign(node["argument"] as SyntaxNode, scope);
      case "BlockStatement":
        return this.#children(node, nested(scope, "block"));
      case "SwitchStatement":
        this.#visit(node["discriminant"] as SyntaxNode, scope);
        return this.#list(node["cases"], nested(scope, "block"));
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
        return this.#for(node, nested(scope, "block", { repeats: true }));
      case "WhileStatement":
      case "DoWhileStatement":
        return this.#children(node, nested(scope, "block", { repeats: true }));
      case "CatchClause": {
        const inner = nested(scope, "block");
        if (node["param"]) this.#declarePattern(node["param"] as SyntaxNode, inner, "let");
        return this.#visit(node["body"] as SyntaxNode, inner);
      }
      case "StaticBlock":
        return this.#children(node, { ...nested(scope, "function"), holdsVars: true });
      case "LabeledStatement":
        return this.#visit(node["body"] as SyntaxNode, scope);
      case "BreakStatement":
      case "ContinueStatement":
      case "ImportAttribute":
        return;
      case "ImportDeclaration":
        return this.#import(node, scope);
      case "ExportNamedDeclaration":
        this.#visit(node["declaration"] as SyntaxNode | null, scope);
        if (!node["source"]) {
          for (const part of node["specifiers"] as readonly SyntaxNode[])
            this.#visit(part["local"] as SyntaxNode, scope);
        }
        return;
      case "ExportAllDeclaration":
        return;
      case "MetaProperty":
        if ((node["meta"] as SyntaxNode)["name"] === "import") {
          for (let unit = scope.unit; unit !== undefined; unit = unit.parent) unit.importMetas.push(node.start);
        } else markOuterThis(scope.unit);
        return;
      case "ImportExpression":
        for (let unit = scope.unit; unit !== undefined; unit = unit.parent) unit.dynamicImports.push(node.start);
        return this.#children(node, scope);
      case "ThisExpression":
        return markOuterThis(scope.unit);
      case "Super":
        return markSuper(scope.unit);
      case "PrivateIdentifier":
        return markPrivate(node["name"] as string, scope.unit);
      default:
        return this.#children(node, scope);
    }
  }

  #children(node: SyntaxNode, scope: Scope): void {
    for (const key of Object.keys(node)) {
      const value = node[key];
      if (Array.isArray(value)) this.#list(value, scope);
      else if (isNode(value)) this.#visit(value, scope);
    }
  }

  #list(nodes: unknown, scope: Scope): void {
    for (const node of nodes as readonly (SyntaxNode | null)[]) if (isNode(node)) this.#visit(node, scope);
  }

  #use(
    node: SyntaxNode,
    scope: Scope,
    how: Partial<Pick<Use, "isWrite" | "isShorthand" | "isCallee" | "member">> = {},
  ): void {
    const name = node["name"] as string;
    if (name === "arguments") markOuterThis(scope.unit);
    this.#uses.push({
      name,
      offset: node.start,
      scope,
      isWrite: how.isWrite ?? false,
      isShorthand: how.isShorthand ?? false,
      isCallee: how.isCallee ?? false,
      member: how.member,
    });
  }

  #member(node: SyntaxNode, scope: Scope): void {
    const object = node["object"] as SyntaxNode;
    const property = node["property"] as SyntaxNode;
    const isPlain = !node["computed"] && property.type === "Identifier";
    if (object.type === "Identifier" && isPlain) this.#use(object, scope, { member: property["name"] as string });
    else this.#visit(object, scope);
    if (!isPlain) this.#visit(property, scope);
  }

  #call(node: SyntaxNode, scope: Scope): void {
    const key = node.type === "CallExpression" ? "callee" : "tag";
    const callee = node[key] as SyntaxNode;
    if (callee.type === "Identifier") this.#use(callee, scope, { isCallee: true });
    else this.#visit(callee, scope);
    if (key === "callee") this.#list(node["arguments"], scope);
    else this.#visit(node["quasi"] as SyntaxNode, scope);
  }

  /** A property of an object literal or class, in an expression. */
  #property(node: SyntaxNode, scope: Scope): void {
    const isClassPart = node.type !== "Property";
    const key = node["key"] as SyntaxNode;
    if (node["computed"]) this.#visit(key, isClassPart ? { ...scope, isEager: true } : scope);
    const value = node["value"] as SyntaxNode | null;
    if (value === null) return;
    if (node["shorthand"]) return this.#use(value, scope, { isShorthand: true });
    const kind = node["kind"] as string | undefined;
    const isAccessor = kind === "get" || kind === "set";
    if (isAccessor || node["method"] === true || node.type === "MethodDefinition") {
      const unitKind = kind === "get" ? "getter" : kind === "set" ? "setter" : "method";
      return this.#function(value, scope, unitKind, node);
    }
    // The value of a class field is evaluated as the body of a method would be.
    this.#visit(value, node.type === "PropertyDefinition" ? { ...nested(scope, "function"), holdsVars: true } : scope);
  }

  #function(node: SyntaxNode, scope: Scope, kind: FunctionInfo["kind"], whole: SyntaxNode = node): void {
    const body = node["body"] as SyntaxNode;
    const isStrict = scope.isStrict || hasUseStrict(body["body"]);
    const id = node["id"] as SyntaxNode | null;
    let outer = scope;
    if (id && node.type === "FunctionDeclaration") this.#declare(id, functionHome(scope), "function");
    else if (id) {
      outer = nested(scope, "block");
      this.#declare(id, outer, "function");
    }
    const location =
      kind === "arrow" ? node.start : kind === "function" ? this.#parenthesis(id?.end ?? node.start) : node.start;
    const unit = this.#unit(kind, whole, scope, location, isStrict);
    const inner: Scope = {
      kind: "function",
      parent: outer,
      names: new Map(),
      unit,
      repeats: true,
      holdsVars: true,
      isStrict,
      isEager: false,
    };
    for (const parameter of node["params"] as readonly SyntaxNode[]) this.#declarePattern(parameter, inner, "param");
    // Parameters and body share one scope here: names cannot be declared in both.
    if (body.type === "BlockStatement") this.#list(body["body"], inner);
    else this.#visit(body, inner);
  }

  #class(node: SyntaxNode, scope: Scope): void {
    const id = node["id"] as SyntaxNode | null;
    if (id && node.type === "ClassDeclaration") this.#declare(id, scope, "class");
    const parts = classPartsOf(node, this.#source);
    const privateNames = privateNamesOf(node);
    const location = parts.constructorLocation ?? node.start;
    const unit = this.#unit("class", node, scope, location, true, parts, privateNames);
    const inner: Scope = { ...nested(scope, "class"), unit, isStrict: true, isEager: false };
    if (id) this.#declare(id, inner, "const");
    this.#visit(node["superClass"] as SyntaxNode | null, { ...inner, isEager: true });
    this.#list((node["body"] as SyntaxNode)["body"], inner);
  }

  #unit(
    kind: FunctionInfo["kind"],
    node: SyntaxNode,
    outer: Scope,
    location: number,
    isStrict: boolean,
    classParts?: ClassParts,
    privateNames: ReadonlySet<string> = new Set(),
  ): Unit {
    const unit: Unit = {
      kind,
      node,
      parent: outer.unit,
      outer,
      location,
      isStrict,
      free: new Map(),
      importMetas: [],
      dynamicImports: [],
      privateNames,
      classParts,
      usesOuterThis: false,
      usesSuper: false,
      usesOuterPrivates: false,
    };
    this.#units.push(unit);
    return unit;
  }

  /** Offset of the `(` of a parameter list, past comments. */
  #parenthesis(from: number): number {
    const pattern = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|\(/g;
    pattern.lastIndex = from;
    for (let match = pattern.exec(this.#source); match !== null; match = pattern.exec(this.#source)) {
      if (match[0] === "(") return match.index;
    }
    return from;
  }

  #variables(node: SyntaxNode, scope: Scope): void {
    const kind = node["kind"] as "var" | "let" | "const";
    for (const declarator of node["declarations"] as readonly SyntaxNode[]) {
      const init = declarator["init"] as SyntaxNode | null;
      const target = declarator["id"] as SyntaxNode;
      this.#declarePattern(target, scope, kind, init ? this.#readImport(init) : undefined);
      this.#visit(init, scope);
    }
  }

  #for(node: SyntaxNode, scope: Scope): void {
    const left = node["left"] as SyntaxNode | undefined;
    if (left === undefined) return this.#children(node, scope);
    if (left.type === "VariableDeclaration") this.#visit(left, scope);
    else this.#assign(left, scope);
    this.#visit(node["right"] as SyntaxNode, scope);
    this.#visit(node["body"] as SyntaxNode, scope);
  }

  #import(node: SyntaxNode, scope: Scope): void {
    const imports = new Map(declaredImports(node));
    for (const part of node["specifiers"] as readonly SyntaxNode[]) {
      const local = part["local"] as SyntaxNode;
      this.#declare(local, scope, "import", imports.get(local["name"] as string));
    }
  }

  #declare(id: SyntaxNode, scope: Scope, kind: Declaration["kind"], imported?: ImportedName): void {
    const name = id["name"] as string;
    const existing = scope.names.get(name);
    if (existing !== undefined) {
      existing.isReassigned = true;
      return;
    }
    const declaration: Declaration = {
      name,
      kind,
      offset: id.start,
      isTopLevel: scope.kind === "program",
      isReassigned: false,
    };
    if (imported !== undefined) declaration.import = imported;
    scope.names.set(name, declaration);
  }

  /** Declare the names of a pattern; its defaults and computed keys are ordinary expressions. */
  #declarePattern(pattern: SyntaxNode, scope: Scope, kind: Declaration["kind"], imported?: ImportedName): void {
    const home = kind === "var" ? varHome(scope) : scope;
    switch (pattern.type) {
      case "Identifier":
        return this.#declare(pattern, home, kind, imported);
      case "ObjectPattern":
        for (const part of pattern["properties"] as readonly SyntaxNode[]) {
          if (part.type === "RestElement") this.#declarePattern(part["argument"] as SyntaxNode, scope, kind);
          else {
            const key = part["key"] as SyntaxNode;
            if (part["computed"]) this.#visit(key, scope);
            this.#declarePattern(part["value"] as SyntaxNode, scope, kind, memberImport(imported, part));
          }
        }
        return;
      case "ArrayPattern":
        for (const part of pattern["elements"] as readonly (SyntaxNode | null)[]) {
          if (part) this.#declarePattern(part, scope, kind);
        }
        return;
      case "AssignmentPattern":
        this.#declarePattern(pattern["left"] as SyntaxNode, scope, kind);
        return this.#visit(pattern["right"] as SyntaxNode, scope);
      case "RestElement":
        return this.#declarePattern(pattern["argument"] as SyntaxNode, scope, kind);
    }
  }

  /** The left side of an assignment. */
  #assign(target: SyntaxNode, scope: Scope, isShorthand = false): void {
    switch (target.type) {
      case "Identifier":
        return this.#use(target, scope, { isWrite: true, isShorthand });
      case "ObjectPattern":
        for (const part of target["properties"] as readonly SyntaxNode[]) {
          if (part.type === "RestElement") this.#assign(part["argument"] as SyntaxNode, scope);
          else {
            if (part["computed"]) this.#visit(part["key"] as SyntaxNode, scope);
            this.#assign(part["value"] as SyntaxNode, scope, part["shorthand"] === true);
          }
        }
        return;
      case "ArrayPattern":
        for (const part of target["elements"] as readonly (SyntaxNode | null)[]) if (part) this.#assign(part, scope);
        return;
      case "AssignmentPattern":
        this.#assign(target["left"] as SyntaxNode, scope, isShorthand);
        return this.#visit(target["right"] as SyntaxNode, scope);
      case "RestElement":
        return this.#assign(target["argument"] as SyntaxNode, scope);
      default:
        return this.#visit(target, scope);
    }
  }
}

function memberImport(imported: ImportedName | undefined, part: SyntaxNode): ImportedName | undefined {
  if (imported === undefined || part["computed"] || (part["value"] as SyntaxNode).type !== "Identifier")
    return undefined;
  const key = part["key"] as SyntaxNode;
  const name = (key["name"] ?? key["value"]) as string;
  return { ...imported, path: [...imported.path, name] };
}

function privateNamesOf(node: SyntaxNode): Set<string> {
  const members = (node["body"] as SyntaxNode)["body"] as readonly SyntaxNode[];
  return new Set(
    members
      .map((member) => member["key"] as SyntaxNode | undefined)
      .filter((key) => key?.type === "PrivateIdentifier")
      .map((key) => key?.["name"] as string),
  );
}

function hasUseStrict(body: unknown): boolean {
  if (!Array.isArray(body)) return false;
  return (body as SyntaxNode[]).some((statement) => statement["directive"] === "use strict");
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}
