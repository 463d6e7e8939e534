/** One actor as this process sees it: calls go out in the order they were made, over one connection. */
import { ActorDiedError, ActorUnavailableError, errorFromWire, PendingCallsLimitError } from "../../errors.ts";
import type { ActorId, WorkerId } from "../../protocol/ids.ts";
import type { ActorDeath, ActorDescription, ActorState } from "../../protocol/messages.ts";
import type { Call } from "./calls.ts";
import type { WorkerConnection } from "./worker-connection.ts";

export interface ActorClientHooks {
  connect(target: Extract<ActorState, { state: "alive" }>): WorkerConnection;
  /** The values of a call's refs, if all are there; otherwise the hook pumps this client once they are. */
  isReady(call: Call): boolean;
  fail(call: Call, error: Error): void;
  retry(call: Call, reason: string): void;
  /** Its process is gone, and with it what was stored for this call and not sent. */
  forgetUnsent(call: Call, workerId: WorkerId): void;
}

export class ActorClient {
  readonly actorId: ActorId;
  readonly className: string;
  readonly #hooks: ActorClientHooks;
  readonly #maxPending: number;
  readonly #groupOf: ActorDescription["groupOf"];
  readonly #idleListeners: (() => void)[] = [];
  #queue: Call[] = [];
  readonly #inflight = new Map<string, Call>();
  #connection: WorkerConnection | undefined;
  #death: Error | undefined;
  /** The process behind the connection is gone; what it has sent is still being read. */
  #isDraining = false;

  constructor(description: ActorDescription, hooks: ActorClientHooks) {
    this.actorId = description.actorId;
    this.className = description.className;
    this.#maxPending = description.maxPendingCalls ?? Number.POSITIVE_INFINITY;
    this.#groupOf = description.groupOf;
    this.#hooks = hooks;
  }

  get connection(): WorkerConnection | undefined {
    return this.#connection;
  }

  get inflight(): ReadonlyMap<string, Call> {
    return this.#inflight;
  }

  get pendingCount(): number {
    return this.#queue.length + this.#inflight.size;
  }

  /** @throws PendingCallsLimitError */
  checkRoom(): void {
    if (this.pendingCount < this.#maxPending) return;
    throw new PendingCallsLimitError(this.className, this.#maxPending);
  }

  /** Resolves when no call of this process is unfinished. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleListeners.push(resolve);
      this.#tellIfIdle();
    });
  }

  #tellIfIdle(): void {
    if (this.#idleListeners.length > 0 && this.pendingCount === 0) {
      for (const listener of this.#idleListeners.splice(0)) listener();
    }
  }

  submit(call: Call): void {
    if (this.#death !== undefined) {
      this.#hooks.fail(call, this.#death);
      return;
    }
    this.#queue.push(call);
    this.pump();
  }

  /** Send what may be sent. A call whose refs are not there yet holds back those after it: order is kept. */
  pump(): void {
    if (this.#connection === undefined || this.#connection.isClosed || this.#isDraining) return;
    if (this.#groupOf !== undefined) {
      this.#pumpGroups(this.#connection, this.#groupOf);
      return;
    }
    let sent = 0;
    for (const call of this.#queue) {
      if (!call.isOver) {
        if (!this.#hooks.isReady(call)) break;
        if (!call.isOver) {
          this.#inflight.set(call.taskId, call);
          this.#connection.push(call);
        }
      }
      sent++;
    }
    if (sent > 0) this.#queue.splice(0, sent);
  }

  /** As `pump`; a call that waits holds back those of its own group only. */
  #pumpGroups(connection: WorkerConnection, groupOf: Readonly<Record<string, string>>): void {
    const held = new Set<string | undefined>();
    const left: Call[] = [];
    for (const call of this.#queue) {
      if (call.isOver) continue;
      const group = call.work.kind === "actor" ? groupOf[call.work.method] : undefined;
      if (held.has(group) || !this.#hooks.isReady(call)) {
        held.add(group);
        left.push(call);
      } else if (!call.isOver) {
        this.#inflight.set(call.taskId, call);
        connection.push(call);
      }
    }
    this.#queue = left;
  }

  finished(call: Call): void {
    this.#inflight.delete(call.taskId);
    this.#tellIfIdle();
  }

  /** Returns whether the call had not been sent. */
  remove(call: Call): boolean {
    const index = this.#queue.indexOf(call);
    if (index < 0) return false;
    this.#queue.splice(index, 1);
    this.#tellIfIdle();
    return true;
  }

  /** What the head says about the actor. */
  changed(state: ActorState): void {
    switch (state.state) {
      case "pending":
        return;
      case "restarting":
        this.#drain(() => this.#lost());
        return;
      case "alive":
        if (this.#connection?.workerId === state.workerId && !this.#connection.isClosed) return;
        this.#lost();
        this.#connection = this.#hooks.connect(state);
        this.pump();
        return;
      case "dead":
        this.#drain(() => this.end(deathError(this.className, state.death)));
        return;
    }
  }

  /** Results that the process has sent count, also when the news of its death was faster. */
  #drain(proceed: () => void): void {
    const connection = this.#connection;
    if (connection === undefined) {
      proceed();
      return;
    }
    this.#isDraining = true;
    connection.whenDrained(() => {
      // The successor may have been announced meanwhile, and all this done.
      if (this.#connection === connection || this.#connection === undefined) proceed();
    });
  }

  /** Its process is gone; another one is on its way. Calls under way are repeated or fail. */
  #lost(): void {
    this.#forgetUnsent();
    this.#connection?.close();
    this.#connection = undefined;
    this.#isDraining = false;
    const calls = [...this.#inflight.values()];
    this.#inflight.clear();
    const again: Call[] = [];
    for (const call of calls) {
      if (call.retriesLeft > 0 && call.cancelReason === undefined) {
        this.#hooks.retry(call, "its actor is started again");
        again.push(call);
      } else {
        this.#hooks.fail(call, new ActorUnavailableError(this.className, call.name));
      }
    }
    this.#queue = [...again, ...this.#queue];
    this.#tellIfIdle();
  }

  #forgetUnsent(): void {
    const workerId = this.#connection?.workerId;
    if (workerId === undefined) return;
    for (const call of this.#inflight.values()) this.#hooks.forgetUnsent(call, workerId);
  }

  /** It will not answer any more. */
  end(error: Error): void {
    this.#death ??= error;
    this.#forgetUnsent();
    this.#connection?.close();
    this.#connection = undefined;
    const calls = [...this.#inflight.values(), ...this.#queue];
    this.#inflight.clear();
    this.#queue = [];
    for (const call of calls) this.#hooks.fail(call, error);
    this.#tellIfIdle();
  }
}

function deathError(className: string, death: ActorDeath): Error {
  const options = death.error === undefined ? {} : { cause: errorFromWire(death.error) };
  return new ActorDiedError(className, death.message, options);
}
