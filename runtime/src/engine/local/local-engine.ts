/**
 * The local engine as one process sees it, driver or worker: leases workers from the head, pushes calls to them directly,
 * and keeps what comes back.
 *
 * This file joins the parts and is what others call. `call-book.ts` knows the calls under way, `call-places.ts` where they
 * run, `object-table.ts` the objects; what comes in is handled in `head-messages.ts` and `worker-messages.ts`.
 */

import { placedShapeOf, shapeOf } from "../../core/resources.ts";
import { EngineClosedError, UnsupportedError } from "../../errors.ts";
import type { Payload } from "../../protocol/codec.ts";
import {
  type ActorId,
  type ClientId,
  IdMaker,
  type ObjectId,
  type PlacementGroupId,
  type TaskId,
} from "../../protocol/ids.ts";
import type {
  ActorDescription,
  ClusterDescription,
  FromHead,
  HeadCheck,
  HttpAddress,
  PlacementGroupDescription,
  PlacementGroupState,
  ResourceAmounts,
} from "../../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import type { TaskListing, TaskListings } from "../../protocol/task-events.ts";
import type {
  ActorCallSpec,
  CancelOptions,
  EncodedValue,
  Engine,
  ItemStream,
  NewActorSpec,
  NewPlacementGroupSpec,
  TaskObserver,
  TaskSpec,
} from "../engine.ts";
import { CallBook } from "./call-book.ts";
import { CallPlaces } from "./call-places.ts";
import type { Call } from "./calls.ts";
import { cancelCall, cancelChildren, cancelExecution, cancelObject } from "./cancelling.ts";
import { Garbage } from "./garbage.ts";
import type { HeadLink } from "./head-link.ts";
import { handleHeadMessage } from "./head-messages.ts";
import { HeadRequests } from "./head-requests.ts";
import { KeepAlive } from "./keep-alive.ts";
import { Lineage } from "./lineage.ts";
import { ObjectTable } from "./object-table.ts";
import { PlacementGroupDirectory } from "./placement-group-directory.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import { TaskEventLog } from "./task-events.ts";
import { listTasks } from "./task-listing.ts";
import { WorkReport } from "./work-report.ts";
import { handleWorkerMessage } from "./worker-messages.ts";

/** Shared memory used since the last collection before there is another at once, and when nothing more is used. */
const GARBAGE_BYTES: number = 1024 ** 3;
const GARBAGE_IDLE_MS = 300;

/** What only a worker understands. */
type WorkerOrder = Extract<FromHead, { type: "stop-task" | "become-actor" }>;

export class LocalEngine implements Engine {
  readonly name = "local";
  readonly viewAddress: string | undefined;
  readonly clientId: ClientId;
  readonly link: HeadLink;
  readonly objects: ObjectTable;
  readonly lineage: Lineage;
  readonly report: WorkReport;
  readonly events: TaskEventLog = new TaskEventLog();
  readonly calls: CallBook;
  readonly places: CallPlaces;
  readonly groups: PlacementGroupDirectory;
  readonly closed: Promise<Error | undefined>;
  readonly #ids: IdMaker;
  readonly #requests: HeadRequests;
  /** Every call of a task has the same object of amounts. */
  readonly #shapes = new WeakMap<ResourceAmounts, string>();
  readonly #keepAlive = new KeepAlive();
  #resolveClosed: (error: Error | undefined) => void = () => {};
  #runningHere: () => Iterable<TaskListing> = () => [];
  #onOrder: ((message: WorkerOrder) => void) | undefined;

  /** @param viewAddress - where panels connect; drivers pass it on to the notebook. */
  constructor(link: HeadLink, clientId: ClientId, viewAddress?: string, ids: IdMaker = new IdMaker(clientId)) {
    this.link = link;
    this.viewAddress = viewAddress;
    this.clientId = clientId;
    this.#ids = ids;
    const keepAlive = this.#keepAlive;
    this.objects = new ObjectTable(link, clientId, ids, new Garbage(GARBAGE_BYTES, GARBAGE_IDLE_MS), keepAlive);
    this.report = new WorkReport({
      send: (message) => link.send(message),
      running: () => this.places.running(),
      events: this.events,
    });
    const { objects, report, events } = this;
    this.calls = new CallBook(
      { clientId, ids, link, objects, keepAlive, report, events },
      {
        enqueue: (call) => this.places.tasks.enqueue(call),
        streamConsumed: (taskId, count) => this.places.connectionOf(taskId)?.streamConsumed(taskId, count),
        streamAbandoned: (call) => cancelCall(this, call, { reason: "its consumer wants no more items" }),
        rebuildFailed: (call, error) => this.lineage.failed(call, error),
      },
    );
    this.places = new CallPlaces(link, clientId, objects, this.calls, (from, message) =>
      handleWorkerMessage(this, from, message),
    );
    this.lineage = new Lineage(objects, {
      start: (call) => this.calls.rebuild(call),
      publish: (objectId, result) => link.send({ type: "publish-result", objectId, result }),
    });
    this.groups = new PlacementGroupDirectory(link, keepAlive);
    this.#requests = new HeadRequests(link, keepAlive, report, objects);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get jobId(): ClientId {
    return this.clientId;
  }

  // ── what the head says ────────────────────────────────────────────────────────────────────────────────────────────

  receive(message: FromHead): void {
    handleHeadMessage(this, message);
  }

  /** For a worker: what only it understands. */
  onWorkerOrder(listener: (message: WorkerOrder) => void): void {
    this.#onOrder = listener;
  }

  takeOrder(message: WorkerOrder): void {
    this.#onOrder?.(message);
  }

