/** Provides the cluster of whichever notebook or console the user last worked in. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ClusterModel, IClusterModel, isKernelDocument } from "./cluster-model.ts";

export const modelPlugin: JupyterFrontEndPlugin<IClusterModel> = {
  id: "@mobula/jupyterlab:model",
  description: "Finds the cluster of the active notebook or console.",
  autoStart: true,
  provides: IClusterModel,
  optional: [INotebookTracker],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker | null) => {
    const model = new ClusterModel();
    const follow = () => {
      const active = app.shell.currentWidget;
      if (isKernelDocument(active)) model.show(active);
      else if (!model.document || model.document.isDisposed) model.show(notebooks?.currentWidget ?? null);
      // Else a text file or a terminal came to the front: the last cluster stays on show.
    };
    app.shell.currentChanged?.connect(follow);
    notebooks?.currentChanged.connect(follow);
    void app.restored.then(follow);
    return model;
  },
};
