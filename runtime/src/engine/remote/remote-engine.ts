/**
 * A cluster on another machine, as its driver sees it. Every call is noted here and sent on to the session beside the
 * cluster, which hosts a driver of the local engine; see protocol/remote.ts.
 *
 * What differs from the local engine: `put` and `submit` never throw for want of room, their objects fail; and a large
 * result is fetched when somebody reads it, each time.
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import {
  EngineClosedError,
  errorFromWire,
  PendingCallsLimitError,
  toWireError,
  UnsupportedError,
} from "../../errors.ts";
import type { Payload } from "../../protocol/codec.ts";
import {
  type ActorId,
  type ClientId,
  IdMaker,
  makerOf,
  type ObjectId,
  type PlacementGroupId,
  partOf,
  resultOf,
  type TaskId,
  taskOf,
} from "../../protocol/ids.ts";
import type {
  ActorDescription,
  ClusterDescription,
  HttpAddress,
  PlacementGroupDescription,
  PlacementGroupState,
  WireExecution,
} from "../../protocol/messages.ts";
import type { RayOrder } from "../../protocol/ray.ts";
import {
  DEFAULT_LEASE_MS,
  type FromSession,
  REMOTE_PATH,
  REMOTE_PROTOCOL,
  type RemoteResults,
  type ToSession,
} from "../../protocol/remote.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import { VERSION } from "../../version.ts";
import { describeActor } from "../actor-description.ts";
import type {
  ActorCallSpec,
  CancelOptions,
  EncodedValue,
  Engine,
  ItemStream,
  NewActorSpec,
  NewPlacementGroupSpec,
  RoomSpec,
  TaskCode,
  TaskObserver,
  TaskOutcome,
  TaskSpec,
  Thrown,
} from "../engine.ts";
import { GroupWatchers } from "../local/group-watchers.ts";
import { KeepAlive } from "../local/keep-alive.ts";
import { StreamBuffer } from "../local/stream-buffer.ts";
import type { LinkData, LinkProgram, LinkTarget } from "./link-messages.ts";
import { ObjectMirror } from "./object-mirror.ts";
import { parseAddress } from "./remote-address.ts";
import { RemoteLink } from "./remote-link.ts";
import { RemoteQuestions } from "./remote-questions.ts";

const DEFAULT_HEARTBEAT_MS = 5_000;
/** How long a process that exits without `shutdown()` may take to say so. */
const EXIT_WITHIN_MS = 300;

export interface RemoteOptions {
  /** `mobula://host:port`, or `mobulas://host:port` through a proxy that speaks TLS. */
  readonly address: string;
  /** The cluster's, from the file that `mobula start` names. */
  readonly token?: string;
  /** What the driver calls itself. */
  readonly name?: string;
  /** How long the cluster keeps this driver's work while its connection is lost. Default 60 000. */
  readonly leaseMs?: number;
  /** How often both sides show that they live; a peer silent for three times as long is gone. Default 5 000. */
  readonly heartbeatMs?: number;
}

/** A call under way, as far as this side has to do with it. */
interface CallEntry {
  readonly name: string;
  readonly execution: WireExecution | undefined;
  /** Set for calls of actors. */
  readonly actorId: ActorId | undefined;
  readonly stream: StreamBuffer | undefined;
  /** It has ended, and only items are still to come. */
  isOver: boolean;
  readonly shouldRetry: TaskSpec["shouldRetry"];
}

/** How an engine reaches those who do its work. */
export interface RemoteConnection {
  readonly clientId: ClientId;
  readonly link: LinkProgram;
  /** Where its state API answers, if it has one. */
  readonly http?: HttpAddress;
}

export class RemoteEngine implements Engine {
  readonly name: string = "remote";
  readonly clientId: ClientId;
  readonly closed: Promise<Error | undefined>;
  readonly #link: RemoteLink;
  readonly #objects: ObjectMirror;
  readonly #ids: IdMaker;
  readonly #http: HttpAddress | undefined;
  readonly #codes = new Set<string>();
  readonly #actors = new Set<ActorId>();
  /** Of actors with `maxPendingCalls`: calls from here that are unfinished. */
  readonly #limits = new Map<ActorId, { readonly className: string; readonly max: number; pending: number }>();
  readonly #calls = new Map<TaskId, CallEntry>();
  /** Large values on their way. */
  readonly #puts = new Set<ObjectId>();
  readonly #running = new Map<string, number>();
  readonly #questions: RemoteQuestions;
  readonly #groups: GroupWatchers;
  readonly #observers = new Set<TaskObserver>();
  readonly #keepAlive = new KeepAlive();
  #closedWith: Error | undefined;
  #resolveClosed: (error: Error | undefined) => void = () => {};
  readonly #onExit = (): void => this.#link.closeAtExit(EXIT_WITHIN_MS);

