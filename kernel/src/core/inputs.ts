/** Questions of the running cell of a shell to its user: one after the other, each to the client that sent the cell. */
import type { Envelope } from "../protocol/frames.ts";
import type { InputAnswer } from "../session/session.ts";
import type { Origin, Outbox } from "./outbox.ts";

export interface Question {
  readonly id: number;
  readonly prompt: string;
  readonly isPassword: boolean;
}

/** Takes an answer to the session. */
export type AnswerInput = (id: number, answer: InputAnswer) => void;

/** What front ends send for Ctrl-D. */
const END_OF_INPUT = "\u0004";

const NO_CELL = "A question can be asked only while its cell runs.";
const NO_CLIENT = "The front end that runs this cell is not connected to the input channel, so it cannot be asked.";

export class Inputs {
  private readonly outbox: Outbox;
  private readonly answer: AnswerInput;
  private readonly waiting: { readonly question: Question; readonly origin: Origin }[] = [];
  private asked: { readonly id: number; readonly origin: Origin; readonly messageId: string } | undefined;

  constructor(outbox: Outbox, answer: AnswerInput) {
    this.outbox = outbox;
    this.answer = answer;
  }

  /** @param origin - the request of the cell that asks, while it runs. */
  ask(question: Question, origin: Origin | undefined): void {
    if (!origin) {
      this.answer(question.id, { type: "refused", reason: NO_CELL });
      return;
    }
    this.waiting.push({ question, origin });
    this.askNext();
  }

  /**
   * An `input_reply`. One that nobody waits for is dropped: its cell was stopped, or another client was asked.
   *
   * @returns whether it answers the question that was asked last here.
   */
  onReply({ identities, message }: Envelope): boolean {
    const { asked } = this;
    if (message.header.msg_type !== "input_reply" || !asked) return false;
    // Some clients leave the parent out; then the sender must be the one that was asked.
    const { msg_id: parent } = message.parent_header;
    const isAnswer = parent === undefined ? isSame(identities, asked.origin.identities) : parent === asked.messageId;
    if (!isAnswer) return false;
    this.asked = undefined;
    const { value } = message.content;
    const text = value === END_OF_INPUT ? null : typeof value === "string" ? value : "";
    this.answer(asked.id, { type: "given", text });
    this.askNext();
    return true;
  }

  /** The cell has ended: nobody waits any more. */
  dropAll(): void {
    this.waiting.length = 0;
    this.asked = undefined;
  }

  private askNext(): void {
    const next = this.asked ? undefined : this.waiting.shift();
    if (!next) return;
    const { question, origin } = next;
    const { prompt, isPassword } = question;
    const { messageId, sent } = this.outbox.ask(origin, { prompt, password: isPassword });
    this.asked = { id: question.id, origin, messageId };
    sent.catch(() => {
      if (this.asked?.messageId !== messageId) return;
      this.asked = undefined;
      this.answer(question.id, { type: "refused", reason: NO_CLIENT });
      this.askNext();
    });
  }
}

function isSame(a: Envelope["identities"], b: Envelope["identities"]): boolean {
  return a.length === b.length && a.every((part, index) => Buffer.compare(part, b[index] as Uint8Array) === 0);
}
