/**
 * The local engine as one process sees it, driver or worker: leases workers from the head, pushes calls to them directly,
 * and keeps what comes back.
 */

import { placedShapeOf, shapeOf } from "../../core/resources.ts";
import {
  EngineClosedError,
  errorFromWire,
  errorSummary,
  PlacementGroupRemovedError,
  TaskCancelledError,
  UnsupportedError,
} from "../../errors.ts";
import type { Payload } from "../../protocol/codec.ts";
import {
  type ActorId,
  type ClientId,
  clientOf,
  IdMaker,
  makerOf,
  type ObjectId,
  type PlacementGroupId,
  partOf,
  regionOwnerOf,
  resultOf,
  type TaskId,
  taskOf,
  type WorkerId,
} from "../../protocol/ids.ts";
import type {
  ActorDescription,
  ClusterDescription,
  FromHead,
  HeadCheck,
  HttpAddress,
  PlacementGroupDescription,
  PlacementGroupState,
  ProcessEnd,
  ResourceAmounts,
  WireArgument,
  WireJob,
} from "../../protocol/messages.ts";
import { reasonOfEnd } from "../../protocol/process-end.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import type { TaskListing, TaskListings } from "../../protocol/task-events.ts";
import type {
  ActorCallSpec,
  CallJob,
  CancelOptions,
  EncodedValue,
  Engine,
  ItemStream,
  NewActorSpec,
  NewPlacementGroupSpec,
  TaskObserver,
  TaskOutcome,
  TaskSpec,
} from "../engine.ts";
import { ActorDirectory } from "./actor-directory.ts";
import type { Call } from "./calls.ts";
import { CodeTable } from "./code-table.ts";
import { Garbage } from "./garbage.ts";
import type { HeadLink } from "./head-link.ts";
import { KeepAlive } from "./keep-alive.ts";
import { Lineage } from "./lineage.ts";
import { ObjectTable } from "./object-table.ts";
import { PlacementGroupDirectory } from "./placement-group-directory.ts";
import { attemptOf, RetryNotes, retryDelayMs } from "./retries.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { crashError } from "./task-errors.ts";
import { TaskEventLog } from "./task-events.ts";
import { endedRunOf, listTasks } from "./task-listing.ts";
import { TaskPool } from "./task-pool.ts";
import { WorkReport } from "./work-report.ts";
import { WorkerConnection } from "./worker-connection.ts";
import { handleWorkerMessage } from "./worker-messages.ts";

/** Shared memory used since the last collection before there is another at once, and when nothing more is used. */
const GARBAGE_BYTES: number = 1024 ** 3;
const GARBAGE_IDLE_MS = 300;

const NO_REFS: Call["refs"] = [];
const NONE_RESOLVED: readonly WireArgument[] = [];

export class LocalEngine implements Engine {
  readonly name = "local";
  readonly viewAddress: string | undefined;
  readonly clientId: ClientId;
  readonly link: HeadLink;
  readonly objects: ObjectTable;
  readonly lineage: Lineage;
  readonly report: WorkReport;
  readonly events: TaskEventLog = new TaskEventLog();
  readonly calls: Map<TaskId, Call> = new Map();
  readonly closed: Promise<Error | undefined>;
  readonly #ids: IdMaker;
  readonly #codes: CodeTable;
  readonly #tasks: TaskPool;
  readonly #actors: ActorDirectory;
  readonly #groups: PlacementGroupDirectory;
  readonly #connections = new Map<WorkerId, WorkerConnection>();
  readonly #observers = new Set<TaskObserver>();
  /** Every call of a task has the same object of amounts. */
  readonly #shapes = new WeakMap<ResourceAmounts, string>();
  readonly #keepAlive = new KeepAlive();
  readonly #retryNotes = new RetryNotes((call, text) => this.note(call, text));
  #ownJob: WireJob | undefined;
  #closedWith: Error | undefined;
  #resolveClosed: (error: Error | undefined) => void = () => {};
  #runningHere: () => Iterable<TaskListing> = () => [];
  #onStop: ((message: Extract<FromHead, { type: "stop-task" | "become-actor" }>) => void) | undefined;

