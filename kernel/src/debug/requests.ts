/** Answers the requests of the front end, one method for each command. */
import type { Breakpoints, RequestedBreakpoint } from "./breakpoints.ts";
import { type CellBook, HASH_SEED, SOURCE_SUFFIX } from "./cell-book.ts";
import { type Conversation, DebugRequestError, inspect } from "./conversation.ts";
import { evaluate, plainView, richView } from "./evaluation.ts";
import type { Motion, Pauses, UserFrame } from "./pauses.ts";
import type { DapRequest, JsonObject } from "./protocol.ts";
import type { Scripts } from "./scripts.ts";
import { GLOBALS_GROUP, PAUSE_GROUP, type Variables } from "./variables.ts";

/** What requests read and change. */
export interface RequestContext {
  readonly cells: CellBook;
  readonly scripts: Scripts;
  readonly breakpoints: Breakpoints;
  readonly variables: Variables;
  readonly pauses: Pauses;
  readonly exceptionFilters: Set<string>;
  isStarted(): boolean;
  /** @param clientId - what the front end calls itself. */
  start(clientId: unknown): void;
  /** Turn V8's debugger on, unless it is. */
  enable(): Conversation<void>;
  threads(): JsonObject[];
  /** Numbers of the threads that stand. */
  stoppedThreads(): number[];
  /** The process has the cells' global names and views of values: it is the session's. */
  readonly isSession: boolean;
}

const CAPABILITIES: JsonObject = {
  supportsConfigurationDoneRequest: true,
  supportsConditionalBreakpoints: true,
  supportsEvaluateForHovers: true,
  supportsSetVariable: true,
  supportsModulesRequest: true,
  supportsDelayedStackTraceLoading: true,
  exceptionBreakpointFilters: [
    { filter: "caught", label: "Caught Exceptions", default: false },
    { filter: "uncaught", label: "Uncaught Exceptions", default: false },
  ],
};

/** What front ends read from a body even when the request failed. */
const EMPTY_BODIES: Readonly<Record<string, JsonObject>> = {
  stackTrace: { stackFrames: [], totalFrames: 0 },
  scopes: { scopes: [] },
  variables: { variables: [] },
  inspectVariables: { variables: [] },
  setBreakpoints: { breakpoints: [] },
  richInspectVariables: { data: {}, metadata: {} },
  modules: { modules: [], totalModules: 0 },
};

/** The body of the response, at once or after questions. */
type Answer = (args: JsonObject) => JsonObject | Conversation<JsonObject>;

export class Requests {
  readonly #context: RequestContext;
  readonly #answers: Readonly<Record<string, Answer>>;

  constructor(context: RequestContext) {
    this.#context = context;
    const move =
      (motion: Motion): Answer =>
      () =>
        this.#move(motion);
    this.#answers = {
      initialize: (args) => this.#initialize(args),
      attach: () => this.#attach(),
      configurationDone: () => ({}),
      debugInfo: () => this.#debugInfo(),
      dumpCell: (args) => this.#dumpCell(args),
      source: (args) => this.#source(args),
      modules: () => this.#modules(),
      setBreakpoints: (args) => this.#setBreakpoints(args),
      setExceptionBreakpoints: (args) => this.#setExceptionBreakpoints(args),
      threads: () => ({ threads: this.#context.threads() }),
      stackTrace: (args) => this.#stackTrace(args),
      scopes: (args) => this.#scopes(args),
      variables: (args) => this.#variables(args),
      setVariable: (args) => this.#setVariable(args),
      evaluate: (args) => this.#evaluate(args),
      inspectVariables: () => this.#inspectVariables(),
      richInspectVariables: (args) => this.#richInspectVariables(args),
      continue: move("continue"),
      next: move("next"),
      stepIn: move("stepIn"),
      stepOut: move("stepOut"),
      pause: move("pause"),
    };
  }

  /** Body of the response that a request failed. */
  static emptyBody(command: string): JsonObject {
    return EMPTY_BODIES[command] ?? {};
  }

  *answer({ command, arguments: args }: DapRequest): Conversation<JsonObject> {
    const respond = this.#answers[command];
    if (respond === undefined) throw new DebugRequestError(`This debugger does not answer '${command}'.`);
    const body = respond(args);
    return isConversation(body) ? yield* body : body;
  }

  /** Tell V8 which exceptions pause. */
  *applyExceptionFilters(): Conversation<void> {
    const filters = this.#context.exceptionFilters;
    const state = filters.has("caught") ? "all" : filters.has("uncaught") ? "uncaught" : "none";
    yield* inspect("Debugger.setPauseOnExceptions", { state });
  }

  #initialize({ clientID }: JsonObject): JsonObject {
    this.#context.start(clientID);
    return CAPABILITIES;
  }

