/** What cells call to ask their user; declared for them in `resources/globals.d.ts`. */
import type { CellInput } from "./cell-input.ts";

export interface InputGlobals {
  prompt(text?: unknown, fallback?: string | { readonly password?: boolean }): string | null;
  confirm(text?: unknown): boolean;
  input(text?: unknown, options?: { readonly password?: boolean }): Promise<string>;
}

/** The user ended the input, as with Ctrl-D, where an answer was needed. */
export class EndOfInputError extends Error {
  override readonly name = "EndOfInputError";
  readonly code = "END_OF_INPUT";
}

export function inputGlobals(cellInput: CellInput): InputGlobals {
  return {
    prompt: (text = "", fallback) => {
      const isPassword = typeof fallback === "object" && fallback.password === true;
      const answer = cellInput.ask("prompt()", { prompt: String(text), isPassword });
      return answer === "" && typeof fallback === "string" ? fallback : answer;
    },
    confirm: (text = "Confirm?") => {
      const answer = cellInput.ask("confirm()", { prompt: `${String(text)} [y/N] `, isPassword: false });
      return /^\s*(y|yes)\s*$/i.test(answer ?? "");
    },
    input: async (text = "", options = {}) => {
      const isPassword = options.password === true;
      const answer = await cellInput.askLater("input()", { prompt: String(text), isPassword });
      if (answer === null) throw new EndOfInputError("The user ended the input without an answer.");
      return answer;
    },
  };
}
