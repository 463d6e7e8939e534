/** This process's connection to one worker: pushes calls, and knows which code the worker has already. */
import { connect } from "node:net";
import { MessageSocket } from "../../node/message-socket.ts";
import { arrived, expectSoon } from "../../node/wakefulness.ts";
import type { ActorId, ClientId, TaskId, WorkerId } from "../../protocol/ids.ts";
import { clientOfWorker } from "../../protocol/ids.ts";
import {
  type ActorCall,
  type FromWorker,
  PROTOCOL_VERSION,
  type ResourceAmounts,
  type TaskCall,
  type ToWorker,
  type WireJob,
} from "../../protocol/messages.ts";
import type { Call } from "./calls.ts";
import type { CodeTable } from "./code-table.ts";
import type { ObjectTable } from "./object-table.ts";

/** A dead process's socket ends by itself; this is for one that does not. */
const DRAIN_WITHIN_MS = 1_000;
/** The result of a call that takes no longer is waited for awake. */
const SHORT_MS = 0.05;

export interface WorkerConnectionHooks {
  onMessage(connection: WorkerConnection, message: FromWorker): void;
  /** The worker's process is gone, or going. */
  onClose(connection: WorkerConnection): void;
}

export class WorkerConnection {
  readonly workerId: WorkerId;
  readonly pid: number;
  readonly #socket: MessageSocket<FromWorker, ToWorker>;
  readonly #objects: ObjectTable;
  readonly #codes: CodeTable;
  readonly #sentCodes = new Set<string>();
  /** The one that the worker was told last. */
  #job: WireJob | undefined;
  #closeListeners: (() => void)[] = [];

  constructor(
    target: { readonly workerId: WorkerId; readonly address: string; readonly pid: number },
    clientId: ClientId,
    objects: ObjectTable,
    codes: CodeTable,
    hooks: WorkerConnectionHooks,
  ) {
    this.workerId = target.workerId;
    this.pid = target.pid;
    this.#objects = objects;
    this.#codes = codes;
    const socket = connect(target.address);
    socket.unref();
    this.#socket = new MessageSocket<FromWorker, ToWorker>(socket, {
      onMessages: (messages) => {
        arrived();
        for (const message of messages) hooks.onMessage(this, message);
      },
      onClose: () => {
        hooks.onClose(this);
        for (const listener of this.#closeListeners.splice(0)) listener();
      },
    });
    this.#socket.send({ type: "data-hello", protocol: PROTOCOL_VERSION, clientId });
    // A greeting is a frame of its own: longer first ones are refused.
    this.#socket.flush();
  }

  get isClosed(): boolean {
    return this.#socket.isClosed;
  }

  /**
   * The process is gone: continue when what it has sent is read, which may come later than the news of its death. At once
   * when the connection is closed already.
   */
  whenDrained(proceed: () => void): void {
    if (this.isClosed) {
      proceed();
      return;
    }
    const limit = setTimeout(() => this.close(), DRAIN_WITHIN_MS);
    this.#closeListeners.push(() => {
      clearTimeout(limit);
      proceed();
    });
  }

  /** What is pushed from now on may use these. */
  useGpus(gpuIds: readonly string[]): void {
    this.#socket.send({ type: "use-gpus", gpuIds });
  }

  /** This process has leased the worker. */
  leased(resources: ResourceAmounts): void {
    this.#socket.send({ type: "leased", resources });
  }

  /** Send a call, after its code when the worker does not have that yet. */
  push(call: Call): void {
    const { work } = call;
    const receiver = clientOfWorker(this.workerId);
    if (call.job !== this.#job) {
      this.#job = call.job;
      this.#socket.send({ type: "use-job", job: call.job });
    }
    if (work.kind === "task" && !this.#sentCodes.has(work.codeId)) {
      this.#sentCodes.add(work.codeId);
      const code = this.#codes.wireCode(work.code);
      this.#objects.handOver([code.value], receiver);
      this.#socket.send({ type: "load-code", code });
    }
    this.#objects.handOverArguments(call.args, call.resolved, receiver);
    if (work.kind === "task") this.#socket.send({ type: "run-task", call: taskCall(call, work.codeId) });
    else this.#socket.send({ type: "call-actor", call: actorCall(call, work.actorId, work.method) });
    if (call.expectedMs < SHORT_MS) expectSoon();
  }

  streamConsumed(taskId: TaskId, count: number): void {
    this.#socket.send({ type: "stream-consumed", taskId, count });
  }

  dropTask(taskId: TaskId): void {
    this.#socket.send({ type: "drop-task", taskId });
  }

  flush(): void {
    this.#socket.flush();
  }

  close(): void {
    this.#socket.close();
  }
}

// Two literals: a spread of what they share would cost as much as the rest of a short call.

function taskCall(call: Call, codeId: string): TaskCall {
  const { stream } = call;
  return {
    taskId: call.taskId,
    codeId,
    name: call.name,
    args: call.args,
    resolved: call.resolved,
    isStream: stream === undefined ? undefined : true,
    streamWindow: call.streamWindow,
    numReturns: call.returns?.length,
    skipItems: stream?.received,
    timeoutMs: call.timeoutMs,
    execution: call.execution,
    depth: call.depth,
    attempt: call.attempt,
    parent: call.parent,
    waitedMs: Math.round(performance.now() - call.submittedMs),
    isLastChance: call.oomRetriesLeft > 0 ? undefined : true,
  };
}

function actorCall(call: Call, actorId: ActorId, method: string): ActorCall {
  const { stream } = call;
  return {
    taskId: call.taskId,
    actorId,
    method,
    name: call.name,
    args: call.args,
    resolved: call.resolved,
    isStream: stream === undefined ? undefined : true,
    streamWindow: call.streamWindow,
    numReturns: call.returns?.length,
    skipItems: stream?.received,
    timeoutMs: call.timeoutMs,
    execution: call.execution,
    depth: call.depth,
    attempt: call.attempt,
    parent: call.parent,
    waitedMs: Math.round(performance.now() - call.submittedMs),
  };
}
