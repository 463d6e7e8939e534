/** What cells use to show values; also importable as `@mobula/kernel/display`. */
export { toBundle } from "./bundle.ts";
export {
  type Displayable,
  html,
  JUPYTER_DISPLAY,
  latex,
  type MimeBundle,
  md,
  type ShownValue,
  svg,
} from "./displayable.ts";
export { type ImageOptions, image } from "./image.ts";
export { type JsonOptions, json } from "./json.ts";
export { type PlotlyFigure, plotly } from "./plotly.ts";
export { clearOutput, type DisplayOptions, display, displaysShown } from "./show.ts";
export { type TableOptions, table } from "./table.ts";
