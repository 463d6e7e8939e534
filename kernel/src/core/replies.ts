/** Replies as the messaging specification wants them. */
import type { ErrorReplyContent, ExecuteReplyContent } from "../protocol/messages.ts";
import type { CellOutcome } from "./cell-runner.ts";
import type { Origin } from "./outbox.ts";

/** Does the client wait for a reply? Comm messages have none. */
export function isAnswered({ header }: Origin): boolean {
  return header.msg_type.endsWith("_request");
}

/** What a cell came to, for the client that sent it. */
export function toExecuteReply(outcome: CellOutcome, executionCount: number): ExecuteReplyContent {
  return outcome.status === "ok"
    ? { status: "ok", execution_count: executionCount, payload: [], user_expressions: outcome.userExpressions }
    : { status: "error", execution_count: executionCount, ...outcome.error };
}

/** The answer to a request that failed. */
export function toErrorReply(error: unknown): ErrorReplyContent {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { status: "error", ename: name, evalue: message, traceback: [`${name}: ${message}`] };
}
