/** The plugins of this extension, as JupyterLab loads them. Charts are apart, in `mime.ts`. */
import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { languagePlugin } from "./language-plugin.ts";
import { modelPlugin } from "./model-plugin.ts";
import { sidebarPlugin } from "./sidebar-plugin.tsx";
import { statusPlugin } from "./status-plugin.tsx";
import { widgetPlugin } from "./widget-plugin.ts";

export { IClusterModel } from "./cluster-model.ts";

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  modelPlugin,
  sidebarPlugin,
  statusPlugin,
  languagePlugin,
  widgetPlugin,
];
export default plugins;
