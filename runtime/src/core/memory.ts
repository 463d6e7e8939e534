/** Memory runs short: whose process has to end, so that the others go on. */
import { type ClientId, clientOfWorker, type WorkerId } from "../protocol/ids.ts";
import type { MemoryShortage } from "../protocol/messages.ts";
import type { CoreEffect, CoreEvent, CoreState, WorkerRecord } from "./state.ts";
import { stopWorker } from "./workers.ts";

/** An idle process that has more than this is ended first: nobody misses it. */
const IDLE_WORTH_BYTES = 150 * 1024 ** 2;
/** A process with less than the largest by this factor is let be. */
const SMALL_SHARE = 8;
/** Processes that the error names. */
const NAMED = 5;

/**
 * End one process: the idle ones that have much, then tasks that are run again, then other tasks, then actors (first those
 * that are started again); the youngest of each first, as it has least to lose. One at a time: its memory may be enough.
 */
export function relieveMemory(state: CoreState, event: Extract<CoreEvent, { type: "memory-short" }>): CoreEffect[] {
  const workers = [...state.workers.values()];
  if (workers.some(({ memoryEnd }) => memoryEnd !== undefined)) return [];
  const privateBytes = new Map(event.workers.map(({ workerId, privateBytes }) => [workerId, privateBytes]));
  const victim = chooseVictim(state, workers, privateBytes);
  if (victim === undefined) return [];
  const { what, usedBytes, totalBytes, threshold } = event;
  victim.memoryEnd = {
    what,
    usedBytes,
    totalBytes,
    threshold,
    processBytes: privateBytes.get(victim.workerId) ?? 0,
    largest: largestOf(workers, privateBytes),
  };
  return stopWorker(victim);
}

function chooseVictim(
  state: CoreState,
  workers: readonly WorkerRecord[],
  privateBytes: ReadonlyMap<WorkerId, number>,
): WorkerRecord | undefined {
  const largest = Math.max(0, ...privateBytes.values());
  let best: { readonly worker: WorkerRecord; readonly rank: number; readonly sinceMs: number } | undefined;
  for (const worker of workers) {
    const bytes = privateBytes.get(worker.workerId) ?? 0;
    const rank = rankOf(state, worker, bytes);
    // The end of a small one would help nobody.
    if (rank === undefined || bytes * SMALL_SHARE < largest) continue;
    const sinceMs = sinceOf(state, worker);
    if (best === undefined || rank < best.rank || (rank === best.rank && sinceMs > best.sinceMs)) {
      best = { worker, rank, sinceMs };
    }
  }
  return best?.worker;
}

/** The lowest goes first; undefined for those whose end would help nobody. */
function rankOf(state: CoreState, { work, running, isLastChance }: WorkerRecord, bytes: number): number | undefined {
  switch (work.state) {
    case "idle":
      return bytes > IDLE_WORTH_BYTES ? 0 : undefined;
    case "leased":
      if (running === undefined) return bytes > IDLE_WORTH_BYTES ? 1 : undefined;
      return isLastChance === true ? 3 : 2;
    case "actor":
      return (state.actors.get(work.actorId)?.restartsLeft ?? 0) > 0 ? 4 : 5;
    case "starting":
    case "stopping":
      return undefined;
  }
}

function sinceOf(state: CoreState, { work, runningSinceMs }: WorkerRecord): number {
  if (work.state === "actor") return state.actors.get(work.actorId)?.sinceMs ?? 0;
  return runningSinceMs ?? 0;
}

function largestOf(
  workers: readonly WorkerRecord[],
  privateBytes: ReadonlyMap<WorkerId, number>,
): MemoryShortage["largest"] {
  return workers
    .map(({ workerId, pid, running }) => ({ name: running ?? "idle", pid, bytes: privateBytes.get(workerId) ?? 0 }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, NAMED);
}

/** A worker process that works, or could. */
export interface WatchedWorker {
  readonly workerId: WorkerId;
  readonly pid: number;
  /** What it runs. */
  readonly name: string;
  readonly forClient: ClientId;
  /** The `memoryBytes` of what it runs. */
  readonly declaredBytes: number | undefined;
}

export function watchedWorkers(state: CoreState): WatchedWorker[] {
  const watched: WatchedWorker[] = [];
  for (const { workerId, pid, work, running } of state.workers.values()) {
    if (pid === 0 || work.state === "starting" || work.state === "stopping") continue;
    const actor = work.state === "actor" ? state.actors.get(work.actorId) : undefined;
    const lease = work.state === "leased" && running !== undefined ? state.leases.get(work.leaseId) : undefined;
    watched.push({
      workerId,
      pid,
      name: actor?.spec.className ?? running ?? "",
      forClient: actor?.ownerId ?? lease?.clientId ?? clientOfWorker(workerId),
      declaredBytes: (actor?.spec.resources ?? lease?.resources)?.["memoryBytes"],
    });
  }
  return watched;
}
