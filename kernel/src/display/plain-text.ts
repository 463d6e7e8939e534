/** Values as text, as Node prints them. */
import { inspect } from "node:util";

const MAX_LENGTH = 20_000;
/** Levels inside a value whose parts its text shows; below them stands `[Object]`. */
export const TEXT_DEPTH = 4;

/** `util.inspect` of `value`, four levels deep, cut at 20 000 characters with a note of what was cut. */
export function plainText(value: unknown): string {
  let text: string;
  try {
    text = inspect(value, { depth: TEXT_DEPTH, maxStringLength: MAX_LENGTH, breakLength: 100 });
  } catch (error) {
    return `[a value that cannot be shown: ${String((error as { message?: unknown } | undefined)?.message)}]`;
  }
  if (text.length <= MAX_LENGTH) return text;
  return `${text.slice(0, MAX_LENGTH)}\n… ${text.length - MAX_LENGTH} more characters`;
}
