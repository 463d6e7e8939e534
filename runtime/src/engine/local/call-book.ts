/** The calls of this process that are under way, task or actor: how each begins, runs again and ends, and who is told. */
import { errorSummary, TaskCancelledError } from "../../errors.ts";
import {
  type ClientId,
  type IdMaker,
  type ObjectId,
  partOf,
  regionOwnerOf,
  resultOf,
  type TaskId,
  taskOf,
  type WorkerId,
} from "../../protocol/ids.ts";
import type { ProcessEnd, WireArgument, WireJob } from "../../protocol/messages.ts";
import { reasonOfEnd } from "../../protocol/process-end.ts";
import type { ActorCallSpec, CallJob, TaskObserver, TaskOutcome, TaskSpec } from "../engine.ts";
import type { Call } from "./calls.ts";
import type { HeadLink } from "./head-link.ts";
import type { KeepAlive } from "./keep-alive.ts";
import type { ObjectTable } from "./object-table.ts";
import { attemptOf, RetryNotes, retryDelayMs } from "./retries.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { crashError } from "./task-errors.ts";
import type { TaskEventLog } from "./task-events.ts";
import { endedRunOf } from "./task-listing.ts";
import type { WorkReport } from "./work-report.ts";

const NO_REFS: Call["refs"] = [];
const NONE_RESOLVED: readonly WireArgument[] = [];

/** What of the engine the calls need. */
export interface CallBookParts {
  readonly clientId: ClientId;
  readonly ids: IdMaker;
  readonly link: HeadLink;
  readonly objects: ObjectTable;
  readonly keepAlive: KeepAlive;
  readonly report: WorkReport;
  readonly events: TaskEventLog;
}

export interface CallBookHooks {
  /** Run a task's call; what its refs stand for is there. */
  enqueue(call: Call): void;
  /** The consumer of a stream has taken so many items in all. */
  streamConsumed(taskId: TaskId, count: number): void;
  /** The consumer of a stream wants no more items. */
  streamAbandoned(call: Call): void;
  /** A call that made lost results again has failed. */
  rebuildFailed(call: Call, error: Error): void;
}

export class CallBook {
  readonly #parts: CallBookParts;
  readonly #hooks: CallBookHooks;
  readonly #objects: ObjectTable;
  readonly #keepAlive: KeepAlive;
  readonly #report: WorkReport;
  readonly #calls = new Map<TaskId, Call>();
  readonly #observers = new Set<TaskObserver>();
  readonly #retryNotes = new RetryNotes((call, text) => this.note(call, text));
  #ownJob: WireJob | undefined;
  #closedWith: Error | undefined;

  constructor(parts: CallBookParts, hooks: CallBookHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#objects = parts.objects;
    this.#keepAlive = parts.keepAlive;
    this.#report = parts.report;
  }

  /** A call that is not over. */
  get(taskId: TaskId): Call | undefined {
    return this.#calls.get(taskId);
  }

  /** Oldest first. */
  all(): Iterable<Call> {
    return this.#calls.values();
  }

