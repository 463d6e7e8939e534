/** Completions from the types of a notebook, names of modules among them: choosing one of those adds its import. */
import type { ICellModel } from "@jupyterlab/cells";
import type { CodeEditor } from "@jupyterlab/codeeditor";
import { CodeMirrorEditor } from "@jupyterlab/codemirror";
import type {
  CompletionHandler,
  ICompletionContext,
  ICompletionProvider,
  ICompletionProviderManager,
} from "@jupyterlab/completer";
import { type FindLanguage, isCodeCell } from "./editor-extension.ts";
import { toChanges } from "./marks.ts";
import type { NotebookLanguage } from "./notebook-language.ts";
import { toCodePoints, toUtf16 } from "./offsets.ts";
import type { CompletionItem, TextEdit } from "./protocol.ts";

/** Before the kernel's own completions, whose names JupyterLab leaves out when it has them already. */
const RANK = 600;

export function registerCompletions(manager: ICompletionProviderManager, find: FindLanguage): void {
  const provider = new TypedCompletions(find);
  manager.registerProvider(provider);
  manager.selected.connect((_, { insertText }) => provider.choose(insertText));
}

interface Item extends CompletionHandler.ICompletionItem {
  /** Of the word that it completes. */
  readonly start: number;
}

class TypedCompletions implements ICompletionProvider<Item> {
  readonly identifier = "mobula:types";
  readonly rank = RANK;
  readonly renderer = null;
  readonly #find: FindLanguage;
  /** The names offered last that need an import, and the editor they are for. */
  #imports = new Map<string, TextEdit>();
  #editor: CodeEditor.IEditor | undefined;

  constructor(find: FindLanguage) {
    this.#find = find;
  }

  isApplicable(context: ICompletionContext): Promise<boolean> {
    return Promise.resolve(this.#target(context)?.language.isActive ?? false);
  }

  async fetch(
    request: CompletionHandler.IRequest,
    context: ICompletionContext,
  ): Promise<CompletionHandler.ICompletionItemsReply<Item>> {
    const target = this.#target(context);
    const offset = toUtf16(request.text, request.offset);
    const found = await target?.language.ask({ kind: "complete", cellId: target.cell.id, offset });
    if (!found) return { start: request.offset, end: request.offset, items: [] };
    this.#editor = context.editor ?? undefined;
    this.#imports = new Map(found.items.flatMap(({ text, from }) => (from ? [[text, from.edit]] : [])));
    return {
      start: toCodePoints(request.text, found.start),
      end: toCodePoints(request.text, found.end),
      items: found.items.map((item) => toItem(item, found.start)),
    };
  }

  /** For the documentation panel. */
  async resolve(item: Item, context: ICompletionContext): Promise<Item> {
    const target = this.#target(context);
    const { editor } = context;
    if (!target || !editor || this.#imports.has(item.label)) return item;
    const offset = editor.getOffsetAt(editor.getCursorPosition());
    const place = { cellId: target.cell.id, offset, start: item.start };
    const described = await target.language.ask({ kind: "describe", ...place, text: item.label });
    return described ? { ...item, documentation: described.text } : item;
  }

  /** A name was put into the editor. */
  choose(name: string): void {
    const edit = this.#imports.get(name);
    this.#imports = new Map();
    if (edit && this.#editor instanceof CodeMirrorEditor) {
      this.#editor.editor.dispatch({ changes: toChanges([edit]), userEvent: "input.complete" });
    }
  }

  #target({
    editor,
  }: ICompletionContext): { readonly cell: ICellModel; readonly language: NotebookLanguage } | undefined {
    const cell = editor?.model;
    const language = cell && isCodeCell(cell) ? this.#find(cell) : undefined;
    return language && { cell: cell as ICellModel, language };
  }
}

function toItem({ text, kind, signature, isDeprecated }: CompletionItem, start: number): Item {
  return {
    label: text,
    insertText: text,
    type: kind,
    start,
    ...(signature !== undefined && { documentation: signature }),
    ...(isDeprecated && { deprecated: true }),
  };
}