  /**
   * Returns at once; calls wait until the connection is there, and fail when it cannot be made.
   *
   * @throws ConnectionFailedError when the address is none
   */
  constructor(options: RemoteOptions | RemoteConnection) {
    const { clientId, link, http } = "link" in options ? options : connectionTo(options);
    this.clientId = clientId;
    this.#ids = new IdMaker(clientId);
    this.#http = http;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#link = new RemoteLink(link, {
      onMessage: (message) => this.#receive(message),
      onEnded: (error) => this.#end(error),
      onCancelAsked: (name, cellId) => this.#cancelGroup(name, cellId),
    });
    this.#objects = new ObjectMirror(this.#link);
    this.#questions = new RemoteQuestions(this.#link, this.#keepAlive);
    this.#groups = new GroupWatchers((groupId) => this.#send({ type: "watch-group", groupId }), this.#keepAlive);
    process.once("exit", this.#onExit);
  }

  get jobId(): ClientId {
    return this.clientId;
  }

  /** For an engine whose other end says more than a session does. */
  protected get link(): RemoteLink {
    return this.#link;
  }

  protected receiveOrder(_order: RayOrder): void {}

  /** The connection is over. */
  protected ended(_error: Error): void {}

  /** A socket of this machine, made when somebody asks for it; its bytes go to the cluster's. */
  get viewAddress(): string | undefined {
    return this.#link.serveViews();
  }

  // ── what the session says ─────────────────────────────────────────────────────────────────────────────────────────

  #receive(message: FromSession | RayOrder): void {
    switch (message.type) {
      case "ready":
        this.#objects.ready(message.id, message.value);
        this.#stored(message.id);
        return;
      case "failed":
        this.#objects.failed(message.id, errorFromWire(message.error));
        this.#stored(message.id);
        return;
      case "value":
        this.#objects.value(message.id, message.value);
        return;
      case "item":
        this.#objects.create(message.id);
        this.#item(message.taskId, message.id);
        return;
      case "stream-ended":
        this.#calls.get(message.taskId)?.stream?.finish(message.error && errorFromWire(message.error));
        this.#calls.delete(message.taskId);
        return;
      case "call-ended":
        this.#callEnded(message.taskId, message.outcome);
        return;
      case "running":
        if (message.count === 0) this.#running.delete(message.messageId);
        else this.#running.set(message.messageId, message.count);
        return;
      case "output":
        for (const observer of this.#observers) observer.output(message.output);
        return;
      case "retry-asked":
        void this.#answerRetry(message);
        return;
      case "answer":
      case "no-answer":
        this.#questions.receive(message);
        return;
      case "group-state":
        this.#groups.changed(message.groupId, message.state);
        return;
      case "ended":
        this.#end(errorFromWire(message.error));
        void this.#link.close();
        return;
      case "load":
      case "run":
      case "run-each":
      case "taken":
      case "stop":
        this.receiveOrder(message);
        return;
    }
  }

  #item(taskId: TaskId, id: ObjectId): void {
    const stream = this.#calls.get(taskId)?.stream;
    if (stream === undefined) this.#objects.unuse(id);
    else stream.add(id);
  }

  /** What was put is there, or never will be. */
  #stored(id: ObjectId): void {
    if (this.#puts.delete(id)) this.#keepAlive.remove();
  }

  #callEnded(taskId: TaskId, outcome: TaskOutcome): void {
    const call = this.#calls.get(taskId);
    if (call === undefined) return;
    if (outcome !== "retried") {
      // The end of its stream follows.
      if (call.stream === undefined) this.#calls.delete(taskId);
      call.isOver = true;
      const limit = call.actorId === undefined ? undefined : this.#limits.get(call.actorId);
      if (limit !== undefined) limit.pending--;
      this.#keepAlive.remove();
    }
    for (const observer of this.#observers) observer.ended(call.execution, call.name, outcome, taskId);
  }

  async #answerRetry({
    number,
    taskId,
    error,
    classNames,
  }: Extract<FromSession, { type: "retry-asked" }>): Promise<void> {
    const thrown: Thrown = { error: errorFromWire(error), classNames };
    let isAccepted = false;
    try {
      isAccepted = (await this.#calls.get(taskId)?.shouldRetry?.(thrown)) === true;
    } catch (problem) {
      process.emitWarning(`retryOn of a task failed: ${toWireError(problem).message}`, "MobulaWarning");
    }
    this.#send({ type: "retry-answer", number, isAccepted });
  }

  // ── submitting ────────────────────────────────────────────────────────────────────────────────────────────────────

  #send(message: ToSession): void {
    this.#link.send(message);
  }

  #assertOpen(): void {
    if (this.#closedWith !== undefined) throw this.#closedWith;
  }

  put(value: EncodedValue, placeOf?: () => string | undefined): ObjectId {
    this.#assertOpen();
    const id = this.#ids.objectId(placeOf?.());
    this.#objects.create(id);
    this.#puts.add(id);
    this.#keepAlive.add();
    const remote = this.#link.toRemote(value);
    this.#send({ type: "put", id, value: remote });
    if ("bytes" in remote && remote.refs === undefined && remote.handles === undefined) {
      this.#objects.keep(id, { bytes: remote.bytes, buffers: remote.buffers ?? [], refs: [] });
    }
    return id;
  }

  submit(spec: TaskSpec): ObjectId {
    return resultOf(this.#submitTask(spec, "one").taskId);
  }

  submitMany(spec: TaskSpec): readonly ObjectId[] {
    const { taskId } = this.#submitTask(spec, "many");
    return Array.from({ length: spec.numReturns ?? 0 }, (_, index) => partOf(taskId, index));
  }

  submitStream(spec: TaskSpec): ItemStream {
    return this.#submitTask(spec, "stream").stream as ItemStream;
  }

  #submitTask({ code, args, shouldRetry, ...rest }: TaskSpec, gives: RemoteResults): NewCall {
    this.#assertOpen();
    const spec = withoutUndefined(rest);
    this.#sendCode(code);
    const call = this.#newCall({ ...spec, shouldRetry, actorId: undefined }, gives);
    const { taskId } = call;
    const asksRetry = shouldRetry !== undefined;
    this.#send({ type: "submit", taskId, codeId: code.id, args: this.#link.toRemote(args), gives, asksRetry, spec });
    return call;
  }

  #sendCode(code: TaskCode): void {
    if (this.#codes.has(code.id)) return;
    this.#codes.add(code.id);
    this.#send({ type: "code", codeId: code.id, value: this.#link.toRemote(code.payload) });
  }

  #newCall({ name, execution, shouldRetry, actorId, numReturns = 0 }: NewCallSpec, gives: RemoteResults): NewCall {
    const taskId = taskOf(this.#ids.objectId());
    if (gives === "one") this.#objects.create(resultOf(taskId));
    if (gives === "many") for (let i = 0; i < numReturns; i++) this.#objects.create(partOf(taskId, i));
    const buffer = gives === "stream" ? this.#newStream(taskId) : undefined;
    this.#calls.set(taskId, { name, execution, actorId, stream: buffer, shouldRetry, isOver: false });
    this.#keepAlive.add();
    for (const observer of this.#observers) observer.submitted(execution, name);
    return { taskId, stream: buffer && this.#asking(buffer) };
  }

  #newStream(taskId: TaskId): StreamBuffer {
    return new StreamBuffer(taskId, undefined, {
      onTaken: () => {},
      onAbandoned: () => this.#send({ type: "close-stream", taskId }),
      onUnwanted: (id) => this.#objects.unuse(id),
    });
  }

  /** The session sends as many items as were asked for, and some more: that is what holds the task back. */
  #asking(buffer: StreamBuffer): ItemStream {
    const { taskId } = buffer;
    let count = 0;
    return {
      taskId,
      next: () => {
        this.#send({ type: "items-wanted", taskId, count: ++count });
        // The call may be over, and this item still on its way.
        this.#keepAlive.add();
        return buffer.next().finally(() => this.#keepAlive.remove());
      },
      close: () => buffer.close(),
    };
  }

  /** After V8 dropped pending microtasks: do what was planned for them. */
  recover(): void {
    this.#objects.flushReleases();
    this.#link.flush();
  }

  // ── actors ────────────────────────────────────────────────────────────────────────────────────────────────────────

  createActor({ code, args, ...rest }: NewActorSpec): ActorDescription {
    this.#assertOpen();
    const spec = withoutUndefined(rest);
    const id = this.#ids.actorId();
    this.#sendCode(code);
    this.#objects.create(id);
    this.#actors.add(id);
    this.#send({ type: "create-actor", id, codeId: code.id, args: this.#link.toRemote(args), spec });
    const description = describeActor(id, spec);
    this.#limit(description);
    return description;
  }

  async findActor(name: string, namespace: string): Promise<ActorDescription | undefined> {
    const description = await this.#questions.ask<ActorDescription | undefined>("findActor", [name, namespace]);
    if (description !== undefined) this.#objects.found(description.actorId);
    return description;
  }

  listActors(namespace: string): Promise<readonly string[]> {
    return this.#questions.ask("listActors", [namespace]);
  }

  knowActor(description: ActorDescription): void {
    if (this.#actors.has(description.actorId)) return;
    this.#actors.add(description.actorId);
    this.#limit(description);
    this.#send({ type: "know-actor", description });
  }

  /** Calls beyond the limit throw where they are made, not a round trip later. */
  #limit({ actorId, className, maxPendingCalls }: ActorDescription): void {
    if (maxPendingCalls !== undefined) this.#limits.set(actorId, { className, max: maxPendingCalls, pending: 0 });
  }

  callActor(spec: ActorCallSpec): ObjectId {
    return resultOf(this.#submitActorCall(spec, "one").taskId);
  }

  callActorStream(spec: ActorCallSpec): ItemStream {
    return this.#submitActorCall(spec, "stream").stream as ItemStream;
  }

  #submitActorCall({ args, shouldRetry, ...rest }: ActorCallSpec, gives: RemoteResults): NewCall {
    this.#assertOpen();
    const spec = withoutUndefined(rest);
    const limit = this.#limits.get(spec.actorId);
    if (limit !== undefined) {
      if (limit.pending >= limit.max) throw new PendingCallsLimitError(limit.className, limit.max);
      limit.pending++;
    }
    const call = this.#newCall({ ...spec, shouldRetry }, gives);
    const { taskId } = call;
    const asksRetry = shouldRetry !== undefined;
    this.#send({ type: "call-actor", taskId, args: this.#link.toRemote(args), gives, asksRetry, spec });
    return call;
  }

  endActor(actorId: ActorId): Promise<void> {
    return this.#questions.ask("endActor", [actorId]);
  }

  killActor(actorId: ActorId, { isRestartable }: { isRestartable: boolean }): void {
    this.#send({ type: "kill-actor", actorId, isRestartable });
  }

  // ── placement groups ──────────────────────────────────────────────────────────────────────────────────────────────

  createPlacementGroup(spec: NewPlacementGroupSpec): Promise<PlacementGroupDescription> {
    return this.#questions.ask("createPlacementGroup", [spec]);
  }

  findPlacementGroup(name: string): Promise<PlacementGroupDescription | undefined> {
    return this.#questions.ask("findPlacementGroup", [name]);
  }

  watchPlacementGroup(groupId: PlacementGroupId, listener: (state: PlacementGroupState) => void): () => void {
    return this.#groups.watch(groupId, listener);
  }

  removePlacementGroup(groupId: PlacementGroupId): Promise<void> {
    return this.#questions.ask("removePlacementGroup", [groupId]);
  }

  requestResources(room: RoomSpec): Promise<void> {
    return this.#questions.ask("requestResources", [room]);
  }

  // ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────

  isSettled(id: ObjectId): boolean {
    return this.#objects.isSettled(id);
  }

  whenSettled(id: ObjectId, listener: () => void): () => void {
    return this.#awaited((done) => this.#objects.whenSettled(id, done), listener);
  }

  isReadable(id: ObjectId): boolean {
    return this.#objects.isReadable(id);
  }

  whenReadable(id: ObjectId, listener: () => void): () => void {
    return this.#awaited((done) => this.#objects.whenReadable(id, done), listener);
  }

  /** What is awaited keeps the process running. */
  #awaited(wait: (done: () => void) => () => void, listener: () => void): () => void {
    let isOver = false;
    const over = (): boolean => {
      if (isOver) return false;
      isOver = true;
      this.#keepAlive.remove();
      return true;
    };
    this.#keepAlive.add();
    const stop = wait(() => {
      if (over()) listener();
    });
    return () => {
      if (over()) stop();
    };
  }

  read(id: ObjectId): Payload {
    return this.#objects.read(id);
  }

  use(id: ObjectId | ActorId): void {
    this.#objects.use(id);
  }

  unuse(id: ObjectId | ActorId): void {
    this.#objects.unuse(id);
  }

  // ── cancelling and watching ───────────────────────────────────────────────────────────────────────────────────────

  cancel(id: ObjectId, options: CancelOptions = {}): void {
    if (options.isForced === true && this.#calls.get(makerOf(id))?.actorId !== undefined) {
      throw new UnsupportedError("Forced cancelling of an actor's call", "Use kill(handle) to end the actor.");
    }
    this.#send({ type: "cancel", id, options });
  }

  cancelExecution(messageId: string, reason: string): void {
    this.#send({ type: "cancel-execution", messageId, reason });
  }

  #cancelGroup(name: string, cellId: string | undefined): void {
    const options = { reason: "it was cancelled in the cluster panel" };
    for (const [taskId, call] of this.#calls) {
      const isMeant = call.name === name && call.execution?.cellId === cellId;
      if (isMeant && !call.isOver) this.#send({ type: "cancel", id: resultOf(taskId), options });
    }
  }

  runningOf(messageId: string): number {
    return this.#running.get(messageId) ?? 0;
  }

  observe(observer: TaskObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  async connected(): Promise<void> {
    await this.#questions.ask("describe", []);
  }

  describe(): Promise<ClusterDescription> {
    return this.#questions.ask("describe", []);
  }

  /** The server that this driver is connected to. */
  openHttp(): Promise<HttpAddress> {
    if (this.#closedWith !== undefined) return Promise.reject(this.#closedWith);
    if (this.#http === undefined) return Promise.reject(new UnsupportedError("The state API", "It has none."));
    return Promise.resolve(this.#http);
  }

  state<Route extends StateRoute>(route: Route, parameters: StateParameters = {}): Promise<StateRoutes[Route]> {
    return this.#questions.ask("state", [route, parameters]);
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Fail all that is unfinished. */
  #end(error: Error): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = error;
    process.off("exit", this.#onExit);
    for (const [taskId, { stream, execution, name, isOver }] of this.#calls) {
      stream?.finish(error);
      if (!isOver) for (const observer of this.#observers) observer.ended(execution, name, "failed", taskId);
    }
    this.#calls.clear();
    this.#objects.close(error);
    this.#questions.close(error);
    this.#groups.close();
    this.#keepAlive.close();
    this.#resolveClosed(error);
    this.ended(error);
  }

  async close(): Promise<void> {
    this.#end(new EngineClosedError());
    await this.#link.close();
  }
}

/** To a cluster of Mobula's. @throws ConnectionFailedError when the address is none */
function connectionTo(options: RemoteOptions): RemoteConnection {
  const { host, port, isSecure } = parseAddress(options.address);
  const { token } = options;
  const target: LinkTarget = { url: `ws${isSecure ? "s" : ""}://${host}:${port}${REMOTE_PATH}`, token };
  const http = { url: `http${isSecure ? "s" : ""}://${host}:${port}`, token: token ?? "" };
  return { ...driverConnection(options, target), http };
}

/** That of a new driver. */
export function driverConnection(
  { address, name, leaseMs, heartbeatMs }: Omit<RemoteOptions, "token">,
  target: LinkData["target"],
): RemoteConnection {
  const clientId = `d${randomBytes(5).toString("hex")}` as ClientId;
  const data: LinkData = {
    target,
    address,
    session: randomBytes(16).toString("hex"),
    hello: {
      type: "hello",
      protocol: REMOTE_PROTOCOL,
      version: VERSION,
      clientId,
      host: hostname(),
      pid: process.pid,
      leaseMs: leaseMs ?? DEFAULT_LEASE_MS,
      ...(name === undefined ? {} : { name }),
    },
    heartbeatMs: heartbeatMs ?? DEFAULT_HEARTBEAT_MS,
  };
  return { clientId, link: { path: "engine/remote/link-thread", data } };
}

/** The wire knows no undefined: what is not said is left out. */
function withoutUndefined<Spec extends object>(spec: Spec): Spec {
  for (const key of Object.keys(spec) as (keyof Spec)[]) if (spec[key] === undefined) delete spec[key];
  return spec;
}

interface NewCallSpec extends Pick<TaskSpec, "name" | "execution" | "numReturns"> {
  readonly shouldRetry: CallEntry["shouldRetry"];
  readonly actorId: ActorId | undefined;
}

interface NewCall {
  readonly taskId: TaskId;
  readonly stream: ItemStream | undefined;
}
