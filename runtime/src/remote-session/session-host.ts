/** Does for a remote driver what it asks for, with an engine of the cluster's own. */
import type { ActorCallSpec, EncodedValue, TaskCode, TaskSpec, Thrown } from "../engine/engine.ts";
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { STREAM_WINDOW } from "../engine/local/stream-buffer.ts";
import { toWireError, UnsupportedError } from "../errors.ts";
import { type ActorId, type GivenIds, type ObjectId, partOf, resultOf, type TaskId } from "../protocol/ids.ts";
import type { ActorDescription, WireExecution } from "../protocol/messages.ts";
import {
  REMOTE_METHODS,
  type RemoteMethod,
  type RemoteResults,
  type RemoteValue,
  type ToSession,
} from "../protocol/remote.ts";
import type { SessionLink } from "./session-link.ts";
import { SessionObjects } from "./session-objects.ts";
import { SessionStreams } from "./session-streams.ts";

const RUNNING_EVERY_MS = 500;

const METHODS: ReadonlySet<RemoteMethod> = new Set(REMOTE_METHODS);

type Question = Extract<ToSession, { type: "question" }>;
type Submission = Extract<ToSession, { type: "submit" | "call-actor" }>;

export class SessionHost {
  readonly #engine: LocalEngine;
  readonly #ids: GivenIds;
  readonly #link: SessionLink;
  readonly #objects: SessionObjects;
  readonly #streams: SessionStreams;
  readonly #codes = new Map<string, TaskCode>();
  /** Actors that could not be made, and why; their calls fail with it. */
  readonly #stillborn = new Map<ActorId, unknown>();
  readonly #verdicts = new Map<number, (isAccepted: boolean) => void>();
  /** Messages behind one whose large value has not arrived: their order is the order of the driver's calls. */
  #waiting: ToSession[] | undefined;
  /** Calls under way by cell run, and how many of them ran when the driver was told last. */
  readonly #cells = new Map<string, { open: number; told: number }>();
  #runningTimer: NodeJS.Timeout | undefined;
  #nextVerdict = 1;

