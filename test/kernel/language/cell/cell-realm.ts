import vm from "node:vm";
import { analyseCell, type CellCode, compileCell } from "../../../../kernel/src/language/cell/compile-cell.ts";
import { engineSyntaxError } from "../../../../kernel/src/language/cell/engine-syntax.ts";
import { parseCell } from "../../../../kernel/src/language/cell/parse.ts";
import type { TranspileOptions } from "../../../../kernel/src/language/cell/transpile.ts";

/** Compile a cell that has no type-only imports; names of earlier cells come from `earlier` (name → global name). */
export function compile(
  code: string,
  earlier: ReadonlyMap<string, string> = new Map(),
  transpile: TranspileOptions = {},
): CellCode {
  const { sourceFile, isTsx, errors } = parseCell(code);
  if (errors[0]) throw new Error(`${errors[0].code} in ${code}`);
  const compiled = compileCell(analyseCell(sourceFile, isTsx), {
    earlierGlobalName: (name) => earlier.get(name) ?? name,
    typeImports: new Set(),
    transpile,
  });
  const problem = engineSyntaxError(compiled.body) ?? engineSyntaxError(compiled.hoisted);
  if (problem) throw new Error(`${problem.message} at line ${problem.line} of\n${compiled.hoisted}\n${compiled.body}`);
  return compiled;
}

/** Runs compiled cells as the session does: names are properties of the global object, unreadable until assigned. */
export class CellRealm implements Disposable {
  readonly #names = new Map<string, string>();

  /** @returns what the last expression evaluates to. */
  async run(code: string, transpile?: TranspileOptions): Promise<unknown> {
    const cell = compile(code, this.#names, transpile);
    for (const { specifier, bindings } of cell.imports) {
      const namespace = (await import(specifier)) as Record<string, unknown>;
      for (const { imported, local } of bindings) define(local, imported === "*" ? namespace : namespace[imported]);
    }
    for (const { name, globalName, kind } of cell.declarations) {
      this.#names.set(name, globalName);
      if (kind !== "import") defineUnassigned(name, globalName, kind === "var");
    }
    if (cell.hoisted) new vm.Script(cell.hoisted, { filename: "cell.ts", lineOffset: -1 }).runInThisContext();
    const body = new vm.Script(cell.body, { filename: "cell.ts", lineOffset: -1 }).runInThisContext();
    return (body as () => Promise<unknown>)();
  }

  /** The value of a top-level name. */
  value(name: string): unknown {
    return (globalThis as Record<string, unknown>)[this.#names.get(name) ?? name];
  }

  [Symbol.dispose](): void {
    for (const globalName of this.#names.values()) Reflect.deleteProperty(globalThis, globalName);
  }
}

function define(globalName: string, value: unknown): void {
  Object.defineProperty(globalThis, globalName, { value, writable: true, enumerable: true, configurable: true });
}

function defineUnassigned(name: string, globalName: string, isVar: boolean): void {
  Object.defineProperty(globalThis, globalName, {
    get() {
      if (!isVar) throw new ReferenceError(`Cannot access '${name}' before initialization`);
    },
    set(value: unknown) {
      define(globalName, value);
    },
    enumerable: true,
    configurable: true,
  });
}
