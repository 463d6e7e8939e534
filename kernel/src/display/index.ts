/** What cells use to show values; also importable as `@mobula/kernel/display`. */
export { toBundle } from "./bundle.ts";
export {
  type Displayable,
  html,
  JUPYTER_DISPLAY,
  md,
  type MimeBundle,
  type ShownValue,
  svg,
} from "./displayable.ts";
export { plotly, type PlotlyFigure } from "./plotly.ts";
export { clearOutput, display, type DisplayOptions, displaysShown } from "./show.ts";
export { table, type TableOptions } from "./table.ts";
