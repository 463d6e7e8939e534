/** Actors that this process made, found or was given. */
import { ActorDiedError, PlacementGroupRemovedError, UnschedulableError, UnsupportedError } from "../../errors.ts";
import type { ActorId, ObjectId } from "../../protocol/ids.ts";
import type { ActorDescription, ActorState, FromHead, WireJob } from "../../protocol/messages.ts";
import { describeActor } from "../actor-description.ts";
import type { NewActorSpec } from "../engine.ts";
import { ActorClient, type ActorClientHooks } from "./actor-client.ts";
import type { Call } from "./calls.ts";
import type { CodeTable } from "./code-table.ts";
import type { HeadLink } from "./head-link.ts";
import type { ObjectTable } from "./object-table.ts";
import type { WorkerConnection } from "./worker-connection.ts";

export interface ActorDirectoryHooks extends Omit<ActorClientHooks, "isReady"> {
  /** Set `resolved` from refs that are there, or fail the call with what one of them failed with. */
  resolveRefs(call: Call): void;
}

export class ActorDirectory {
  readonly #link: HeadLink;
  readonly #objects: ObjectTable;
  readonly #codes: CodeTable;
  readonly #hooks: ActorDirectoryHooks;
  readonly #actors = new Map<ActorId, ActorClient>();
  /** The ref that holds back a call. */
  readonly #awaited = new WeakMap<Call, ObjectId>();

  constructor(link: HeadLink, objects: ObjectTable, codes: CodeTable, hooks: ActorDirectoryHooks) {
    this.#link = link;
    this.#objects = objects;
    this.#codes = codes;
    this.#hooks = hooks;
  }

  get(actorId: ActorId): ActorClient | undefined {
    return this.#actors.get(actorId);
  }

