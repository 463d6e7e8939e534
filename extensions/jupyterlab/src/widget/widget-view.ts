/** A widget in the output of a cell: a comm to the kernel, and the front-end module that comes over it. */
import type { ISessionContext } from "@jupyterlab/apputils";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import type { Kernel } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";
import { Widget } from "@lumino/widgets";
import { AfmModel, type WidgetState } from "./afm-model.ts";
import { showModule } from "./afm-module.ts";

export const WIDGET_MIME_TYPE = "application/vnd.mobula.widget.v1+json";
/** Comm target of Mobula's kernel. */
const WIDGET_TARGET = "mobula.widget.v1";

/** What the kernel says about a widget. */
type FromKernel =
  | { readonly type: "open"; readonly esm: string; readonly css: string; readonly state: WidgetState }
  | { readonly type: "update"; readonly state: WidgetState }
  | { readonly type: "custom"; readonly content: unknown };

export class WidgetView extends Widget implements IRenderMime.IRenderer {
  readonly #context: ISessionContext;
  #id = "";
  #kernel: Kernel.IKernelConnection | null = null;
  #comm: Kernel.IComm | null = null;
  #model: AfmModel | null = null;
  #end: (() => Promise<void>) | null = null;
  readonly #onKernel = () => this.#connect();
  readonly #onStatus = (_: ISessionContext, status: Kernel.Status) => this.#hearStatus(status);

  constructor(context: ISessionContext) {
    super();
    this.#context = context;
    this.addClass("mobula-Widget");
    // Lumino's mark for elements in which keys are no shortcuts of the application.
    this.node.setAttribute("data-lm-suppress-shortcuts", "true");
    context.kernelChanged.connect(this.#onKernel);
    context.statusChanged.connect(this.#onStatus);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { id } = (model.data[WIDGET_MIME_TYPE] ?? {}) as { id?: unknown };
    if (typeof id !== "string" || id === this.#id) return;
    this.#id = id;
    this.#showNote("Connecting to the kernel …");
    await this.#context.ready;
    this.#connect();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.#context.kernelChanged.disconnect(this.#onKernel);
    this.#context.statusChanged.disconnect(this.#onStatus);
    const comm = this.#comm;
    this.#leave();
    try {
      comm?.close();
    } catch {
      comm?.dispose(); // The kernel is dead: nobody is left to be told.
    }
    super.dispose();
  }

  #connect(): void {
    const kernel = this.#context.session?.kernel ?? null;
    if (this.isDisposed || this.#id === "" || (kernel === this.#kernel && this.#comm !== null)) return;
    this.#leave();
    this.#kernel = kernel;
    if (kernel === null) return this.#showNote("No kernel: this widget is shown while its kernel runs.");
    if (!kernel.handleComms) return this.#showNote("This widget is shown in another view of the same kernel.");
    const comm = kernel.createComm(WIDGET_TARGET);
    this.#comm = comm;
    comm.onMsg = (message) => {
      if (comm === this.#comm) this.#hear(message.content.data as unknown as FromKernel);
    };
    comm.onClose = (message) => {
      if (comm !== this.#comm) return;
      this.#leave();
      const { reason } = message.content.data as { reason?: unknown };
      this.#showNote(typeof reason === "string" ? reason : "The kernel closed this widget.");
    };
    comm.open({ id: this.#id });
  }

  #hearStatus(status: Kernel.Status): void {
    if (status !== "restarting" && status !== "autorestarting" && status !== "dead") return;
    if (this.#comm === null) return;
    this.#leave();
    this.#showNote("The kernel was restarted. Run the cell again to use this widget.");
  }

  #hear(message: FromKernel): void {
    if (message.type === "open") void this.#open(message);
    else if (message.type === "update") this.#model?.receive(message.state);
    else if (message.type === "custom") this.#model?.receiveCustom(message.content);
  }

  async #open({ esm, css, state }: Extract<FromKernel, { type: "open" }>): Promise<void> {
    const comm = this.#comm;
    const model = new AfmModel(state, {
      onSave: (changed) => comm?.send({ type: "update", state: changed } as JSONObject),
      onSend: (content) => comm?.send({ type: "custom", content } as JSONObject),
    });
    this.#model = model;
    const style = document.createElement("style");
    style.textContent = css;
    const place = document.createElement("div");
    this.node.replaceChildren(style, place);
    try {
      const end = await showModule(esm, model, place);
      if (this.#model === model) this.#end = end;
      else await end();
    } catch (error) {
      if (this.#model === model) this.#showNote(`This widget failed: ${String(error)}`);
    }
  }

  #leave(): void {
    const end = this.#end;
    this.#comm = null;
    this.#model = null;
    this.#end = null;
    end?.().catch((error: unknown) => console.error(error));
  }

  #showNote(text: string): void {
    const note = document.createElement("div");
    note.className = "mobula-Widget-note";
    note.textContent = text;
    this.node.replaceChildren(note);
  }
}
