/** What is unfinished in one process, for those who ask the head. */
import { fromAmounts } from "../../core/resources.ts";
import type { TaskListing, TaskListings } from "../../protocol/task-events.ts";
import type { Call } from "./calls.ts";
import type { EndedRun } from "./task-events.ts";

/**
 * @param calls - made by this process, oldest first.
 * @param workers - which worker has a call that was sent.
 * @param runningHere - calls of others that this process runs.
 * @param limit - of `calls`, the newest.
 */
export function listTasks(
  calls: Iterable<Call>,
  workers: ReadonlyMap<string, string>,
  runningHere: Iterable<TaskListing>,
  limit: number,
): TaskListings {
  const counts: Partial<Record<TaskListing["state"], number>> = {};
  const newest: Call[] = [];
  let next = 0;
  for (const call of calls) {
    const state = stateOf(call);
    counts[state] = (counts[state] ?? 0) + 1;
    newest[next] = call;
    next = (next + 1) % limit;
  }
  const items = newest.map((call) => listingOf(call, workers.get(call.taskId)));
  return { items: [...items, ...runningHere], counts };
}

/** A call that was sent is queued until its worker says that it runs. */
function stateOf(call: Call): "PENDING_ARGS" | "QUEUED" {
  return call.resolved === undefined ? "PENDING_ARGS" : "QUEUED";
}

function listingOf(call: Call, worker: string | undefined): TaskListing {
  const { taskId, name, attempt, submittedMs, parent, execution, work } = call;
  return {
    id: taskId,
    name,
    state: stateOf(call),
    attempt,
    submittedAtMs: performance.timeOrigin + submittedMs,
    ...(parent === undefined ? {} : { parent }),
    ...(work.kind === "actor" ? { actor: work.actorId } : { resources: fromAmounts(work.resources) }),
    ...(worker === undefined ? {} : { worker }),
    ...(execution === undefined ? {} : { execution }),
  };
}

/** A call that ended without having run to its end; when its run began, only its worker knew. */
export function endedRunOf(call: Call): EndedRun {
  const { taskId, name, execution, attempt, submittedMs, parent, work } = call;
  return {
    id: taskId,
    name,
    execution,
    attempt,
    submittedMs,
    startedMs: undefined,
    endedMs: performance.now(),
    parent,
    actor: work.kind === "actor" ? work.actorId : undefined,
  };
}
