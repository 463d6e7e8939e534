/** What the editors of code cells get: marks, and word of every change to the notebook they belong to. */
import type { Extension } from "@codemirror/state";
import { type EditorView, ViewPlugin } from "@codemirror/view";
import type { ICellModel } from "@jupyterlab/cells";
import type { CodeEditor } from "@jupyterlab/codeeditor";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { hoverExtension } from "./hover.ts";
import { marksExtension } from "./marks.ts";
import type { NotebookLanguage } from "./notebook-language.ts";

/** Finds the notebook of a cell; undefined while it is not open as a document. */
export type FindLanguage = (cell: ICellModel) => NotebookLanguage | undefined;

/** @returns null for editors of anything but a code cell. */
export function cellExtension(
  model: CodeEditor.IModel,
  find: FindLanguage,
  rendermime: IRenderMimeRegistry,
): Extension | null {
  if (!isCodeCell(model)) return null;
  return [
    marksExtension,
    hoverExtension(model, find, rendermime),
    ViewPlugin.define((view) => attachment(view, model, find)),
  ];
}

function attachment(view: EditorView, cell: ICellModel, find: FindLanguage) {
  let language: NotebookLanguage | undefined;
  const attach = () => {
    if (!language) {
      language = find(cell);
      language?.attach(cell.id, view);
    }
    return language;
  };
  // A view must not be changed while it is made.
  queueMicrotask(attach);
  return {
    update: ({ docChanged }: { readonly docChanged: boolean }) => {
      if (docChanged) attach()?.edited(cell.id);
    },
    destroy: () => language?.detach(cell.id, view),
  };
}

/** Whether an editor shows a code cell, of a notebook or of anything else. */
export function isCodeCell(model: CodeEditor.IModel): model is ICellModel {
  return (model as Partial<ICellModel>).type === "code" && typeof (model as Partial<ICellModel>).id === "string";
}
