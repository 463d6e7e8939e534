import { Script } from "node:vm";

/** An error of V8's parser, with the 0-based place it names. */
export interface EngineSyntaxError {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Let V8 parse `code` without running it. TypeScript reports some errors of JavaScript only when it checks types (a
 * `break` outside of a loop, `await` in a plain function), and checks can be off.
 *
 * @param code - text that begins one line above the user's.
 */
export function engineSyntaxError(code: string): EngineSyntaxError | undefined {
  try {
    parse(code);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [place = "", , carets = ""] = (error.stack ?? "").split("\n");
    const line = Number(/^cell:(\d+)$/.exec(place)?.[1] ?? 1) - 1;
    return { message: error.message, line, column: Math.max(0, carets.indexOf("^")) };
  }
}

function parse(code: string): Script {
  return new Script(code, { filename: "cell", lineOffset: -1 });
}
