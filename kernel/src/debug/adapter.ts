/**
 * The debugger between the front end's protocol (DAP) and V8's (DevTools): events in, effects out. It does nothing by
 * itself; `core/debugger.ts` performs the effects and reports what came of them as the next events.
 *
 * The session's process is one thread of the front end, and so is each worker process of a cluster while it stands.
 */
import { Breakpoints } from "./breakpoints.ts";
import { CellBook, type KnownCell, type StartedCell } from "./cell-book.ts";
import { type Conversation, inspect, type Question } from "./conversation.ts";
import type { Outcome } from "./conversation-queue.ts";
import type { DapEvent, DapRequest, DapResponse, JsonObject, PausedParams } from "./protocol.ts";
import { Requests } from "./requests.ts";
import { Thread, type ThreadContext, type ThreadRequests } from "./thread.ts";
import { PAUSE_GROUP } from "./variables.ts";
import { WorkerBreakpoints } from "./worker-breakpoints.ts";

export type AdapterEvent =
  /** Answered by one `reply` of the same id. */
  | { readonly type: "requested"; readonly id: number; readonly request: DapRequest }
  /** A cell waits to run. Answered by one `let-run` of the same id. */
  | { readonly type: "cell-compiled"; readonly id: number; readonly cell: StartedCell }
  /** The answer to a question. */
  | { readonly type: "answered"; readonly id: number; readonly answer: JsonObject }
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  /** An event of the DevTools protocol; `worker`: of that worker process. */
  | {
      readonly type: "inspector-event";
      readonly method: string;
      readonly params: JsonObject;
      readonly worker?: number;
    }
  /** A worker process waits for its breakpoints. */
  | { readonly type: "worker-attached"; readonly worker: number; readonly name: string }
  | { readonly type: "worker-detached"; readonly worker: number }
  /** The process that runs the cells is gone, and another one may follow. */
  | { readonly type: "session-ended" };

export type Effect =
  /** Ask the session, or a worker, and report the answer by its id; after `limitMs` without one, that it failed. */
  | {
      readonly type: "ask";
      readonly id: number;
      readonly question: Question;
      readonly worker?: number;
      readonly limitMs?: number;
    }
  /** Send a command whose answer nobody needs. */
  | { readonly type: "command"; readonly method: string; readonly params: JsonObject; readonly worker?: number }
  | { readonly type: "end-inspection" }
  | { readonly type: "reply"; readonly id: number; readonly response: DapResponse }
  | { readonly type: "publish"; readonly event: DapEvent }
  | { readonly type: "let-run"; readonly id: number };

export interface AdapterOptions {
  /** Start of the paths by which the front end names cells; no such files exist. */
  readonly pathPrefix: string;
  /** Regular expressions for the URLs of code that is not the user's, besides Node's and installed packages. */
  readonly internalPatterns: readonly string[];
}

interface WorkerThread {
  readonly thread: Thread;
  readonly breakpoints: WorkerBreakpoints;
}

/** How long a worker may take to answer while a cell or the front end waits: it may be inside of native code. */
const WORKER_LIMIT_MS = 1000;

/** Requests about one thread. All others are about the session. */
const THREAD_COMMANDS: ReadonlySet<string> = new Set([
  "stackTrace",
  "scopes",
  "variables",
  "setVariable",
  "evaluate",
  "richInspectVariables",
  "continue",
  "next",
  "stepIn",
  "stepOut",
]);

const MOTIONS: ReadonlySet<string> = new Set(["continue", "next", "stepIn", "stepOut"]);

/** Requests that change what workers stop at. */
const SHARED_COMMANDS: Readonly<Record<string, (worker: WorkerThread) => Conversation<void>>> = {
  setBreakpoints: ({ breakpoints }) => breakpoints.sync(),
  setExceptionBreakpoints: ({ thread }) => thread.requests.applyExceptionFilters(),
};

