/** The connection of one notebook or console to the cluster of its kernel: `step` made to happen. */
import type { ISessionContext } from "@jupyterlab/apputils";
import type { Kernel, KernelMessage } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";
import { type ISignal, Signal } from "@lumino/signaling";
import { CLUSTER_VIEW_TARGET, type ViewReply, type ViewRequest } from "../protocol.ts";
import {
  type Attention,
  initialLinkState,
  type KernelKind,
  type LinkEffect,
  type LinkEvent,
  type LinkState,
  type LinkTimer,
} from "./state.ts";
import { step } from "./step.ts";

/** In which Mobula's kernels present themselves. */
const OWN_LANGUAGES: ReadonlySet<string> = new Set(["typescript", "javascript"]);

/**
 * Follows the kernel of a session context, through the context's own connection: a second connection to a kernel may
 * not carry comms. Dispose it when the document closes.
 */
export class KernelLink {
  readonly context: ISessionContext;
  readonly #changed = new Signal<this, LinkState>(this);
  readonly #timers = new Map<LinkTimer, ReturnType<typeof setTimeout>>();
  #state: LinkState;
  #kernel: Kernel.IKernelConnection | null = null;
  #comm: Kernel.IComm | null = null;
  #isRestarting = false;
  #isDisposed = false;

