/** A comm to Mobula's kernel that comes back when the kernel does. */
import type { ISessionContext } from "@jupyterlab/apputils";
import type { Kernel } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";
import {
  LANGUAGE_TARGET,
  type LanguageQuestion,
  type LanguageQuestions,
  type LanguageReply,
  type LanguageRequest,
} from "./protocol.ts";

type QuestionKind = keyof LanguageQuestions;

/** A question of one kind, about a place in a cell. */
export type QuestionOf<K extends QuestionKind> = Extract<LanguageQuestion, { readonly kind: K }>;

export interface KernelCommEvents {
  /** A new comm is open; the kernel knows nothing yet. */
  onOpen(): void;
  /** What is not an answer to a question. */
  onReply(reply: LanguageReply): void;
  /** The kernel is gone, or is not Mobula's. */
  onClose(): void;
}

/**
 * Follows the kernel of a session context through the context's own connection, because a second one may not carry
 * comms. Where another document of the page holds the comms of the same kernel, this one stays closed.
 */
export class KernelComm {
  readonly #context: ISessionContext;
  readonly #events: KernelCommEvents;
  #kernel: Kernel.IKernelConnection | null = null;
  #comm: Kernel.IComm | null = null;
  readonly #waiting = new Map<number, (reply: LanguageReply | undefined) => void>();
  #lastQuestion = 0;
  #isRestarting = false;
  #isDisposed = false;

  constructor(context: ISessionContext, events: KernelCommEvents) {
    this.#context = context;
    this.#events = events;
    context.kernelChanged.connect(() => this.#follow());
    context.statusChanged.connect((_, status) => this.#hearStatus(status));
    void context.ready.then(() => this.#follow());
    this.#follow();
  }

  get isOpen(): boolean {
    return this.#comm !== null;
  }

  send(request: LanguageRequest): void {
    try {
      this.#comm?.send(request as unknown as JSONObject);
    } catch {
      this.#drop(); // A dead kernel or a disposed connection throws where it should answer.
    }
  }

  /** @returns undefined when the kernel goes, or cannot answer; a front end can do without. */
  async ask<K extends QuestionKind>(question: QuestionOf<K>): Promise<LanguageQuestions[K]["answer"] | undefined> {
    if (!this.#comm) return undefined;
    const id = ++this.#lastQuestion;
    const reply = await new Promise<LanguageReply | undefined>((resolve) => {
      this.#waiting.set(id, resolve);
      this.send({ type: "ask", id, question });
    });
    return reply?.type === "answer" ? (reply.answer as LanguageQuestions[K]["answer"]) : undefined;
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const comm = this.#comm;
    this.#comm = null;
    if (!comm || comm.isDisposed) return;
    try {
      comm.close();
    } catch {
      comm.dispose();
    }
  }

  #follow(): void {
    const kernel = this.#context.session?.kernel ?? null;
    if (this.#isDisposed || (kernel !== null && kernel === this.#kernel)) return;
    this.#drop();
    this.#kernel = kernel;
    if (kernel) void this.#connect(kernel);
  }

  /** Several kernels speak TypeScript; only its own answer tells Mobula's. */
  async #connect(kernel: Kernel.IKernelConnection): Promise<void> {
    try {
      const { implementation } = await kernel.info;
      if (implementation !== "mobula" || kernel !== this.#kernel || !kernel.handleComms || this.#comm) return;
      this.#open(kernel);
    } catch {
      // The connection was disposed before an answer; `kernelChanged` tells of the next one.
    }
  }

  #open(kernel: Kernel.IKernelConnection): void {
    const comm = kernel.createComm(LANGUAGE_TARGET);
    this.#comm = comm;
    comm.onMsg = (message) => {
      if (comm === this.#comm) this.#take(message.content.data as unknown as LanguageReply);
    };
    comm.onClose = () => {
      if (comm === this.#comm) this.#drop();
    };
    comm.open();
    this.#events.onOpen();
  }

  #take(reply: LanguageReply): void {
    if (reply.type !== "answer" && reply.type !== "failed") return this.#events.onReply(reply);
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }

  #hearStatus(status: Kernel.Status): void {
    if (status === "restarting" || status === "autorestarting" || status === "dead") {
      this.#isRestarting = true;
      this.#drop();
    } else if (this.#isRestarting && (status === "idle" || status === "busy")) {
      this.#isRestarting = false;
      if (this.#kernel) void this.#connect(this.#kernel);
    }
  }

  #drop(): void {
    const comm = this.#comm;
    this.#comm = null;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
    if (!comm) return;
    if (!comm.isDisposed) comm.dispose();
    if (!this.#isDisposed) this.#events.onClose();
  }
}
