import ts from "typescript";
import type { CellDeclaration, CompiledCell } from "../language.ts";
import { type LoweredText, lowerCell } from "./lower.ts";
import { parseAs } from "./parse.ts";
import { freeReferences, type Reference } from "./references.ts";
import { renameGlobals, USE_RESOURCE } from "./rename.ts";
import { globalNameOf } from "./reserved-names.ts";
import { isRuntimeKind, type NameKind, type TopLevelName, topLevelNames } from "./top-level-names.ts";
import type { TranspileOptions } from "./transpile.ts";

/** A parsed cell and what its names mean. */
export interface AnalysedCell {
  readonly sourceFile: ts.SourceFile;
  readonly isTsx: boolean;
  readonly names: ReadonlyMap<string, TopLevelName>;
  readonly references: readonly Reference[];
}

export function analyseCell(sourceFile: ts.SourceFile, isTsx: boolean): AnalysedCell {
  return { sourceFile, isTsx, names: topLevelNames(sourceFile), references: freeReferences(sourceFile) };
}

/** What the transformation needs to know besides the cell. */
export interface CellEnvironment {
  /** The global property behind a name of an earlier cell; the name itself where no cell declares it. */
  earlierGlobalName(name: string): string;
  /** Imported names that turned out to be types only. */
  readonly typeImports: ReadonlySet<string>;
  readonly transpile: TranspileOptions;
}

export type CellCode = Pick<CompiledCell, "hoisted" | "body" | "imports" | "declarations" | "hasResult">;

/** Turn a cell without syntax errors into JavaScript whose positions are the user's. */
export function compileCell(cell: AnalysedCell, environment: CellEnvironment): CellCode {
  const kindOf = (name: string): NameKind | undefined =>
    environment.typeImports.has(name) ? "type" : cell.names.get(name)?.kind;
  const globalName = (name: string): string => {
    const kind = kindOf(name);
    if (kind === undefined) return environment.earlierGlobalName(name);
    return isRuntimeKind(kind) ? globalNameOf(name) : name;
  };
  const declared = [...cell.names.values()].filter(({ name }) => isRuntimeKind(kindOf(name) ?? "type"));
  const globalNames = new Set(declared.map(({ name }) => globalName(name)));
  const renamed = renameGlobals(cell.sourceFile, declared, cell.references, globalName);
  const lowered = lowerCell(reparse(cell, renamed), {
    // Names that were renamed in the text before are final.
    globalName: (name) => (globalNames.has(name) ? name : globalName(name)),
    isType: (name) => !isRuntimeKind(kindOf(name) ?? "const"),
    isCellName: (name) => globalNames.has(name) || declared.some((known) => known.name === name),
    selfReferencing: selfReferencingFunctions(cell),
    isTsx: cell.isTsx,
    transpile: environment.transpile,
  });
  const variables = declared.filter(startsUndefined).map(({ name }) => globalName(name));
  return {
    hoisted: lowered.hoisted && `"use strict";${lowered.hoistedOpening}\n${lowered.hoisted}`,
    body: bodyText(
      lowered,
      variables,
      declared.some(({ kind }) => kind === "using"),
    ),
    imports: lowered.imports,
    declarations: declared.map(({ name, kind }) => ({ name, globalName: globalName(name), kind: publicKind(kind) })),
    hasResult: lowered.hasResult,
  };
}

function reparse({ sourceFile, isTsx }: AnalysedCell, text: string): ts.SourceFile {
  if (text === sourceFile.text) return sourceFile;
  return parseAs(text, isTsx ? ts.ScriptKind.TSX : ts.ScriptKind.TS).sourceFile;
}

function publicKind(kind: NameKind): CellDeclaration["kind"] {
  return kind === "using" || !isRuntimeKind(kind) ? "const" : kind;
}

/**
 * Compiled enums and namespaces read their variable before they assign it, so that several declarations of one name add
 * to one object. A `var` needs no such start: the session lets it read as `undefined`.
 */
function startsUndefined({ kind }: TopLevelName): boolean {
  return kind === "enum" || kind === "namespace";
}

function selfReferencingFunctions({ names, references }: AnalysedCell): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { node, isType } of references) {
    const declaration = names.get(node.text)?.identifiers.some(({ parent }) => {
      return ts.isFunctionDeclaration(parent) && parent.pos <= node.pos && node.end <= parent.end;
    });
    if (declaration && !isType) found.add(node.text);
  }
  return found;
}

/** Disposes in reverse order; a second error wraps the first, as `SuppressedError` does. One line, above the user's. */
const RESOURCES = [
  `const $resources=[];const ${USE_RESOURCE}=(value,isAsync)=>{if(value===null||value===undefined)return value;`,
  "const dispose=(isAsync?value[Symbol.asyncDispose]:undefined)??value[Symbol.dispose];",
  'if(typeof dispose!=="function")throw new TypeError("The value of a using declaration is not disposable");',
  "$resources.push(()=>isAsync?dispose.call(value):void dispose.call(value));return value};let $failure;try{",
].join("");

const DISPOSE = [
  "}catch(error){$failure={error};}finally{while($resources.length>0){try{await $resources.pop()();}catch(error){",
  '$failure={error:$failure?Object.assign(new Error("An error was suppressed during disposal"),',
  '{name:"SuppressedError",error,suppressed:$failure.error}):error};}}if($failure)throw $failure.error;}',
].join("");

function bodyText({ bodyOpening, body }: LoweredText, variables: readonly string[], hasResources: boolean): string {
  const undefinedVariables = variables.length > 0 ? `${variables.join("=")}=void 0;` : "";
  const opening = `(async function(){"use strict";${hasResources ? RESOURCES : ""}${undefinedVariables}${bodyOpening}`;
  return `${opening}\n${body}\n${hasResources ? DISPOSE : ""}})`;
}
