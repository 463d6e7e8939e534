/** Commands of the palette, and what the buttons of the panel do. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { ICommandPalette } from "@jupyterlab/apputils";
import { type INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { IClusterModel } from "./cluster-model.ts";
import type { Translation } from "./panel/context.ts";

export const CommandIDs = {
  showPanel: "mobula:show-cluster",
  insertStart: "mobula:insert-cluster-start",
  reconnect: "mobula:reconnect-cluster",
} as const;

const START_SOURCE = 'import { init } from "mobula";\n\nawait init();';

interface CommandParts {
  readonly app: JupyterFrontEnd;
  readonly model: IClusterModel;
  readonly notebooks: INotebookTracker | null;
  readonly palette: ICommandPalette | null;
  readonly trans: Translation;
  readonly panelId: string;
}

/** Register the commands, and list them in the palette when there is one. */
export function addCommands({ app, model, notebooks, palette, trans, panelId }: CommandParts): void {
  const { commands } = app;
  commands.addCommand(CommandIDs.showPanel, {
    label: trans.__("Show Cluster"),
    caption: trans.__("Show the cluster of the active notebook in the side bar"),
    describedBy: { args: null },
    execute: () => app.shell.activateById(panelId),
  });
  commands.addCommand(CommandIDs.insertStart, {
    label: trans.__("Insert a Cell That Starts a Cluster"),
    describedBy: { args: null },
    isEnabled: () => shownNotebook(model, notebooks) !== null,
    execute: () => {
      const panel = shownNotebook(model, notebooks);
      if (!panel) return;
      insertStart(panel);
      app.shell.activateById(panel.id);
    },
  });
  commands.addCommand(CommandIDs.reconnect, {
    label: trans.__("Connect to the Cluster Again"),
    describedBy: { args: null },
    isEnabled: () => model.state?.kernel === "mobula",
    execute: () => model.reconnect(),
  });
  for (const command of Object.values(CommandIDs)) palette?.addItem({ command, category: "Mobula" });
}

/** The notebook whose cluster is on show; null when that is a console or nothing. */
export function shownNotebook(model: IClusterModel, notebooks: INotebookTracker | null): NotebookPanel | null {
  return notebooks?.find((panel) => panel === model.document) ?? null;
}

/** Put a cell in view and make it the active one. @returns false when no open notebook has it. */
export function revealCell(app: JupyterFrontEnd, notebooks: INotebookTracker | null, cellId: string): boolean {
  const panel = notebooks?.find(({ content }) => content.widgets.some((cell) => cell.model.id === cellId));
  const index = panel?.content.widgets.findIndex((cell) => cell.model.id === cellId) ?? -1;
  const cell = panel?.content.widgets[index];
  if (!panel || !cell) return false;
  app.shell.activateById(panel.id);
  panel.content.activeCellIndex = index;
  void panel.content.scrollToCell(cell, "smart");
  return true;
}

/** Into the active cell when that is empty, else into a new one below; it is left for the user to run. */
function insertStart({ content, context }: NotebookPanel): void {
  if (context.model.readOnly) return;
  const active = content.activeCell;
  const isFree = active?.model.type === "code" && active.model.sharedModel.getSource().trim() === "";
  if (!isFree) NotebookActions.insertBelow(content);
  content.activeCell?.model.sharedModel.setSource(START_SOURCE);
}
