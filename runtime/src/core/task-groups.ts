/** Counts of tasks and actor calls, by the cell and function they belong to; for views. */

import type { ClientId } from "../protocol/ids.ts";
import { lastJobOf } from "./jobs.ts";
import type { CoreEvent, CoreState, GroupRecord, WorkerRecord } from "./state.ts";

/** Groups kept; the least recently active finished ones go first. */
const MAX_GROUPS = 500;

export function addReport(state: CoreState, event: Extract<CoreEvent, { type: "work-reported" }>): void {
  const { clientId, atMs } = event;
  const jobId = lastJobOf(state, clientId);
  for (const report of event.groups) {
    const key = `${jobId} ${report.cellId ?? ""} ${report.executionCount ?? ""} ${report.function}`;
    const group = state.groups.get(key) ?? newGroup(report, jobId, atMs);
    state.groups.set(key, group);
    setOrDelete(group.queued, clientId, report.queued);
    setOrDelete(group.running, clientId, report.running);
    group.finished += report.finished;
    group.failed += report.failed;
    group.cancelled += report.cancelled;
    group.retried += report.retried;
    group.lastAtMs = atMs;
  }
  for (const report of event.actors) {
    const actor = state.actors.get(report.actorId);
    if (actor === undefined) continue;
    setOrDelete(actor.callsPending, clientId, report.pending);
    actor.callsFinished += report.finished;
  }
  const worker = state.workers.get(clientId as string as Parameters<typeof state.workers.get>[0]);
  if (worker !== undefined) {
    worker.tasksFinished += event.finished ?? 0;
    if (worker.work.state === "leased") noteRun(worker, event);
  }
  forgetOldGroups(state);
}

function noteRun(worker: WorkerRecord, event: Extract<CoreEvent, { type: "work-reported" }>): void {
  const { running, finished = 0, isLastChance = false, atMs } = event;
  if (running !== worker.running || finished > 0) worker.runningSinceMs = atMs;
  worker.running = running;
  worker.isLastChance = isLastChance;
}

function newGroup(
  report: { function: string; cellId?: string; executionCount?: number },
  jobId: ClientId | undefined,
  atMs: number,
): GroupRecord {
  return {
    jobId,
    function: report.function,
    ...(report.cellId === undefined ? {} : { cellId: report.cellId }),
    ...(report.executionCount === undefined ? {} : { executionCount: report.executionCount }),
    queued: new Map(),
    running: new Map(),
    finished: 0,
    failed: 0,
    cancelled: 0,
    retried: 0,
    firstAtMs: atMs,
    lastAtMs: atMs,
  };
}

function setOrDelete<Key>(map: Map<Key, number>, key: Key, value: number): void {
  if (value === 0) map.delete(key);
  else map.set(key, value);
}

function forgetOldGroups(state: CoreState): void {
  if (state.groups.size <= MAX_GROUPS) return;
  const idle = [...state.groups.entries()].filter(([, group]) => group.queued.size + group.running.size === 0);
  idle.sort(([, a], [, b]) => a.lastAtMs - b.lastAtMs);
  for (const [key] of idle.slice(0, state.groups.size - MAX_GROUPS)) state.groups.delete(key);
}

/** A client is gone, and the work it had not finished with it. */
export function forgetClientWork(state: CoreState, clientId: ClientId): void {
  for (const group of state.groups.values()) {
    group.queued.delete(clientId);
    group.running.delete(clientId);
  }
  for (const actor of state.actors.values()) actor.callsPending.delete(clientId);
}
