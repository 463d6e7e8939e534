/** What a remote driver asks its session and waits for. */
import { errorFromWire } from "../../errors.ts";
import type { FromSession, RemoteMethod } from "../../protocol/remote.ts";
import type { KeepAlive } from "../local/keep-alive.ts";
import type { RemoteLink } from "./remote-link.ts";

type Answer = Extract<FromSession, { type: "answer" | "no-answer" }>;

export class RemoteQuestions {
  readonly #link: RemoteLink;
  readonly #keepAlive: KeepAlive;
  readonly #open = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  #next = 1;
  #closedWith: Error | undefined;

  constructor(link: RemoteLink, keepAlive: KeepAlive) {
    this.#link = link;
    this.#keepAlive = keepAlive;
  }

  /** @param args - plain data; what is undefined at the end is left out. */
  ask<Result>(method: RemoteMethod, args: readonly unknown[]): Promise<Result> {
    if (this.#closedWith !== undefined) return Promise.reject(this.#closedWith);
    const number = this.#next++;
    const answer = new Promise<Result>((resolve, reject) => {
      // Nothing is null on the wire.
      this.#open.set(number, { resolve: (value) => resolve((value ?? undefined) as Result), reject });
    });
    this.#link.send({ type: "question", number, method, args });
    return this.#keepAlive.during(answer);
  }

  receive(message: Answer): void {
    const question = this.#open.get(message.number);
    this.#open.delete(message.number);
    if (message.type === "answer") question?.resolve(message.answer);
    else question?.reject(errorFromWire(message.error));
  }

  close(error: Error): void {
    this.#closedWith = error;
    for (const question of this.#open.values()) question.reject(error);
    this.#open.clear();
  }
}
