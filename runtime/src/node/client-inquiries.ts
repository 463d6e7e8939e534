/** Questions of the head to drivers and workers, each answered by a message that carries the same number. */
import type { ClientId } from "../protocol/ids.ts";
import type { FromHead } from "../protocol/messages.ts";

type Inquiry = Extract<FromHead, { readonly inquiryId: number }>;

/** A control thread answers for a main thread that is busy; who has not answered by then is gone or suspended. */
const ANSWER_WITHIN_MS = 2_500;

export class ClientInquiries {
  readonly #send: (to: ClientId, message: Inquiry) => void;
  readonly #open = new Map<number, (answer: unknown) => void>();
  #next = 1;

  constructor(send: (to: ClientId, message: Inquiry) => void) {
    this.#send = send;
  }

  /** The answer of each client; undefined of one that gave none in time. */
  async ask<Answer>(
    clients: readonly ClientId[],
    question: (inquiryId: number) => Inquiry,
  ): Promise<Map<ClientId, Answer | undefined>> {
    const answers = await Promise.all(
      clients.map(
        async (clientId) => [clientId, (await this.#askOne(clientId, question)) as Answer | undefined] as const,
      ),
    );
    return new Map(answers);
  }

  #askOne(clientId: ClientId, question: (inquiryId: number) => Inquiry): Promise<unknown> {
    const inquiryId = this.#next++;
    return new Promise((resolve) => {
      const settle = (answer: unknown): void => {
        clearTimeout(limit);
        this.#open.delete(inquiryId);
        resolve(answer);
      };
      const limit = setTimeout(settle, ANSWER_WITHIN_MS, undefined);
      this.#open.set(inquiryId, settle);
      this.#send(clientId, question(inquiryId));
    });
  }

  answered(inquiryId: number, answer: unknown): void {
    this.#open.get(inquiryId)?.(answer);
  }
}