  // ── beginning ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Enter a new call, which uses its arguments and results from now on. Who asked for it sends it on its way.
   *
   * @throws the reason why the engine is closed, if it is.
   */
  create(spec: TaskSpec | ActorCallSpec, work: Call["work"], isStream: boolean): Call {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const taskId = taskOf(this.#parts.ids.objectId());
    const result = taskId as string as ObjectId;
    const args = this.#objects.toWire(spec.args);
    this.#objects.adopt(args);
    const refs = spec.refs ?? NO_REFS;
    for (const { id } of refs) this.#objects.use(id);
    const count = "numReturns" in spec ? spec.numReturns : undefined;
    const call: Call = {
      taskId,
      name: spec.name,
      args,
      refs,
      resolved: refs.length === 0 ? NONE_RESOLVED : undefined,
      retriesLeft: spec.retries,
      oomRetriesLeft: spec.oomRetries ?? 0,
      crashes: 0,
      attempt: 0,
      shouldRetry: spec.shouldRetry,
      timeoutMs: spec.timeoutMs,
      execution: spec.execution,
      job: this.jobOf(spec),
      parent: spec.parent,
      submittedMs: performance.now(),
      depth: spec.depth,
      returns: count === undefined ? undefined : Array.from({ length: count }, (_, index) => partOf(taskId, index)),
      streamWindow: spec.streamWindow,
      stream: isStream ? this.#newStream(taskId, spec.streamWindow) : undefined,
      cancelReason: undefined,
      isOver: false,
      isRebuild: false,
      isReported: false,
      work,
      expectedMs: 0,
    };
    if (call.returns !== undefined) {
      for (const id of call.returns) {
        this.#objects.create(id);
        this.#objects.use(id);
      }
    } else {
      this.#objects.create(result);
      if (!isStream) this.#objects.use(result);
    }
    this.#begin(call);
    return call;
  }

  /** A task that ended once runs again, because results of it were lost; it uses what it needs already. */
  rebuild(call: Call): void {
    this.#begin(call);
    this.enqueueWhenReady(call);
  }

  #begin(call: Call): void {
    this.#calls.set(call.taskId, call);
    this.#keepAlive.add();
    this.#report.submitted(call);
    for (const observer of this.#observers) observer.submitted(call.execution, call.name);
  }

  /** The job that a call or an actor belongs to: as its spec says, or that of this process. */
  jobOf({ job }: { readonly job?: CallJob | undefined }): WireJob {
    if (job?.jobId !== undefined) return job as WireJob;
    const namespace = job?.namespace ?? "default";
    if (this.#ownJob?.namespace !== namespace) this.#ownJob = { jobId: this.#parts.clientId, namespace };
    return this.#ownJob;
  }

  #newStream(taskId: TaskId, window: number | undefined): StreamBuffer {
    return new StreamBuffer(taskId, window, {
      onTaken: (count) => this.#hooks.streamConsumed(taskId, count),
      onAbandoned: () => {
        const call = this.#calls.get(taskId);
        if (call !== undefined) this.#hooks.streamAbandoned(call);
      },
      onUnwanted: (id) => this.#objects.unuse(id),
    });
  }

  /** Run a task's call once all refs among its arguments are there; fail the call when one has failed. */
  enqueueWhenReady(call: Call): void {
    let missing = 1;
    const settled = (): void => {
      if (--missing > 0 || call.isOver) return;
      if (this.resolveRefs(call)) this.#hooks.enqueue(call);
    };
    for (const { id } of call.refs) {
      missing++;
      this.#objects.whenSettled(id, settled);
    }
    settled();
  }

  /**
   * Set `resolved` from refs that are there, or fail the call with what one of them failed with.
   *
   * @returns whether the call can run.
   */
  resolveRefs(call: Call): boolean {
    const resolved: WireArgument[] = [];
    try {
      for (const { index, id } of call.refs) resolved.push({ index, value: this.#objects.valueOf(id) });
    } catch (error) {
      this.fail(call, error as Error);
      return false;
    }
    call.resolved = resolved;
    return true;
  }

  // ── running again ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** The call's process ended under it: again elsewhere, or the end. */
  crashed(call: Call, end: ProcessEnd, workerId: WorkerId): void {
    call.crashes++;
    const isMemory = end.reason === "memory";
    if ((isMemory ? call.oomRetriesLeft : call.retriesLeft) <= 0) {
      this.fail(call, crashError(call, end), "failed", workerId);
      return;
    }
    // What memory took is not counted as a failure of the task.
    if (isMemory) {
      call.oomRetriesLeft--;
      call.retriesLeft++;
    }
    const delayMs = retryDelayMs(call.crashes, isMemory);
    this.retry(call, `its worker ended: ${reasonOfEnd(end)}`, delayMs, workerId);
  }

  /**
   * Count one run more, and say so. A task's call goes back into the queue; an actor's call is with its actor.
   *
   * @param reason - for the user.
   * @param workerId - the one that ran it, when it did not tell how that ended.
   */
  retry(call: Call, reason: string, delayMs = 0, workerId?: WorkerId): void {
    if (!call.isReported) {
      this.#parts.events.ended("failed", endedRunOf(call), { type: "WORKER_CRASHED", message: reason }, workerId);
    }
    call.retriesLeft--;
    call.attempt++;
    const when = delayMs === 0 ? "" : ` in ${delayMs / 1_000} s`;
    this.#retryNotes.add(call, `'${call.name}' runs again${when} (${attemptOf(call)}): ${reason}`);
    call.isReported = false;
    this.#report.ended(call, "retried");
    for (const observer of this.#observers) observer.ended(call.execution, call.name, "retried", call.taskId);
    if (call.work.kind !== "task") return;
    if (delayMs === 0) this.#hooks.enqueue(call);
    else setTimeout(() => call.isOver || this.#hooks.enqueue(call), delayMs);
  }

  // ── ending ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Fail the call if it was cancelled meanwhile. Returns whether it is over. */
  endedByCancel(call: Call): boolean {
    if (call.isOver) return true;
    if (call.cancelReason === undefined) return false;
    this.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
    return true;
  }

  /** @param workerId - the one that ran it, when it is known. */
  fail(call: Call, error: Error, outcome: "failed" | "cancelled" = "failed", workerId?: WorkerId): void {
    if (call.isOver) return;
    if (!call.isReported) this.#parts.events.ended(outcome, endedRunOf(call), errorSummary(error), workerId);
    if (call.returns === undefined) this.#objects.fail(resultOf(call.taskId), error);
    else this.#failReturns(call, call.returns, error, outcome);
    call.stream?.finish(error);
    if (call.isRebuild) this.#hooks.rebuildFailed(call, error);
    this.over(call, outcome);
  }

  #failReturns(call: Call, returns: readonly ObjectId[], error: Error, outcome: TaskOutcome): void {
    for (const id of returns) this.#objects.fail(id, error);
    if (returns.length === 0 && outcome === "failed")
      this.note(call, `Nobody waits for this failure: ${error.message}`);
  }

  /** The call has ended and its result is set: let go of what it needed. */
  over(call: Call, outcome: TaskOutcome): void {
    call.isOver = true;
    this.#calls.delete(call.taskId);
    this.#keepAlive.remove();
    this.#report.ended(call, outcome);
    for (const observer of this.#observers) observer.ended(call.execution, call.name, outcome, call.taskId);
    this.#objects.drop(call.args);
    for (const { id } of call.refs) this.#objects.unuse(id);
    if (call.returns === undefined) this.#objects.unuse(resultOf(call.taskId));
    else for (const id of call.returns) this.#objects.unuse(id);
    if (call.work.kind === "actor") this.#objects.unuse(call.work.actorId);
  }

  /** What a run of this call stored for us and did not deliver, nobody will tell us about. */
  forgetUnsent({ taskId, attempt, returns, stream }: Call, workerId: WorkerId): void {
    const parts = returns ?? stream?.expected() ?? [resultOf(taskId)];
    if (parts.length > 0)
      this.#parts.link.send({ type: "forget", objectIds: parts.map((id) => regionOwnerOf(id, attempt, workerId)) });
  }

  // ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns a function that ends the observation. */
  observe(observer: TaskObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Pass on what a call, or the cluster, has written for the user. */
  output(message: Parameters<TaskObserver["output"]>[0]): void {
    for (const observer of this.#observers) observer.output(message);
  }

  /** Tell the user about a call, where its output goes. */
  note(call: Call, text: string): void {
    const execution = call.execution === undefined ? {} : { execution: call.execution };
    this.output({
      type: "output",
      stream: "stderr",
      text: `${text}\n`,
      source: call.name,
      pid: process.pid,
      ...execution,
    });
  }

  // ── the end of the engine ─────────────────────────────────────────────────────────────────────────────────────────

  /** From now on a new call throws this. */
  refuse(error: Error): void {
    this.#closedWith = error;
  }

  /** @throws the reason why the engine is closed, if it is. */
  checkOpen(): void {
    if (this.#closedWith !== undefined) throw this.#closedWith;
  }

  get isClosed(): boolean {
    return this.#closedWith !== undefined;
  }

  failAll(error: Error): void {
    for (const call of [...this.#calls.values()]) this.fail(call, error);
  }

  close(): void {
    this.#retryNotes.close();
  }
}
