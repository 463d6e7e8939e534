/** Scopes and functions of a text, and how uses of names reach their declarations. */
import type { ClassParts, Declaration, FreeVariable, FunctionInfo, SyntaxNode } from "./scope-analysis.ts";

export interface Scope {
  readonly kind: "program" | "function" | "class" | "block";
  readonly parent: Scope | undefined;
  readonly names: Map<string, Declaration>;
  /** The innermost function or class that this scope is in. */
  readonly unit: Unit | undefined;
  /** Its contents may be evaluated several times for one evaluation of what is around it. */
  readonly repeats: boolean;
  /** `var` declarations end up here. */
  readonly holdsVars: boolean;
  readonly isStrict: boolean;
  /** Inside heritage or a computed key of the class of `unit`. */
  readonly isEager: boolean;
}

export interface Unit {
  readonly kind: FunctionInfo["kind"];
  readonly node: SyntaxNode;
  readonly parent: Unit | undefined;
  /** The scope in which the function is written. */
  readonly outer: Scope;
  readonly location: number;
  readonly isStrict: boolean;
  readonly free: Map<Declaration | string, FreeVariable>;
  readonly importMetas: number[];
  readonly dynamicImports: number[];
  readonly privateNames: ReadonlySet<string>;
  readonly classParts: ClassParts | undefined;
  usesOuterThis: boolean;
  usesSuper: boolean;
  usesOuterPrivates: boolean;
}

export interface Use {
  readonly name: string;
  readonly offset: number;
  readonly scope: Scope;
  readonly isWrite: boolean;
  readonly isShorthand: boolean;
  readonly isCallee: boolean;
  /** The property that is read from it: `use.member`. */
  readonly member: string | undefined;
}

export function nested(parent: Scope, kind: Scope["kind"], options: { repeats?: boolean } = {}): Scope {
  return {
    kind,
    parent,
    names: new Map(),
    unit: parent.unit,
    repeats: options.repeats ?? false,
    holdsVars: false,
    isStrict: parent.isStrict,
    isEager: parent.isEager,
  };
}

export function varHome(scope: Scope): Scope {
  let home = scope;
  while (!home.holdsVars && home.parent !== undefined) home = home.parent;
  return home;
}

/** Sloppy code sees a function of a block in the whole function as well; the block's own scope is right for strict code. */
export function functionHome(scope: Scope): Scope {
  return scope.isStrict ? scope : varHome(scope);
}

export function resolve(use: Use): { declaration: Declaration; scope: Scope } | undefined {
  for (let scope: Scope | undefined = use.scope; scope !== undefined; scope = scope.parent) {
    const declaration = scope.names.get(use.name);
    if (declaration !== undefined) return { declaration, scope };
  }
  return undefined;
}

/** Tell every function between a use and its declaration that it needs the name. */
export function addToUnits(use: Use, declaration: Declaration | undefined, home: Scope | undefined): void {
  let isEager = use.scope.isEager;
  for (let unit = use.scope.unit; unit !== undefined; unit = unit.parent) {
    if (home !== undefined && isInside(home, unit)) return;
    if (use.name === "arguments" && unit.kind !== "arrow" && unit.kind !== "class") return;
    const key = declaration ?? use.name;
    const existing = unit.free.get(key);
    const onClass = isEager && unit.kind === "class";
    if (existing === undefined) {
      unit.free.set(key, {
        name: use.name,
        declaration,
        offset: use.offset,
        isAssigned: use.isWrite,
        isEager: onClass,
        mayRepeat: home !== undefined && repeatsBetween(unit.outer, home),
        members: use.member === undefined ? undefined : new Set([use.member]),
      });
    } else {
      existing.isAssigned ||= use.isWrite;
      existing.isEager ||= onClass;
      if (use.member === undefined) existing.members = undefined;
      else existing.members?.add(use.member);
    }
    // Inside a function the name is needed later; a class around the class needs it just as early.
    isEager = isEager && unit.kind === "class" && unit.outer.isEager;
  }
}

/** Does `scope` belong to the function or class, or lie within it? */
function isInside(scope: Scope, unit: Unit): boolean {
  for (let inner = scope.unit; inner !== undefined; inner = inner.parent) if (inner === unit) return true;
  // The name of a function expression lives in a scope of its own, just around the function.
  return scope.kind === "block" && scope.parent === unit.outer && scope.names.size === 1 && isOwnName(scope, unit);
}

function isOwnName(scope: Scope, unit: Unit): boolean {
  const id = unit.node["id"] as SyntaxNode | null | undefined;
  if (!id || unit.node.type !== "FunctionExpression") return false;
  return scope.names.get(id["name"] as string)?.offset === id.start;
}

function repeatsBetween(from: Scope, home: Scope): boolean {
  for (let scope: Scope | undefined = from; scope !== undefined && scope !== home; scope = scope.parent) {
    if (scope.repeats) return true;
  }
  return false;
}

export function markOuterThis(from: Unit | undefined): void {
  const arrows: Unit[] = [];
  let unit = from;
  for (; unit !== undefined && unit.kind === "arrow"; unit = unit.parent) arrows.push(unit);
  // At the top level `this` is the module's, the same for everybody.
  if (unit !== undefined) for (const arrow of arrows) arrow.usesOuterThis = true;
}

export function markSuper(from: Unit | undefined): void {
  markOuterThis(from);
  for (let unit = from; unit !== undefined && unit.kind !== "class"; unit = unit.parent) {
    if (unit.kind !== "arrow") unit.usesSuper = true;
  }
}

export function markPrivate(name: string, from: Unit | undefined): void {
  for (let unit = from; unit !== undefined && !unit.privateNames.has(name); unit = unit.parent) {
    unit.usesOuterPrivates = true;
  }
}

export function infoOf(unit: Unit): FunctionInfo {
  const { kind, node, isStrict, free, importMetas, dynamicImports, classParts } = unit;
  const { usesOuterThis, usesSuper, usesOuterPrivates } = unit;
  const { start, end } = node;
  return {
    kind,
    start,
    end,
    isStrict,
    free,
    importMetas,
    dynamicImports,
    classParts,
    usesOuterThis,
    usesSuper,
    usesOuterPrivates,
  };
}
