/** Shows widgets in notebooks: modules for the browser whose state the notebook's kernel shares. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { WIDGET_MIME_TYPE, WidgetView } from "./widget/widget-view.ts";

/** Before text/html (50), which the same output may carry for places without widgets. */
const RANK = 40;

export const widgetPlugin: JupyterFrontEndPlugin<void> = {
  id: "@mobula/jupyterlab:widgets",
  description: "Shows widgets of Mobula's kernel in notebooks.",
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_app: JupyterFrontEnd, notebooks: INotebookTracker) => {
    // Each notebook has renderers of its own, so a view knows its kernel. A new notebook has no outputs yet.
    const addTo = (panel: NotebookPanel) => {
      panel.content.rendermime.addFactory(
        {
          safe: false,
          mimeTypes: [WIDGET_MIME_TYPE],
          createRenderer: () => new WidgetView(panel.sessionContext),
        },
        RANK,
      );
    };
    notebooks.forEach(addTo);
    notebooks.widgetAdded.connect((_, panel) => addTo(panel));
  },
};
