/** TypeScript's language service in the cells of notebooks. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import type { ICellModel } from "@jupyterlab/cells";
import { EditorExtensionRegistry, IEditorExtensionRegistry } from "@jupyterlab/codemirror";
import { ICompletionProviderManager } from "@jupyterlab/completer";
import type { DocumentRegistry } from "@jupyterlab/docregistry";
import { type INotebookModel, INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { registerCompletions } from "./language/completions.ts";
import { cellExtension } from "./language/editor-extension.ts";
import { addNameCommands } from "./language/name-commands.ts";
import { NotebookLanguage } from "./language/notebook-language.ts";

export const languagePlugin: JupyterFrontEndPlugin<void> = {
  id: "@mobula/jupyterlab:language",
  description: "Marks, hovers, completions and renaming from the types of a notebook's cells.",
  autoStart: true,
  requires: [INotebookTracker, IEditorExtensionRegistry, IRenderMimeRegistry],
  optional: [ICompletionProviderManager, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    editors: IEditorExtensionRegistry,
    rendermime: IRenderMimeRegistry,
    completions: ICompletionProviderManager | null,
    translator: ITranslator | null,
  ) => {
    const find = followNotebooks(notebooks);
    editors.addExtension({
      name: "mobula-language",
      factory: ({ model }) => {
        const extension = cellExtension(model, find, rendermime);
        return extension && EditorExtensionRegistry.createImmutableExtension(extension);
      },
    });
    if (completions) registerCompletions(completions, find);
    addNameCommands({ app, notebooks, find, trans: (translator ?? nullTranslator).load("mobula") });
  },
};

/** @returns how to find the language service of the notebook that a cell belongs to. */
function followNotebooks(notebooks: INotebookTracker): (cell: ICellModel) => NotebookLanguage | undefined {
  /** A notebook that is shown twice has one context. */
  const languages = new Map<DocumentRegistry.IContext<INotebookModel>, NotebookLanguage>();
  const follow = ({ context }: NotebookPanel) => {
    if (languages.has(context)) return;
    const language = new NotebookLanguage(context);
    languages.set(context, language);
    context.disposed.connect(() => {
      languages.delete(context);
      language.dispose();
    });
  };
  notebooks.forEach(follow);
  notebooks.widgetAdded.connect((_, panel) => follow(panel));
  return (cell) => [...languages.values()].find((known) => known.has(cell));
}