  *#attach(): Conversation<JsonObject> {
    this.#requireStarted();
    yield* this.#context.enable();
    return {};
  }

  #debugInfo(): JsonObject {
    const { breakpoints, cells } = this.#context;
    return {
      isStarted: this.#context.isStarted(),
      hashMethod: "Murmur2",
      hashSeed: HASH_SEED,
      tmpFilePrefix: cells.prefix,
      tmpFileSuffix: SOURCE_SUFFIX,
      breakpoints: breakpoints.list(),
      stoppedThreads: this.#context.stoppedThreads(),
      richRendering: true,
      exceptionPaths: [],
      // A later cell could not use the copy: the compiler does not know its name.
      copyToGlobals: false,
    };
  }

  #dumpCell(args: JsonObject): JsonObject {
    return { sourcePath: this.#context.cells.addText(readString(args, "code")) };
  }

  *#source(args: JsonObject): Conversation<JsonObject> {
    const { cells, scripts } = this.#context;
    const path = readString((args.source ?? {}) as JsonObject, "path");
    const content = cells.textOf(path);
    if (content !== undefined) return { content, mimeType: "text/x-typescript" };
    if (!scripts.files().some((file) => file.path === path)) {
      throw new DebugRequestError(`No source is known for ${path}.`);
    }
    const { text } = yield { type: "read-file", path };
    return { content: text };
  }

  #modules(): JsonObject {
    const modules = this.#context.scripts.files().map((file, index) => ({ id: index + 1, ...file }));
    return { modules, totalModules: modules.length };
  }

  *#setBreakpoints(args: JsonObject): Conversation<JsonObject> {
    this.#requireStarted();
    yield* this.#context.enable();
    const path = readString((args.source ?? {}) as JsonObject, "path");
    const requested = Array.isArray(args.breakpoints) ? args.breakpoints.flatMap(readBreakpoint) : [];
    return { breakpoints: yield* this.#context.breakpoints.replace(path, requested) };
  }

  *#setExceptionBreakpoints(args: JsonObject): Conversation<JsonObject> {
    this.#requireStarted();
    const filters = Array.isArray(args.filters) ? args.filters.map(String) : [];
    this.#context.exceptionFilters.clear();
    for (const filter of filters) this.#context.exceptionFilters.add(filter);
    yield* this.#context.enable();
    yield* this.applyExceptionFilters();
    return {};
  }

  #stackTrace(args: JsonObject): JsonObject {
    const frames = this.#context.pauses.current?.frames ?? [];
    const start = readNumber(args, "startFrame", 0);
    const levels = readNumber(args, "levels", 0);
    const shown = frames.slice(start, levels > 0 ? start + levels : undefined);
    return { stackFrames: shown.map((frame) => this.#describeFrame(frame)), totalFrames: frames.length };
  }

  #describeFrame({ id, name, url, position }: UserFrame): JsonObject {
    const { scripts } = this.#context;
    return {
      id,
      name,
      line: (position?.line ?? 0) + 1,
      column: (position?.column ?? 0) + 1,
      source: { name: scripts.name(url), path: scripts.path(url) },
    };
  }

  *#scopes(args: JsonObject): Conversation<JsonObject> {
    const { variables } = this.#context;
    const { callFrame } = this.#frame(args);
    const { scopeChain, this: receiver } = callFrame;
    const ofTypes = (...types: readonly string[]) =>
      scopeChain.filter(({ type }) => types.includes(type)).map(({ object }) => object);
    const groups = [
      { name: "Locals", objects: ofTypes("local", "block", "catch", "with", "eval"), receiver },
      { name: "Closure", objects: ofTypes("closure") },
      { name: "Module", objects: ofTypes("module") },
    ];
    const scopes: JsonObject[] = [];
    for (const { name, ...parts } of groups) {
      const count = (yield* variables.scope(parts.objects, parts.receiver)).length;
      // A cell has names of its own only inside of blocks and functions: an empty list first would hide the globals.
      if (count === 0) continue;
      const reference = variables.add({ type: "scope", ...parts });
      scopes.push({ name, variablesReference: reference, namedVariables: count, expensive: false });
    }
    if (this.#context.isSession) {
      const globals = variables.add({ type: "globals", group: PAUSE_GROUP });
      scopes.push({ name: "Globals", variablesReference: globals, expensive: false });
    }
    return { scopes };
  }

  *#variables(args: JsonObject): Conversation<JsonObject> {
    const reference = readNumber(args, "variablesReference", 0);
    const count = readNumber(args, "count", 0);
    const paging = count > 0 ? { start: readNumber(args, "start", 0), count } : {};
    return { variables: yield* this.#context.variables.list(reference, paging) };
  }

  *#setVariable(args: JsonObject): Conversation<JsonObject> {
    const frame = this.#context.pauses.current?.frames[0];
    if (frame === undefined) throw new DebugRequestError("A variable can be set only while the code is paused.");
    const value = yield* evaluate(readString(args, "value"), { frame: frame.callFrame, group: PAUSE_GROUP });
    const { variables } = this.#context;
    yield* variables.set(readNumber(args, "variablesReference", 0), readString(args, "name"), value, frame.callFrame);
    const { result, ...rest } = variables.result(value, PAUSE_GROUP);
    return { value: result, ...rest };
  }

  *#evaluate(args: JsonObject): Conversation<JsonObject> {
    const { pauses, variables } = this.#context;
    const frame = args.frameId === undefined ? pauses.current?.frames[0] : pauses.frame(args.frameId);
    const group = frame === undefined ? GLOBALS_GROUP : PAUSE_GROUP;
    const value = yield* evaluate(readString(args, "expression"), {
      group,
      ...(frame === undefined ? {} : { frame: frame.callFrame }),
      isHover: args.context === "hover",
    });
    return variables.result(value, group);
  }

  *#inspectVariables(): Conversation<JsonObject> {
    const { pauses, variables } = this.#context;
    if (pauses.current === undefined) {
      variables.clear();
      yield* inspect("Runtime.releaseObjectGroup", { objectGroup: GLOBALS_GROUP });
    }
    return { variables: yield* variables.globals(pauses.current === undefined ? GLOBALS_GROUP : PAUSE_GROUP) };
  }

  *#richInspectVariables(args: JsonObject): Conversation<JsonObject> {
    const { pauses, isSession } = this.#context;
    const frame = args.frameId === undefined ? pauses.current?.frames[0] : pauses.frame(args.frameId);
    const name = readString(args, "variableName");
    if (frame !== undefined && !isSession) return yield* plainView(name, frame.callFrame, PAUSE_GROUP);
    return yield* richView(name, frame?.callFrame);
  }

  *#move(motion: Motion): Conversation<JsonObject> {
    this.#requireStarted();
    const { pauses } = this.#context;
    if (motion === "pause" && pauses.current !== undefined) return {};
    if (motion !== "pause" && pauses.current === undefined) throw new DebugRequestError("The code is not paused.");
    const isLast = this.#context.stoppedThreads().length <= 1;
    yield* inspect(pauses.depart(motion));
    return motion === "continue" ? { allThreadsContinued: isLast } : {};
  }

  #frame(args: JsonObject): UserFrame {
    const frame = this.#context.pauses.frame(args.frameId);
    if (frame === undefined) throw new DebugRequestError("This frame is gone: the code went on.");
    return frame;
  }

  #requireStarted(): void {
    if (!this.#context.isStarted())
      throw new DebugRequestError("The debugger is not started; send 'initialize' first.");
  }
}

function isConversation(body: JsonObject | Conversation<JsonObject>): body is Conversation<JsonObject> {
  return Symbol.iterator in body;
}

function readBreakpoint(value: unknown): RequestedBreakpoint[] {
  const { line, condition } = (value ?? {}) as JsonObject;
  if (typeof line !== "number") return [];
  return [{ line, ...(typeof condition === "string" && condition !== "" ? { condition } : {}) }];
}

function readString(args: JsonObject, field: string): string {
  const value = args[field];
  if (typeof value !== "string") throw new DebugRequestError(`'${field}' must be a string.`);
  return value;
}

function readNumber(args: JsonObject, field: string, fallback: number): number {
  const value = args[field];
  return typeof value === "number" ? value : fallback;
}
