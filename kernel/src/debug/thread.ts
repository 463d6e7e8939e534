/** A process that runs the user's code, as the front end sees it: a thread. */
import type { CellBook } from "./cell-book.ts";
import { ConversationQueue } from "./conversation-queue.ts";
import { type PauseContext, Pauses } from "./pauses.ts";
import type { JsonObject } from "./protocol.ts";
import { type RequestContext, Requests } from "./requests.ts";
import { Scripts } from "./scripts.ts";
import { Variables } from "./variables.ts";

/** The number of the session's thread; those of workers come after it. */
export const SESSION_THREAD = 1;

export interface ThreadContext {
  readonly cells: CellBook;
  /** Regular expressions for the URLs of code that is not the user's. */
  readonly internalPatterns: readonly string[];
  readonly exceptionFilters: Set<string>;
  /** A number that no question, frame or variable of any thread has yet. */
  readonly nextId: () => number;
}

/** What a thread's requests need beside the parts of the thread. */
export type ThreadRequests = Omit<RequestContext, "cells" | "scripts" | "variables" | "pauses" | "exceptionFilters">;

export class Thread {
  readonly id: number;
  readonly scripts: Scripts;
  readonly variables: Variables;
  readonly pauses: Pauses;
  readonly queue: ConversationQueue;
  readonly requests: Requests;
  readonly #name: string;

  /** @param worker - the number of the worker process; without one it is the session's. */
  constructor(
    context: ThreadContext,
    about: {
      readonly worker?: number;
      readonly name: string;
      readonly pauseBreakpoints: PauseContext["breakpoints"];
      readonly requests: ThreadRequests;
    },
  ) {
    const { cells, internalPatterns, exceptionFilters, nextId } = context;
    this.id = SESSION_THREAD + (about.worker ?? 0);
    this.#name = about.name;
    this.scripts = new Scripts(cells, internalPatterns);
    this.variables = new Variables(cells, nextId);
    this.queue = new ConversationQueue(about.worker, nextId);
    const { scripts, variables } = this;
    this.pauses = new Pauses({
      cells,
      scripts,
      exceptionFilters,
      breakpoints: about.pauseBreakpoints,
      threadId: this.id,
      nextFrameId: nextId,
    });
    this.requests = new Requests({
      ...about.requests,
      cells,
      scripts,
      variables,
      exceptionFilters,
      pauses: this.pauses,
    });
  }

  get isStopped(): boolean {
    return this.pauses.current !== undefined;
  }

  /** As the protocol lists it: a worker with the function that it runs. */
  describe(): JsonObject {
    const outermost = this.id === SESSION_THREAD ? undefined : this.pauses.current?.frames.at(-1);
    return { id: this.id, name: outermost === undefined ? this.#name : `${this.#name} (${outermost.name})` };
  }

  /** Forget the process. */
  clear(): void {
    this.scripts.clear();
    this.variables.clear();
    this.pauses.clear();
  }
}
