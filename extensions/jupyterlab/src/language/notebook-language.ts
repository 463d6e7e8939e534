/** The language service of one notebook: keeps the kernel informed of the cells, and draws what it says about them. */
import type { EditorView } from "@codemirror/view";
import type { ICellModel } from "@jupyterlab/cells";
import type { DocumentRegistry } from "@jupyterlab/docregistry";
import type { INotebookModel } from "@jupyterlab/notebook";
import { CellSync } from "./cell-sync.ts";
import { KernelComm, type QuestionOf } from "./kernel-comm.ts";
import { showMarks } from "./marks.ts";
import type { CellText, LanguageQuestions, LanguageReply, LiveDiagnostic } from "./protocol.ts";

/** The kernel is asked when nobody has typed for this time. */
const REST_MS = 300;

export class NotebookLanguage {
  readonly #context: DocumentRegistry.IContext<INotebookModel>;
  readonly #comm: KernelComm;
  readonly #sync = new CellSync();
  /** What is known about cells, for editors that are made later: cells out of sight have none. */
  readonly #marks = new Map<string, { readonly code: string; readonly marks: readonly LiveDiagnostic[] }>();
  readonly #editors = new Map<string, Set<EditorView>>();
  /** The cell typed in last, which the user looks at. */
  #activeId: string | undefined;
  /** The kernel heard of changes that it has not been asked to check. */
  #isUnchecked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #wakeUp = () => this.#wake();

  constructor(context: DocumentRegistry.IContext<INotebookModel>) {
    this.#context = context;
    this.#comm = new KernelComm(context.sessionContext, {
      onOpen: () => {
        this.#sync.reset();
        this.#wake();
      },
      onReply: (reply) => this.#take(reply),
      onClose: () => this.#clear(),
    });
    context.model.contentChanged.connect(this.#wakeUp);
  }

  /** Is this cell one of the notebook's? */
  has(cell: ICellModel): boolean {
    for (const own of this.#context.model.cells) if (own === cell) return true;
    return false;
  }

  attach(cellId: string, view: EditorView): void {
    const views = this.#editors.get(cellId) ?? new Set();
    this.#editors.set(cellId, views.add(view));
    const known = this.#marks.get(cellId);
    if (known && known.code === view.state.doc.toString()) showMarks(view, known.marks);
  }

  detach(cellId: string, view: EditorView): void {
    this.#editors.get(cellId)?.delete(view);
  }

  /** The text of a cell changed by typing: wait until it rests. */
  edited(cellId: string): void {
    this.#activeId = cellId;
    this.#sync.touch(cellId);
    this.#marks.delete(cellId);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wake();
  }

  /** A kernel of ours listens. */
  get isActive(): boolean {
    return this.#comm.isOpen;
  }

  /** Ask about the text as it is at this moment. */
  async ask<K extends keyof LanguageQuestions>(
    question: QuestionOf<K>,
  ): Promise<LanguageQuestions[K]["answer"] | undefined> {
    if (!this.#comm.isOpen) return undefined;
    this.#tellCells();
    return await this.#comm.ask(question);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#context.model?.contentChanged.disconnect(this.#wakeUp);
    this.#comm.dispose();
  }

  /** Look at the cells soon. Output changes the notebook too, so a wait that has begun is not begun anew. */
  #wake(): void {
    if (!this.#comm?.isOpen) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tellCells();
      if (this.#isUnchecked) this.#check();
    }, REST_MS);
  }

  #tellCells(): void {
    const update = this.#sync.update(this.#cells());
    if (!update) return;
    this.#isUnchecked = true;
    this.#comm.send(update);
  }

  #check(): void {
    this.#isUnchecked = false;
    const ids = this.#cells().map(({ id }) => id);
    const active = ids.indexOf(this.#activeId ?? "");
    // What is typed matters to the cells below it first.
    this.#comm.send({ type: "check", cells: active < 0 ? ids : [...ids.slice(active), ...ids.slice(0, active)] });
  }

  #take(reply: LanguageReply): void {
    switch (reply.type) {
      case "world-changed":
        this.#tellCells();
        this.#check();
        return;
      case "diagnostics":
        this.#show(reply);
        return;
      case "answer":
      case "failed": // the comm gives them to who asked
    }
  }

  #show({ cellId, revision, diagnostics }: Extract<LanguageReply, { type: "diagnostics" }>): void {
    const code = this.#cells().find(({ id }) => id === cellId)?.code;
    if (code === undefined || !this.#sync.isCurrent({ id: cellId, code }, revision)) return;
    this.#marks.set(cellId, { code, marks: diagnostics });
    for (const view of this.#editors.get(cellId) ?? []) {
      if (view.state.doc.toString() === code) showMarks(view, diagnostics);
    }
  }

  #clear(): void {
    this.#marks.clear();
    for (const views of this.#editors.values()) for (const view of views) showMarks(view, []);
  }

  #cells(): CellText[] {
    const cells = [...(this.#context.model?.cells ?? [])].filter(({ type }) => type === "code");
    return cells.map(({ id, sharedModel }) => ({ id, code: sharedModel.getSource() }));
  }
}
