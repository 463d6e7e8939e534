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
  const head = /^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(code)?.[0] ?? "";
  const pragmas = head.match(/\/\/\/\s*<reference[^\n]*|\/\*[\s\S]*?\*\//g) ?? [];
  return pragmas
    .filter((comment) => comment.startsWith("///") || /@jsx/.test(comment))
    .map((comment) => `${comment}\n`)
    .join("");
}
