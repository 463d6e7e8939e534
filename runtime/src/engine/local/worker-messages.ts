/** What a worker reports about calls of this process. */
import { errorFromWire } from "../../errors.ts";
import { partOf, resultOf } from "../../protocol/ids.ts";
import type { FromWorker, WireValue } from "../../protocol/messages.ts";
import type { Call } from "./calls.ts";
import type { LocalEngine } from "./local-engine.ts";
import { cancelledError, failedError } from "./task-errors.ts";
import type { WorkerConnection } from "./worker-connection.ts";

export function handleWorkerMessage(engine: LocalEngine, connection: WorkerConnection, message: FromWorker): void {
  switch (message.type) {
    case "task-finished":
      taskFinished(engine, message);
      return;
    case "task-returned":
      taskReturned(engine, message);
      return;
    case "task-failed":
      taskFailed(engine, connection, message);
      return;
    case "stream-item":
      streamItem(engine, message);
      return;
    case "tasks-returned":
      engine.places.tasks.returned(connection, message.taskIds);
      return;
    // Its process ends in a moment.
    case "worker-ending":
      engine.places.tasks.leaving(connection.workerId);
      return;
    case "output":
      engine.calls.output(message);
      return;
  }
}

function taskFinished(engine: LocalEngine, message: Extract<FromWorker, { type: "task-finished" }>): void {
  const { taskId, value, durationMs } = message;
  engine.objects.receive(value);
  const call = engine.calls.get(taskId);
  if (call === undefined) {
    engine.places.tasks.leftLate(taskId);
    engine.objects.drop(value);
    return;
  }
  engine.places.left(call, durationMs);
  if (call.stream === undefined) settleOne(engine, call, value);
  else {
    engine.objects.drop(value);
    call.stream.finish();
  }
  engine.calls.over(call, "finished");
}

function taskReturned(engine: LocalEngine, message: Extract<FromWorker, { type: "task-returned" }>): void {
  const { taskId, values, durationMs } = message;
  for (const value of values) engine.objects.receive(value);
  const call = engine.calls.get(taskId);
  if (call === undefined) {
    engine.places.tasks.leftLate(taskId);
    for (const value of values) engine.objects.drop(value);
    return;
  }
  engine.places.left(call, durationMs);
  settle(engine, call, values);
  engine.calls.over(call, "finished");
}

function settleOne(engine: LocalEngine, call: Call, value: WireValue): void {
  if (call.isRebuild || value.region !== undefined) settle(engine, call, [value]);
  else engine.objects.settle(resultOf(call.taskId), value);
}

function settle(engine: LocalEngine, call: Call, values: readonly WireValue[]): void {
  if (call.isRebuild) {
    engine.lineage.rebuilt(call, values);
    return;
  }
  const { objects } = engine;
  if (call.returns === undefined) objects.settle(resultOf(call.taskId), values[0] as WireValue);
  else for (const [index, id] of call.returns.entries()) objects.settle(id, values[index] as WireValue);
  engine.lineage.keep(call, values);
}

function taskFailed(
  engine: LocalEngine,
  connection: WorkerConnection,
  message: Extract<FromWorker, { type: "task-failed" }>,
): void {
  const call = engine.calls.get(message.taskId);
  if (call === undefined) {
    engine.places.tasks.leftLate(message.taskId);
    return;
  }
  call.isReported = true;
  engine.places.left(call, message.durationMs);
  // It may have failed half-way through storing them.
  if (call.returns !== undefined) engine.calls.forgetUnsent(call, connection.workerId);
  if (call.cancelReason !== undefined || message.reason === "cancelled") {
    engine.calls.fail(call, cancelledError(call, "it was cancelled"), "cancelled");
    return;
  }
  if (message.reason === "timeout") {
    engine.calls.fail(call, cancelledError(call, `it ran longer than ${call.timeoutMs} ms (timeoutMs)`), "cancelled");
    return;
  }
  const { error, classNames } = message;
  const verdict = call.retriesLeft > 0 && call.shouldRetry?.({ error: errorFromWire(error), classNames });
  const decide = (isAccepted: boolean | undefined): void => {
    // It may have been cancelled while somebody thought about it.
    if (call.isOver) return;
    if (isAccepted === true) engine.places.callAgain(call, `it failed with ${error.name}: ${error.message}`);
    else engine.calls.fail(call, failedError(call.name, error));
  };
  if (verdict instanceof Promise) void verdict.then(decide);
  else decide(verdict);
}

function streamItem(engine: LocalEngine, message: Extract<FromWorker, { type: "stream-item" }>): void {
  const { taskId, index, value } = message;
  engine.objects.receive(value);
  const stream = engine.calls.get(taskId)?.stream;
  // A retry sends items again that have arrived.
  if (stream === undefined || index < stream.received) {
    engine.objects.drop(value);
    return;
  }
  const id = partOf(taskId, index);
  engine.objects.create(id);
  engine.objects.settle(id, value);
  stream.add(id);
}
