/** Jobs: every driver is one. Who works for whom, and what is left to tell of drivers that ended. */
import type { ClientId, WorkerId } from "../protocol/ids.ts";
import type { CoreEvent, CoreState } from "./state.ts";

/** Ended jobs that views still show. */
const LISTED_ENDS = 100;
/** Leases of leases of leases: nobody nests deeper in processes, and a circle must not hold up the head. */
const MAX_CHAIN = 1_000;

/** A driver, from its arrival on. */
export interface JobRecord {
  /** The driver's client id: `d` in an embedded cluster. */
  readonly jobId: ClientId;
  /** What the driver calls itself. */
  readonly name?: string;
  readonly pid: number;
  /** The machine it runs on. */
  readonly host: string;
  readonly startedAtMs: number;
  endedAtMs?: number;
  state: "running" | "ended";
}

export function startJob(state: CoreState, event: Extract<CoreEvent, { type: "client-joined"; kind: "driver" }>): void {
  const { clientId: jobId, pid, host, name, atMs } = event;
  // A driver that comes back is a new job of the same id.
  state.jobs.delete(jobId);
  state.jobs.set(jobId, {
    jobId,
    ...(name === undefined ? {} : { name }),
    pid,
    host,
    startedAtMs: atMs,
    state: "running",
  });
}

/** Note that a driver is gone; of those that ended longest ago, only so many are kept. */
export function endJob(state: CoreState, jobId: ClientId, atMs: number): void {
  const job = state.jobs.get(jobId);
  if (job?.state !== "running") return;
  job.state = "ended";
  job.endedAtMs = atMs;
  const ended = listJobs(state).filter((each) => each.state === "ended");
  ended.sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0));
  for (const old of ended.slice(0, Math.max(0, ended.length - LISTED_ENDS))) state.jobs.delete(old.jobId);
}

/** Running and ended jobs, in the order in which they came. */
export function listJobs(state: CoreState): JobRecord[] {
  return [...state.jobs.values()];
}

/**
 * The job that a process works for now: its own for a driver; for a worker that of whoever leases it, or of its actor.
 *
 * @returns undefined for a worker that does nothing for anybody
 */
export function jobOf(state: CoreState, clientId: ClientId): ClientId | undefined {
  let current = clientId;
  for (let length = 0; length < MAX_CHAIN; length++) {
    if (state.jobs.has(current)) return current;
    const work = state.workers.get(current as string as WorkerId)?.work;
    if (work?.state === "actor") return state.actors.get(work.actorId)?.jobId;
    const lease = work?.state === "leased" ? state.leases.get(work.leaseId) : undefined;
    if (lease === undefined) return undefined;
    current = lease.clientId;
  }
  return undefined;
}

/** As `jobOf`; for a worker that is done, the job it worked for last: reports and output come a moment later. */
export function lastJobOf(state: CoreState, clientId: ClientId): ClientId | undefined {
  return jobOf(state, clientId) ?? state.workers.get(clientId as string as WorkerId)?.lastJobId;
}
