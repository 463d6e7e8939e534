/** The cluster panel in the left side bar. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import {
  ICommandPalette,
  type ISessionContext,
  ISessionContextDialogs,
  SessionContextDialogs,
} from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IStateDB } from "@jupyterlab/statedb";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { ReactWidget, UseSignal } from "@jupyterlab/ui-components";
import type { Message } from "@lumino/messaging";
import { Signal } from "@lumino/signaling";
import type { ReactElement } from "react";
import { IClusterModel } from "./cluster-model.ts";
import { addCommands, CommandIDs, revealCell, shownNotebook } from "./commands.ts";
import { rayIcon } from "./icon.ts";
import { ClusterPanel } from "./panel/cluster-panel.tsx";
import type { PanelActions, PanelServices } from "./panel/context.ts";
import { ClosedSections } from "./panel/sections.ts";
import { VariablesLink } from "./variables/variables-link.ts";

const PANEL_ID = "mobula-cluster";
const RANK = 600;
const SECTIONS_KEY = "@mobula/jupyterlab:closed-sections";
const INTRODUCED_KEY = "@mobula/jupyterlab:introduced";

export const sidebarPlugin: JupyterFrontEndPlugin<void> = {
  id: "@mobula/jupyterlab:sidebar",
  description: "Shows the cluster of the active notebook in the side bar.",
  autoStart: true,
  requires: [IClusterModel],
  optional: [INotebookTracker, ITranslator, ISessionContextDialogs, ICommandPalette, ILayoutRestorer, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    model: IClusterModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null,
    dialogs: ISessionContextDialogs | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    stateDB: IStateDB | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("mobula");
    const kernelDialogs = dialogs ?? new SessionContextDialogs(translator ? { translator } : {});
    const sections = new ClosedSections((closed) => void stateDB?.save(SECTIONS_KEY, closed));
    // The state database answers when the workspace is loaded, which waits for every plugin: do not wait for it here.
    void stateDB?.fetch(SECTIONS_KEY).then((saved) => sections.restore(saved));
    const panel = new ClusterSidebar(model, () => ({ trans, sections, actions: actionsNow(), now: Date.now }));
    panel.id = PANEL_ID;
    panel.title.icon = rayIcon;
    panel.title.caption = trans.__("Cluster");
    panel.node.setAttribute("role", "region");
    panel.node.setAttribute("aria-label", trans.__("Cluster"));
    app.shell.add(panel, "left", { rank: RANK, type: "Mobula" });
    restorer?.add(panel, PANEL_ID);
    if (stateDB) introduceOnce(app, model, stateDB);
    addCommands({ app, model, notebooks, palette, trans, panelId: PANEL_ID });

    function actionsNow(): PanelActions {
      const context = model.document?.sessionContext;
      return {
        reconnect: () => model.reconnect(),
        revealCell: (cellId) => revealCell(app, notebooks, cellId),
        cancelTasks: (group) => model.cancelTasks(group),
        ...(shownNotebook(model, notebooks) && {
          insertStart: () => void app.commands.execute(CommandIDs.insertStart),
        }),
        ...(context && {
          chooseKernel: () => void kernelDialogs.selectKernel(context),
          restartKernel: () => void kernelDialogs.restart(context),
        }),
      };
    }
  },
};

/**
 * Bring the panel into view at the first notebook that can have a cluster, for a reader who does not know of it. From then
 * on it is as the reader leaves it.
 */
function introduceOnce(app: JupyterFrontEnd, model: IClusterModel, stateDB: IStateDB): void {
  const introduce = async (): Promise<void> => {
    await app.restored;
    if ((await stateDB.fetch(INTRODUCED_KEY)) !== undefined) return;
    await stateDB.save(INTRODUCED_KEY, true);
    const { document } = model;
    app.shell.activateById(PANEL_ID);
    if (document) app.shell.activateById(document.id);
  };
  const onChanged = (): void => {
    const phase = model.state?.phase.name;
    if (phase !== "no-cluster" && phase !== "connecting" && phase !== "live") return;
    model.changed.disconnect(onChanged);
    void introduce();
  };
  model.changed.connect(onChanged);
}

class ClusterSidebar extends ReactWidget {
  readonly #model: IClusterModel;
  readonly #variablesChanged = new Signal<this, void>(this);
  #variables: { readonly context: ISessionContext; readonly link: VariablesLink } | null = null;
  readonly #services: () => PanelServices;

  constructor(model: IClusterModel, services: () => PanelServices) {
    super();
    this.#model = model;
    this.#services = services;
    this.addClass("mobula-Sidebar");
    model.changed.connect(() => this.#followVariables());
  }

  /** Listen to the kernel of the document on show, and to no other. */
  #followVariables(): void {
    const context = this.#model.document?.sessionContext;
    if (context === this.#variables?.context) return;
    this.#variables?.link.dispose();
    this.#variables = context === undefined ? null : { context, link: new VariablesLink(context) };
    this.#variables?.link.changed.connect(() => this.#variablesChanged.emit());
    this.#variablesChanged.emit();
  }

  protected override render(): ReactElement {
    return (
      <UseSignal signal={this.#model.changed}>
        {() => (
          <UseSignal signal={this.#variablesChanged}>
            {() => (
              <ClusterPanel
                state={this.#model.state}
                services={this.#services()}
                variables={this.#variables?.link.variables ?? null}
              />
            )}
          </UseSignal>
        )}
      </UseSignal>
    );
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.#model.setPanelVisible(this.isVisible);
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.#model.setPanelVisible(true);
  }

  protected override onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this.#model.setPanelVisible(false);
  }

  protected override onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this.#model.setPanelVisible(false);
  }
}
