import type { CheckLevel } from "../language.ts";

/**
 * The level a cell asks for in its leading line comments: `// @check off|warn|error`, or `// @ts-nocheck` for `off`.
 * The first such line counts.
 */
export function checkDirective(code: string): CheckLevel | undefined {
  for (const line of code.split(/\r?\n/)) {
    const text = line.trim();
    if (text === "") continue;
    if (!text.startsWith("//")) return undefined;
    const level = /^\/\/\s*@check\s+(off|warn|error)\b/.exec(text)?.[1];
    if (level) return level as CheckLevel;
    if (/^\/\/\s*@ts-nocheck\b/.test(text)) return "off";
  }
  return undefined;
}

/** Leading comments that TypeScript only heeds at the very top of a file (`/// <reference …>`, `@jsx …`), as lines. */
export function leadingPragmas(code: string): string {
  const references = leadingComments(code).filter((comment) => comment.startsWith("///"));
  return [...references, ...jsxPragmas(code)].map((comment) => `${comment}\n`).join("");
}

/** Leading comments such as `/** @jsx h *\/`, which say how JSX is compiled. */
export function jsxPragmas(code: string): string[] {
  return leadingComments(code).filter((comment) => comment.startsWith("/*") && comment.includes("@jsx"));
}

/** The variables that compiled JSX uses, when its comments name any: `h` for `@jsx h`, `Preact` for `@jsx Preact.h`. */
export function jsxFactoryNames(code: string): string[] {
  const pragmas = jsxPragmas(code).join(" ");
  return [...pragmas.matchAll(/@jsx(?:Frag)?\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu)].flatMap(
    ([, name]) => name ?? [],
  );
}

function leadingComments(code: string): readonly string[] {
  const head = /^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(code)?.[0] ?? "";
  return head.match(/\/\/\/\s*<reference[^\n]*|\/\*[\s\S]*?\*\//g) ?? [];
}
