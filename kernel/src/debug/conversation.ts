/**
 * Work of the debugger that takes several questions to the session. It is written as a generator that yields each
 * question and gets its answer, so that it reads from top to bottom and still does nothing by itself.
 */
import type { JsonObject } from "./protocol.ts";

export type Question =
  /** A command of the DevTools protocol. */
  | { readonly type: "inspect"; readonly method: string; readonly params: JsonObject }
  /** The answer is `{ text }`. */
  | { readonly type: "read-file"; readonly path: string };

export type Conversation<Result> = Generator<Question, Result, JsonObject>;

/** Ask V8's inspector. Throws what it complains of. */
export function* inspect<Answer = JsonObject>(method: string, params: JsonObject = {}): Conversation<Answer> {
  return (yield { type: "inspect", method, params }) as Answer;
}

/** A request that cannot be answered; the message is for the user. */
export class DebugRequestError extends Error {
  override readonly name = "DebugRequestError";
  readonly code = "DEBUG_REQUEST_FAILED";
}
