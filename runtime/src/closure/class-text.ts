/**
 * The text of a function or class, changed so far that it can be evaluated elsewhere without running the user's code:
 * static fields and blocks have run already, and their results travel as values.
 */
import type { FunctionInfo } from "./scope-analysis.ts";
import { applyPatches, type Patch } from "./text-patch.ts";

/** A name that the text uses in place of something that cannot stand there. */
export interface Substitute {
  readonly name: string;
  readonly type: "heritage" | "private-static" | "import" | "import-meta" | "reviving";
  /** For `private-static`: the field, with `#`. */
  readonly field?: string;
}

/** A static method that revived classes have for a moment: `(instance, name, value)` sets a private field. */
export const PRIVATE_SETTER = "$mobulaSetPrivate";

export interface PatchedText {
  readonly text: string;
  readonly substitutes: readonly Substitute[];
}

/**
 * @param keepsHeritage - the class's `extends X` names a variable that holds its base class.
 */
export function patchText(text: string, info: FunctionInfo, keepsHeritage: boolean): PatchedText {
  const patches: Patch[] = [];
  const substitutes: Substitute[] = [];
  const substitute = (wanted: string, type: Substitute["type"], field?: string): string => {
    const existing = substitutes.find((one) => one.type === type && one.field === field);
    if (existing !== undefined) return existing.name;
    let name = wanted;
    while (text.includes(name) || substitutes.some((one) => one.name === name)) name += "_";
    substitutes.push(field === undefined ? { name, type } : { name, type, field });
    return name;
  };
  for (const start of info.importMetas) {
    const length = /^import\s*\.\s*meta/.exec(text.slice(start))?.[0].length ?? 0;
    patches.push({ start, end: start + length, text: substitute("$meta", "import-meta") });
  }
  for (const start of info.dynamicImports) {
    patches.push({ start, end: start + "import".length, text: substitute("$mport", "import") });
  }
  if (info.classParts !== undefined) patches.push(...classPatches(text, info, keepsHeritage, substitute));
  else patches.push(...keyPatches(text, info));
  return { text: applyPatches(text, patches), substitutes };
}

function classPatches(
  text: string,
  info: FunctionInfo,
  keepsHeritage: boolean,
  substitute: (wanted: string, type: Substitute["type"], field?: string) => string,
): Patch[] {
  const patches: Patch[] = [];
  const parts = info.classParts;
  if (parts === undefined) return patches;
  if (parts.heritage !== undefined && !keepsHeritage) {
    patches.push({ start: parts.heritage.start, end: parts.heritage.end, text: substitute("$h", "heritage") });
  }
  for (const part of parts.statics) {
    if (part.kind === "block") patches.push({ start: part.start, end: part.end, text: "" });
    else if (part.equals !== undefined && part.kind === "field") {
      patches.push({ start: part.equals, end: part.end, text: ";" });
    } else if (part.equals !== undefined) {
      const value = substitute("$s", "private-static", part.name);
      patches.push({ start: part.equals, end: part.end, text: `=${value};` });
    }
  }
  if (parts.hasPrivates) patches.push(...privatePatches(text, info, substitute("$r", "reviving")));
  return patches;
}

/**
 * Private fields come into being only while a constructor runs. `$r.on` is true while an instance is revived: then the
 * constructor does nothing but make them.
 */
function privatePatches(text: string, info: FunctionInfo, flag: string): Patch[] {
  const parts = info.classParts;
  if (parts === undefined) return [];
  const patches = parts.fieldValues.map((start) => insert(start, `${flag}.on?void 0:`));
  if (parts.constructorBody !== undefined) {
    const leave = parts.heritage === undefined ? "return;" : "{super();return;}";
    patches.push(insert(parts.constructorBody, `if(${flag}.on)${leave}`));
  }
  const cases = parts.privateFields.map((field) => `case"${field}":o.${field}=v;break;`).join("");
  patches.push(insert(text.lastIndexOf("}"), `;static ${PRIVATE_SETTER}(o,n,v){switch(n){${cases}}}`));
  return patches;
}

function insert(start: number, text: string): Patch {
  return { start, end: start, text };
}

/** A method whose key is computed or private gets a plain key: the key was evaluated when the method was made. */
function keyPatches(text: string, info: FunctionInfo): Patch[] {
  if (info.kind !== "method" && info.kind !== "getter" && info.kind !== "setter") return [];
  const opening = /^(?:(?:async|get|set)\b\s*)?\*?\s*(?=[[#])/.exec(text);
  if (opening === null) return [];
  const start = opening[0].length;
  if (text[start] === "#") return [{ start, end: start + 1, text: "$" }];
  return [{ start, end: closingBracket(text, start) + 1, text: "$k" }];
}

/** The `]` that ends a computed key: the last one before the parameters at which the brackets are even. */
function closingBracket(text: string, start: number): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (character === '"' || character === "'" || character === "`") index = text.indexOf(character, index + 1);
    else if (character === "[") depth++;
    else if (character === "]" && --depth === 0) return index;
  }
  return start;
}
