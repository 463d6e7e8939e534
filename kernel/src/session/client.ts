/** The kernel's side of the session process: starts it, speaks with it, and leaves nothing of it behind. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { fileURLToPath } from "node:url";
import type { ToEndpoint } from "../transport/comm-endpoint.ts";
import { endGroup } from "./process-group.ts";
import type { ExecuteOutcome, ExecuteRequest, Execution, InputAnswer, Session, SessionEvent } from "./session.ts";
import {
  type ChildEvent,
  COMMAND_FD,
  EVENT_FD,
  encodeFrame,
  FrameReader,
  type GuardianReply,
  type SessionCommand,
} from "./wire.ts";

export interface SessionOptions {
  /** Directory of the notebook: where the process runs, and where relative imports start. */
  readonly directory: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The session process is not there: it never started, has ended, or ended during the call. */
export class SessionExitedError extends Error {
  override readonly name = "SessionExitedError";
  readonly code = "SESSION_EXITED";
}

/** A session in a process of its own, not yet started. */
export function createSession(options: SessionOptions): Session {
  return new ProcessSession(options);
}

// The compiled program, also when this file runs from its source.
const PROGRAM = fileURLToPath(new URL("../../dist/session/process.js", import.meta.url));
/** How long a process may take to end by itself. */
const EXIT_GRACE_MS = 1000;
const STDERR_TAIL_LENGTH = 8000;
/** Rounds of the event loop without output of the process's pipes after which a cell's native output is complete. */
const QUIET_TURNS = 2;
/** No cell waits longer for it than this many rounds. */
const MAX_TURNS = 1000;

interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

type JsonObject = Readonly<Record<string, unknown>>;
type Usage = Awaited<ReturnType<Session["usage"]>>;

/** A running process and what is expected of it. */
interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly commands: Duplex;
  readonly ready: Deferred<void>;
  /** Resolves when the pipes of the process are read to their end. */
  readonly pipesClosed: Promise<unknown>;
  /** Resolves when the process, its group and its pipes are gone. */
  readonly ended: Deferred<void>;
  readonly interrupts: Map<number, Deferred<void>>;
  readonly usages: Map<number, Deferred<Usage>>;
  readonly inspections: Map<number, Deferred<JsonObject>>;
  /** The cells that run, by message id, oldest first. */
  readonly executions: Map<string, { readonly execution: Execution; readonly deferred: Deferred<ExecuteOutcome> }>;
  isReady: boolean;
  isClosing: boolean;
  /** The ending of the whole group, once it has begun. */
  groupEnd?: Promise<void>;
  stderrTail: string;
  /** Rises with every chunk on the process's own pipes. */
  nativeChunks: number;
}

class ProcessSession implements Session {
  readonly #options: SessionOptions;
  readonly #listeners: ((event: SessionEvent) => void)[] = [];
  #running: Running | undefined;
  /** The newest cell, if possible one that runs: output of native code and child processes is taken for its own. */
  #latest: Execution | undefined;
  #nextId = 1;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return this.#running.ready.promise;
    const running = launch(this.#options);
    this.#running = running;
    this.#listen(running);
    return running.ready.promise;
  }

  async execute(request: ExecuteRequest): Promise<ExecuteOutcome> {
    const running = this.#require();
    const { execution } = request;
    const deferred = defer<ExecuteOutcome>();
    running.executions.set(execution.messageId, { execution, deferred });
    this.#latest = execution;
    send(running, { type: "execute", request });
    return deferred.promise;
  }

  async interrupt(): Promise<void> {
    const running = this.#running;
    if (running === undefined || !running.isReady) return;
    const id = this.#nextId++;
    const deferred = defer<void>();
    running.interrupts.set(id, deferred);
    send(running, { type: "interrupt", id });
    return deferred.promise;
  }

