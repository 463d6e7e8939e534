/**
 * The debugger between the front end's protocol (DAP) and V8's (DevTools): events in, effects out. It does nothing by
 * itself; `core/debugger.ts` performs the effects and reports what came of them as the next events.
 */
import { Breakpoints } from "./breakpoints.ts";
import { CellBook, type StartedCell } from "./cell-book.ts";
import type { Conversation, Question } from "./conversation.ts";
import { Pauses } from "./pauses.ts";
import type { DapEvent, DapRequest, DapResponse, JsonObject, PausedParams } from "./protocol.ts";
import { Requests } from "./requests.ts";
import { Scripts } from "./scripts.ts";
import { PAUSE_GROUP, Variables } from "./variables.ts";

export type AdapterEvent =
  /** Answered by one `reply` of the same id. */
  | { readonly type: "requested"; readonly id: number; readonly request: DapRequest }
  /** A cell waits to run. Answered by one `let-run` of the same id. */
  | { readonly type: "cell-compiled"; readonly id: number; readonly cell: StartedCell }
  /** The answer to a question. */
  | { readonly type: "answered"; readonly id: number; readonly answer: JsonObject }
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  /** An event of the DevTools protocol. */
  | { readonly type: "inspector-event"; readonly method: string; readonly params: JsonObject }
  /** The process that runs the cells is gone, and another one may follow. */
  | { readonly type: "session-ended" };

export type Effect =
  /** Ask, and report the answer by its id. */
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  /** Send a command whose answer nobody needs. */
  | { readonly type: "command"; readonly method: string; readonly params: JsonObject }
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

/** A conversation that waits for its turn, or for an answer. */
interface Task {
  readonly conversation: Conversation<unknown>;
  /** Say what came of it. */
  readonly settle: (outcome: { readonly value: unknown } | { readonly message: string }) => Effect[];
}

export class DebugAdapter {
  readonly #cells: CellBook;
  readonly #scripts: Scripts;
  readonly #breakpoints: Breakpoints;
  readonly #variables: Variables;
  readonly #pauses: Pauses;
  readonly #exceptionFilters = new Set<string>();
  readonly #requests: Requests;
  /** One conversation at a time, so that each sees what the one before it did. */
  readonly #waiting: Task[] = [];
  #active: { readonly task: Task; readonly questionId: number; readonly question: Question } | undefined;
  #nextQuestionId = 1;
  #nextSeq = 1;
  /** The front end has said `initialize`. */
  #isStarted = false;
  /** V8's debugger is on in the present process. */
  #isEnabled = false;

