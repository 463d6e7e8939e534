/** Which names a piece of JavaScript declares and uses, function by function. */
import { createRequire } from "node:module";
import type * as Acorn from "acorn";
import type { ImportedName } from "./import-table.ts";
import { importFromInitializer, importsOf } from "./import-table.ts";
import { ScopeWalker } from "./scope-walker.ts";

/** A node of the syntax tree, as acorn makes them. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Declaration {
  readonly name: string;
  readonly kind: "var" | "let" | "const" | "function" | "class" | "import" | "param";
  /** Offset of the name where it is declared. */
  readonly offset: number;
  /** Declared outside all functions and blocks. */
  readonly isTopLevel: boolean;
  /** Something assigns it after it got its first value. */
  isReassigned: boolean;
  /** It stands for (a part of) a module. */
  import?: ImportedName;
}

/** A name that a function or class uses and does not declare. */
export interface FreeVariable {
  readonly name: string;
  /** Undefined: not declared in this text, so a global or a variable of a text around it. */
  readonly declaration: Declaration | undefined;
  /** Where the name is used first. */
  readonly offset: number;
  /** The function itself assigns it. */
  isAssigned: boolean;
  /** Needed when the function (a class) is defined, not only when it runs. */
  isEager: boolean;
  /** Between declaration and function lies a loop or another function, so that one variable may serve many closures. */
  readonly mayRepeat: boolean;
  /** Names of the properties that are read from it; undefined when it is also used in other ways. */
  members: Set<string> | undefined;
}

export interface StaticPart {
  readonly kind: "field" | "private-field" | "block";
  /** Of private fields, with `#`. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Offsets of `=` and of the initial value; undefined for blocks and fields without one. */
  readonly equals: number | undefined;
  readonly valueStart: number | undefined;
}

export interface ClassParts {
  readonly heritage:
    | { readonly start: number; readonly end: number; readonly identifier: string | undefined }
    | undefined;
  readonly statics: readonly StaticPart[];
  /** Names of private instance fields, with `#`. */
  readonly privateFields: readonly string[];
  /** Has private fields, methods or accessors on instances: these come only from running the constructor. */
  readonly hasPrivates: boolean;
  /** Behind the `{` of the constructor's body. */
  readonly constructorBody: number | undefined;
  /** Initial values of instance fields. */
  readonly fieldValues: readonly number[];
  /** Texts of methods and accessors with plain names. */
  readonly methods: ReadonlyMap<string, readonly string[]>;
  readonly hasComputedKeys: boolean;
}

export interface FunctionInfo {
  readonly kind: "function" | "arrow" | "method" | "getter" | "setter" | "class";
  readonly start: number;
  readonly end: number;
  readonly isStrict: boolean;
  readonly free: ReadonlyMap<Declaration | string, FreeVariable>;
  /** `this`, `arguments`, `super` or `new.target` of a function around it. */
  readonly usesOuterThis: boolean;
  /** `super.x` of an object or class around it. */
  readonly usesSuper: boolean;
  /** `#name` of a class around it. */
  readonly usesOuterPrivates: boolean;
  /** Offsets of `import.meta` and of `import(…)`. */
  readonly importMetas: readonly number[];
  readonly dynamicImports: readonly number[];
  readonly classParts: ClassParts | undefined;
}

/** A use of a name: what rewriting needs. */
export interface NameUse {
  readonly name: string;
  readonly offset: number;
  readonly declaration: Declaration | undefined;
  /** `{ name }` in an object or pattern. */
  readonly isShorthand: boolean;
  /** `name(…)` or a tagged template, where a property in its place would pass a `this`. */
  readonly isCallee: boolean;
}

export interface Analysis {
  /** By the offset at which V8 says the function is: its parameters, an arrow function's or class's first character. */
  readonly functions: ReadonlyMap<number, FunctionInfo>;
  readonly uses: readonly NameUse[];
  /** Top-level names that stand for modules or parts of them. */
  readonly imports: ReadonlyMap<string, ImportedName>;
}

let parse: typeof Acorn.parse | undefined;

/** @returns undefined when `source` is not JavaScript that acorn understands. */
export function analyse(source: string, isModule: boolean): Analysis | undefined {
  // Loaded at the first use: workers seldom need a parser.
  parse ??= (createRequire(import.meta.url)("acorn") as typeof Acorn).parse;
  for (const sourceType of isModule ? (["module", "script"] as const) : (["script", "module"] as const)) {
    let program: SyntaxNode;
    try {
      program = parse(source, {
        ecmaVersion: "latest",
        sourceType,
        allowReturnOutsideFunction: true,
        allowAwaitOutsideFunction: true,
        allowSuperOutsideMethod: true,
        allowImportExportEverywhere: true,
        allowHashBang: true,
        checkPrivateFields: false,
      }) as unknown as SyntaxNode;
    } catch {
      continue;
    }
    const walker = new ScopeWalker(source, sourceType === "module", importFromInitializer);
    walker.walk(program);
    return { ...walker.finish(), imports: importsOf(program) };
  }
  return undefined;
}

/** Analyse a function's own text, when its file is not at hand. Offsets count from the start of `text`. */
export function analyseAlone(text: string, isStrict: boolean): FunctionInfo | undefined {
  return analyseWrapped(text, isStrict)?.info;
}

/** The same, with the uses of names. `shift`: what was put before `text` (offsets still count from the start of `text`). */
export function analyseWrapped(
  text: string,
  isStrict: boolean,
): { info: FunctionInfo; uses: readonly NameUse[] } | undefined {
  const prefix = isStrict ? '"use strict";' : "";
  for (const [open, close] of [
    ["(", ")"],
    ["({", "})"],
  ] as const) {
    const shift = prefix.length + open.length;
    const analysis = analyse(prefix + open + text + close, false);
    const outermost = [...(analysis?.functions.values() ?? [])].sort((a, b) => a.start - b.start || b.end - a.end)[0];
    if (analysis === undefined || outermost === undefined) continue;
    const uses = analysis.uses.map((use) => ({ ...use, offset: use.offset - shift }));
    return { info: shiftInfo(outermost, -shift), uses };
  }
  return undefined;
}

function shiftInfo(info: FunctionInfo, by: number): FunctionInfo {
  const at = (offset: number): number => offset + by;
  const atOptional = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : offset + by;
  const parts = info.classParts;
  return {
    ...info,
    start: at(info.start),
    end: at(info.end),
    free: new Map([...info.free].map(([key, variable]) => [key, { ...variable, offset: at(variable.offset) }])),
    importMetas: info.importMetas.map(at),
    dynamicImports: info.dynamicImports.map(at),
    classParts: parts && {
      ...parts,
      heritage: parts.heritage && { ...parts.heritage, start: at(parts.heritage.start), end: at(parts.heritage.end) },
      statics: parts.statics.map((part) => ({
        ...part,
        start: at(part.start),
        end: at(part.end),
        equals: atOptional(part.equals),
        valueStart: atOptional(part.valueStart),
      })),
      constructorBody: atOptional(parts.constructorBody),
      fieldValues: parts.fieldValues.map(at),
    },
  };
}

/** `info` of a function inside a script, with offsets that count from the start of the function's text. */
export function relativeTo(info: FunctionInfo, textStart: number): FunctionInfo {
  return shiftInfo(info, -textStart);
}
