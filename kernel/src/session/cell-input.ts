/**
 * Questions of cells to their user. `ask` holds the main thread until the answer is there, as `prompt` does in a browser;
 * `askLater` lets it go on. Answers come through the guardian, because the main thread may be asleep.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { EventWriter } from "./event-writer.ts";
import { currentContext, type ExecutionContext } from "./execution-context.ts";
import type { InputAnswer } from "./session.ts";
import type { SharedState } from "./shared-state.ts";
import type { InputMessage } from "./wire.ts";

/** There is nobody who could answer; the message says why, and what to do. */
export class InputUnavailableError extends Error {
  override readonly name = "InputUnavailableError";
  readonly code = "INPUT_UNAVAILABLE";
}

/** The user stopped the cell that waits for an answer. */
export class InputInterruptedError extends Error {
  override readonly name = "AbortError";
  readonly code = "INPUT_INTERRUPTED";

  constructor() {
    super("The cell was interrupted while it waited for input.");
  }
}

export interface CellInputParts {
  readonly shared: SharedState;
  readonly writer: EventWriter;
  /** The guardian posts answers here. */
  readonly port: MessagePort;
  /** The cells that run now. */
  readonly cells: { readonly newest: ExecutionContext | undefined; isRunning(context: ExecutionContext): boolean };
  /** The user stops the cell while this thread sleeps. */
  readonly onInterrupt: () => void;
}

export interface Question {
  readonly prompt: string;
  readonly isPassword: boolean;
}

export class CellInput {
  readonly #parts: CellInputParts;
  readonly #waiting = new Map<number, (answer: InputAnswer) => void>();
  #lastId = 0;

  constructor(parts: CellInputParts) {
    this.#parts = parts;
    parts.port.on("message", (message: InputMessage) => this.#settle(message));
    parts.port.unref(); // The guardian keeps this process alive.
  }

  /**
   * Ask, and sleep until the user has answered. `null`: the user ended the input.
   *
   * @param caller - name of the function that the cell called, for errors.
   * @throws InputUnavailableError
   */
  ask(caller: string, question: Question): string | null {
    const context = this.requireCell(caller);
    if (context.isInterrupted) throw new InputInterruptedError();
    const { shared, onInterrupt } = this.#parts;
    const id = ++this.#lastId;
    shared.awaitedInput = id;
    try {
      this.#send(id, context, question);
      const answer = this.#sleepUntilAnswered(id);
      if (answer !== "interrupted") return textOf(answer);
    } finally {
      shared.awaitedInput = 0;
    }
    onInterrupt();
    throw new InputInterruptedError();
  }

  /**
   * Ask, and go on. Resolves to `null` when the user ended the input.
   *
   * @throws InputUnavailableError
   */
  async askLater(caller: string, question: Question): Promise<string | null> {
    const context = this.requireCell(caller);
    // A loop that catches the AbortError and asks again would spin if this rejected once more.
    if (context.isInterrupted) return new Promise(() => {});
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(id);
        reject(new InputInterruptedError());
      };
      this.#waiting.set(id, (answer) => {
        context.stops.delete(stop);
        try {
          resolve(textOf(answer));
        } catch (error) {
          reject(error);
        }
      });
      context.stops.add(stop);
      this.#send(id, context, question);
    });
  }

  /**
   * The running cell that asks.
   *
   * @throws InputUnavailableError when none runs, its code has ended, or its front end takes no questions.
   */
  requireCell(caller: string): ExecutionContext {
    const { cells } = this.#parts;
    const context = currentContext() ?? cells.newest;
    if (context === undefined || !cells.isRunning(context)) {
      throw new InputUnavailableError(
        `${caller} works only while its cell runs. Ask in the cell itself, and await it.`,
      );
    }
    if (!context.allowStdin) {
      throw new InputUnavailableError(
        `${caller} cannot ask: whoever runs this cell takes no questions (allow_stdin is false). ` +
          "Run the notebook in a front end with a user, or set the value in a cell.",
      );
    }
    return context;
  }

  #send(id: number, { execution }: ExecutionContext, question: Question): void {
    this.#parts.writer.send({ type: "input-requested", id, execution, ...question });
  }

  #sleepUntilAnswered(id: number): InputAnswer | "interrupted" {
    const { shared, port } = this.#parts;
    for (;;) {
      const seen = shared.inputAnswers;
      const received: { message: InputMessage } | undefined = receiveMessageOnPort(port);
      if (received === undefined) shared.awaitInputAnswer(seen);
      else if (received.message.id !== id) this.#settle(received.message);
      else return received.message.type === "input-answered" ? received.message.answer : "interrupted";
    }
  }

  #settle(message: InputMessage): void {
    if (message.type !== "input-answered") return;
    const settle = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    settle?.(message.answer);
  }
}

function textOf(answer: InputAnswer): string | null {
  if (answer.type === "refused") throw new InputUnavailableError(answer.reason);
  return answer.text;
}
