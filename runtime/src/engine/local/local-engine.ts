/**
 * The local engine as one process sees it, driver or worker: leases workers from the head, pushes calls to them directly,
 * and keeps what comes back.
 */

import { shapeOf } from "../../core/resources.ts";
import {
  ActorDiedError,
  EngineClosedError,
  TaskCancelledError,
  UnschedulableError,
  UnsupportedError,
} from "../../errors.ts";
import type { Payload } from "../../protocol/codec.ts";
import {
  type ActorId,
  type ClientId,
  IdMaker,
  type ObjectId,
  type TaskId,
  taskOf,
  type WorkerId,
} from "../../protocol/ids.ts";
import type { ActorDescription, ClusterDescription, FromHead, WireArgument } from "../../protocol/messages.ts";
import type {
  ActorCallSpec,
  CancelOptions,
  EncodedValue,
  Engine,
  ItemStream,
  NewActorSpec,
  TaskObserver,
  TaskOutcome,
  TaskSpec,
} from "../engine.ts";
import { ActorClient } from "./actor-client.ts";
import type { Call } from "./calls.ts";
import { CodeTable } from "./code-table.ts";
import { Garbage } from "./garbage.ts";
import type { HeadLink } from "./head-link.ts";
import { KeepAlive } from "./keep-alive.ts";
import { ObjectTable } from "./object-table.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { crashError } from "./task-errors.ts";
import { Durations, type Lease, TaskQueue } from "./task-queue.ts";
import { WorkReport } from "./work-report.ts";
import { WorkerConnection } from "./worker-connection.ts";
import { handleWorkerMessage } from "./worker-messages.ts";

const SWEEP_EVERY_MS = 50;
/** Shared memory used since the last collection before there is another at once, and when nothing more is used. */
const GARBAGE_BYTES: number = 1024 ** 3;
const GARBAGE_IDLE_MS = 300;
const turn: Promise<void> = Promise.resolve();

export class LocalEngine implements Engine {
  readonly name = "local";
  readonly viewAddress: string | undefined;
  readonly clientId: ClientId;
  readonly link: HeadLink;
  readonly objects: ObjectTable;
  readonly report: WorkReport;
  readonly calls: Map<TaskId, Call> = new Map();
  readonly closed: Promise<Error | undefined>;
  readonly #ids: IdMaker;
  readonly #codes: CodeTable;
  readonly #durations = new Durations();
  readonly #queues = new Map<string, TaskQueue>();
  readonly #dirty = new Set<TaskQueue>();
  readonly #leases = new Map<string, { readonly queue: TaskQueue; readonly lease: Lease }>();
  readonly #connections = new Map<WorkerId, WorkerConnection>();
  readonly #actors = new Map<ActorId, ActorClient>();
  /** The ref that holds back an actor call. */
  readonly #awaited = new WeakMap<Call, ObjectId>();
  readonly #observers = new Set<TaskObserver>();
  readonly #keepAlive = new KeepAlive();
  #sweep: NodeJS.Timeout | undefined;
  #closedWith: Error | undefined;
  #resolveClosed: (error: Error | undefined) => void = () => {};
  #onStop: ((message: Extract<FromHead, { type: "stop-task" | "become-actor" }>) => void) | undefined;