  /** Start an actor in the background; a failure shows in its calls. */
  create(actorId: ActorId, spec: NewActorSpec, job: WireJob): ActorDescription {
    const description = describeActor(actorId, spec);
    const args = this.#objects.toWire(spec.args);
    this.#objects.adopt(args);
    const refs = spec.refs ?? [];
    for (const { id } of refs) this.#objects.use(id);
    this.#objects.use(actorId);
    const actor = this.#client(description);
    const letGo = (): void => {
      this.#objects.drop(args);
      for (const { id } of refs) this.#objects.unuse(id);
    };
    let missing = 1;
    const settled = (): void => {
      if (--missing > 0) return;
      this.#register(spec, job, description, args, refs).then(letGo, (error: Error) => {
        actor.end(error);
        letGo();
      });
    };
    for (const { id } of refs) {
      missing++;
      this.#objects.whenSettled(id, settled);
    }
    settled();
    return description;
  }

  async #register(
    spec: NewActorSpec,
    job: WireJob,
    description: ActorDescription,
    args: Call["args"],
    refs: Call["refs"],
  ): Promise<void> {
    const { actorId } = description;
    const resolved = refs.map(({ index, id }) => ({ index, value: this.#objects.valueOf(id) }));
    const code = this.#codes.wireCode(spec.code);
    this.#objects.publishInside([code.value, args, ...resolved.map(({ value }) => value)]);
    const { className, resources, name, namespace, maxConcurrency, maxRestarts, depth, isGetIfExists } = spec;
    const { execution, lifetime, groups, onRestart } = spec;
    const { environment, placement, scheduling } = spec;
    const reply = await this.#link.request((requestId) => ({
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
        job,
        ...(execution === undefined ? {} : { execution }),
        ...(name === undefined ? {} : { name, namespace: namespace ?? job.namespace }),
        ...(lifetime === undefined ? {} : { lifetime }),
        ...(groups === undefined ? {} : { groups }),
        ...(onRestart === undefined ? {} : { onRestart }),
        ...(environment === undefined ? {} : { environment }),
        ...(placement === undefined ? {} : { placement }),
        ...(scheduling === undefined ? {} : { scheduling }),
      },
    }));
    if (reply.type === "actor-refused") throw refusal(spec, reply);
    this.#objects.heldByHead(actorId);
    this.#link.send({ type: "watch-actor", actorId });
  }

  async list(namespace: string): Promise<readonly string[]> {
    const reply = await this.#link.request((requestId) => ({ type: "list-actors", requestId, namespace }));
    return reply.type === "actors-listed" ? reply.names : [];
  }

  async find(name: string, namespace: string): Promise<ActorDescription | undefined> {
    const reply = await this.#link.request((requestId) => ({ type: "find-actor", requestId, name, namespace }));
    if (reply.type !== "actor-found" || reply.description === undefined) return undefined;
    this.#objects.use(reply.description.actorId);
    this.#objects.heldByHead(reply.description.actorId);
    this.know(reply.description);
    return reply.description;
  }

  /** A handle has arrived. */
  know(description: ActorDescription): void {
    if (this.#actors.has(description.actorId)) return;
    this.#client(description);
    this.#link.send({ type: "watch-actor", actorId: description.actorId });
  }

  #client(description: ActorDescription): ActorClient {
    const { actorId } = description;
    const actor: ActorClient = new ActorClient(description, {
      ...this.#hooks,
      isReady: (call) => this.#isReady(actor, call),
    });
    this.#actors.set(actorId, actor);
    return actor;
  }

  #isReady(actor: ActorClient, call: Call): boolean {
    if (call.resolved !== undefined) return true;
    const missing = call.refs.find(({ id }) => !this.#objects.isSettled(id));
    if (missing === undefined) {
      this.#hooks.resolveRefs(call);
      return true;
    }
    if (this.#awaited.get(call) === missing.id) return false;
    this.#awaited.set(call, missing.id);
    this.#objects.whenSettled(missing.id, () => actor.pump());
    return false;
  }

  changed(actorId: ActorId, state: ActorState): void {
    this.#actors.get(actorId)?.changed(state);
  }

  kill(actorId: ActorId, isRestartable: boolean): void {
    this.#link.send({ type: "kill-actor", actorId, isRestartable });
    const actor = this.#actors.get(actorId);
    // Calls after this one must not overtake it on their own socket.
    if (!isRestartable) actor?.end(new ActorDiedError(actor.className, "it was killed"));
  }

  /** Actors that are reached, and what they were sent. */
  *places(): Iterable<{ readonly connection: WorkerConnection; readonly inflight: ReadonlyMap<string, Call> }> {
    for (const { connection, inflight } of this.#actors.values())
      if (connection !== undefined) yield { connection, inflight };
  }

  /** End it when no call of this process is under way. */
  async end(actorId: ActorId): Promise<void> {
    const actor = this.#actors.get(actorId);
    if (actor === undefined) return;
    await actor.whenIdle();
    const message = "its handle was disposed";
    this.#link.send({ type: "kill-actor", actorId, isRestartable: false, message });
    actor.end(new ActorDiedError(actor.className, message));
  }

  /** The first call under way of each actor. */
  *running(): Iterable<Call> {
    for (const actor of this.#actors.values()) {
      const first = actor.inflight.values().next();
      if (first.done !== true) yield first.value;
    }
  }

  close(error: Error): void {
    for (const actor of this.#actors.values()) actor.end(error);
  }
}

function refusal(
  { className, name, placement }: NewActorSpec,
  { reason, needs, has, explanation, advice }: Extract<FromHead, { type: "actor-refused" }>,
): Error {
  if (reason === "unschedulable") return new UnschedulableError(className, needs, has, explanation, advice);
  if (reason === "group-removed")
    return new PlacementGroupRemovedError(className, placement?.groupName ?? placement?.groupId ?? "");
  if (reason === "job-ended") return new ActorDiedError(className, "the driver that made it has ended");
  return new UnsupportedError(
    `A second actor named '${name}'`,
    "Pass { getIfExists: true } to use the first, or kill it.",
  );
}