  constructor(context: ISessionContext, attention: Attention) {
    this.context = context;
    this.#state = initialLinkState(attention);
    // Signals forget their listeners when the context is disposed; until then a disposed link ignores what it hears.
    context.kernelChanged.connect(() => this.#followKernel());
    context.statusChanged.connect((_, status) => this.#hearStatus(status));
    context.connectionStatusChanged.connect((_, status) => this.#hearConnection(status));
    context.iopubMessage.connect((_, message) => this.#hearMessage(message));
    this.#followKernel();
    void context.ready.then(() => this.#followKernel());
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The state after every change of it. */
  get changed(): ISignal<this, LinkState> {
    return this.#changed;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Id of the kernel, while there is one. */
  get kernelId(): string | undefined {
    return this.#kernel?.id;
  }

  /** Another document of this page speaks to the same kernel, and comms go there. */
  get isSecondary(): boolean {
    return this.#kernel !== null && !this.#kernel.handleComms;
  }

  setAttention(attention: Attention): void {
    this.#take({ type: "attention-changed", attention });
  }

  /** Close the comm, if there is one, and open a new one. */
  reconnect(): void {
    this.#take({ type: "reconnect-asked" });
  }

  cancelTasks(group: { readonly function: string; readonly cellId?: string }): void {
    this.#take({ type: "cancel-asked", ...group });
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#closeComm();
    Signal.clearData(this);
  }

  #take(event: LinkEvent): void {
    if (this.#isDisposed) return;
    const before = this.#state;
    const { state, effects } = step(before, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (state !== before) this.#changed.emit(this.#state);
  }

  #perform(effect: LinkEffect): void {
    switch (effect.type) {
      case "open-comm":
        return this.#openComm();
      case "close-comm":
        return this.#closeComm();
      case "drop-comm":
        return this.#dropComm();
      case "send":
        return this.#send(effect.request);
      case "start-timer":
        return this.#startTimer(effect.timer, effect.afterMs);
      case "stop-timer":
        return this.#stopTimer(effect.timer);
    }
  }

  #followKernel(): void {
    if (this.#isDisposed) return;
    const kernel = this.context.session?.kernel ?? null;
    if (kernel !== null && kernel === this.#kernel) return;
    this.#kernel = kernel;
    const kind = this.#guessKind(kernel);
    this.#take({ type: "kernel-changed", kernel: kind, kernelName: this.context.kernelDisplayName });
    if (kernel && kind === "unknown") void this.#askKind(kernel);
  }

  /** What the kernel specification says; no kernel is asked. */
  #guessKind(kernel: Kernel.IKernelConnection | null): KernelKind {
    if (!kernel) return this.#isStarting() ? "unknown" : "none";
    if (!kernel.handleComms) return "shared";
    const language = this.context.specsManager.specs?.kernelspecs[kernel.name]?.language.toLowerCase();
    return language === undefined || OWN_LANGUAGES.has(language) ? "unknown" : "other";
  }

  #isStarting(): boolean {
    const status = this.context.kernelDisplayStatus;
    return status === "initializing" || status === "starting" || status === "connecting" || status === "restarting";
  }

  /** Several kernels speak these languages; only its own answer tells Mobula's. */
  async #askKind(kernel: Kernel.IKernelConnection): Promise<void> {
    let implementation: string;
    try {
      implementation = (await kernel.info).implementation;
    } catch {
      return; // The connection was disposed before an answer; `kernelChanged` tells of the next one.
    }
    if (kernel !== this.#kernel) return;
    const kind = implementation === "mobula" ? "mobula" : "other";
    this.#take({ type: "kernel-changed", kernel: kind, kernelName: this.context.kernelDisplayName });
  }

  #hearStatus(status: Kernel.Status): void {
    if (status === "restarting" || status === "autorestarting") {
      this.#isRestarting = true;
      this.#take({ type: "kernel-restarting" });
    } else if (status === "dead") {
      this.#take({ type: "kernel-died" });
    } else if (this.#isRestarting && (status === "idle" || status === "busy")) {
      this.#isRestarting = false;
      this.#take({ type: "kernel-ready" });
    } else if (this.#kernel === null) {
      this.#followKernel();
    }
  }

  #hearConnection(status: Kernel.ConnectionStatus): void {
    this.#take({ type: status === "connected" ? "connection-up" : "connection-down" });
  }

  /** Only messages that a cell caused count: comms make the kernel busy too, and must not cause more comms. */
  #hearMessage(message: KernelMessage.IMessage): void {
    const parent = message.parent_header;
    if ("msg_type" in parent && parent.msg_type === "execute_request") this.#take({ type: "kernel-active" });
  }

  #openComm(): void {
    try {
      const comm = this.#requireKernel().createComm(CLUSTER_VIEW_TARGET);
      this.#comm = comm;
      comm.onMsg = (message) => {
        if (comm !== this.#comm) return;
        this.#take({ type: "reply-received", reply: message.content.data as unknown as ViewReply, atMs: Date.now() });
      };
      comm.onClose = () => {
        if (comm !== this.#comm) return;
        this.#comm = null;
        this.#take({ type: "comm-closed" });
      };
      comm.open();
    } catch {
      this.#reportClosed();
    }
  }

  #send(request: ViewRequest): void {
    if (!this.#comm) return;
    try {
      this.#comm.send(request as unknown as JSONObject);
    } catch {
      this.#reportClosed();
    }
  }

  /** A dead kernel or a disposed connection throws where it should answer; tell it as an event, after this step. */
  #reportClosed(): void {
    this.#dropComm();
    queueMicrotask(() => this.#take({ type: "comm-closed" }));
  }

  #closeComm(): void {
    const comm = this.#comm;
    this.#comm = null;
    if (!comm || comm.isDisposed) return;
    try {
      comm.close();
    } catch {
      comm.dispose(); // The kernel is dead: nobody is left to be told.
    }
  }

  #dropComm(): void {
    const comm = this.#comm;
    this.#comm = null;
    comm?.dispose();
  }

  #requireKernel(): Kernel.IKernelConnection {
    if (!this.#kernel) throw new Error("The session has no kernel.");
    return this.#kernel;
  }

  #startTimer(timer: LinkTimer, afterMs: number): void {
    this.#stopTimer(timer);
    this.#timers.set(
      timer,
      setTimeout(() => this.#take({ type: "timer-fired", timer }), afterMs),
    );
  }

  #stopTimer(timer: LinkTimer): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }
}
