/** A call that a worker runs, or is about to. */

import type { EndedRun } from "../engine/local/task-events.ts";
import type { MessageSocket } from "../node/message-socket.ts";
import type { ClientId, TaskId } from "../protocol/ids.ts";
import type {
  ActorCall,
  FromWorker,
  ResourceAmounts,
  TaskCall,
  ToWorker,
  WireExecution,
  WireJob,
} from "../protocol/messages.ts";
import type { TaskListing } from "../protocol/task-events.ts";
import type { PrintingTask } from "./output-capture.ts";

/** The process whose work this is. */
export interface Client {
  clientId: ClientId;
  readonly socket: MessageSocket<ToWorker, FromWorker>;
  /** Of the calls that it sends now. */
  job?: WireJob;
  /** What it leased the worker with. */
  resources?: ResourceAmounts;
}

/** What `context()` shows to the user's code. */
export class RunningCall implements PrintingTask {
  readonly call: TaskCall | ActorCall;
  readonly client: Client;
  readonly job: WireJob | undefined;
  readonly receivedMs: number;
  startedMs = 0;
  /** Why it has to stop. */
  stopReason: "cancelled" | "timeout" | undefined;
  isRecursiveStop = true;
  isOver = false;
  /** Waits for refs, this many at once. */
  blockedOn = 0;
  /** Items its consumer has taken; wakes a stream that waits. */
  consumed = 0;
  onConsumed: (() => void) | undefined;
  /** The worker's own reaction to `stop`. */
  onStopped: ((running: RunningCall) => void) | undefined;
  #stopListeners: Set<() => void> | undefined;
  #controller: AbortController | undefined;

  constructor(call: TaskCall | ActorCall, client: Client, receivedMs: number) {
    this.call = call;
    this.client = client;
    this.job = client.job;
    this.receivedMs = receivedMs;
  }

  get taskId(): TaskId {
    return this.call.taskId;
  }

  get name(): string {
    return this.call.name;
  }

  get execution(): WireExecution | undefined {
    return this.call.execution;
  }

  /** For the head's history and views. */
  asEndedRun(endedMs: number): EndedRun {
    const { call, startedMs, receivedMs } = this;
    return {
      id: call.taskId,
      name: call.name,
      execution: call.execution,
      attempt: call.attempt,
      submittedMs: receivedMs - (call.waitedMs ?? 0),
      startedMs: startedMs === 0 ? undefined : startedMs,
      endedMs,
      parent: call.parent,
      actor: "actorId" in call ? call.actorId : undefined,
    };
  }

  asListing(): TaskListing {
    const { call, startedMs, receivedMs } = this;
    const epoch = performance.timeOrigin;
    return {
      id: call.taskId,
      name: call.name,
      state: this.blockedOn > 0 ? "BLOCKED" : "RUNNING",
      attempt: call.attempt,
      submittedAtMs: epoch + receivedMs - (call.waitedMs ?? 0),
      startedAtMs: epoch + startedMs,
      ...(call.parent === undefined ? {} : { parent: call.parent }),
      ...("actorId" in call ? { actor: call.actorId } : {}),
      ...(call.execution === undefined ? {} : { execution: call.execution }),
    };
  }

  get resources(): ResourceAmounts | undefined {
    return this.client.resources;
  }

  /** Aborts when the call is cancelled or its time is over. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.stopReason !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#stopError());
    return this.#controller.signal;
  }

  stop(reason: "cancelled" | "timeout"): void {
    if (this.stopReason !== undefined) return;
    this.stopReason = reason;
    this.#controller?.abort(this.#stopError());
    this.onStopped?.(this);
    for (const listener of this.#stopListeners ?? []) listener();
    this.#stopListeners = undefined;
  }

  get isStopping(): boolean {
    return this.stopReason !== undefined;
  }

  /** Cheaper than a listener on `signal`, which most calls never need. Returns the way to unsubscribe. */
  onStop(listener: () => void): () => void {
    const listeners = (this.#stopListeners ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #stopError(): DOMException {
    const text = this.stopReason === "timeout" ? "its time is over" : "it was cancelled";
    return new DOMException(`Task '${this.name}' has to stop: ${text}`, "AbortError");
  }

  send(message: FromWorker): void {
    this.client.socket.send(message);
  }

  flush(): void {
    this.client.socket.flush();
  }
}
