/**
 * Tasks of one shape (the resources they need) and the workers leased for them.
 *
 * Short tasks are pushed many at a time, so that a worker never waits for the next; a task that is long, or not measured
 * yet, is pushed only to a worker with nothing to do.
 */
import type { LeaseId } from "../../protocol/ids.ts";
import type { ResourceAmounts } from "../../protocol/messages.ts";
import type { Call } from "./calls.ts";
import type { WorkerConnection } from "./worker-connection.ts";

/** Work pushed to one worker ahead of time: enough to hide a round trip, little enough to rebalance. */
const AHEAD_MS = 4;
const MAX_AHEAD = 200;
const IDLE_LEASE_MS = 150;
/** Leases asked for at a time; more are asked for as these arrive. */
const MAX_WANTED = 256;
/** Demand that differs from any: the next one is told in any case. */
const UNTOLD = -1;
/** Weight of a new measurement. */
const SMOOTHING = 0.2;

export interface Lease {
  readonly leaseId: LeaseId;
  readonly connection: WorkerConnection;
  /** In the order they run. */
  readonly inflight: Map<string, Call>;
  expectedMs: number;
  /** Others wait for it: nothing more is pushed. */
  isDraining: boolean;
  /** What it runs waits for something, and the worker runs nothing else meanwhile. */
  isBlocked: boolean;
  /** Its process ends in a moment: no work for it, and none for others by giving it back. */
  isEnding: boolean;
  idleSinceMs: number;
}

export interface TaskQueueHooks {
  demand(shape: string, resources: ResourceAmounts, count: number, depth: number): void;
  returnLeases(leaseIds: readonly LeaseId[]): void;
}

/** Measured run times by function. */
export class Durations {
  readonly #averages = new Map<string, number>();

  /** Infinite while nothing was measured. */
  expectedMs(codeId: string): number {
    return this.#averages.get(codeId) ?? Number.POSITIVE_INFINITY;
  }

  add(codeId: string, durationMs: number): void {
    const average = this.#averages.get(codeId);
    // A slow run weighs at once: guessing too short makes others wait.
    const next =
      average === undefined || durationMs > 10 * average ? durationMs : average + SMOOTHING * (durationMs - average);
    this.#averages.set(codeId, next);
  }
}

export class TaskQueue {
  readonly shape: string;
  readonly resources: ResourceAmounts;
  readonly #durations: Durations;
  readonly #hooks: TaskQueueHooks;
  readonly leases: Set<Lease> = new Set();
  #waiting: Call[] = [];
  #first = 0;
  #demanded = 0;

  constructor(shape: string, resources: ResourceAmounts, durations: Durations, hooks: TaskQueueHooks) {
    this.shape = shape;
    this.resources = resources;
    this.#durations = durations;
    this.#hooks = hooks;
  }

  get waiting(): readonly Call[] {
    return this.#first === 0 ? this.#waiting : this.#waiting.slice(this.#first);
  }

  add(call: Call): void {
    this.#waiting.push(call);
  }

  /** Put calls that a worker did not run before all others. */
  addFirst(calls: readonly Call[]): void {
    this.#waiting = [...calls, ...this.waiting];
    this.#first = 0;
  }

  remove(call: Call): boolean {
    const index = this.#waiting.indexOf(call, this.#first);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    return true;
  }

  takeAll(): Call[] {
    const calls = [...this.waiting];
    this.#waiting = [];
    this.#first = 0;
    // The head has forgotten the wish, but may hear of it once more: what was sent before it said so.
    this.#demanded = 0;
    this.#hooks.demand(this.shape, this.resources, 0, 0);
    return calls;
  }

  addLease(leaseId: LeaseId, connection: WorkerConnection, nowMs: number): void {
    this.leases.add({
      leaseId,
      connection,
      inflight: new Map(),
      expectedMs: 0,
      isDraining: false,
      isBlocked: false,
      isEnding: false,
      idleSinceMs: nowMs,
    });
  }