  /** @param viewAddress - where panels connect; drivers pass it on to the notebook. */
  constructor(link: HeadLink, clientId: ClientId, viewAddress?: string, ids: IdMaker = new IdMaker(clientId)) {
    this.link = link;
    this.viewAddress = viewAddress;
    this.clientId = clientId;
    this.#ids = ids;
    this.objects = new ObjectTable(
      link,
      clientId,
      this.#ids,
      new Garbage(GARBAGE_BYTES, GARBAGE_IDLE_MS),
      this.#keepAlive,
    );
    this.lineage = new Lineage(this.objects, {
      start: (call) => {
        this.#begin(call);
        this.#whenReady(call, () => this.#tasks.enqueue(call));
      },
      publish: (objectId, result) => link.send({ type: "publish-result", objectId, result }),
    });
    this.#codes = new CodeTable(this.objects);
    this.report = new WorkReport({
      send: (message) => link.send(message),
      running: () => this.#runningCalls(),
      events: this.events,
    });
    const shared = {
      fail: (call: Call, error: Error) => this.fail(call, error),
      connect: (target: Parameters<LocalEngine["connect"]>[0]) => this.connect(target),
    };
    this.#groups = new PlacementGroupDirectory(link, this.#keepAlive);
    this.#tasks = new TaskPool({
      ...shared,
      send: (message) => link.send(message),
      endedByCancel: (call) => this.#endedByCancel(call),
      forgetUnsent: (call, workerId) => this.forgetUnsent(call, workerId),
      crashed: (call, end, workerId) => this.#crashed(call, end, workerId),
    });
    this.#actors = new ActorDirectory(link, this.objects, this.#codes, {
      ...shared,
      fail: (call, error) => {
        if (!this.#endedByCancel(call)) this.fail(call, error);
      },
      retry: (call, reason) => this.retry(call, reason),
      forgetUnsent: (call, workerId) => this.forgetUnsent(call, workerId),
      resolveRefs: (call) => this.#resolveRefs(call),
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  // ── what the head says ────────────────────────────────────────────────────────────────────────────────────────────

  /** For a worker: what only it understands. */
  onWorkerOrder(listener: (message: Extract<FromHead, { type: "stop-task" | "become-actor" }>) => void): void {
    this.#onStop = listener;
  }

  /** For a worker: the calls that it runs. */
  onListing(runningHere: () => Iterable<TaskListing>): void {
    this.#runningHere = runningHere;
  }

  receive(message: FromHead): void {
    switch (message.type) {
      case "welcome":
        this.objects.useDirectories(message.arena, message.spillDirectory);
        return;
      case "lease-granted":
        this.#tasks.granted(message);
        return;
      case "unschedulable":
        this.#tasks.unschedulable(message);
        return;
      case "reclaim":
        this.#tasks.reclaim(message.count);
        return;
      case "worker-died":
        this.#workerDied(message);
        return;
      case "object-result":
        this.objects.resolved(message.objectId, message.result);
        return;
      case "actor-state":
        this.#actors.changed(message.actorId, message.state);
        return;
      case "environment-failed":
        this.#tasks.refuse(
          (work) => work.environment?.id === message.environmentId,
          () => errorFromWire(message.error),
        );
        return;
      case "group-state":
        this.#groups.changed(message.groupId, message.state);
        if (message.state === "removed") this.#groupRemoved(message.groupId);
        return;
      case "cancel-call":
        this.#cancelAsked(message);
        return;
      case "cancel-group":
        for (const call of [...this.calls.values()]) {
          const isOfCell = message.cellId === undefined || call.execution?.cellId === message.cellId;
          if (call.name === message.function && isOfCell)
            this.#cancel(call, { reason: "it was cancelled in the panel" });
        }
        return;
      case "output":
        for (const observer of this.#observers) observer.output(message.output);
        return;
      case "list-tasks":
        this.report.report();
        this.link.send({ type: "tasks-listed", inquiryId: message.inquiryId, listings: this.#listings(message.limit) });
        return;
      // Its control thread answers.
      case "dump-stack":
        return;
      case "stop-task":
      case "become-actor":
        this.#onStop?.(message);
        return;
      case "collect":
        this.objects.giveUpGarbage();
        return;
      case "rebuild":
        this.lineage.rebuild(message.objectId, message.reason);
        return;
      case "refused":
      case "closing":
        void this.end(new EngineClosedError(message.reason));
        return;
      // Replies to requests, which the link delivers.
      case "allocated":
      case "allocate-failed":
      case "located":
      case "actor-registered":
      case "actor-refused":
      case "actor-found":
      case "group-registered":
      case "group-refused":
      case "group-found":
      case "group-removed":
      case "actors-listed":
      case "cluster-described":
      case "http-opened":
      case "checked":
      case "state-answer":
    }
  }

  /** The processes of its work are being ended; what of it ran or waited here fails for this reason. */
  #groupRemoved(groupId: PlacementGroupId): void {
    const error = ({ name, work }: Call): Error => {
      const group = work.kind === "task" ? work.placement?.groupName : undefined;
      return new PlacementGroupRemovedError(name, group ?? groupId);
    };
    this.#tasks.refuse((work) => work.placement?.groupId === groupId, error, true);
  }

  get jobId(): ClientId {
    return this.clientId;
  }

  /** The connection to a worker; a new one when there is none. */
  connect(target: { workerId: WorkerId; address: string; pid: number }): WorkerConnection {
    const known = this.#connections.get(target.workerId);
    if (known !== undefined && !known.isClosed) return known;
    const connection = new WorkerConnection(target, this.clientId, this.objects, this.#codes, {
      onMessage: (from, message) => handleWorkerMessage(this, from, message),
      // The head tells how the process ended, and then its calls are dealt with.
      onClose: (from) => {
        if (this.#connections.get(from.workerId) === from) this.#connections.delete(from.workerId);
      },
    });
    this.#connections.set(target.workerId, connection);
    return connection;
  }

  /** Its last results may still be on their way. */
  #workerDied({ workerId, end }: Extract<FromHead, { type: "worker-died" }>): void {
    const connection = this.#connections.get(workerId);
    if (connection === undefined) this.#tasks.workerDied(workerId, end);
    else connection.whenDrained(() => this.#tasks.workerDied(workerId, end));
    this.#tasks.leaving(workerId);
  }

  #endedByCancel(call: Call): boolean {
    if (call.isOver) return true;
    if (call.cancelReason === undefined) return false;
    this.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
    return true;
  }

  /** The call's process ended under it: again elsewhere, or the end. */
  #crashed(call: Call, end: ProcessEnd, workerId: WorkerId): void {
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

  // ── submitting ────────────────────────────────────────────────────────────────────────────────────────────────────

  submit(spec: TaskSpec): ObjectId {
    return this.#submitTask(spec, false).taskId as string as ObjectId;
  }

  submitMany(spec: TaskSpec): readonly ObjectId[] {
    return this.#submitTask(spec, false).returns ?? [];
  }

  submitStream(spec: TaskSpec): ItemStream {
    return this.#submitTask(spec, true).stream as StreamBuffer;
  }

  #submitTask(spec: TaskSpec, isStream: boolean): Call {
    const { code, resources, environment, placement } = spec;
    const isPlain = environment === undefined && placement === undefined;
    const shape = isPlain ? this.#shapeOf(resources) : placedShapeOf(resources, environment, placement);
    const work = { kind: "task", codeId: code.id, code, shape, resources, environment, placement } as const;
    const call = this.#newCall(spec, work, isStream);
    if (call.refs.length === 0) this.#tasks.enqueue(call);
    else this.#whenReady(call, () => this.#tasks.enqueue(call));
    return call;
  }

  #shapeOf(resources: ResourceAmounts): string {
    let shape = this.#shapes.get(resources);
    if (shape === undefined) {
      shape = shapeOf(resources);
      this.#shapes.set(resources, shape);
    }
    return shape;
  }

  #newCall(spec: TaskSpec | ActorCallSpec, work: Call["work"], isStream: boolean): Call {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const taskId = taskOf(this.#ids.objectId());
    const result = taskId as string as ObjectId;
    const args = this.objects.toWire(spec.args);
    this.objects.adopt(args);
    const refs = spec.refs ?? NO_REFS;
    for (const { id } of refs) this.objects.use(id);
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
      job: this.#jobOf(spec),
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
        this.objects.create(id);
        this.objects.use(id);
      }
    } else {
      this.objects.create(result);
      if (!isStream) this.objects.use(result);
    }
    this.#begin(call);
    return call;
  }

  #begin(call: Call): void {
    this.calls.set(call.taskId, call);
    this.#keepAlive.add();
    this.report.submitted(call);
    for (const observer of this.#observers) observer.submitted(call.execution, call.name);
  }

  #jobOf({ job }: { readonly job?: CallJob | undefined }): WireJob {
    if (job?.jobId !== undefined) return job as WireJob;
    const namespace = job?.namespace ?? "default";
    if (this.#ownJob?.namespace !== namespace) this.#ownJob = { jobId: this.clientId, namespace };
    return this.#ownJob;
  }

  #newStream(taskId: TaskId, window: number | undefined): StreamBuffer {
    return new StreamBuffer(taskId, window, {
      onTaken: (count) => this.connectionOf(taskId)?.streamConsumed(taskId, count),
      onAbandoned: () => {
        const call = this.calls.get(taskId);
        if (call !== undefined) this.#cancel(call, { reason: "its consumer wants no more items" });
      },
      onUnwanted: (id) => this.objects.unuse(id),
    });
  }

  /** Continue once all refs among the arguments are there; fail the call when one has failed. */
  #whenReady(call: Call, proceed: () => void): void {
    let missing = 1;
    const settled = (): void => {
      if (--missing > 0 || call.isOver) return;
      if (this.#resolveRefs(call)) proceed();
    };
    for (const { id } of call.refs) {
      missing++;
      this.objects.whenSettled(id, settled);
    }
    settled();
  }

  #resolveRefs(call: Call): boolean {
    const resolved: WireArgument[] = [];
    try {
      for (const { index, id } of call.refs) resolved.push({ index, value: this.objects.valueOf(id) });
    } catch (error) {
      this.fail(call, error as Error);
      return false;
    }
    call.resolved = resolved;
    return true;
  }

  /** After V8 dropped pending microtasks: do what was planned for them. */
  recover(): void {
    this.#tasks.dispatchPlanned();
    this.objects.flushReleases();
    for (const connection of this.#connections.values()) connection.flush();
    this.link.flush();
  }

  // ── calls under way ───────────────────────────────────────────────────────────────────────────────────────────────

  connectionOf(taskId: TaskId): WorkerConnection | undefined {
    const call = this.calls.get(taskId);
    if (call === undefined) return undefined;
    if (call.work.kind === "task") return this.#tasks.connectionOf(call);
    const actor = this.#actors.get(call.work.actorId);
    return actor?.inflight.has(taskId) === true ? actor.connection : undefined;
  }

  /** A worker is done with a call that was over already: its place is free. */
  leftLate(taskId: TaskId): void {
    this.#tasks.leftLate(taskId);
  }

  /** The worker is done with the call, one way or the other: its place is free. */
  left(call: Call, durationMs?: number): void {
    if (call.work.kind === "task") this.#tasks.left(call, durationMs);
    else this.#actors.get(call.work.actorId)?.finished(call);
  }

  returned(connection: WorkerConnection, taskIds: readonly TaskId[]): void {
    this.#tasks.returned(connection, taskIds);
  }

  /** Its process ends in a moment. */
  ending(connection: WorkerConnection): void {
    this.#tasks.leaving(connection.workerId);
  }

  /**
   * @param reason - for the user.
   * @param workerId - the one that ran it, when it did not tell how that ended.
   */
  retry(call: Call, reason: string, delayMs = 0, workerId?: WorkerId): void {
    if (!call.isReported) {
      this.events.ended("failed", endedRunOf(call), { type: "WORKER_CRASHED", message: reason }, workerId);
    }
    call.retriesLeft--;
    call.attempt++;
    const when = delayMs === 0 ? "" : ` in ${delayMs / 1_000} s`;
    this.#retryNotes.add(call, `'${call.name}' runs again${when} (${attemptOf(call)}): ${reason}`);
    call.isReported = false;
    this.report.ended(call, "retried");
    for (const observer of this.#observers) observer.ended(call.execution, call.name, "retried", call.taskId);
    if (call.work.kind !== "task") return;
    if (delayMs === 0) this.#tasks.enqueue(call);
    else setTimeout(() => call.isOver || this.#tasks.enqueue(call), delayMs);
  }

  /** An actor's method threw what the user wants to try again. */
  callAgain(call: Call, reason: string): void {
    this.retry(call, reason);
    if (call.work.kind === "actor") this.#actors.get(call.work.actorId)?.submit(call);
  }

  /** @param workerId - the one that ran it, when it is known. */
  fail(call: Call, error: Error, outcome: "failed" | "cancelled" = "failed", workerId?: WorkerId): void {
    if (call.isOver) return;
    if (!call.isReported) this.events.ended(outcome, endedRunOf(call), errorSummary(error), workerId);
    if (call.returns === undefined) this.objects.fail(resultOf(call.taskId), error);
    else this.#failReturns(call, call.returns, error, outcome);
    call.stream?.finish(error);
    if (call.isRebuild) this.lineage.failed(call, error);
    this.over(call, outcome);
  }

  /** The call has ended and its result is set: let go of what it needed. */
  over(call: Call, outcome: TaskOutcome): void {
    call.isOver = true;
    this.calls.delete(call.taskId);
    this.#keepAlive.remove();
    this.report.ended(call, outcome);
    for (const observer of this.#observers) observer.ended(call.execution, call.name, outcome, call.taskId);
    this.objects.drop(call.args);
    for (const { id } of call.refs) this.objects.unuse(id);
    if (call.returns === undefined) this.objects.unuse(resultOf(call.taskId));
    else for (const id of call.returns) this.objects.unuse(id);
    if (call.work.kind === "actor") this.objects.unuse(call.work.actorId);
  }

  #failReturns(call: Call, returns: readonly ObjectId[], error: Error, outcome: TaskOutcome): void {
    for (const id of returns) this.objects.fail(id, error);
    if (returns.length === 0 && outcome === "failed")
      this.note(call, `Nobody waits for this failure: ${error.message}`);
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

  /** What a run of this call stored for us and did not deliver, nobody will tell us about. */
  forgetUnsent({ taskId, attempt, returns, stream }: Call, workerId: WorkerId): void {
    const parts = returns ?? stream?.expected() ?? [resultOf(taskId)];
    if (parts.length > 0)
      this.link.send({ type: "forget", objectIds: parts.map((id) => regionOwnerOf(id, attempt, workerId)) });
  }

  output(message: Parameters<TaskObserver["output"]>[0]): void {
    for (const observer of this.#observers) observer.output(message);
  }

  *#runningCalls(): Iterable<Call> {
    yield* this.#tasks.running();
    yield* this.#actors.running();
  }

  runningOf(messageId: string): number {
    let count = 0;
    for (const call of this.#runningCalls()) if (call.execution?.messageId === messageId) count++;
    return count;
  }

  // ── actors ────────────────────────────────────────────────────────────────────────────────────────────────────────

  createActor(spec: NewActorSpec): ActorDescription {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    return this.#actors.create(this.#ids.actorId(), spec, this.#jobOf(spec));
  }

  findActor(name: string, namespace: string): Promise<ActorDescription | undefined> {
    return this.#keepAlive.during(this.#actors.find(name, namespace));
  }

  listActors(namespace: string): Promise<readonly string[]> {
    return this.#keepAlive.during(this.#actors.list(namespace));
  }

  knowActor(description: ActorDescription): void {
    this.#actors.know(description);
  }

  callActor(spec: ActorCallSpec): ObjectId {
    return this.#submitActorCall(spec, false).taskId as string as ObjectId;
  }

  callActorStream(spec: ActorCallSpec): ItemStream {
    return this.#submitActorCall(spec, true).stream as StreamBuffer;
  }

  #submitActorCall(spec: ActorCallSpec, isStream: boolean): Call {
    const { actorId, method } = spec;
    this.#actors.get(actorId)?.checkRoom();
    const call = this.#newCall(spec, { kind: "actor", actorId, method }, isStream);
    this.objects.use(actorId);
    const actor = this.#actors.get(actorId);
    if (actor === undefined) this.fail(call, new EngineClosedError("the handle belongs to an earlier cluster"));
    else actor.submit(call);
    return call;
  }

  endActor(actorId: ActorId): Promise<void> {
    return this.#keepAlive.during(this.#actors.end(actorId));
  }

  killActor(actorId: ActorId, options: { isRestartable: boolean }): void {
    this.#actors.kill(actorId, options.isRestartable);
  }

  // ── placement groups ──────────────────────────────────────────────────────────────────────────────────────────────

  createPlacementGroup(spec: NewPlacementGroupSpec): Promise<PlacementGroupDescription> {
    return this.#keepAlive.during(this.#groups.create(this.#ids.placementGroupId(), spec));
  }

  findPlacementGroup(name: string): Promise<PlacementGroupDescription | undefined> {
    return this.#keepAlive.during(this.#groups.find(name));
  }

  watchPlacementGroup(groupId: PlacementGroupId, listener: (state: PlacementGroupState) => void): () => void {
    return this.#groups.watch(groupId, listener);
  }

  removePlacementGroup(groupId: PlacementGroupId): Promise<void> {
    return this.#keepAlive.during(this.#groups.remove(groupId));
  }

  // ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────

  put(value: EncodedValue): ObjectId {
    return this.objects.put(value);
  }

  isSettled(id: ObjectId): boolean {
    return this.objects.isSettled(id);
  }

  whenSettled(id: ObjectId, listener: () => void): () => void {
    return this.objects.whenSettled(id, listener, true);
  }

  /** What is settled lies in this process or in shared memory, unless it was spilled or lost. */
  isReadable(id: ObjectId): boolean {
    return this.objects.isReadable(id);
  }

  whenReadable(id: ObjectId, listener: () => void): () => void {
    return this.whenSettled(id, () => {
      if (this.objects.isReadable(id)) listener();
      else this.#bring(id, listener);
    });
  }

  #bring(id: ObjectId, listener: () => void): void {
    this.#keepAlive.add();
    void this.objects.bring(id).then(() => {
      this.#keepAlive.remove();
      listener();
    });
  }

  read(id: ObjectId): Payload | Promise<Payload> {
    const value = this.objects.valueOf(id);
    const payload = this.objects.toPayload(value);
    // A large value is mapped anew for each reader; of a small one each gets a copy, to write into as they like.
    return value.buffers === undefined || payload instanceof Promise ? payload : withOwnBuffers(payload);
  }

  use(id: ObjectId | ActorId): void {
    this.objects.use(id);
  }

  unuse(id: ObjectId | ActorId): void {
    this.objects.unuse(id);
  }

  // ── cancelling ────────────────────────────────────────────────────────────────────────────────────────────────────

  cancel(id: ObjectId, options: CancelOptions = {}): void {
    const call = this.objects.isSettled(id) ? undefined : this.calls.get(makerOf(id));
    if (call !== undefined) this.#cancel(call, options);
    else if (clientOf(id) !== this.clientId && !this.objects.isSettled(id)) {
      const { isForced = false, isRecursive = true } = options;
      this.link.send({ type: "cancel-object", objectId: id, isForced, isRecursive });
    }
  }

  #cancelAsked({ objectId, isForced, isRecursive }: Extract<FromHead, { type: "cancel-call" }>): void {
    const call = this.calls.get(makerOf(objectId));
    if (call === undefined || this.objects.isSettled(objectId)) return;
    const isRefused = isForced && call.work.kind === "actor";
    if (isRefused)
      this.note(call, `'${call.name}' is cancelled without force: it is an actor's call; see kill(handle)`);
    this.#cancel(call, { isForced: isForced && !isRefused, isRecursive });
  }

  cancelExecution(messageId: string, reason: string): void {
    for (const call of [...this.calls.values()])
      if (call.execution?.messageId === messageId) this.#cancel(call, { reason });
  }

  /** Cancel what this task has submitted from here. */
  cancelChildren(parent: TaskId, isForced: boolean): void {
    for (const call of [...this.calls.values()]) {
      if (call.parent === parent) this.#cancel(call, { isForced, reason: "the task that submitted it was cancelled" });
    }
  }

  #cancel(call: Call, options: CancelOptions): void {
    const { isForced = false, isRecursive = true, reason = "cancel() was called" } = options;
    if (call.isOver) return;
    if (isForced && call.work.kind === "actor") {
      throw new UnsupportedError("Forced cancelling of an actor's call", "Use kill(handle) to end the actor.");
    }
    call.cancelReason ??= reason;
    const connection = this.connectionOf(call.taskId);
    if (connection === undefined) {
      if (call.work.kind === "task") this.#tasks.remove(call);
      else this.#actors.get(call.work.actorId)?.remove(call);
      this.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
      return;
    }
    connection.dropTask(call.taskId);
    const { workerId } = connection;
    this.link.send({ type: "cancel-task", workerId, taskId: call.taskId, isForced, isRecursive });
    // One that stands behind others in its worker need not wait for them to be told.
    if (this.#tasks.isQueuedAtWorker(call)) {
      this.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
    }
  }

  // ── the whole ─────────────────────────────────────────────────────────────────────────────────────────────────────

  observe(observer: TaskObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  async describe(): Promise<ClusterDescription> {
    this.report.report();
    this.objects.flushReleases();
    this.#keepAlive.add();
    try {
      const reply = await this.link.request((requestId) => ({ type: "describe-cluster", requestId }));
      if (reply.type !== "cluster-described") throw new EngineClosedError("the head sent a wrong reply");
      return reply.cluster;
    } finally {
      this.#keepAlive.remove();
    }
  }

  async openHttp(): Promise<HttpAddress> {
    this.#keepAlive.add();
    try {
      const reply = await this.link.request((requestId) => ({ type: "open-http", requestId }));
      if (reply.type !== "http-opened") throw new EngineClosedError("the head sent a wrong reply");
      if ("token" in reply.result) return reply.result;
      throw errorFromWire(reply.result);
    } finally {
      this.#keepAlive.remove();
    }
  }

  /** Let the head look at itself; for tests. */
  async check(): Promise<HeadCheck> {
    this.#keepAlive.add();
    try {
      const reply = await this.link.request((requestId) => ({ type: "check", requestId }));
      if (reply.type !== "checked") throw new EngineClosedError("the head sent a wrong reply");
      return reply.check;
    } finally {
      this.#keepAlive.remove();
    }
  }

  async state<Route extends StateRoute>(route: Route, parameters: StateParameters = {}): Promise<StateRoutes[Route]> {
    this.report.report();
    this.#keepAlive.add();
    try {
      const reply = await this.link.request((requestId) => ({ type: "query-state", requestId, route, parameters }));
      if (reply.type !== "state-answer") throw new EngineClosedError("the head sent a wrong reply");
      if (reply.error !== undefined) throw errorFromWire(reply.error);
      return reply.answer as StateRoutes[Route];
    } finally {
      this.#keepAlive.remove();
    }
  }

  #listings(limit: number): TaskListings {
    return listTasks(this.calls.values(), this.#workerOf(), this.#runningHere(), limit);
  }

  /** Which worker has a call that was sent. */
  #workerOf(): ReadonlyMap<string, WorkerId> {
    const workers = new Map<string, WorkerId>();
    for (const { connection, inflight } of [...this.#tasks.places(), ...this.#actors.places()])
      for (const taskId of inflight.keys()) workers.set(taskId, connection.workerId);
    return workers;
  }

  /** Fail all that is unfinished. */
  async end(error: Error): Promise<void> {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = error;
    this.#tasks.close();
    for (const call of [...this.calls.values()]) this.fail(call, error);
    this.#actors.close(error);
    this.#groups.close();
    this.objects.close(error);
    for (const connection of this.#connections.values()) connection.close();
    this.#keepAlive.close();
    this.#retryNotes.close();
    this.#resolveClosed(error);
    await this.link.close();
  }

  async close(): Promise<void> {
    this.link.send({ type: "shutdown" });
    this.link.flush();
    await this.end(new EngineClosedError());
  }
}

function withOwnBuffers(payload: Payload): Payload {
  return { ...payload, buffers: payload.buffers.map((buffer) => Uint8Array.from(buffer)) };
}
