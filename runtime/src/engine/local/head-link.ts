/** The main thread's way to the head, through the control thread. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { EngineClosedError, errorFromWire } from "../../errors.ts";
import { programUrl } from "../../node/program-url.ts";
import type { ClientId } from "../../protocol/ids.ts";
import type { FromHead, ToHead, WireRegion } from "../../protocol/messages.ts";
import type { ProcessStamp } from "../../store/process-stamp.ts";
import type { ControlThreadData, FromControlThread, SyncReply, ToControlThread } from "./control-messages.ts";
import { DebuggerFlags } from "./debugger-flags.ts";
import { TaskCell } from "./task-cell.ts";

const turn: Promise<void> = Promise.resolve();
/** How long an exit waits for debuggers to let go. */
const DISCONNECT_MS = 500;

export interface HeadLinkHooks {
  onMessage(message: FromHead): void;
  onTimedOut(taskId: string): void;
  onTerminated(taskId: string): void;
  /** The head is gone, and not because of `close`. */
  onClosed(): void;
}

export interface HeadLinkOptions {
  /** For a worker: the process that must be its parent as long as there is a cluster. */
  readonly headPid?: number;
  /** For a driver: what it calls itself. */
  readonly driverName?: string | undefined;
  /** For a driver: the machine it runs on, when that is another one. */
  readonly driverHost?: string | undefined;
  /** And its process there. */
  readonly driverPid?: number | undefined;
  /** For a driver of a cluster that it did not start: the process whose death makes the cluster's files garbage. */
  readonly head?: ProcessStamp;
}

type Reply = Extract<FromHead, { readonly requestId: number }>;

export class HeadLink {
  readonly taskCell: TaskCell = new TaskCell();
  readonly debuggerFlags: DebuggerFlags = new DebuggerFlags();
  #onReleased: (() => void)[] = [];
  readonly #thread: Worker;
  readonly #syncPort: MessagePort;
  readonly #flag = new Int32Array(new SharedArrayBuffer(4));
  readonly #requests = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  #hooks: HeadLinkHooks | undefined;
  #early: FromControlThread[] = [];
  #queue: ToHead[] = [];
  #nextRequest = 1;
  #isClosed = false;

