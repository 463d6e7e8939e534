/** Text and variables become a function again, at the place in the file where the user wrote it. */
import vm from "node:vm";
import type { FunctionForm } from "./describe.ts";
import { analyseWrapped } from "./scope-analysis.ts";
import { applyPatches, type Patch } from "./text-patch.ts";

/** A variable that a function of the same value assigns: all functions that see it share the cell. */
export interface VariableCell {
  value: unknown;
}

export interface FunctionText {
  readonly form: FunctionForm;
  readonly text: string;
  readonly name: string;
  readonly url: string;
  /** Where `text` starts. 0-based. */
  readonly line: number;
  readonly column: number;
  readonly isStrict: boolean;
}

export interface FunctionVariables {
  /** Known before the function is made. */
  readonly eager: ReadonlyMap<string, unknown>;
  /** Set by `bind` when all functions are made. */
  readonly late: readonly string[];
  readonly cells: ReadonlyMap<string, VariableCell>;
}

export interface CompiledFunction {
  readonly fn: (...args: unknown[]) => unknown;
  /** Give the late variables their values, in order. */
  readonly bind: (values: readonly unknown[]) => void;
}

type Factory = (this: unknown, ...eager: unknown[]) => [(values: readonly unknown[]) => void, unknown];

/**
 * Make a function.
 *
 * @param outerThis - `this` around it, for arrow functions.
 */
export function compileFunction(
  source: FunctionText,
  variables: FunctionVariables,
  outerThis: unknown,
): CompiledFunction {
  const { eager, late, cells } = variables;
  const cellNames = new Map([...cells.keys()].map((name) => [name, unusedName(`$${name}`, source.text)]));
  const text = cells.size === 0 ? source.text : throughCells(source, cellNames);
  const parameters = [...eager.keys(), ...cellNames.values()];
  const values = unusedName("$late", source.text);
  const head =
    `(function(${parameters.join(",")}){${source.isStrict ? '"use strict";' : ""}` +
    (late.length > 0
      ? `let ${late.join(",")};return[function(${values}){[${late.join(",")}]=${values}},`
      : "return[function(){},");
  const isMember = source.form === "method" || source.form === "getter" || source.form === "setter";
  const [open, close] = isMember ? ["{", "}"] : ["", ""];
  // The text stands alone on its lines, so that its positions are those of the user's file.
  const script = new vm.Script(`${head}${open}\n${" ".repeat(source.column)}${text}${close}]})`, {
    filename: source.url === "" ? "mobula:function" : source.url,
    lineOffset: source.line - 1,
  });
  const factory = script.runInThisContext() as Factory;
  const [bind, made] = factory.call(outerThis, ...eager.values(), ...cells.values());
  const fn = (isMember ? memberOf(made as object, source.form) : made) as CompiledFunction["fn"];
  restoreName(fn, source);
  return { fn, bind };
}

function memberOf(holder: object, form: FunctionForm): unknown {
  const [key] = Reflect.ownKeys(holder);
  const descriptor = Object.getOwnPropertyDescriptor(holder, key as PropertyKey) ?? {};
  return Reflect.get(descriptor, form === "getter" ? "get" : form === "setter" ? "set" : "value");
}

/** Functions written as values got their names from where they were assigned. */
function restoreName(fn: object, { name }: FunctionText): void {
  const current = Object.getOwnPropertyDescriptor(fn, "name");
  if (current?.value !== name && (current === undefined || current.configurable)) {
    Object.defineProperty(fn, "name", { value: name, configurable: true });
  }
}

/** Replace each use of a shared variable by its cell's value. */
function throughCells(source: FunctionText, cellNames: ReadonlyMap<string, string>): string {
  const analysis = analyseWrapped(source.text, source.isStrict);
  const patches: Patch[] = [];
  for (const { name, offset, declaration, isShorthand, isCallee } of analysis?.uses ?? []) {
    const cell = cellNames.get(name);
    if (cell === undefined || declaration !== undefined) continue;
    const value = `${cell}.value`;
    const text = isShorthand ? `${name}:${value}` : isCallee ? `(0,${value})` : value;
    patches.push({ start: offset, end: offset + name.length, text });
  }
  return applyPatches(source.text, patches);
}

function unusedName(wanted: string, text: string): string {
  let name = wanted;
  while (text.includes(name)) name += "_";
  return name;
}
