/** Lines that start with `%` and speak to the kernel. Only the first line of a cell that is not blank can be one. */
import type { CheckLevel } from "../language/language.ts";

export interface CellText {
  /**
   * The cell with the magic line blanked out, so that positions stay the user's. It is always what the language gets.
   */
  readonly code: string;
  readonly magic?: Magic;
}

export type Magic =
  /** `%check error|warn|off`; without a level it asks for the present one. */
  | { readonly type: "check"; readonly level?: CheckLevel }
  /** `%npm install lodash`: npm, run in the notebook's directory before the rest of the cell. */
  | { readonly type: "npm"; readonly args: readonly string[] }
  /** `problem` is a sentence for the user. */
  | { readonly type: "unknown"; readonly problem: string };

const CHECK_LEVELS: readonly CheckLevel[] = ["error", "warn", "off"];

export function isCheckLevel(word: string): word is CheckLevel {
  return (CHECK_LEVELS as readonly string[]).includes(word);
}

/** Separate a cell from its magic line. */
export function readMagic(text: string): CellText {
  const line = /^\s*?(?<magic>%[^\r\n]*)/.exec(text);
  const command = line?.groups?.magic;
  if (!line || command === undefined) return { code: text };
  const blank = " ".repeat(command.length);
  const code = line[0].slice(0, -command.length) + blank + text.slice(line[0].length);
  return { code, magic: parseMagic(command.trim()) };
}

function parseMagic(command: string): Magic {
  const [name, ...words] = command.split(/\s+/);
  if (name === "%npm") return parseNpm(command);
  if (name !== "%check") {
    const known = "%check error|warn|off, %npm install PACKAGE";
    return { type: "unknown", problem: `Unknown command ${name}. This kernel knows: ${known}.` };
  }
  const [level] = words;
  if (level === undefined) return { type: "check" };
  if (words.length === 1 && isCheckLevel(level)) return { type: "check", level };
  return {
    type: "unknown",
    problem: `%check takes one of: error, warn, off (not "${words.join(" ")}").`,
  };
}

function parseNpm(command: string): Magic {
  // As a shell reads quotes; nothing else of a shell is there.
  const words = [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replaceAll(/["']/g, ""));
  const args = words.slice(1);
  if (args.length > 0) return { type: "npm", args };
  return { type: "unknown", problem: "%npm needs a command of npm, such as: %npm install lodash." };
}