  /** For a worker: the calls that it runs. */
  onListing(runningHere: () => Iterable<TaskListing>): void {
    this.#runningHere = runningHere;
  }

  /** What is unfinished here: calls that this process made, the newest `limit`, and calls of others that it runs. */
  listings(limit: number): TaskListings {
    return listTasks(this.calls.all(), this.places.workers(), this.#runningHere(), limit);
  }

  // ── tasks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

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
    const { code, resources, environment, placement, scheduling } = spec;
    const isPlain = environment === undefined && placement === undefined && scheduling === undefined;
    const shape = isPlain ? this.#shapeOf(resources) : placedShapeOf(resources, environment, placement, scheduling);
    const work = { kind: "task", codeId: code.id, code, shape, resources, environment, placement, scheduling } as const;
    const call = this.calls.create(spec, work, isStream);
    if (call.refs.length === 0) this.places.tasks.enqueue(call);
    else this.calls.enqueueWhenReady(call);
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

  // ── actors ────────────────────────────────────────────────────────────────────────────────────────────────────────

  createActor(spec: NewActorSpec): ActorDescription {
    this.calls.checkOpen();
    return this.places.actors.create(this.#ids.actorId(), spec, this.calls.jobOf(spec));
  }

  findActor(name: string, namespace: string): Promise<ActorDescription | undefined> {
    return this.#keepAlive.during(this.places.actors.find(name, namespace));
  }

  listActors(namespace: string): Promise<readonly string[]> {
    return this.#keepAlive.during(this.places.actors.list(namespace));
  }

  knowActor(description: ActorDescription): void {
    this.places.actors.know(description);
  }

  callActor(spec: ActorCallSpec): ObjectId {
    return this.#submitActorCall(spec, false).taskId as string as ObjectId;
  }

  callActorStream(spec: ActorCallSpec): ItemStream {
    return this.#submitActorCall(spec, true).stream as StreamBuffer;
  }

  #submitActorCall(spec: ActorCallSpec, isStream: boolean): Call {
    const { actorId, method } = spec;
    const { actors } = this.places;
    actors.get(actorId)?.checkRoom();
    const call = this.calls.create(spec, { kind: "actor", actorId, method }, isStream);
    this.objects.use(actorId);
    const actor = actors.get(actorId);
    if (actor === undefined) this.calls.fail(call, new EngineClosedError("the handle belongs to an earlier cluster"));
    else actor.submit(call);
    return call;
  }

  endActor(actorId: ActorId): Promise<void> {
    return this.#keepAlive.during(this.places.actors.end(actorId));
  }

  killActor(actorId: ActorId, options: { isRestartable: boolean }): void {
    this.places.actors.kill(actorId, options.isRestartable);
  }

  // ── placement groups ──────────────────────────────────────────────────────────────────────────────────────────────

  createPlacementGroup(spec: NewPlacementGroupSpec): Promise<PlacementGroupDescription> {
    return this.#keepAlive.during(this.groups.create(this.#ids.placementGroupId(), spec));
  }

  findPlacementGroup(name: string): Promise<PlacementGroupDescription | undefined> {
    return this.#keepAlive.during(this.groups.find(name));
  }

  watchPlacementGroup(groupId: PlacementGroupId, listener: (state: PlacementGroupState) => void): () => void {
    return this.groups.watch(groupId, listener);
  }

  removePlacementGroup(groupId: PlacementGroupId): Promise<void> {
    return this.#keepAlive.during(this.groups.remove(groupId));
  }

  requestResources(): Promise<void> {
    const instead = "This cluster is one machine, which cannot grow: connect to a Ray cluster that has an autoscaler.";
    return Promise.reject(new UnsupportedError("requestResources()", instead));
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
    cancelObject(this, id, options);
  }

  cancelExecution(messageId: string, reason: string): void {
    cancelExecution(this, messageId, reason);
  }

  /** Cancel what this task has submitted from here. */
  cancelChildren(parent: TaskId, isForced: boolean): void {
    cancelChildren(this, parent, isForced);
  }

  // ── watching ──────────────────────────────────────────────────────────────────────────────────────────────────────

  observe(observer: TaskObserver): () => void {
    return this.calls.observe(observer);
  }

  runningOf(messageId: string): number {
    let count = 0;
    for (const call of this.places.running()) if (call.execution?.messageId === messageId) count++;
    return count;
  }

  async connected(): Promise<void> {
    await this.describe();
  }

  describe(): Promise<ClusterDescription> {
    return this.#requests.describe();
  }

  openHttp(): Promise<HttpAddress> {
    return this.#requests.openHttp();
  }

  useDebugger(address: string | undefined): Promise<void> {
    return this.#requests.useDebugger(address);
  }

  /** Let the head look at itself; for tests. */
  check(): Promise<HeadCheck> {
    return this.#requests.check();
  }

  state<Route extends StateRoute>(route: Route, parameters: StateParameters = {}): Promise<StateRoutes[Route]> {
    return this.#requests.state(route, parameters);
  }

  // ── the whole ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** After V8 dropped pending microtasks: do what was planned for them. */
  recover(): void {
    this.places.tasks.dispatchPlanned();
    this.objects.flushReleases();
    this.places.flush();
    this.link.flush();
  }

  /** Fail all that is unfinished. */
  async end(error: Error): Promise<void> {
    if (this.calls.isClosed) return;
    this.calls.refuse(error);
    this.places.tasks.close();
    this.calls.failAll(error);
    this.places.actors.close(error);
    this.groups.close();
    this.objects.close(error);
    this.places.closeConnections();
    this.#keepAlive.close();
    this.calls.close();
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
