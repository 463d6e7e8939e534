/** Where the code stands: what to do when V8 pauses, and the stack as the user knows it. */
import type { CellBook } from "./cell-book.ts";
import { type Position, toUserPosition } from "./positions.ts";
import type { CallFrame, JsonObject, PausedParams, ScriptLocation } from "./protocol.ts";
import type { Scripts } from "./scripts.ts";
import { describeValue } from "./values.ts";

/** What the user asked the code to do. */
export type Motion = "continue" | "next" | "stepIn" | "stepOut" | "pause";

export const COMMANDS: Readonly<Record<Motion, string>> = {
  continue: "Debugger.resume",
  next: "Debugger.stepOver",
  stepIn: "Debugger.stepInto",
  stepOut: "Debugger.stepOut",
  pause: "Debugger.pause",
};

/** A frame of the user's code. Frames of Node and of the kernel are left out. */
export interface UserFrame {
  readonly id: number;
  readonly name: string;
  readonly url: string;
  /** From 0; `undefined` behind the user's text. */
  readonly position: Position | undefined;
  readonly callFrame: CallFrame;
}

/** The code stands, and the front end knows it. */
export interface Pause {
  readonly frames: readonly UserFrame[];
  /** Body of the `stopped` event. */
  readonly stopped: JsonObject;
}

/** Either the user is told, or V8 gets a command and goes on. */
export type Decision = { readonly pause: Pause } | { readonly command: string };

/** What the decision depends on. */
export interface PauseContext {
  readonly cells: CellBook;
  readonly scripts: Scripts;
  readonly breakpoints: {
    /** Does one of the breakpoints with these ids belong where the code stands? */
    isGenuine(breakpointIds: readonly string[], location: ScriptLocation, url: string): boolean;
  };
  /** Kinds of exceptions that pause. */
  readonly exceptionFilters: ReadonlySet<string>;
  readonly threadId: number;
  /** No other thread has this number for a frame. */
  nextFrameId(): number;
}

interface Departure {
  readonly motion: Motion;
  /** The frame in which the user pressed the button. */
  readonly from?: UserFrame;
}

export class Pauses {
  readonly #context: PauseContext;
  #departure: Departure = { motion: "continue" };
  #current: Pause | undefined;

  constructor(context: PauseContext) {
    this.#context = context;
  }

  get current(): Pause | undefined {
    return this.#current;
  }

  frame(id: unknown): UserFrame | undefined {
    return this.#current?.frames.find((frame) => frame.id === id);
  }

  /** The user lets the code move. Returns V8's command. */
  depart(motion: Motion): string {
    const from = this.#current?.frames[0];
    this.#departure = { motion, ...(from === undefined ? {} : { from }) };
    return COMMANDS[motion];
  }

  /** V8 goes on. Returns whether the front end saw it stand. */
  resumed(): boolean {
    const wasPaused = this.#current !== undefined;
    this.#current = undefined;
    return wasPaused;
  }

  /** Nothing moves on the user's behalf any more. */
  clear(): void {
    this.#current = undefined;
    this.#departure = { motion: "continue" };
  }

  paused(params: PausedParams): Decision {
    const decision = this.#decide(params);
    if ("pause" in decision) {
      this.#current = decision.pause;
      this.#departure = { motion: "continue" };
    } else if (decision.command === COMMANDS.continue && this.#departure.motion !== "pause") {
      this.#departure = { motion: "continue" };
    }
    return decision;
  }

  #decide(params: PausedParams): Decision {
    const { motion, from } = this.#departure;
    const isStepping = motion !== "continue" && motion !== "pause";
    const goOn: Decision = { command: isStepping ? COMMANDS[motion] : COMMANDS.continue };
    const [top] = params.callFrames;
    const frames = params.callFrames.flatMap((frame) => this.#toUserFrame(frame) ?? []);
    const [first] = frames;
    const isException = params.reason === "exception" || params.reason === "promiseRejection";
    if (isException && !this.#wantsException(params)) return goOn;
    // Stepped out of the user's code, or pausing where none of it runs.
    if (first === undefined) return { command: motion === "pause" ? COMMANDS.stepIn : COMMANDS.continue };
    const hits = params.hitBreakpoints ?? [];
    if (isException) return this.#stop(frames, "exception", describeException(params));
    if (top !== undefined && hits.length > 0 && this.#isGenuine(hits, top)) {
      return this.#stop(frames, "breakpoint", "Paused at a breakpoint");
    }
    if (motion === "pause") return this.#stop(frames, "pause", "Paused");
    if (isStepping) {
      if (first.callFrame !== top) return { command: COMMANDS.stepOut };
      return isSameLineReturn(first, from) || first.position === undefined
        ? goOn
        : this.#stop(frames, "step", "Paused after a step");
    }
    // The second place of a breakpoint, in the cell's other script.
    if (hits.length > 0) return goOn;
    return this.#stop(frames, "breakpoint", "Paused at a debugger statement");
  }

  #isGenuine(hits: readonly string[], { location }: CallFrame): boolean {
    const { breakpoints, scripts } = this.#context;
    return breakpoints.isGenuine(hits, location, scripts.url(location.scriptId));
  }

  #wantsException({ data }: PausedParams): boolean {
    return this.#context.exceptionFilters.has(data?.uncaught === true ? "uncaught" : "caught");
  }

  #stop(frames: readonly UserFrame[], reason: string, text: string): Decision {
    // An exception's text goes on with a stack that names frames of the kernel.
    const description = text.split("\n")[0] ?? text;
    const { threadId } = this.#context;
    const stopped = { reason, description, text: description, threadId };
    return { pause: { frames, stopped } };
  }

  #toUserFrame(callFrame: CallFrame): UserFrame | undefined {
    const { cells, scripts } = this.#context;
    const { scriptId, lineNumber, columnNumber = 0 } = callFrame.location;
    const url = scripts.url(scriptId);
    if (!scripts.isUsers(url)) return undefined;
    const cell = cells.byUrl(url);
    const position = { line: lineNumber, column: columnNumber };
    const isReturn = callFrame.returnValue !== undefined;
    return {
      id: this.#context.nextFrameId(),
      name: callFrame.functionName || scripts.name(url),
      url,
      position: cell === undefined ? position : toUserPosition(cell.lines, position, isReturn),
      callFrame,
    };
  }
}

/** V8 stops once more where a function returns; on the line that the user has just seen this says nothing. */
function isSameLineReturn({ callFrame, position, url }: UserFrame, from: UserFrame | undefined): boolean {
  if (callFrame.returnValue === undefined || from === undefined) return false;
  return url === from.url && position?.line === from.position?.line;
}

function describeException({ data }: PausedParams): string {
  return data === undefined ? "Paused on an exception" : (data.description ?? describeValue(data));
}
