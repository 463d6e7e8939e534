/** Who may cancel which calls of this process, and what becomes of one that is cancelled. */
import { TaskCancelledError, UnsupportedError } from "../../errors.ts";
import { clientOf, makerOf, type ObjectId, type TaskId } from "../../protocol/ids.ts";
import type { FromHead } from "../../protocol/messages.ts";
import type { CancelOptions } from "../engine.ts";
import type { Call } from "./calls.ts";
import type { LocalEngine } from "./local-engine.ts";

/** The user wants no result; the call may be that of another process. */
export function cancelObject(engine: LocalEngine, id: ObjectId, options: CancelOptions): void {
  const call = engine.objects.isSettled(id) ? undefined : engine.calls.get(makerOf(id));
  if (call !== undefined) cancelCall(engine, call, options);
  else if (clientOf(id) !== engine.clientId && !engine.objects.isSettled(id)) {
    const { isForced = false, isRecursive = true } = options;
    engine.link.send({ type: "cancel-object", objectId: id, isForced, isRecursive });
  }
}

/** Another process wants it. */
export function cancelAsked(engine: LocalEngine, message: Extract<FromHead, { type: "cancel-call" }>): void {
  const { objectId, isForced, isRecursive } = message;
  const call = engine.calls.get(makerOf(objectId));
  if (call === undefined || engine.objects.isSettled(objectId)) return;
  const isRefused = isForced && call.work.kind === "actor";
  if (isRefused)
    engine.calls.note(call, `'${call.name}' is cancelled without force: it is an actor's call; see kill(handle)`);
  cancelCall(engine, call, { isForced: isForced && !isRefused, isRecursive });
}

/** The panel wants it, of a function or of a function's calls from one cell. */
export function cancelGroup(engine: LocalEngine, message: Extract<FromHead, { type: "cancel-group" }>): void {
  for (const call of [...engine.calls.all()]) {
    const isOfCell = message.cellId === undefined || call.execution?.cellId === message.cellId;
    if (call.name === message.function && isOfCell)
      cancelCall(engine, call, { reason: "it was cancelled in the panel" });
  }
}

/** Cancel what one execution of a cell has submitted. */
export function cancelExecution(engine: LocalEngine, messageId: string, reason: string): void {
  for (const call of [...engine.calls.all()])
    if (call.execution?.messageId === messageId) cancelCall(engine, call, { reason });
}

/** Cancel what this task has submitted from here. */
export function cancelChildren(engine: LocalEngine, parent: TaskId, isForced: boolean): void {
  const reason = "the task that submitted it was cancelled";
  for (const call of [...engine.calls.all()])
    if (call.parent === parent) cancelCall(engine, call, { isForced, reason });
}

/** @throws UnsupportedError when an actor's call is to be cancelled by force. */
export function cancelCall(engine: LocalEngine, call: Call, options: CancelOptions): void {
  const { isForced = false, isRecursive = true, reason = "cancel() was called" } = options;
  if (call.isOver) return;
  if (isForced && call.work.kind === "actor") {
    throw new UnsupportedError("Forced cancelling of an actor's call", "Use kill(handle) to end the actor.");
  }
  call.cancelReason ??= reason;
  const connection = engine.places.connectionOf(call.taskId);
  if (connection === undefined) {
    engine.places.remove(call);
    engine.calls.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
    return;
  }
  connection.dropTask(call.taskId);
  const { workerId } = connection;
  engine.link.send({ type: "cancel-task", workerId, taskId: call.taskId, isForced, isRecursive });
  // One that stands behind others in its worker need not wait for them to be told.
  if (engine.places.tasks.isQueuedAtWorker(call)) {
    engine.calls.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
  }
}
