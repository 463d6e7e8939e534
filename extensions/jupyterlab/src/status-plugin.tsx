/** The cluster in the status bar, unless the user's settings say otherwise. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { ReactWidget, UseSignal } from "@jupyterlab/ui-components";
import { Signal } from "@lumino/signaling";
import { IClusterModel } from "./cluster-model.ts";
import { CommandIDs } from "./commands.ts";
import { StatusItem } from "./panel/status-item.tsx";

const PLUGIN_ID = "@mobula/jupyterlab:status";
const RANK = 60;

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: "Shows the cluster of the active notebook in the status bar.",
  autoStart: true,
  requires: [IClusterModel],
  optional: [IStatusBar, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IClusterModel,
    statusBar: IStatusBar | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ) => {
    if (!statusBar) return;
    const trans = (translator ?? nullTranslator).load("mobula");
    const open = () => void app.commands.execute(CommandIDs.showPanel);
    const item = ReactWidget.create(
      <UseSignal signal={model.changed}>
        {() => (model.state ? <StatusItem data={model.state.data} trans={trans} open={open} /> : <></>)}
      </UseSignal>,
    );
    const isLive = () => model.state?.phase.name === "live";
    let isWanted = true;
    const activeStateChanged = new Signal<object, void>(item);
    statusBar.registerStatusItem(PLUGIN_ID, {
      item,
      align: "left",
      rank: RANK,
      isActive: () => isWanted && isLive(),
      activeStateChanged,
    });

    let wasLive = isLive();
    model.changed.connect(() => {
      if (isLive() === wasLive) return; // The status bar is laid out anew at each signal.
      wasLive = isLive();
      activeStateChanged.emit();
    });

    const obey = (settings: ISettingRegistry.ISettings | undefined) => {
      isWanted = settings?.get("showStatusItem").composite !== false;
      model.setStatusVisible(isWanted);
      activeStateChanged.emit();
    };
    obey(undefined);
    void registry?.load(PLUGIN_ID).then((settings) => {
      settings.changed.connect(() => obey(settings));
      obey(settings);
    });
  },
};