  constructor({ pathPrefix, internalPatterns }: AdapterOptions) {
    this.#cells = new CellBook(pathPrefix);
    this.#scripts = new Scripts(this.#cells, internalPatterns);
    this.#breakpoints = new Breakpoints(this.#cells);
    this.#variables = new Variables(this.#cells);
    this.#pauses = new Pauses({
      cells: this.#cells,
      scripts: this.#scripts,
      breakpoints: this.#breakpoints,
      exceptionFilters: this.#exceptionFilters,
    });
    this.#requests = new Requests({
      cells: this.#cells,
      scripts: this.#scripts,
      breakpoints: this.#breakpoints,
      variables: this.#variables,
      pauses: this.#pauses,
      exceptionFilters: this.#exceptionFilters,
      isStarted: () => this.#isStarted,
      start: () => {
        this.#isStarted = true;
      },
      enable: () => this.#enable(),
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
        return this.#resume(event.id, ({ conversation }) => conversation.next(event.answer));
      case "failed":
        return this.#resume(event.id, ({ conversation }) => conversation.throw(new Error(event.message)));
      case "inspector-event":
        return this.#onInspectorEvent(event.method, event.params);
      case "session-ended":
        return this.#onSessionEnded();
    }
  }

  /** Rules that hold after every step, in words. */
  brokenInvariants(): string[] {
    const broken: string[] = [];
    if (this.#active === undefined && this.#waiting.length > 0) broken.push("work waits, and none is done");
    if (!this.#isStarted && this.#pauses.current !== undefined) broken.push("paused without a debugger");
    if (!this.#isStarted && this.#breakpoints.list().length > 0) broken.push("breakpoints without a debugger");
    return broken;
  }

  #request(id: number, request: DapRequest): Effect[] {
    // It must not wait: it ends what the others wait for.
    if (request.command === "disconnect") return [...this.#disconnect(), this.#reply(id, request, { value: {} })];
    const after = request.command === "attach" ? [this.#event("initialized", {})] : [];
    return this.#add({
      conversation: this.#requests.answer(request),
      settle: (outcome) => [this.#reply(id, request, outcome), ...("value" in outcome ? after : [])],
    });
  }

  #prepareCell(id: number, started: StartedCell): Effect[] {
    const cell = this.#cells.addRun(started);
    if (!this.#isStarted) return [{ type: "let-run", id }];
    return this.#add({
      conversation: this.#bindCell(cell),
      // A cell without its breakpoints is better than none.
      settle: () => [{ type: "let-run", id }],
    });
  }

  *#bindCell(cell: Parameters<Breakpoints["bind"]>[0]): Conversation<void> {
    yield* this.#enable();
    yield* this.#breakpoints.bind(cell);
  }

  /** Turn V8's debugger on, in this process for the first time. */
  *#enable(): Conversation<void> {
    if (this.#isEnabled) return;
    const ask = (method: string, params: JsonObject): Question => ({ type: "inspect", method, params });
    yield ask("Runtime.enable", {});
    yield ask("Debugger.enable", {});
    yield ask("Debugger.setBlackboxPatterns", { patterns: this.#scripts.internalPatterns });
    yield* this.#requests.applyExceptionFilters();
    yield* this.#breakpoints.bindFiles();
    this.#isEnabled = true;
  }

  #add(task: Task): Effect[] {
    this.#waiting.push(task);
    return this.#active === undefined ? this.#startNext() : [];
  }

  #startNext(): Effect[] {
    const task = this.#waiting.shift();
    if (task === undefined) return [];
    return this.#advance(task, ({ conversation }) => conversation.next({}));
  }

  #resume(questionId: number, move: (task: Task) => IteratorResult<Question, unknown>): Effect[] {
    // Answers to questions of a conversation that was cut off have no reader.
    if (this.#active?.questionId !== questionId) return [];
    const { task } = this.#active;
    this.#active = undefined;
    return this.#advance(task, move);
  }

  #advance(task: Task, move: (task: Task) => IteratorResult<Question, unknown>): Effect[] {
    try {
      const { done, value } = move(task);
      if (done === true) return [...task.settle({ value }), ...this.#startNext()];
      const id = this.#nextQuestionId++;
      this.#active = { task, questionId: id, question: value };
      return [{ type: "ask", id, question: value }];
    } catch (error) {
      return [
        ...task.settle({ message: error instanceof Error ? error.message : String(error) }),
        ...this.#startNext(),
      ];
    }
  }

  #onInspectorEvent(method: string, params: JsonObject): Effect[] {
    if (method === "Debugger.scriptParsed") this.#scripts.add(String(params.scriptId), String(params.url));
    if (method === "Debugger.resumed") return this.#onResumed();
    if (method === "Debugger.paused") return this.#onPaused(params as unknown as PausedParams);
    return [];
  }

  #onPaused(params: PausedParams): Effect[] {
    if (!this.#isStarted) return [];
    const decision = this.#pauses.paused(params);
    if ("command" in decision) return [{ type: "command", method: decision.command, params: {} }];
    return [this.#event("stopped", decision.pause.stopped), ...this.#dropHopeless()];
  }

  /** While the code is paused no promise settles: whoever waits for one would keep all others waiting. */
  #dropHopeless(): Effect[] {
    const { question, task } = this.#active ?? {};
    if (question?.type !== "inspect" || question.params.awaitPromise !== true || task === undefined) return [];
    this.#active = undefined;
    return [...task.settle({ message: "The code was paused meanwhile." }), ...this.#startNext()];
  }

  #onResumed(): Effect[] {
    if (!this.#pauses.resumed()) return [];
    this.#variables.clear();
    return [
      { type: "command", method: "Runtime.releaseObjectGroup", params: { objectGroup: PAUSE_GROUP } },
      this.#event("continued", { threadId: 1, allThreadsContinued: true }),
    ];
  }

  #disconnect(): Effect[] {
    const tasks = [...(this.#active === undefined ? [] : [this.#active.task]), ...this.#waiting.splice(0)];
    this.#active = undefined;
    const wasPaused = this.#pauses.current !== undefined;
    const wasStarted = this.#isStarted;
    this.#isStarted = false;
    this.#isEnabled = false;
    this.#breakpoints.clear();
    this.#exceptionFilters.clear();
    this.#scripts.clear();
    this.#variables.clear();
    this.#pauses.clear();
    return [
      ...tasks.flatMap(({ settle }) => settle({ message: "The debugger was disconnected." })),
      { type: "end-inspection" },
      ...(wasPaused ? [this.#event("continued", { threadId: 1, allThreadsContinued: true })] : []),
      ...(wasStarted ? [this.#event("terminated", {})] : []),
    ];
  }

  #onSessionEnded(): Effect[] {
    const wasPaused = this.#pauses.current !== undefined;
    this.#isEnabled = false;
    this.#breakpoints.forgetBound();
    this.#cells.forgetRuns();
    this.#scripts.clear();
    this.#variables.clear();
    this.#pauses.clear();
    return wasPaused ? [this.#event("continued", { threadId: 1, allThreadsContinued: true })] : [];
  }

  #event(event: DapEvent["event"], body: JsonObject): Effect & { type: "publish" } {
    return { type: "publish", event: { type: "event", seq: this.#nextSeq++, event, body } };
  }

  #reply(
    id: number,
    { seq, command }: DapRequest,
    outcome: { readonly value: unknown } | { readonly message: string },
  ): Effect {
    const head = { type: "response", seq: this.#nextSeq++, request_seq: seq, command } as const;
    const response: DapResponse =
      "value" in outcome
        ? { ...head, success: true, body: outcome.value as JsonObject }
        : { ...head, success: false, message: outcome.message, body: Requests.emptyBody(command) };
    return { type: "reply", id, response };
  }
}
