/** The conversations with one process: one at a time, so that each sees what the one before it did. */
import type { Effect } from "./adapter.ts";
import type { Conversation, Question } from "./conversation.ts";
import type { JsonObject } from "./protocol.ts";

/** What came of a conversation. */
export type Outcome = { readonly value: unknown } | { readonly message: string };

/** A conversation that waits for its turn, or for an answer. */
export interface Task {
  readonly conversation: Conversation<unknown>;
  /** Say what came of it. */
  readonly settle: (outcome: Outcome) => Effect[];
  /** How long an answer is waited for. Default: as long as it takes. */
  readonly limitMs?: number;
}

export class ConversationQueue {
  readonly #worker: number | undefined;
  readonly #nextQuestionId: () => number;
  readonly #waiting: Task[] = [];
  #active: { readonly task: Task; readonly questionId: number; readonly question: Question } | undefined;

  /** @param worker - the process that is asked, unless it is the session's. */
  constructor(worker: number | undefined, nextQuestionId: () => number) {
    this.#worker = worker;
    this.#nextQuestionId = nextQuestionId;
  }

  /** Work waits, and none is done. */
  get isStuck(): boolean {
    return this.#active === undefined && this.#waiting.length > 0;
  }

  add(task: Task): Effect[] {
    this.#waiting.push(task);
    return this.#active === undefined ? this.#startNext() : [];
  }

  answered(questionId: number, answer: JsonObject): Effect[] {
    return this.#resume(questionId, ({ conversation }) => conversation.next(answer));
  }

  failed(questionId: number, message: string): Effect[] {
    return this.#resume(questionId, ({ conversation }) => conversation.throw(new Error(message)));
  }

  /** While the code is paused no promise settles: whoever waits for one would keep all others waiting. */
  dropHopeless(): Effect[] {
    const { question, task } = this.#active ?? {};
    if (question?.type !== "inspect" || question.params.awaitPromise !== true || task === undefined) return [];
    this.#active = undefined;
    return [...task.settle({ message: "The code was paused meanwhile." }), ...this.#startNext()];
  }

  /** No more is said, and nothing asked. */
  cutOff(message: string): Effect[] {
    const tasks = [...(this.#active === undefined ? [] : [this.#active.task]), ...this.#waiting.splice(0)];
    this.#active = undefined;
    return tasks.flatMap(({ settle }) => settle({ message }));
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
      const id = this.#nextQuestionId();
      this.#active = { task, questionId: id, question: value };
      const where = this.#worker === undefined ? {} : { worker: this.#worker };
      const limit = task.limitMs === undefined ? {} : { limitMs: task.limitMs };
      return [{ type: "ask", id, question: value, ...where, ...limit }];
    } catch (error) {
      return [
        ...task.settle({ message: error instanceof Error ? error.message : String(error) }),
        ...this.#startNext(),
      ];
    }
  }
}
