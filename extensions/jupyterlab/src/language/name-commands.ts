/** Commands on the name below the cursor: rename it in all cells, and go to the cell that declares it. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { InputDialog, Notification } from "@jupyterlab/apputils";
import type { ICellModel } from "@jupyterlab/cells";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import type { FindLanguage } from "./editor-extension.ts";
import type { NotebookLanguage } from "./notebook-language.ts";
import type { CellEdit, CellPlace } from "./protocol.ts";

export const NameCommandIDs = {
  rename: "mobula:rename-name",
  goToDefinition: "mobula:go-to-definition",
} as const;

const NOTICE_MS = 5000;

interface CommandParts {
  readonly app: JupyterFrontEnd;
  readonly notebooks: INotebookTracker;
  readonly find: FindLanguage;
  readonly trans: TranslationBundle;
}

export function addNameCommands({ app, notebooks, find, trans }: CommandParts): void {
  const target = () => targetOf(notebooks.currentWidget, find);
  app.commands.addCommand(NameCommandIDs.rename, {
    label: trans.__("Rename in All Cells…"),
    caption: trans.__("Rename the variable, function, type or member at the cursor in all cells of the notebook"),
    describedBy: { args: null },
    isEnabled: () => target() !== undefined,
    execute: async () => {
      const place = target();
      if (place) await rename(place, trans);
    },
  });
  app.commands.addCommand(NameCommandIDs.goToDefinition, {
    label: trans.__("Go to Definition"),
    caption: trans.__("Go to where a cell declares the name at the cursor"),
    describedBy: { args: null },
    isEnabled: () => target() !== undefined,
    execute: async () => {
      const place = target();
      if (place) await goToDefinition(place, trans);
    },
  });
}

interface Target {
  readonly panel: NotebookPanel;
  readonly language: NotebookLanguage;
  readonly cellId: string;
  readonly offset: number;
}

function targetOf(panel: NotebookPanel | null, find: FindLanguage): Target | undefined {
  const cell = panel?.content.activeCell;
  const language = cell && find(cell.model);
  if (!panel || !cell?.editor || !language?.isActive) return undefined;
  const offset = cell.editor.getOffsetAt(cell.editor.getCursorPosition());
  return { panel, language, cellId: cell.model.id, offset };
}

async function rename({ panel, language, cellId, offset }: Target, trans: TranslationBundle): Promise<void> {
  const known = await language.ask({ kind: "places", cellId, offset });
  if (!known) return tell(trans.__("There is no name at the cursor that could be renamed."));
  const title = trans.__("Rename %1", known.name);
  const { value, button } = await InputDialog.getText({ title, text: known.name, okLabel: trans.__("Rename") });
  if (!button.accept || !value || value === known.name) return;
  const before = sourcesOf(panel);
  const answer = await language.ask({ kind: "rename", cellId, offset, newName: value.trim() });
  if (!answer) return tell(trans.__("The kernel did not answer; nothing was renamed."));
  if ("problem" in answer) return tell(answer.problem);
  const after = sourcesOf(panel);
  if (answer.edits.some((edit) => before.get(edit.cellId) !== after.get(edit.cellId))) {
    return tell(trans.__("Cells changed meanwhile; nothing was renamed."));
  }
  apply(panel, answer.edits);
  panel.content.activeCell?.editor?.focus();
}

/** From the last edit of a cell to the first, so that none moves another. */
function apply(panel: NotebookPanel, edits: readonly CellEdit[]): void {
  for (const { cellId, start, length, text } of edits.toReversed()) {
    cellOf(panel, cellId)?.sharedModel.updateSource(start, start + length, text);
  }
}

async function goToDefinition({ panel, language, cellId, offset }: Target, trans: TranslationBundle): Promise<void> {
  const known = await language.ask({ kind: "places", cellId, offset });
  const [definition] = known?.definitions ?? [];
  if (!definition) return tell(trans.__("No cell of this notebook declares what is at the cursor."));
  await reveal(panel, definition);
}

/** Put a place in view, with the cursor on it. */
async function reveal({ content }: NotebookPanel, { cellId, start }: CellPlace): Promise<void> {
  const index = content.widgets.findIndex(({ model }) => model.id === cellId);
  const cell = content.widgets[index];
  if (!cell) return;
  content.activeCellIndex = index;
  await content.scrollToCell(cell, "smart");
  await cell.ready;
  content.mode = "edit";
  const position = cell.editor?.getPositionAt(start);
  if (position) cell.editor?.setCursorPosition(position);
  cell.editor?.focus();
}

function sourcesOf({ content }: NotebookPanel): Map<string, string> {
  return new Map(content.widgets.map(({ model }) => [model.id, model.sharedModel.getSource()]));
}

function cellOf({ content }: NotebookPanel, cellId: string): ICellModel | undefined {
  return content.widgets.find(({ model }) => model.id === cellId)?.model;
}

function tell(sentence: string): void {
  Notification.info(sentence, { autoClose: NOTICE_MS });
}
