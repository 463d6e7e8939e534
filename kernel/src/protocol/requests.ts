/** Checks the content of requests, which comes from other programs. Behind `readRequest` the types are believed. */
import type { DebugRequestContent, HistoryRequestContent, JsonObject, Request } from "./messages.ts";

/** A request whose content is not what the messaging specification asks for. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
  readonly code = "INVALID_REQUEST";
}

/**
 * @returns the request with defaults filled in; `undefined` for a type this kernel does not know.
 * @throws InvalidRequestError naming the field that is missing or has the wrong type.
 */
export function readRequest(msgType: string, content: JsonObject): Request | undefined {
  switch (msgType) {
    case "execute_request":
      return { type: msgType, content: readExecute(content) };
    case "complete_request":
      return { type: msgType, content: readCursor(content) };
    case "inspect_request":
      return { type: msgType, content: { ...readCursor(content), detail_level: content.detail_level === 1 ? 1 : 0 } };
    case "is_complete_request":
      return { type: msgType, content: { code: readString(content, "code") } };
    case "history_request":
      return { type: msgType, content: readHistory(content) };
    case "comm_info_request":
      return {
        type: msgType,
        content: typeof content.target_name === "string" ? { target_name: content.target_name } : {},
      };
    case "comm_open":
      return {
        type: msgType,
        content: { ...readComm(content), target_name: readString(content, "target_name") },
      };
    case "comm_msg":
    case "comm_close":
      return { type: msgType, content: readComm(content) };
    case "shutdown_request":
      return { type: msgType, content: { restart: readBoolean(content, "restart", false) } };
    case "delete_subshell_request":
      return { type: msgType, content: { subshell_id: readString(content, "subshell_id") } };
    case "debug_request":
      return { type: msgType, content: readDebugRequest(content) };
    case "kernel_info_request":
    case "interrupt_request":
    case "create_subshell_request":
    case "list_subshell_request":
    case "usage_request":
      return { type: msgType };
    default:
      return undefined;
  }
}

function readExecute(content: JsonObject): Extract<Request, { type: "execute_request" }>["content"] {
  const silent = readBoolean(content, "silent", false);
  const expressions = Object.entries(readObject(content, "user_expressions"));
  return {
    code: readString(content, "code"),
    silent,
    store_history: readBoolean(content, "store_history", true) && !silent,
    user_expressions: Object.fromEntries(expressions.map(([name, text]) => [name, String(text)])),
    allow_stdin: readBoolean(content, "allow_stdin", true),
    stop_on_error: readBoolean(content, "stop_on_error", true),
  };
}

function readCursor(content: JsonObject): { code: string; cursor_pos: number } {
  const code = readString(content, "code");
  return { code, cursor_pos: readNumber(content, "cursor_pos", code.length) };
}

function readComm(content: JsonObject): { comm_id: string; data: JsonObject } {
  return { comm_id: readString(content, "comm_id"), data: readObject(content, "data") };
}

function readHistory(content: JsonObject): HistoryRequestContent {
  const shared = { output: readBoolean(content, "output", false), raw: readBoolean(content, "raw", true) };
  switch (content.hist_access_type) {
    case "tail":
      return { ...shared, hist_access_type: "tail", n: readNumber(content, "n", 10) };
    case "range": {
      const range = {
        hist_access_type: "range" as const,
        session: readNumber(content, "session", 0),
        start: readNumber(content, "start", 0),
      };
      return isAbsent(content.stop)
        ? { ...shared, ...range }
        : { ...shared, ...range, stop: readNumber(content, "stop", 0) };
    }
    case "search": {
      const search = {
        hist_access_type: "search" as const,
        pattern: isAbsent(content.pattern) ? "*" : readString(content, "pattern"),
        unique: readBoolean(content, "unique", false),
      };
      return isAbsent(content.n) ? { ...shared, ...search } : { ...shared, ...search, n: readNumber(content, "n", 0) };
    }
    default:
      throw new InvalidRequestError('\'hist_access_type\' must be "tail", "range" or "search".');
  }
}

function readDebugRequest(content: JsonObject): DebugRequestContent {
  return {
    type: "request",
    seq: readNumber(content, "seq", 0),
    command: readString(content, "command"),
    arguments: readObject(content, "arguments"),
  };
}

/** JSON's `null` stands for "not given" in several clients. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function readString(content: JsonObject, field: string): string {
  const value = content[field];
  if (typeof value !== "string") throw new InvalidRequestError(`'${field}' must be a string.`);
  return value;
}

function readNumber(content: JsonObject, field: string, fallback: number): number {
  const value = content[field];
  if (isAbsent(value)) return fallback;
  if (typeof value !== "number") throw new InvalidRequestError(`'${field}' must be a number.`);
  return value;
}

function readBoolean(content: JsonObject, field: string, fallback: boolean): boolean {
  const value = content[field];
  if (isAbsent(value)) return fallback;
  if (typeof value !== "boolean") throw new InvalidRequestError(`'${field}' must be true or false.`);
  return value;
}

function readObject(content: JsonObject, field: string): JsonObject {
  const value = content[field];
  if (isAbsent(value)) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new InvalidRequestError(`'${field}' must be an object.`);
  }
  return value as JsonObject;
}
