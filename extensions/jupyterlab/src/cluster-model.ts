/** The clusters of the open documents, and which of them is on show. */
import type { ISessionContext } from "@jupyterlab/apputils";
import { Token } from "@lumino/coreutils";
import { type ISignal, Signal } from "@lumino/signaling";
import type { Widget } from "@lumino/widgets";
import { KernelLink } from "./link/kernel-link.ts";
import type { Attention, LinkState } from "./link/state.ts";

/** A document with a kernel: a notebook or a console. */
export type KernelDocument = Widget & { readonly sessionContext: ISessionContext };

/** What the panel and the status bar show, and what they may ask for. */
export interface IClusterModel {
  /** State of the cluster on show; null when no document with a kernel is open. */
  readonly state: LinkState | null;
  /** The document whose cluster is on show. */
  readonly document: KernelDocument | null;
  /** `state` or `document` changed. */
  readonly changed: ISignal<IClusterModel, void>;
  /** The panel came into view or left it. */
  setPanelVisible(isVisible: boolean): void;
  /** The status bar shows the cluster, or does not. */
  setStatusVisible(isVisible: boolean): void;
  /** Close the connection to the cluster on show, if there is one, and open a new one. */
  reconnect(): void;
  /** Cancel all tasks of a function that one cell started. The answer shows in `state.cancels`. */
  cancelTasks(group: { readonly function: string; readonly cellId?: string }): void;
}

export const IClusterModel: Token<IClusterModel> = new Token<IClusterModel>(
  "@mobula/jupyterlab:IClusterModel",
  "The cluster of the active notebook or console.",
);

/** Whether a widget of the main area has a kernel of its own. */
export function isKernelDocument(widget: Widget | null): widget is KernelDocument {
  const context = (widget as Partial<KernelDocument> | null)?.sessionContext;
  return context !== undefined && "kernelChanged" in context && "iopubMessage" in context;
}

interface Tracked {
  readonly link: KernelLink;
  readonly documents: Set<KernelDocument>;
}

/** Keeps one link for each session context, as long as a document with it is open. */
export class ClusterModel implements IClusterModel {
  readonly #tracked = new Map<ISessionContext, Tracked>();
  readonly #changed = new Signal<this, void>(this);
  #document: KernelDocument | null = null;
  #isPanelVisible = false;
  #isStatusVisible = false;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#shareAttention());
  }

  get document(): KernelDocument | null {
    return this.#document;
  }

  get state(): LinkState | null {
    return this.#shownLink()?.state ?? null;
  }

  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  setPanelVisible(isVisible: boolean): void {
    this.#isPanelVisible = isVisible;
    this.#shareAttention();
  }

  setStatusVisible(isVisible: boolean): void {
    this.#isStatusVisible = isVisible;
    this.#shareAttention();
  }

  reconnect(): void {
    this.#shownLink()?.reconnect();
  }

  cancelTasks(group: { readonly function: string; readonly cellId?: string }): void {
    this.#shownLink()?.cancelTasks(group);
  }

  /** Put a document on show. It is forgotten by itself when it closes. */
  show(shown: KernelDocument | null): void {
    if (shown) this.#track(shown);
    if (shown === this.#document) return;
    this.#document = shown;
    this.#shareAttention();
    this.#changed.emit();
  }

  #track(opened: KernelDocument): void {
    const context = opened.sessionContext;
    let tracked = this.#tracked.get(context);
    if (!tracked) {
      tracked = { link: new KernelLink(context, "none"), documents: new Set() };
      tracked.link.changed.connect((link) => this.#hearLink(link));
      this.#tracked.set(context, tracked);
    }
    if (tracked.documents.has(opened)) return;
    tracked.documents.add(opened);
    opened.disposed.connect(() => this.#forget(opened, context));
  }

  #forget(closed: KernelDocument, context: ISessionContext): void {
    const tracked = this.#tracked.get(context);
    tracked?.documents.delete(closed);
    if (tracked?.documents.size === 0) {
      this.#tracked.delete(context);
      tracked.link.dispose();
    }
    if (closed === this.#document) this.show(null);
  }

  #hearLink(link: KernelLink): void {
    this.#shareAttention(); // A kernel that came or went may make another link the one on show.
    if (link === this.#shownLink()) this.#changed.emit();
  }

  /** The link of the document on show, or of the document that holds the comms of the same kernel. */
  #shownLink(): KernelLink | undefined {
    if (!this.#document) return undefined;
    const own = this.#tracked.get(this.#document.sessionContext)?.link;
    if (!own?.isSecondary) return own;
    const all = [...this.#tracked.values()].map((tracked) => tracked.link);
    return all.find((link) => link.kernelId === own.kernelId && !link.isSecondary) ?? own;
  }

  #shareAttention(): void {
    const shown = this.#shownLink();
    for (const { link } of this.#tracked.values()) link.setAttention(link === shown ? this.#attention() : "none");
  }

  #attention(): Attention {
    if (document.hidden) return "none";
    if (this.#isPanelVisible) return "panel";
    return this.#isStatusVisible ? "status" : "none";
  }
}