  answerInput(id: number, answer: InputAnswer): void {
    if (this.#running !== undefined) send(this.#running, { type: "input-answered", id, answer });
  }

  deleteGlobals(names: readonly string[]): void {
    if (this.#running !== undefined && names.length > 0) send(this.#running, { type: "delete-globals", names });
  }

  tellComm(commId: string, message: ToEndpoint): void {
    if (this.#running !== undefined) send(this.#running, { type: "comm", commId, message });
  }

  async usage(): Promise<Usage> {
    const running = this.#require();
    const id = this.#nextId++;
    const deferred = defer<Usage>();
    running.usages.set(id, deferred);
    send(running, { type: "usage", id });
    return deferred.promise;
  }

  async inspect(method: string, params: JsonObject, worker?: number): Promise<JsonObject> {
    const running = this.#require();
    const id = this.#nextId++;
    const deferred = defer<JsonObject>();
    running.inspections.set(id, deferred);
    send(running, { type: "inspect", id, method, params, ...(worker === undefined ? {} : { worker }) });
    return deferred.promise;
  }

  endInspection(): void {
    if (this.#running !== undefined) send(this.#running, { type: "end-inspection" });
  }

  onEvent(listener: (event: SessionEvent) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.isClosing = true;
    // Paused code would not hear SIGTERM.
    send(running, { type: "end-inspection" });
    await endProcesses(running);
    await running.ended.promise;
  }

  #require(): Running {
    if (this.#running === undefined) throw new SessionExitedError("The session process is not running.");
    return this.#running;
  }

  #emit(event: SessionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #listen(running: Running): void {
    const { child, commands } = running;
    const events = new FrameReader<ChildEvent>();
    const replies = new FrameReader<GuardianReply>();
    const eventSocket = child.stdio[EVENT_FD] as Readable;
    eventSocket.on("data", (chunk: Buffer) => {
      for (const event of events.push(chunk)) this.#onChildEvent(running, event);
    });
    commands.on("data", (chunk: Buffer) => {
      for (const reply of replies.push(chunk)) this.#onReply(running, reply);
    });
    // A pipe breaks when the process ends; "exit" tells the story.
    for (const stream of [eventSocket, commands]) stream.on("error", () => {});
    this.#forward(running, "stdout");
    this.#forward(running, "stderr");
    child.once("error", (error) => void this.#onEnd(running, null, null, error));
    child.once("exit", (code, signal) => void this.#onEnd(running, code, signal));
  }

  /** Pass on what native code and child processes print; JavaScript prints through events. */
  #forward(running: Running, name: "stdout" | "stderr"): void {
    const decoder = new StringDecoder("utf8");
    running.child[name]?.on("data", (chunk: Buffer) => {
      running.nativeChunks += 1;
      const text = decoder.write(chunk);
      if (name === "stderr") running.stderrTail = (running.stderrTail + text).slice(-STDERR_TAIL_LENGTH);
      if (text !== "") this.#emit({ type: "stream", name, text, ...latest(this.#latest) });
    });
  }

  #onChildEvent(running: Running, event: ChildEvent): void {
    switch (event.type) {
      case "ready":
        running.isReady = true;
        running.ready.resolve();
        return;
      case "executed":
        if (running.executions.has(event.messageId)) void this.#finishExecution(running, event);
        return;
      case "stream":
      case "display":
      case "clear-output":
      case "input-requested":
      case "comm-target-delegated":
      case "comm-target-withdrawn":
      case "comm":
        this.#emit(event);
    }
  }

  /** A cell's native output comes by another way than its end: let it arrive first. */
  async #finishExecution(
    running: Running,
    { messageId, outcome }: Extract<ChildEvent, { type: "executed" }>,
  ): Promise<void> {
    // Another cell's may never end.
    for (let seen = -1, turns = 0, rounds = 0; turns < QUIET_TURNS && rounds < MAX_TURNS; rounds++) {
      turns = running.nativeChunks === seen ? turns + 1 : 0;
      seen = running.nativeChunks;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const finished = running.executions.get(messageId);
    running.executions.delete(messageId);
    const others = [...running.executions.values()];
    if (this.#latest?.messageId === messageId) this.#latest = others.at(-1)?.execution ?? this.#latest;
    finished?.deferred.resolve(outcome);
  }

  #onReply(running: Running, reply: GuardianReply): void {
    switch (reply.type) {
      case "usage": {
        const { cpuPercent, rssBytes } = reply;
        running.usages.get(reply.id)?.resolve({ cpuPercent, rssBytes, pid: running.pid });
        running.usages.delete(reply.id);
        return;
      }
      case "inspected": {
        const inspection = running.inspections.get(reply.id);
        running.inspections.delete(reply.id);
        if (reply.error === undefined) inspection?.resolve(reply.result);
        else inspection?.reject(new Error(reply.error));
        return;
      }
      case "inspector-event":
      case "worker-attached":
      case "worker-detached":
        this.#emit(reply);
        return;
      case "interrupt-done":
        this.#onInterrupted(running, reply);
    }
  }

  #onInterrupted(running: Running, reply: Extract<GuardianReply, { type: "interrupt-done" }>): void {
    if (!reply.isDelivered) {
      const text = "The cell is inside native code that cannot be interrupted. Interrupt again later, or restart.\n";
      this.#emit({ type: "stream", name: "stderr", text, ...latest(this.#latest) });
    }
    running.interrupts.get(reply.id)?.resolve();
    running.interrupts.delete(reply.id);
  }

  async #onEnd(running: Running, code: number | null, signal: string | null, spawnError?: Error): Promise<void> {
    if (this.#running !== running) return;
    // What the cell started goes with it. Its pipes close only then.
    if (spawnError === undefined) {
      await endProcesses(running);
      await drained(running);
    }
    this.#running = undefined;
    const story = spawnError?.message ?? describeExit(code, signal, running.stderrTail);
    const error = new SessionExitedError(`The session process ended: ${story}`);
    for (const { deferred } of running.executions.values()) deferred.reject(error);
    running.ready.reject(error);
    for (const waiting of running.usages.values()) waiting.reject(error);
    for (const waiting of running.inspections.values()) waiting.reject(error);
    for (const waiting of running.interrupts.values()) waiting.resolve(); // Nothing runs any more.
    if (running.isReady && !running.isClosing) {
      this.#emit({ type: "exited", code, signal, stderrTail: withoutNativeStack(running.stderrTail) });
    }
    running.ended.resolve();
  }
}

function launch({ directory, env }: SessionOptions): Running {
  // The flag lets the cells' `import.meta.resolve` start at the notebook's directory.
  const child = spawn(process.execPath, ["--experimental-import-meta-resolve", PROGRAM, directory], {
    cwd: directory,
    env: { ...process.env, ...env },
    // A group of its own: signals that a terminal or Jupyter sends to the kernel's group do not hit user code.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
  });
  return {
    child,
    pid: child.pid ?? 0,
    commands: child.stdio[COMMAND_FD] as Duplex,
    pipesClosed: new Promise((resolve) => child.once("close", resolve)),
    ready: defer(),
    ended: defer(),
    executions: new Map(),
    interrupts: new Map(),
    usages: new Map(),
    inspections: new Map(),
    isReady: false,
    isClosing: false,
    stderrTail: "",
    nativeChunks: 0,
  };
}

function send(running: Running, command: SessionCommand): void {
  running.commands.write(encodeFrame(command));
}

function latest(execution: Execution | undefined): { readonly execution?: Execution } {
  return execution === undefined ? {} : { execution };
}

/** End the process and what it started; the same ending for everyone who asks. */
function endProcesses(running: Running): Promise<void> {
  running.groupEnd ??= endGroup(running.pid, EXIT_GRACE_MS);
  return running.groupEnd;
}

/** Wait for the last output of an ended process; not for ever, as a descendant in another group can hold its pipes. */
async function drained({ child, pipesClosed }: Running): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, EXIT_GRACE_MS);
  });
  await Promise.race([pipesClosed, timeout]);
  clearTimeout(timer);
  for (const stream of child.stdio) stream?.destroy();
}

function describeExit(code: number | null, signal: string | null, stderrTail: string): string {
  if (stderrTail.includes("heap out of memory"))
    return "it ran out of memory (raise --max-old-space-size in NODE_OPTIONS)";
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const lastLines = withoutNativeStack(stderrTail).trim().split("\n").slice(-5).join("\n");
  return lastLines === "" ? how : `${how}\n${lastLines}`;
}

/** What V8 prints after its message when it aborts says nothing to the author of a cell. */
function withoutNativeStack(text: string): string {
  return text.replace(/\n*-+ Native stack trace -+[\s\S]*/, "\n");
}

function defer<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  promise.catch(() => {}); // Whoever waits hears of it; nobody has to.
  return { promise, resolve, reject };
}