  /** Push what may be pushed, and tell the head what is wanted beyond. */
  dispatch(): void {
    while (this.#first < this.#waiting.length) {
      const call = this.#waiting[this.#first] as Call;
      const lease = this.#leaseFor(call);
      if (lease === undefined) break;
      this.#first++;
      this.#push(lease, call);
    }
    if (this.#first > 1_000 || this.#first === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    this.#updateDemand();
  }

  #leaseFor(call: Call): Lease | undefined {
    const { work } = call;
    call.expectedMs = work.kind === "task" ? this.#durations.expectedMs(work.codeId) : 0;
    let best: Lease | undefined;
    for (const lease of this.leases) {
      if (lease.isDraining || lease.isBlocked || lease.isEnding || lease.connection.isClosed || !hasRoom(lease, call))
        continue;
      if (best === undefined || lease.inflight.size < best.inflight.size) best = lease;
    }
    return best;
  }

  #push(lease: Lease, call: Call): void {
    lease.inflight.set(call.taskId, call);
    lease.expectedMs += call.expectedMs;
    lease.connection.push(call);
  }

  #updateDemand(): void {
    const missing = this.#waiting.length - this.#first;
    const wanted = missing === 0 ? 0 : Math.min(this.leases.size + missing, MAX_WANTED);
    // Growth and the end are told; shrinking in between is not worth a message.
    if (wanted === this.#demanded || (wanted !== 0 && wanted < this.#demanded)) return;
    this.#demanded = wanted;
    this.#hooks.demand(this.shape, this.resources, wanted, this.#waiting[this.#first]?.depth ?? 0);
  }

  /** The call is over; its lease has room. */
  finished(lease: Lease, call: Call, nowMs: number, durationMs?: number): void {
    if (!lease.inflight.delete(call.taskId)) return;
    lease.isBlocked = false;
    lease.expectedMs = lease.inflight.size === 0 ? 0 : lease.expectedMs - call.expectedMs;
    if (durationMs !== undefined && call.work.kind === "task") this.#durations.add(call.work.codeId, durationMs);
    if (lease.inflight.size === 0) {
      lease.idleSinceMs = nowMs;
      if (lease.isDraining) this.#giveBack([lease]);
    }
  }

  removeLease(lease: Lease): Call[] {
    this.leases.delete(lease);
    return [...lease.inflight.values()];
  }

  /** Others wait: give idle leases back, and mark busy ones. Returns how many of `count` could be marked. */
  reclaim(count: number): number {
    this.#giveBack([...this.leases].filter((lease) => lease.inflight.size === 0));
    let marked = 0;
    for (const lease of this.leases) {
      if (marked >= count) break;
      if (lease.isDraining) continue;
      lease.isDraining = true;
      marked++;
    }
    // What was asked for before is asked for again, behind those who wait; or taken back.
    if (marked > 0) this.#demanded = UNTOLD;
    return marked;
  }

  /** Give back what has been idle for a while. Returns whether leases remain. */
  sweep(nowMs: number): boolean {
    if (this.#first === this.#waiting.length) {
      this.#giveBack(
        [...this.leases].filter((lease) => lease.inflight.size === 0 && nowMs - lease.idleSinceMs >= IDLE_LEASE_MS),
      );
    }
    return this.leases.size > 0;
  }

  #giveBack(idle: readonly Lease[]): void {
    const leases = idle.filter((lease) => !lease.isEnding);
    if (leases.length === 0) return;
    for (const lease of leases) this.leases.delete(lease);
    this.#hooks.returnLeases(leases.map((lease) => lease.leaseId));
  }
}

/** Nothing waits behind work that may be long. */
function hasRoom(lease: Lease, call: Call): boolean {
  const { size } = lease.inflight;
  return size === 0 || (size < MAX_AHEAD && lease.expectedMs + call.expectedMs <= AHEAD_MS);
}