export class DebugAdapter {
  readonly #cells: CellBook;
  readonly #breakpoints: Breakpoints;
  readonly #context: ThreadContext;
  readonly #session: Thread;
  readonly #workers = new Map<number, WorkerThread>();
  /** Those that stand, the one that has stood longest first. */
  readonly #stopped = new Set<Thread>();
  #nextId = 1;
  #nextSeq = 1;
  /** The front end has said `initialize`. */
  #isStarted = false;
  /** V8's debugger is on in the present process of the session. */
  #isEnabled = false;
  /** JupyterLab's debugger speaks of thread 1 only, and shows types or values, not both. */
  #isJupyterLab = false;
  /** What JupyterLab shows, and what it let step. */
  #shown: Thread | undefined;
  #stepped: Thread | undefined;

  constructor({ pathPrefix, internalPatterns }: AdapterOptions) {
    const cells = new CellBook(pathPrefix);
    this.#cells = cells;
    this.#breakpoints = new Breakpoints(cells);
    const nextId = (): number => this.#nextId++;
    this.#context = { cells, internalPatterns, nextId, exceptionFilters: new Set() };
    this.#session = new Thread(this.#context, {
      name: "main",
      pauseBreakpoints: this.#breakpoints,
      requests: this.#requestsFor(true, () => this.#enable()),
    });
  }

  /** Apply one event. */
  step(event: AdapterEvent): Effect[] {
    switch (event.type) {
      case "requested":
        return this.#request(event.id, event.request);
      case "cell-compiled":
        return this.#prepareCell(event.id, event.cell);
      case "answered":
        return this.#threads().flatMap(({ queue }) => queue.answered(event.id, event.answer));
      case "failed":
        return this.#threads().flatMap(({ queue }) => queue.failed(event.id, event.message));
      case "inspector-event":
        return this.#onInspectorEvent(event);
      case "worker-attached":
        return this.#onWorkerAttached(event.worker, event.name);
      case "worker-detached":
        return this.#onWorkerDetached(event.worker);
      case "session-ended":
        return this.#onSessionEnded();
    }
  }

  /** Rules that hold after every step, in words. */
  brokenInvariants(): string[] {
    const broken: string[] = [];
    if (this.#threads().some(({ queue }) => queue.isStuck)) broken.push("work waits, and none is done");
    if (!this.#isStarted && this.#stopped.size > 0) broken.push("paused without a debugger");
    if (!this.#isStarted && this.#breakpoints.list().length > 0) broken.push("breakpoints without a debugger");
    if (this.#threads().some((thread) => thread.isStopped !== this.#stopped.has(thread))) {
      broken.push("a thread stands in one book and runs in the other");
    }
    return broken;
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #requestsFor(isSession: boolean, enable: () => Conversation<void>): ThreadRequests {
    return {
      isSession,
      enable,
      breakpoints: this.#breakpoints,
      isStarted: () => this.#isStarted,
      start: (clientId) => this.#start(clientId),
      threads: () => Array.from(new Set([this.#session, ...this.#stopped]), (thread) => thread.describe()),
      stoppedThreads: () => Array.from(this.#stopped, ({ id }) => id),
    };
  }

  #start(clientId: unknown): void {
    this.#isStarted = true;
    this.#isJupyterLab = clientId === "jupyterlab";
    this.#session.variables.hasTypes = !this.#isJupyterLab;
  }

  #request(id: number, request: DapRequest): Effect[] {
    const { command } = request;
    // It must not wait: it ends what the others wait for.
    if (command === "disconnect") return [...this.#disconnect(), this.#reply(id, request, { value: {} })];
    const after = command === "attach" ? [this.#event("initialized", {})] : [];
    const thread = this.#threadFor(request);
    if (MOTIONS.has(command)) this.#stepped = command === "continue" ? undefined : thread;
    const { queue, requests } = thread;
    return queue.add({
      conversation: requests.answer(request),
      settle: (outcome) => {
        const finish = (): Effect[] => [this.#reply(id, request, outcome), ...("value" in outcome ? after : [])];
        const tell = "value" in outcome ? SHARED_COMMANDS[command] : undefined;
        return tell === undefined ? finish() : this.#tellWorkers(tell, finish);
      },
    });
  }

  /** Whom a request is about. */
  #threadFor({ command, arguments: args }: DapRequest): Thread {
    if (!THREAD_COMMANDS.has(command)) return this.#session;
    const { frameId, variablesReference, threadId } = args;
    const owner = this.#threads().find(
      ({ pauses, variables }) =>
        (frameId !== undefined && pauses.frame(frameId) !== undefined) || variables.has(variablesReference),
    );
    if (owner !== undefined) return owner;
    if (this.#isJupyterLab) return this.#shownThread();
    return this.#threads().find((thread) => thread.id === threadId) ?? this.#session;
  }

  /** The one that JupyterLab looks at, until it goes on. */
  #shownThread(): Thread {
    if (this.#shown === undefined || !this.#stopped.has(this.#shown)) [this.#shown] = this.#stopped;
    return this.#shown ?? this.#session;
  }

  #threads(): Thread[] {
    return [this.#session, ...Array.from(this.#workers.values(), ({ thread }) => thread)];
  }

  // ── breakpoints ───────────────────────────────────────────────────────────────────────────────────────────────────

  #prepareCell(id: number, started: StartedCell): Effect[] {
    const cell = this.#cells.addRun(started);
    if (!this.#isStarted) return [{ type: "let-run", id }];
    return this.#session.queue.add({
      conversation: this.#bindCell(cell),
      // A cell without its breakpoints is better than none.
      settle: () => {
        const letRun = (): Effect[] => [{ type: "let-run", id }];
        return this.#isStarted ? this.#tellWorkers(({ breakpoints }) => breakpoints.sync(), letRun) : letRun();
      },
    });
  }

  *#bindCell(cell: KnownCell): Conversation<void> {
    yield* this.#enable();
    yield* this.#breakpoints.bind(cell);
  }

  /** Turn V8's debugger on, in this process for the first time. */
  *#enable(): Conversation<void> {
    if (this.#isEnabled) return;
    yield* enableInspector(this.#session);
    yield* this.#breakpoints.bindFiles();
    this.#isEnabled = true;
  }

  /** Talk with all workers, and then go on. */
  #tellWorkers(talk: (worker: WorkerThread) => Conversation<void>, then: () => Effect[]): Effect[] {
    let open = this.#workers.size;
    if (open === 0) return then();
    const settle = (): Effect[] => {
      open -= 1;
      return open === 0 ? then() : [];
    };
    return [...this.#workers.values()].flatMap((worker) =>
      worker.thread.queue.add({ conversation: talk(worker), settle, limitMs: WORKER_LIMIT_MS }),
    );
  }

  #onWorkerAttached(worker: number, name: string): Effect[] {
    const breakpoints = new WorkerBreakpoints(this.#breakpoints, this.#cells);
    const requests = this.#requestsFor(false, function* () {});
    const thread = new Thread(this.#context, { worker, name, pauseBreakpoints: breakpoints, requests });
    thread.variables.hasTypes = !this.#isJupyterLab;
    this.#workers.set(worker, { thread, breakpoints });
    const letRun = { type: "command", worker, method: "Runtime.runIfWaitingForDebugger", params: {} } as const;
    return thread.queue.add({ conversation: prepareWorker(thread, breakpoints), settle: () => [letRun] });
  }

  #onWorkerDetached(worker: number): Effect[] {
    const { thread } = this.#workers.get(worker) ?? {};
    if (thread === undefined) return [];
    this.#workers.delete(worker);
    const cutOff = thread.queue.cutOff("The worker is gone.");
    if (!thread.isStopped) return cutOff;
    const continued = this.#goesOn(thread);
    thread.clear();
    return [...cutOff, continued, this.#event("thread", { reason: "exited", threadId: thread.id }), ...this.#remind()];
  }

  // ── pauses ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #onInspectorEvent({ method, params, worker }: Extract<AdapterEvent, { type: "inspector-event" }>): Effect[] {
    const thread = worker === undefined ? this.#session : this.#workers.get(worker)?.thread;
    if (thread === undefined) return [];
    if (method === "Debugger.scriptParsed") thread.scripts.add(String(params.scriptId), String(params.url));
    if (method === "Debugger.resumed") return this.#onResumed(thread, worker);
    if (method === "Debugger.paused") return this.#onPaused(thread, params as unknown as PausedParams, worker);
    return [];
  }

  #onPaused(thread: Thread, params: PausedParams, worker: number | undefined): Effect[] {
    if (!this.#isStarted) return [];
    const decision = thread.pauses.paused(params);
    if ("command" in decision) return [{ type: "command", method: decision.command, params: {}, ...of(worker) }];
    this.#stopped.add(thread);
    if (thread === this.#stepped) this.#shown = thread;
    return [this.#stoppedEvent(thread), ...thread.queue.dropHopeless()];
  }

  #stoppedEvent(thread: Thread): Effect {
    const allThreadsStopped = this.#workers.size === 0;
    return this.#event("stopped", { ...thread.pauses.current?.stopped, allThreadsStopped });
  }

  #onResumed(thread: Thread, worker: number | undefined): Effect[] {
    if (!thread.pauses.resumed()) return [];
    thread.variables.clear();
    const params = { objectGroup: PAUSE_GROUP };
    return [
      { type: "command", method: "Runtime.releaseObjectGroup", params, ...of(worker) },
      this.#goesOn(thread),
      ...this.#remind(),
    ];
  }

  #goesOn(thread: Thread): Effect {
    this.#stopped.delete(thread);
    return this.#event("continued", { threadId: thread.id, allThreadsContinued: this.#stopped.size === 0 });
  }

  /** JupyterLab looks at one thread: when it goes on, show the next one that stands. */
  #remind(): Effect[] {
    const [next] = this.#isJupyterLab ? this.#stopped : [];
    return next === undefined ? [] : [this.#stoppedEvent(next)];
  }

  // ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #disconnect(): Effect[] {
    const wasStarted = this.#isStarted;
    this.#isStarted = false;
    const cutOff = this.#threads().flatMap(({ queue }) => queue.cutOff("The debugger was disconnected."));
    this.#isEnabled = false;
    this.#breakpoints.clear();
    this.#context.exceptionFilters.clear();
    const continued = this.#forgetProcesses();
    return [
      ...cutOff,
      { type: "end-inspection" },
      ...continued,
      ...(wasStarted ? [this.#event("terminated", {})] : []),
    ];
  }

  #onSessionEnded(): Effect[] {
    this.#isEnabled = false;
    this.#breakpoints.forgetBound();
    this.#cells.forgetRuns();
    const cutOff = [...this.#workers.values()].flatMap(({ thread }) => thread.queue.cutOff("The session is gone."));
    return [...cutOff, ...this.#forgetProcesses()];
  }

  /** Nothing stands any more, and workers are known no longer. */
  #forgetProcesses(): Effect[] {
    const continued = [...this.#stopped].map((thread) => this.#goesOn(thread));
    for (const thread of this.#threads()) thread.clear();
    this.#shown = undefined;
    this.#stepped = undefined;
    this.#workers.clear();
    return continued;
  }

  // ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────

  #event(event: DapEvent["event"], body: JsonObject): Effect & { type: "publish" } {
    return { type: "publish", event: { type: "event", seq: this.#nextSeq++, event, body } };
  }

  #reply(id: number, { seq, command }: DapRequest, outcome: Outcome): Effect {
    const head = { type: "response", seq: this.#nextSeq++, request_seq: seq, command } as const;
    const response: DapResponse =
      "value" in outcome
        ? { ...head, success: true, body: outcome.value as JsonObject }
        : { ...head, success: false, message: outcome.message, body: Requests.emptyBody(command) };
    return { type: "reply", id, response };
  }
}

function* enableInspector({ requests, scripts }: Thread): Conversation<void> {
  yield* inspect("Runtime.enable");
  yield* inspect("Debugger.enable");
  yield* inspect("Debugger.setBlackboxPatterns", { patterns: scripts.internalPatterns });
  yield* requests.applyExceptionFilters();
}

function* prepareWorker(thread: Thread, breakpoints: WorkerBreakpoints): Conversation<void> {
  yield* enableInspector(thread);
  yield* breakpoints.sync();
}

function of(worker: number | undefined): { readonly worker?: number } {
  return worker === undefined ? {} : { worker };
}
