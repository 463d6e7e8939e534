/** Tasks of this process and the workers leased for them, over all shapes. */
import { EngineClosedError, UnschedulableError } from "../../errors.ts";
import type { TaskId, WorkerId } from "../../protocol/ids.ts";
import type { FromHead, LeaseGrant, ProcessEnd, ToHead } from "../../protocol/messages.ts";
import type { Call } from "./calls.ts";
import { Durations, type Lease, TaskQueue } from "./task-queue.ts";
import type { WorkerConnection } from "./worker-connection.ts";

type TaskWork = Extract<Call["work"], { kind: "task" }>;

const SWEEP_EVERY_MS = 50;
const turn: Promise<void> = Promise.resolve();

export interface TaskPoolHooks {
  send(message: ToHead): void;
  connect(grant: LeaseGrant): WorkerConnection;
  fail(call: Call, error: Error): void;
  /** Fail the call if it was cancelled meanwhile. Returns whether it is over. */
  endedByCancel(call: Call): boolean;
  /** Its process is gone, and with it what was stored for this call and not sent. */
  forgetUnsent(call: Call, workerId: WorkerId): void;
  /** Its process ended under it. */
  crashed(call: Call, end: ProcessEnd, workerId: WorkerId): void;
}

export class TaskPool {
  readonly #hooks: TaskPoolHooks;
  readonly #durations = new Durations();
  readonly #queues = new Map<string, TaskQueue>();
  /** What the work of each queue asks for. */
  readonly #works = new WeakMap<TaskQueue, TaskWork>();
  /** To be dispatched at the end of this turn. */
  readonly #dirty = new Set<TaskQueue>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(hooks: TaskPoolHooks) {
    this.#hooks = hooks;
  }

  enqueue(call: Call): void {
    if (call.work.kind !== "task") return;
    const queue = this.#queues.get(call.work.shape) ?? this.#newQueue(call.work);
    queue.add(call);
    this.#plan(queue);
  }

  #newQueue(work: TaskWork): TaskQueue {
    const { environment, placement, scheduling } = work;
    const queue: TaskQueue = new TaskQueue(work.shape, work.resources, this.#durations, {
      demand: (shape, resources, count, depth) => {
        const execution = environment?.npm === undefined ? undefined : queue.waiting[0]?.execution;
        this.#hooks.send({
          type: "demand",
          shape,
          resources,
          count,
          depth,
          ...(environment === undefined ? {} : { environment }),
          ...(placement === undefined ? {} : { placement }),
          ...(scheduling === undefined ? {} : { scheduling }),
          ...(execution === undefined ? {} : { execution }),
        });
      },
      returnLeases: (leaseIds) => this.#hooks.send({ type: "return-leases", leaseIds }),
    });
    // Its removal has to be known before the ends of its processes are.
    if (placement !== undefined) this.#hooks.send({ type: "watch-group", groupId: placement.groupId });
    this.#queues.set(work.shape, queue);
    this.#works.set(queue, work);
    return queue;
  }

  /** Dispatch at the end of this turn, when all calls made in it are in the queue. */
  #plan(queue: TaskQueue): void {
    if (this.#dirty.size === 0) void turn.then(() => this.dispatchPlanned());
    this.#dirty.add(queue);
  }

  dispatchPlanned(): void {
    const queues = [...this.#dirty];
    this.#dirty.clear();
    for (const queue of queues) queue.dispatch();
  }

  // ── what the head says ────────────────────────────────────────────────────────────────────────────────────────────

  granted({ shape, grant }: Extract<FromHead, { type: "lease-granted" }>): void {
    const queue = this.#queues.get(shape);
    if (queue === undefined) {
      this.#hooks.send({ type: "return-leases", leaseIds: [grant.leaseId] });
      return;
    }
    const connection = this.#hooks.connect(grant);
    if (grant.gpuIds !== undefined) connection.useGpus(grant.gpuIds);
    connection.leased(queue.resources);
    queue.addLease(grant.leaseId, connection, performance.now());
    queue.dispatch();
    this.#sweep ??= setInterval(() => this.#sweepLeases(), SWEEP_EVERY_MS).unref();
  }

  #sweepLeases(): void {
    const now = performance.now();
    let isNeeded = false;
    for (const queue of this.#queues.values()) if (queue.sweep(now)) isNeeded = true;
    if (isNeeded) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  /** Work that asks for something that is not to be had any more, or cannot be had now. */
  refuse(isConcerned: (work: TaskWork) => boolean, error: (call: Call) => Error, isAlsoRunning = false): void {
    for (const queue of this.#queues.values()) {
      const work = this.#works.get(queue);
      if (work === undefined || !isConcerned(work)) continue;
      const calls = queue.takeAll();
      if (isAlsoRunning) for (const lease of queue.leases) calls.push(...lease.inflight.values());
      for (const call of calls) this.#hooks.fail(call, error(call));
    }
  }

  unschedulable(told: Extract<FromHead, { type: "unschedulable" }>): void {
    const { shape, needs, has, startFailure, explanation, advice } = told;
    const calls = this.#queues.get(shape)?.takeAll() ?? [];
    this.#queues.delete(shape);
    for (const call of calls) {
      const error =
        startFailure === undefined
          ? new UnschedulableError(call.name, needs, has, explanation, advice)
          : new EngineClosedError(`no worker starts: ${startFailure}`);
      this.#hooks.fail(call, error);
    }
  }

  reclaim(count: number): void {
    let missing = count;
    for (const queue of this.#queues.values()) {
      missing -= queue.reclaim(missing);
      this.#plan(queue);
    }
  }

  /** The first call of a lease counts as the one that ran; those behind it are run again as if they had not begun. */
  workerDied(workerId: WorkerId, end: ProcessEnd): void {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        if (lease.connection.workerId !== workerId) continue;
        const calls = queue.removeLease(lease);
        // Those behind the first may have run, and their results be lost.
        for (const call of calls) this.#hooks.forgetUnsent(call, workerId);
        const [running, ...queued] = calls;
        queue.addFirst(queued.filter((call) => !this.#hooks.endedByCancel(call)));
        if (running !== undefined && !this.#hooks.endedByCancel(running)) this.#hooks.crashed(running, end, workerId);
        this.#plan(queue);
      }
    }
  }

  // ── calls under way ───────────────────────────────────────────────────────────────────────────────────────────────

  #placeOf(call: Call): { readonly queue: TaskQueue; readonly lease: Lease } | undefined {
    if (call.work.kind !== "task") return undefined;
    const queue = this.#queues.get(call.work.shape);
    if (queue === undefined) return undefined;
    for (const lease of queue.leases) if (lease.inflight.has(call.taskId)) return { queue, lease };
    return undefined;
  }

  connectionOf(call: Call): WorkerConnection | undefined {
    return this.#placeOf(call)?.lease.connection;
  }

  /** The worker is done with the call, one way or the other: its place is free. */
  left(call: Call, durationMs?: number): void {
    const place = this.#placeOf(call);
    if (place === undefined) return;
    place.queue.finished(place.lease, call, performance.now(), durationMs);
    this.#plan(place.queue);
  }

  /** A worker is done with a call that was over already: its place is free. */
  leftLate(taskId: TaskId): void {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        const call = lease.inflight.get(taskId);
        if (call !== undefined) this.left(call);
      }
    }
  }

  /** Is it at a worker, and not the first that runs there? */
  isQueuedAtWorker(call: Call): boolean {
    const place = this.#placeOf(call);
    return place !== undefined && place.lease.inflight.keys().next().value !== call.taskId;
  }

  /** The worker will not run these now: first in the queue again. Its first call waits for something. */
  returned(connection: WorkerConnection, taskIds: readonly TaskId[]): void {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        if (lease.connection !== connection) continue;
        const calls: Call[] = [];
        for (const taskId of taskIds) {
          const call = lease.inflight.get(taskId);
          if (call === undefined) continue;
          queue.finished(lease, call, performance.now());
          if (!this.#hooks.endedByCancel(call)) calls.push(call);
        }
        lease.isBlocked = lease.inflight.size > 0;
        queue.addFirst(calls);
        this.#plan(queue);
      }
    }
  }

  /** The worker's process ends in a moment, or has ended: push nothing more. */
  leaving(workerId: WorkerId): void {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) if (lease.connection.workerId === workerId) lease.isEnding = true;
    }
  }

  remove(call: Call): void {
    if (call.work.kind === "task") this.#queues.get(call.work.shape)?.remove(call);
  }

  /** Leased workers and what they were sent. */
  *places(): Iterable<Lease> {
    for (const queue of this.#queues.values()) yield* queue.leases;
  }

  /** The call each worker runs now, as far as one can tell from here. */
  *running(): Iterable<Call> {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        const first = lease.inflight.values().next();
        if (first.done !== true) yield first.value;
      }
    }
  }

  close(): void {
    clearInterval(this.#sweep);
  }
}