  constructor(engine: LocalEngine, ids: GivenIds, link: SessionLink) {
    this.#engine = engine;
    this.#ids = ids;
    this.#link = link;
    this.#objects = new SessionObjects(engine, link);
    this.#streams = new SessionStreams({
      item: (taskId, id) => {
        link.send({ type: "item", taskId, id });
        this.#own(id);
      },
      ended: (taskId, error) =>
        link.send({ type: "stream-ended", taskId, ...(error === undefined ? {} : { error: toWireError(error) }) }),
    });
    engine.observe({
      submitted: (execution) => this.#countOpen(execution, 1),
      ended: (execution, _name, outcome, taskId) => {
        if (outcome !== "retried") this.#countOpen(execution, -1);
        link.send({ type: "call-ended", taskId, outcome });
      },
      output: (output) => link.send({ type: "output", output }, output.text.length),
    });
  }

  receive(message: ToSession): void {
    if (this.#waiting !== undefined && !overtakes(message)) this.#waiting.push(message);
    else this.#handle(message);
  }

  #handle(message: ToSession): void {
    switch (message.type) {
      case "code":
        this.#whole(message.value, (payload) => {
          this.#codes.set(message.codeId, { id: message.codeId, payload });
        });
        return;
      case "submit":
      case "call-actor":
        this.#whole(message.args, (args) => this.#submit(message, args));
        return;
      case "create-actor":
        this.#whole(message.args, (args) => {
          this.#createActor(message, args);
        });
        return;
      case "put":
        this.#put(message);
        return;
      case "know-actor":
        this.#engine.knowActor(message.description);
        return;
      case "watch-group":
        // For as long as the session: groups are few, and changes of them rare.
        this.#engine.watchPlacementGroup(message.groupId, (state) =>
          this.#link.send({ type: "group-state", groupId: message.groupId, state }),
        );
        return;
      case "kill-actor":
        this.#engine.killActor(message.actorId, { isRestartable: message.isRestartable });
        return;
      case "watch":
        for (const id of message.ids) this.#objects.watch(id);
        return;
      case "fetch":
        this.#objects.fetch(message.id);
        return;
      case "release":
        for (const [index, id] of message.ids.entries()) {
          this.#objects.release(id as ObjectId, message.counts[index] ?? 1);
        }
        return;
      case "cancel":
        this.#cancel(message);
        return;
      case "cancel-execution":
        this.#engine.cancelExecution(message.messageId, message.reason);
        return;
      case "items-wanted":
        this.#streams.wanted(message.taskId, message.count);
        return;
      case "close-stream":
        this.#streams.close(message.taskId);
        return;
      case "retry-answer":
        this.#verdicts.get(message.number)?.(message.isAccepted);
        this.#verdicts.delete(message.number);
        return;
      case "question":
        void this.#answer(message);
        return;
      case "bye":
        return;
    }
  }

  /** Go on with the value. While a large one is on its way, what comes after this message waits. */
  #whole(value: RemoteValue, use: (value: EncodedValue) => void): void {
    let isHere = false;
    this.#objects.encoded(value, (encoded) => {
      isHere = true;
      use(encoded);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      for (const message of waiting ?? []) this.receive(message);
    });
    if (!isHere) this.#waiting = [];
  }

  // ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #code(codeId: string): TaskCode {
    const code = this.#codes.get(codeId);
    if (code === undefined) throw new Error(`The driver has not sent the code ${codeId}`);
    return code;
  }

  #submit(message: Submission, args: EncodedValue): void {
    const { taskId, gives } = message;
    const problem = message.type === "call-actor" ? this.#stillborn.get(message.spec.actorId) : undefined;
    if (problem !== undefined) {
      this.#refuse(message, problem);
      return;
    }
    const asks = message.asksRetry ? { shouldRetry: (thrown: Thrown) => this.#askRetry(taskId, thrown) } : {};
    this.#ids.give(resultOf(taskId));
    try {
      const spec: TaskSpec | ActorCallSpec =
        message.type === "submit"
          ? { ...message.spec, ...asks, code: this.#code(message.codeId), args }
          : { ...message.spec, ...asks, args };
      if (gives === "stream") this.#stream(spec);
      else for (const id of this.#start(spec, gives)) this.#own(id);
    } catch (error) {
      this.#refuse(message, error);
    }
  }

  #start(spec: TaskSpec | ActorCallSpec, gives: RemoteResults): readonly ObjectId[] {
    if (!("code" in spec)) return [this.#engine.callActor(spec)];
    return gives === "many" ? this.#engine.submitMany(spec) : [this.#engine.submit(spec)];
  }

  /** Of the items that may be ahead of their reader, half are on the way to the driver. */
  #stream(spec: TaskSpec | ActorCallSpec): void {
    const window = spec.streamWindow ?? STREAM_WINDOW;
    const ahead = Math.floor(window / 2);
    const held = { ...spec, streamWindow: window - ahead };
    const stream = "code" in held ? this.#engine.submitStream(held) : this.#engine.callActorStream(held);
    this.#streams.add(stream, ahead);
  }

  /** The engine counts one use of it for the driver, which wants to hear of it. */
  #own(id: ObjectId): void {
    this.#objects.hand(id, true);
    this.#objects.watch(id);
  }

  /** There was no room for the arguments, or the cluster is gone. Later calls may refer to the results all the same. */
  #refuse({ taskId, gives, spec }: Submission, error: unknown): void {
    this.#link.send({ type: "call-ended", taskId, outcome: "failed" });
    if (gives === "stream") this.#link.send({ type: "stream-ended", taskId, error: toWireError(error) });
    else {
      const count = gives === "many" && "numReturns" in spec ? spec.numReturns : undefined;
      const ids = count === undefined ? [resultOf(taskId)] : Array.from({ length: count }, (_, i) => partOf(taskId, i));
      for (const id of ids) {
        this.#engine.objects.create(id);
        this.#engine.objects.fail(id, error as Error);
        this.#own(id);
      }
    }
  }

  #createActor({ id, spec, codeId }: Extract<ToSession, { type: "create-actor" }>, args: EncodedValue): void {
    this.#ids.give(id);
    try {
      this.#engine.createActor({ ...spec, code: this.#code(codeId), args });
      this.#objects.hand(id, true);
    } catch (error) {
      this.#stillborn.set(id, error);
    }
  }

  /** Others may refer to the object while its value is on its way. */
  #put({ id, value }: Extract<ToSession, { type: "put" }>): void {
    this.#engine.objects.create(id);
    this.#own(id);
    this.#objects.encoded(value, (encoded) => this.#engine.objects.fill(id, encoded));
  }

  #cancel({ id, options }: Extract<ToSession, { type: "cancel" }>): void {
    try {
      this.#engine.cancel(id, options);
    } catch (error) {
      const text = `cancel() did nothing: ${(error as Error).message}\n`;
      this.#link.send({
        type: "output",
        output: { type: "output", stream: "stderr", text, source: "session", pid: process.pid },
      });
    }
  }

  #askRetry(taskId: TaskId, { error, classNames }: Thrown): Promise<boolean> {
    const number = this.#nextVerdict++;
    return new Promise((resolve) => {
      this.#verdicts.set(number, resolve);
      this.#link.send({ type: "retry-asked", number, taskId, error: toWireError(error), classNames });
    });
  }

  // ── questions and progress ────────────────────────────────────────────────────────────────────────────────────────

  async #answer(message: Question): Promise<void> {
    const { number } = message;
    try {
      this.#link.send({ type: "answer", number, answer: (await this.#ask(message)) ?? null });
    } catch (error) {
      this.#link.send({ type: "no-answer", number, error: toWireError(error) });
    }
  }

  async #ask({ method, args }: Question): Promise<unknown> {
    // What the driver's engine was called with, of the same interface.
    const engine = this.#engine as unknown as Record<RemoteMethod, (...args: readonly unknown[]) => Promise<unknown>>;
    if (!METHODS.has(method)) throw new UnsupportedError(`The question '${method}'`, "Install the same version.");
    const answer = await engine[method](...args);
    if (method === "findActor" && answer !== undefined) {
      this.#objects.hand((answer as ActorDescription).actorId, true);
    }
    return answer;
  }

  #countOpen(execution: WireExecution | undefined, change: number): void {
    if (execution === undefined) return;
    const { messageId } = execution;
    const cell = this.#cells.get(messageId) ?? { open: 0, told: 0 };
    cell.open += change;
    this.#cells.set(messageId, cell);
    this.#runningTimer ??= setInterval(() => this.#tellRunning(), RUNNING_EVERY_MS).unref();
  }

  #tellRunning(): void {
    for (const [messageId, cell] of this.#cells) {
      const count = cell.open > 0 ? this.#engine.runningOf(messageId) : 0;
      if (count !== cell.told) this.#link.send({ type: "running", messageId, count });
      cell.told = count;
      if (cell.open === 0) this.#cells.delete(messageId);
    }
    if (this.#cells.size > 0) return;
    clearInterval(this.#runningTimer);
    this.#runningTimer = undefined;
  }

  /** The engine has ended: what the driver still waits for has failed with it. */
  ended(error: Error | undefined): void {
    clearInterval(this.#runningTimer);
    this.#link.send({ type: "ended", error: toWireError(error) });
  }
}

/** What needs no order among calls: nothing that names an object made by a call that waits. */
function overtakes(message: ToSession): boolean {
  return message.type === "items-wanted" || message.type === "retry-answer";
}