  constructor(role: "driver" | "worker", clientId: ClientId, directory: string, about: HeadLinkOptions = {}) {
    const { port1, port2 } = new MessageChannel();
    this.#syncPort = port1;
    const data: ControlThreadData = {
      role,
      clientId,
      directory,
      headPid: about.headPid,
      driverName: about.driverName,
      driverHost: about.driverHost,
      driverPid: about.driverPid,
      head: about.head,
      flag: this.#flag,
      taskCell: this.taskCell.buffer,
      debuggerFlags: this.debuggerFlags.buffer,
    };
    this.#thread = new Worker(programUrl("engine/local/control-thread"), {
      workerData: { ...data, syncPort: port2 },
      transferList: [port2],
      // The user's flags (a loader, a debugger) are for the user's code.
      execArgv: [],
    });
    this.#thread.on("message", (message: FromControlThread) => this.#receive(message));
    this.#thread.on("error", (error) => {
      process.stderr.write(`The connection to the cluster failed: ${error.stack ?? String(error)}\n`);
      this.#receive({ type: "closed" });
    });
    // Neither keeps the process running; what is awaited does.
    this.#thread.unref();
    this.#syncPort.unref();
  }

  /** Messages that arrived before are delivered now. */
  listen(hooks: HeadLinkHooks): void {
    this.#hooks = hooks;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#receive(message);
  }

  send(message: ToHead): void {
    if (this.#isClosed) return;
    if (this.#queue.push(message) === 1) void turn.then(() => this.flush());
  }

  /** Needed before code that may not come back, and after V8 dropped pending microtasks. */
  flush(): void {
    if (this.#queue.length === 0) return;
    const messages = this.#queue;
    this.#queue = [];
    this.#post({ type: "send", messages });
  }

  /** Send a message that carries a request id, and await the reply with the same one. */
  request(make: (requestId: number) => ToHead): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(new EngineClosedError());
    const requestId = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#requests.set(requestId, { resolve, reject });
      this.send(make(requestId));
    });
  }

  /**
   * Take room in the arena; blocks this thread for one round trip to the head, about 0.2 ms, and longer when room has to
   * be made.
   *
   * @param giveUpGarbage - called when others need what this process may have left over
   * @throws ObjectStoreFullError, EngineClosedError
   */
  allocate(
    asked: Omit<Extract<ToHead, { type: "allocate" }>, "type" | "requestId">,
    giveUpGarbage: () => void,
  ): { readonly region: WireRegion; readonly spares: readonly WireRegion[]; readonly arenaDirectory: string } {
    if (this.#isClosed) throw new EngineClosedError();
    this.flush();
    const requestId = this.#nextRequest++;
    Atomics.store(this.#flag, 0, 0);
    this.#post({ type: "send-sync", requestId, message: { type: "allocate", requestId, ...asked } });
    const answer = this.#awaitSync(giveUpGarbage);
    const reply = answer?.reply;
    if (reply?.type === "allocated") {
      return { region: reply.region, spares: reply.spares ?? [], arenaDirectory: answer?.arenaDirectory ?? "" };
    }
    if (reply?.type === "allocate-failed") throw errorFromWire(reply.error);
    throw new EngineClosedError("the head process is gone");
  }

  /** The answer is on the port before the flag is set, so looking at them in the other order misses nothing. */
  #awaitSync(giveUpGarbage: () => void): SyncReply {
    for (;;) {
      Atomics.wait(this.#flag, 0, 0);
      Atomics.store(this.#flag, 0, 0);
      for (
        let next = receiveMessageOnPort(this.#syncPort);
        next !== undefined;
        next = receiveMessageOnPort(this.#syncPort)
      ) {
        const answer = next.message as SyncReply;
        if (answer?.reply?.type !== "collect") return answer;
        giveUpGarbage();
      }
    }
  }

  /** Answer to `stop-task`: the main thread is on it. */
  stopSeen(taskId: string): void {
    this.#post({ type: "stop-seen", taskId });
  }

  limitTask(taskId: string, timeoutMs: number): void {
    this.#post({ type: "limit-task", taskId, timeoutMs });
  }

  unlimitTask(taskId: string): void {
    this.#post({ type: "unlimit-task", taskId });
  }

  /** Resolves when calls that a debugger holds back may begin. */
  released(): Promise<void> {
    return new Promise((resolve) => this.#onReleased.push(resolve));
  }

  /** The process exits: end the sessions of debuggers, which would hold that up. */
  endDebugging(): void {
    if (!this.debuggerFlags.isInspected) return;
    this.#post({ type: "end-debugging" });
    this.debuggerFlags.awaitDisconnection(DISCONNECT_MS);
  }

  /** Kill this process, after what was sent before. */
  endProcess(): void {
    this.flush();
    this.#post({ type: "end-process" });
  }

  #post(message: ToControlThread): void {
    this.#thread.postMessage(message);
  }

  #receive(message: FromControlThread): void {
    if (message.type === "released") {
      for (const resolve of this.#onReleased.splice(0)) resolve();
      return;
    }
    if (this.#hooks === undefined) {
      this.#early.push(message);
      return;
    }
    switch (message.type) {
      case "messages":
        for (const each of message.messages) this.#dispatch(each);
        return;
      case "timed-out":
        this.#hooks.onTimedOut(message.taskId);
        return;
      case "terminated":
        this.#hooks.onTerminated(message.taskId);
        return;
      case "closed":
        if (this.#isClosed) return;
        this.#end();
        this.#hooks.onClosed();
        return;
    }
  }

  #dispatch(message: FromHead): void {
    if (!("requestId" in message)) {
      this.#hooks?.onMessage(message);
      return;
    }
    const request = this.#requests.get(message.requestId);
    this.#requests.delete(message.requestId);
    request?.resolve(message);
  }

  #end(): void {
    this.#isClosed = true;
    for (const request of this.#requests.values()) request.reject(new EngineClosedError("the head process is gone"));
    this.#requests.clear();
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.flush();
      this.#end();
      this.#post({ type: "close" });
    }
    this.#syncPort.close();
    await this.#thread.terminate();
  }
}