  /** @param viewAddress - where panels connect; drivers pass it on to the notebook. */
  constructor(link: HeadLink, clientId: ClientId, viewAddress?: string) {
    this.link = link;
    this.viewAddress = viewAddress;
    this.clientId = clientId;
    this.#ids = new IdMaker(clientId);
    this.objects = new ObjectTable(link, clientId, this.#ids, new Garbage(GARBAGE_BYTES, GARBAGE_IDLE_MS));
    this.#codes = new CodeTable(this.objects);
    this.report = new WorkReport({ send: (message) => link.send(message), running: () => this.#runningCalls() });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  // ── what the head says ────────────────────────────────────────────────────────────────────────────────────────────

  /** For a worker: what only it understands. */
  onWorkerOrder(listener: (message: Extract<FromHead, { type: "stop-task" | "become-actor" }>) => void): void {
    this.#onStop = listener;
  }

  receive(message: FromHead): void {
    switch (message.type) {
      case "welcome":
        this.objects.useArena(message.arena);
        return;
      case "lease-granted":
        this.#leaseGranted(message);
        return;
      case "unschedulable":
        this.#unschedulable(message);
        return;
      case "reclaim": {
        let { count } = message;
        for (const queue of this.#queues.values()) {
          count -= queue.reclaim(count);
          this.#plan(queue);
        }
        return;
      }
      case "worker-died":
        this.#workerDied(message);
        return;
      case "object-result":
        this.objects.resolved(message.objectId, message.result);
        return;
      case "actor-state":
        this.#actors.get(message.actorId)?.changed(message.state);
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
      case "stop-task":
      case "become-actor":
        this.#onStop?.(message);
        return;
      case "refused":
        void this.end(new EngineClosedError(message.reason));
        return;
      // Replies to requests, which the link delivers.
      case "allocated":
      case "allocate-failed":
      case "actor-registered":
      case "actor-refused":
      case "actor-found":
      case "cluster-described":
        return;
    }
  }

  #leaseGranted({ shape, grant }: Extract<FromHead, { type: "lease-granted" }>): void {
    const queue = this.#queues.get(shape);
    if (queue === undefined) {
      this.link.send({ type: "return-leases", leaseIds: [grant.leaseId] });
      return;
    }
    queue.addLease(grant.leaseId, this.#connect(grant), performance.now());
    queue.dispatch();
    this.#sweep ??= setInterval(() => this.#sweepLeases(), SWEEP_EVERY_MS).unref();
  }

  #connect(target: { workerId: WorkerId; address: string; pid: number }): WorkerConnection {
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

  #sweepLeases(): void {
    const now = performance.now();
    let isNeeded = false;
    for (const queue of this.#queues.values()) if (queue.sweep(now)) isNeeded = true;
    if (isNeeded) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #unschedulable(message: Extract<FromHead, { type: "unschedulable" }>): void {
    const { needs, has, startFailure } = message;
    for (const call of this.#queues.get(message.shape)?.takeAll() ?? []) {
      const error =
        startFailure === undefined
          ? new UnschedulableError(call.name, needs, has)
          : new EngineClosedError(`no worker starts: ${startFailure}`);
      this.fail(call, error);
    }
    this.#queues.delete(message.shape);
  }

  #workerDied({ workerId, end }: Extract<FromHead, { type: "worker-died" }>): void {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        if (lease.connection.workerId !== workerId) continue;
        const [running, ...queued] = queue.removeLease(lease);
        for (const call of [running, ...queued]) if (call !== undefined) this.#leases.delete(call.taskId);
        queue.addFirst(queued.filter((call) => !this.#endedByCancel(call)));
        if (running !== undefined && !this.#endedByCancel(running)) this.#crashed(running, crashError(running, end));
        this.#plan(queue);
      }
    }
    this.#connections.get(workerId)?.close();
  }

  #endedByCancel(call: Call): boolean {
    if (call.isOver) return true;
    if (call.cancelReason === undefined) return false;
    this.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
    return true;
  }

  /** The call's process ended under it: again elsewhere, or the end. */
  #crashed(call: Call, error: Error): void {
    // What the dead worker stored for us, nobody will tell us about.
    this.link.send({ type: "forget", objectIds: [`${call.taskId}#${call.attempt}` as ObjectId] });
    if (call.retriesLeft > 0) this.retry(call);
    else this.fail(call, error);
  }

  // ── submitting ────────────────────────────────────────────────────────────────────────────────────────────────────

  submit(spec: TaskSpec): ObjectId {
    return this.#submitTask(spec, false).taskId as string as ObjectId;
  }

  submitStream(spec: TaskSpec): ItemStream {
    return this.#submitTask(spec, true).stream as StreamBuffer;
  }

  #submitTask(spec: TaskSpec, isStream: boolean): Call {
    const { code } = spec;
    const shape = shapeOf(spec.resources);
    if (!this.#queues.has(shape)) {
      const queue = new TaskQueue(shape, spec.resources, this.#durations, {
        demand: (shape, resources, count, depth) => this.link.send({ type: "demand", shape, resources, count, depth }),
        returnLeases: (leaseIds) => this.link.send({ type: "return-leases", leaseIds }),
      });
      this.#queues.set(shape, queue);
    }
    const call = this.#newCall(spec, { kind: "task", codeId: code.id, code, shape }, isStream);
    this.#whenReady(call, () => this.#enqueue(call));
    return call;
  }

  #newCall(spec: TaskSpec | ActorCallSpec, work: Call["work"], isStream: boolean): Call {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const taskId = taskOf(this.#ids.objectId());
    const result = taskId as string as ObjectId;
    const args = this.objects.toWire(spec.args);
    this.objects.adopt(args);
    const refs = spec.refs ?? [];
    for (const { id } of refs) this.objects.use(id);
    const call: Call = {
      taskId,
      name: spec.name,
      args,
      refs,
      resolved: refs.length === 0 ? [] : undefined,
      retriesLeft: spec.retries,
      attempt: 0,
      shouldRetry: spec.shouldRetry,
      timeoutMs: spec.timeoutMs,
      execution: spec.execution,
      parent: spec.parent,
      depth: spec.depth,
      stream: isStream ? this.#newStream(taskId) : undefined,
      cancelReason: undefined,
      isOver: false,
      work,
      expectedMs: 0,
    };
    this.objects.create(result);
    if (!isStream) this.objects.use(result);
    this.calls.set(taskId, call);
    this.#keepAlive.add();
    this.report.submitted(call);
    for (const observer of this.#observers) observer.submitted(call.execution, call.name);
    return call;
  }

