/** Scripts that functions come from: name, text, and what parsing the text tells. */
import type { FunctionLocation, ScriptHead } from "./inspect.ts";
import { listScripts } from "./inspect.ts";
import { type Analysis, analyse } from "./scope-analysis.ts";

export interface Script extends ScriptHead {
  readonly id: string;
  readonly source: string;
  /** Undefined when the text cannot be parsed or is too long to be worth it (bundles): functions are parsed alone then. */
  readonly analysis: Analysis | undefined;
}

/** Parsing takes about 100 ms per MB; code that a person writes is shorter than this. */
const MAX_PARSED_CHARACTERS = 2_000_000;

const scripts = new Map<string, Script>();
const heads = new Map<string, ScriptHead>();

export function scriptById(id: string): Script | undefined {
  const known = scripts.get(id);
  if (known !== undefined) return known;
  const listing = listScripts(id);
  for (const [headId, head] of listing.heads) heads.set(headId, head);
  const head = heads.get(id);
  if (head === undefined || listing.source === undefined) return undefined;
  const script: Script = {
    ...head,
    id,
    source: listing.source,
    analysis: listing.source.length > MAX_PARSED_CHARACTERS ? undefined : analyse(listing.source, head.isModule),
  };
  scripts.set(id, script);
  return script;
}

/** Offset of a location in its script's text. */
export function offsetOf(script: Script, { line, column }: FunctionLocation): number {
  const scriptLine = line - script.startLine;
  const lineStart = lineStartsOf(script)[scriptLine] ?? 0;
  return lineStart + (scriptLine === 0 ? column - script.startColumn : column);
}

const lineStarts = new WeakMap<Script, readonly number[]>();

function lineStartsOf(script: Script): readonly number[] {
  let starts = lineStarts.get(script);
  if (starts === undefined) {
    starts = [
      0,
      ...[...script.source.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map((match) => match.index + match[0].length),
    ];
    lineStarts.set(script, starts);
  }
  return starts;
}

/** Line and column, in the user's file, of an offset into the script's text. 0-based. */
export function placeOf(script: Script, offset: number): { line: number; column: number } {
  const starts = lineStartsOf(script);
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  const column = offset - (starts[low] ?? 0);
  return { line: low + script.startLine, column: low === 0 ? column + script.startColumn : column };
}
