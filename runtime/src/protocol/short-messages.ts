/**
 * The messages of which there is one per call, as positional lists: a fraction of the bytes of a record that brings its keys
 * along, and no code to be made for reading it. All others travel as they are.
 */
import { constantBytes, constantTag } from "./codec-constants.ts";
import type { ActorId, TaskId } from "./ids.ts";
import type { ActorCall, FromWorker, TaskCall, ToWorker, WireValue } from "./messages.ts";

const RUN_TASK = 1;
const CALL_ACTOR = 2;
const TASK_FINISHED = 3;

/** A constant's tag, bytes alone, or the whole value. */
type ShortValue = number | Uint8Array | WireValue;
/** What few calls have. */
type Seldom = Pick<
  TaskCall,
  "resolved" | "isStream" | "streamWindow" | "numReturns" | "skipItems" | "timeoutMs" | "execution" | "isLastChance"
>;
/** `place` is a task's code or an actor's id, `method` is the actor's. */
type ShortCall = readonly [
  kind: typeof RUN_TASK | typeof CALL_ACTOR,
  taskId: TaskId,
  place: string,
  method: string | null,
  name: string,
  args: ShortValue,
  depth: number,
  attempt: number,
  waitedMs: number,
  parent: TaskId | null,
  seldom: Seldom | null,
];
type ShortResult = readonly [typeof TASK_FINISHED, taskId: TaskId, value: ShortValue, durationMs: number];
type Hot = Extract<ToWorker, { type: "run-task" | "call-actor" }> | Extract<FromWorker, { type: "task-finished" }>;

/** What travels for a message: a list for the most frequent ones, itself for the others. */
export function shorten(message: unknown): unknown {
  const hot = message as Hot;
  switch (hot.type) {
    case "run-task":
      return shortCall(RUN_TASK, hot.call, hot.call.codeId, null);
    case "call-actor":
      return shortCall(CALL_ACTOR, hot.call, hot.call.actorId, hot.call.method);
    case "task-finished":
      return [TASK_FINISHED, hot.taskId, shortValue(hot.value), hot.durationMs] satisfies ShortResult;
    default:
      return message;
  }
}

/** The message for what `shorten` gave. @throws RangeError for a list of a kind that is not known */
export function lengthen(travelled: unknown): unknown {
  if (!Array.isArray(travelled)) return travelled;
  const list = travelled as unknown as ShortCall | ShortResult;
  switch (list[0]) {
    case RUN_TASK:
      return { type: "run-task", call: longTask(list) };
    case CALL_ACTOR:
      return { type: "call-actor", call: longActorCall(list) };
    case TASK_FINISHED:
      return { type: "task-finished", taskId: list[1], value: longValue(list[2]), durationMs: list[3] };
    default:
      throw new RangeError(`A message of kind ${String(list[0])} is not known here`);
  }
}

function shortCall(
  kind: ShortCall[0],
  call: Omit<TaskCall, "codeId">,
  place: string,
  method: string | null,
): ShortCall {
  const { taskId, name, args, depth, attempt, waitedMs, parent } = call;
  return [
    kind,
    taskId,
    place,
    method,
    name,
    shortValue(args),
    depth,
    attempt,
    waitedMs ?? 0,
    parent ?? null,
    seldomOf(call),
  ];
}

function longTask(list: ShortCall): TaskCall {
  const call: TaskCall = {
    taskId: list[1],
    codeId: list[2],
    name: list[4],
    args: longValue(list[5]),
    depth: list[6],
    attempt: list[7],
    waitedMs: list[8],
    parent: list[9] ?? undefined,
  };
  return list[10] === null ? call : { ...call, ...list[10] };
}

function longActorCall(list: ShortCall): ActorCall {
  const call: ActorCall = {
    taskId: list[1],
    actorId: list[2] as ActorId,
    method: list[3] ?? "",
    name: list[4],
    args: longValue(list[5]),
    depth: list[6],
    attempt: list[7],
    waitedMs: list[8],
    parent: list[9] ?? undefined,
  };
  return list[10] === null ? call : { ...call, ...list[10] };
}

function seldomOf(call: Omit<TaskCall, "codeId">): Seldom | null {
  const { resolved, isStream, streamWindow, numReturns, skipItems, timeoutMs, execution, isLastChance } = call;
  const isPlain =
    (resolved === undefined || resolved.length === 0) &&
    isStream === undefined &&
    streamWindow === undefined &&
    skipItems === undefined &&
    numReturns === undefined &&
    timeoutMs === undefined &&
    execution === undefined &&
    isLastChance === undefined;
  return isPlain
    ? null
    : withoutUndefined({ resolved, isStream, streamWindow, numReturns, skipItems, timeoutMs, execution, isLastChance });
}

/** msgpack would spell it out. */
function withoutUndefined<Record extends object>(record: Record): Record {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Record;
}

function shortValue(value: WireValue): ShortValue {
  const { bytes, buffers, region, owner, refs, handles } = value;
  if (
    buffers !== undefined ||
    region !== undefined ||
    owner !== undefined ||
    refs !== undefined ||
    handles !== undefined
  ) {
    return value;
  }
  return constantTag(bytes) ?? bytes;
}

function longValue(value: ShortValue): WireValue {
  if (typeof value === "number") return { bytes: constantBytes(value) };
  return value instanceof Uint8Array ? { bytes: value } : value;
}
