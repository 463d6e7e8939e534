/** What the cells of a document have declared, as its kernel tells it after each cell. */
import type { ISessionContext } from "@jupyterlab/apputils";
import type { Kernel } from "@jupyterlab/services";
import { type ISignal, Signal } from "@lumino/signaling";

/** Comm target of Mobula's kernel. */
const VARIABLES_TARGET = "mobula.variables.v1";

/** One variable. Without a type the kernel had no time to look at it. */
export interface VariableView {
  readonly name: string;
  readonly type?: string;
  /** Characters, items, entries or keys. */
  readonly size?: number;
  /** How the value begins. */
  readonly text?: string;
}

export interface Variables {
  readonly variables: readonly VariableView[];
  /** Variables beyond those that are listed. */
  readonly more: number;
}

/** Listens to the kernel of a session context, through the context's own connection. Null until the kernel has told. */
export class VariablesLink {
  readonly #context: ISessionContext;
  readonly #changed = new Signal<this, void>(this);
  #comm: Kernel.IComm | null = null;
  #isConnecting = false;
  #isDisposed = false;
  #variables: Variables | null = null;
  readonly #onKernel = () => this.#restart();
  readonly #onStatus = (_: ISessionContext, status: Kernel.Status) => this.#hearStatus(status);

  constructor(context: ISessionContext) {
    this.#context = context;
    context.kernelChanged.connect(this.#onKernel);
    context.statusChanged.connect(this.#onStatus);
    void context.ready.then(() => this.#connect());
  }

  get variables(): Variables | null {
    return this.#variables;
  }

  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#context.kernelChanged.disconnect(this.#onKernel);
    this.#context.statusChanged.disconnect(this.#onStatus);
    const comm = this.#comm;
    this.#comm = null;
    try {
      comm?.close();
    } catch {
      comm?.dispose(); // The kernel is dead: nobody is left to be told.
    }
    Signal.clearData(this);
  }

  #restart(): void {
    this.#drop();
    void this.#connect();
  }

  #hearStatus(status: Kernel.Status): void {
    if (status === "restarting" || status === "autorestarting" || status === "dead") this.#drop();
    else if (status === "idle") void this.#connect();
  }

  /** Several kernels speak TypeScript; only its own answer tells Mobula's. */
  async #connect(): Promise<void> {
    const kernel = this.#context.session?.kernel ?? null;
    if (this.#isDisposed || this.#comm !== null || this.#isConnecting || kernel === null || !kernel.handleComms) return;
    this.#isConnecting = true;
    try {
      const { implementation } = await kernel.info;
      if (implementation === "mobula" && !this.#isDisposed && kernel === this.#context.session?.kernel)
        this.#open(kernel);
    } catch {
      // The connection was disposed before an answer; `kernelChanged` tells of the next one.
    } finally {
      this.#isConnecting = false;
    }
  }

  #open(kernel: Kernel.IKernelConnection): void {
    const comm = kernel.createComm(VARIABLES_TARGET);
    this.#comm = comm;
    comm.onMsg = (message) => {
      if (comm !== this.#comm) return;
      this.#variables = message.content.data as unknown as Variables;
      this.#changed.emit();
    };
    comm.onClose = () => {
      if (comm === this.#comm) this.#drop();
    };
    comm.open();
  }

  #drop(): void {
    const comm = this.#comm;
    this.#comm = null;
    if (comm !== null && !comm.isDisposed) comm.dispose();
    if (this.#variables === null) return;
    this.#variables = null;
    if (!this.#isDisposed) this.#changed.emit();
  }
}
