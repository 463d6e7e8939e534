/** Errors of calls, made where the caller waits. */
import {
  errorFromWire,
  OutOfMemoryError,
  TaskCancelledError,
  TaskFailedError,
  type WireError,
  WorkerCrashedError,
} from "../../errors.ts";
import type { ProcessEnd } from "../../protocol/messages.ts";
import { reasonOfEnd } from "../../protocol/process-end.ts";
import type { Call } from "./calls.ts";

/** Frames of this package, where the message happened to arrive, say nothing to the user. */
function withoutFrames<Result extends Error>(make: () => Result): Result {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

export function failedError(name: string, error: WireError): Error {
  return withoutFrames(() => new TaskFailedError(name, errorFromWire(error)));
}

export function crashError(call: Call, end: ProcessEnd): Error {
  if (end.reason === "memory") return withoutFrames(() => new OutOfMemoryError(call.name, reasonOfEnd(end)));
  return withoutFrames(() => new WorkerCrashedError(call.name, reasonOfEnd(end), end.stderrTail));
}

export function cancelledError(call: Call, fallback: string): Error {
  return withoutFrames(() => new TaskCancelledError(call.name, call.cancelReason ?? fallback));
}
