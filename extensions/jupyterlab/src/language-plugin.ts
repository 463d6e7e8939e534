/** TypeScript's language service in the cells of notebooks. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { EditorExtensionRegistry, IEditorExtensionRegistry } from "@jupyterlab/codemirror";
import type { DocumentRegistry } from "@jupyterlab/docregistry";
import { type INotebookModel, INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { cellExtension } from "./language/editor-extension.ts";
import { NotebookLanguage } from "./language/notebook-language.ts";

export const languagePlugin: JupyterFrontEndPlugin<void> = {
  id: "@mobula/jupyterlab:language",
  description: "Marks type errors in notebook cells before they run.",
  autoStart: true,
  requires: [INotebookTracker, IEditorExtensionRegistry],
  activate: (_app: JupyterFrontEnd, notebooks: INotebookTracker, editors: IEditorExtensionRegistry) => {
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
    editors.addExtension({
      name: "mobula-language",
      factory: ({ model }) => {
        const extension = cellExtension(model, (cell) => [...languages.values()].find((known) => known.has(cell)));
        return extension && EditorExtensionRegistry.createImmutableExtension(extension);
      },
    });
  },
};