  #newStream(taskId: TaskId): StreamBuffer {
    return new StreamBuffer(taskId, {
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

  #enqueue(call: Call): void {
    if (call.work.kind !== "task") return;
    const queue = this.#queues.get(call.work.shape);
    if (queue === undefined) {
      this.fail(call, this.#closedWith ?? new EngineClosedError());
      return;
    }
    queue.add(call);
    this.#plan(queue);
  }

  /** Dispatch at the end of this turn, when all calls made in it are in the queue. */
  #plan(queue: TaskQueue): void {
    if (this.#dirty.size === 0) void turn.then(() => this.#dispatchDirty());
    this.#dirty.add(queue);
  }

  #dispatchDirty(): void {
    const queues = [...this.#dirty];
    this.#dirty.clear();
    for (const queue of queues) queue.dispatch();
  }

  /** After V8 dropped pending microtasks: do what was planned for them. */
  recover(): void {
    this.#dispatchDirty();
    this.objects.flushReleases();
    for (const connection of this.#connections.values()) connection.flush();
    this.link.flush();
  }

  // ── calls under way ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The lease a pushed task is on. */
  leaseOf(call: Call): { queue: TaskQueue; lease: Lease } | undefined {
    if (call.work.kind !== "task") return undefined;
    const queue = this.#queues.get(call.work.shape);
    if (queue === undefined) return undefined;
    for (const lease of queue.leases) if (lease.inflight.has(call.taskId)) return { queue, lease };
    return undefined;
  }

  connectionOf(taskId: TaskId): WorkerConnection | undefined {
    const call = this.calls.get(taskId);
    if (call === undefined) return undefined;
    if (call.work.kind === "task") return this.leaseOf(call)?.lease.connection;
    const actor = this.#actors.get(call.work.actorId);
    return actor?.inflight.has(taskId) === true ? actor.connection : undefined;
  }

  /** The worker is done with the call, one way or the other: its place is free. */
  left(call: Call, durationMs?: number): void {
    if (call.work.kind === "actor") {
      this.#actors.get(call.work.actorId)?.finished(call);
      return;
    }
    const place = this.leaseOf(call);
    if (place === undefined) return;
    place.queue.finished(place.lease, call, performance.now(), durationMs);
    this.#plan(place.queue);
  }

  /** The worker will not run these now: first in the queue again. */
  returned(connection: WorkerConnection, taskIds: readonly TaskId[]): void {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        if (lease.connection !== connection) continue;
        const calls: Call[] = [];
        for (const taskId of taskIds) {
          const call = lease.inflight.get(taskId);
          if (call === undefined) continue;
          queue.finished(lease, call, performance.now());
          if (!this.#endedByCancel(call)) calls.push(call);
        }
        lease.isBlocked = lease.inflight.size > 0;
        queue.addFirst(calls);
        this.#plan(queue);
      }
    }
  }

  retry(call: Call): void {
    call.retriesLeft--;
    call.attempt++;
    this.report.ended(call, "retried");
    for (const observer of this.#observers) observer.ended(call.execution, call.name, "retried");
    if (call.work.kind === "task") this.#enqueue(call);
  }

  /** An actor's method threw what the user wants to try again. */
  callAgain(call: Call): void {
    this.retry(call);
    if (call.work.kind === "actor") this.#actors.get(call.work.actorId)?.submit(call);
  }

  fail(call: Call, error: Error, outcome: TaskOutcome = "failed"): void {
    if (call.isOver) return;
    this.objects.fail(call.taskId as string as ObjectId, error);
    call.stream?.finish(error);
    this.over(call, outcome);
  }

  /** The call has ended and its result is set: let go of what it needed. */
  over(call: Call, outcome: TaskOutcome): void {
    call.isOver = true;
    this.calls.delete(call.taskId);
    this.#keepAlive.remove();
    this.report.ended(call, outcome);
    for (const observer of this.#observers) observer.ended(call.execution, call.name, outcome);
    this.objects.drop(call.args);
    for (const { id } of call.refs) this.objects.unuse(id);
    this.objects.unuse(call.taskId as string as ObjectId);
    if (call.work.kind === "actor") this.objects.unuse(call.work.actorId);
  }

  output(message: Parameters<TaskObserver["output"]>[0]): void {
    for (const observer of this.#observers) observer.output(message);
  }

  *#runningCalls(): Iterable<Call> {
    for (const queue of this.#queues.values()) {
      for (const lease of queue.leases) {
        for (const call of lease.inflight.values()) {
          yield call;
          break;
        }
      }
    }
    for (const actor of this.#actors.values()) {
      for (const call of actor.inflight.values()) {
        yield call;
        break;
      }
    }
  }

  runningOf(messageId: string): number {
    let count = 0;
    for (const call of this.#runningCalls()) if (call.execution?.messageId === messageId) count++;
    return count;
  }

  // ── actors ────────────────────────────────────────────────────────────────────────────────────────────────────────

  createActor(spec: NewActorSpec): ActorDescription {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const actorId = this.#ids.actorId();
    const { className, name, retries, methods, streamMethods } = spec;
    const description = {
      actorId,
      className,
      retries,
      methods,
      streamMethods,
      ...(name === undefined ? {} : { name }),
    };
    const args = this.objects.toWire(spec.args);
    this.objects.adopt(args);
    const refs = spec.refs ?? [];
    for (const { id } of refs) this.objects.use(id);
    this.objects.use(actorId);
    const actor = this.#actorClient(description);
    const letGo = (): void => {
      this.objects.drop(args);
      for (const { id } of refs) this.objects.unuse(id);
    };
    let missing = 1;
    const settled = (): void => {
      if (--missing > 0) return;
      this.#register(spec, description, args, refs).then(letGo, (error: Error) => {
        actor.end(error);
        letGo();
      });
    };
    for (const { id } of refs) {
      missing++;
      this.objects.whenSettled(id, settled);
    }
    settled();
    return description;
  }

  async #register(
    spec: NewActorSpec,
    description: ActorDescription,
    args: Call["args"],
    refs: Call["refs"],
  ): Promise<void> {
    const { actorId } = description;
    const resolved = refs.map(({ index, id }) => ({ index, value: this.objects.valueOf(id) }));
    const code = this.#codes.wireCode(spec.code);
    const values = [code.value, args, ...resolved.map(({ value }) => value)];
    this.objects.publishInside(values);
    const { className, resources, name, maxConcurrency, maxRestarts, execution, depth, isGetIfExists } = spec;
    const reply = await this.link.request((requestId) => ({
      type: "create-actor",
      requestId,
      description,
      isGetIfExists,
      spec: {
        actorId,
        className,
        code,
        args,
        resolved,
        resources,
        maxConcurrency,
        maxRestarts,
        depth,
        ...(name === undefined ? {} : { name }),
        ...(execution === undefined ? {} : { execution }),
      },
    }));
    if (reply.type === "actor-refused") throw refusal(className, name, reply);
    this.objects.heldByHead(actorId);
    this.link.send({ type: "watch-actor", actorId });
  }

  #actorClient(description: ActorDescription): ActorClient {
    const known = this.#actors.get(description.actorId);
    if (known !== undefined) return known;
    const actor: ActorClient = new ActorClient(description.actorId, description.className, {
      connect: (target) => this.#connect(target),
      isReady: (call) => this.#isActorCallReady(actor, call),
      fail: (call, error) => {
        if (!this.#endedByCancel(call)) this.fail(call, error);
      },
      retry: (call) => this.retry(call),
    });
    this.#actors.set(description.actorId, actor);
    return actor;
  }

  #isActorCallReady(actor: ActorClient, call: Call): boolean {
    if (call.resolved !== undefined) return true;
    const missing = call.refs.filter(({ id }) => !this.objects.isSettled(id));
    const [first] = missing;
    if (first !== undefined) {
      if (this.#awaited.get(call) === first.id) return false;
      this.#awaited.set(call, first.id);
      this.objects.whenSettled(first.id, () => actor.pump());
      return this.objects.isSettled(first.id) && this.#isActorCallReady(actor, call);
    }
    this.#resolveRefs(call);
    return true;
  }

  async findActor(name: string): Promise<ActorDescription | undefined> {
    const reply = await this.link.request((requestId) => ({ type: "find-actor", requestId, name }));
    if (reply.type !== "actor-found" || reply.description === undefined) return undefined;
    this.objects.use(reply.description.actorId);
    this.objects.heldByHead(reply.description.actorId);
    this.knowActor(reply.description);
    return reply.description;
  }

  /** A handle has arrived, or is about to be used. */
  knowActor(description: ActorDescription): void {
    if (this.#actors.has(description.actorId)) return;
    this.#actorClient(description);
    this.link.send({ type: "watch-actor", actorId: description.actorId });
  }

  callActor(spec: ActorCallSpec): ObjectId {
    return this.#submitActorCall(spec, false).taskId as string as ObjectId;
  }

  callActorStream(spec: ActorCallSpec): ItemStream {
    return this.#submitActorCall(spec, true).stream as StreamBuffer;
  }

  #submitActorCall(spec: ActorCallSpec, isStream: boolean): Call {
    const { actorId, method } = spec;
    const call = this.#newCall(spec, { kind: "actor", actorId, method }, isStream);
    this.objects.use(actorId);
    const actor = this.#actors.get(actorId);
    if (actor === undefined) this.fail(call, new EngineClosedError("the handle belongs to an earlier cluster"));
    else actor.submit(call);
    return call;
  }

  killActor(actorId: ActorId, options: { isRestartable: boolean }): void {
    this.link.send({ type: "kill-actor", actorId, isRestartable: options.isRestartable });
    const actor = this.#actors.get(actorId);
    // Calls after this one must not overtake it on their own socket.
    if (!options.isRestartable) actor?.end(new ActorDiedError(actor.className, "it was killed"));
  }

  // ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────

  put(value: EncodedValue): ObjectId {
    return this.objects.put(value);
  }

  isSettled(id: ObjectId): boolean {
    return this.objects.isSettled(id);
  }

  whenSettled(id: ObjectId, listener: () => void): () => void {
    if (this.objects.isSettled(id)) {
      listener();
      return () => {};
    }
    this.#keepAlive.add();
    const stop = this.objects.whenSettled(id, () => {
      this.#keepAlive.remove();
      listener();
    });
    let isStopped = false;
    return () => {
      if (isStopped || this.objects.isSettled(id)) return;
      isStopped = true;
      this.#keepAlive.remove();
      stop();
    };
  }

  read(id: ObjectId): Payload {
    return this.objects.toPayload(this.objects.valueOf(id));
  }

  use(id: ObjectId | ActorId): void {
    this.objects.use(id);
  }

  unuse(id: ObjectId | ActorId): void {
    this.objects.unuse(id);
  }

  // ── cancelling ────────────────────────────────────────────────────────────────────────────────────────────────────

  cancel(id: ObjectId, options: CancelOptions = {}): void {
    const call = this.calls.get(taskOf(id));
    if (call !== undefined) this.#cancel(call, options);
    else if (!this.objects.isSettled(id)) {
      throw new UnsupportedError(
        "Cancelling a task that another process submitted",
        "Cancel it where it was submitted.",
      );
    }
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
      if (call.work.kind === "task") this.#queues.get(call.work.shape)?.remove(call);
      else this.#actors.get(call.work.actorId)?.remove(call);
      this.fail(call, new TaskCancelledError(call.name, call.cancelReason), "cancelled");
      return;
    }
    connection.dropTask(call.taskId);
    const { workerId } = connection;
    this.link.send({ type: "cancel-task", workerId, taskId: call.taskId, isForced, isRecursive });
  }

  // ── the whole ─────────────────────────────────────────────────────────────────────────────────────────────────────

  observe(observer: TaskObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  async describe(): Promise<ClusterDescription> {
    this.report.report();
    this.#keepAlive.add();
    try {
      const reply = await this.link.request((requestId) => ({ type: "describe-cluster", requestId }));
      if (reply.type !== "cluster-described") throw new EngineClosedError("the head sent a wrong reply");
      return reply.cluster;
    } finally {
      this.#keepAlive.remove();
    }
  }

  /** Fail all that is unfinished. */
  async end(error: Error): Promise<void> {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = error;
    clearInterval(this.#sweep);
    for (const call of [...this.calls.values()]) this.fail(call, error);
    for (const actor of this.#actors.values()) actor.end(error);
    this.objects.close(error);
    for (const connection of this.#connections.values()) connection.close();
    this.#keepAlive.close();
    this.#resolveClosed(error);
    await this.link.close();
  }

  async close(): Promise<void> {
    this.link.send({ type: "shutdown" });
    this.link.flush();
    await this.end(new EngineClosedError());
  }
}

function refusal(
  className: string,
  name: string | undefined,
  { reason, needs, has }: Extract<FromHead, { type: "actor-refused" }>,
): Error {
  if (reason === "unschedulable") return new UnschedulableError(className, needs, has);
  return new UnsupportedError(
    `A second actor named '${name}'`,
    "Pass { getIfExists: true } to use the first, or kill it.",
  );
}
