/** A Plotly figure as it lies in a notebook, and how a theme dresses it. */

export interface Figure {
  readonly data: readonly object[];
  readonly layout: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly frames: readonly object[];
}

/** Colours as CSS text, the font as a CSS font family. */
export interface ChartTheme {
  readonly font: string;
  readonly text: string;
  readonly paper: string;
  readonly grid: string;
  readonly axis: string;
}

/** Height in pixels of a figure that names none; reserved before the chart library is loaded. */
export const DEFAULT_HEIGHT_PX = 400;

/** Room above the plot for a title and the buttons. */
const TOP_MARGIN_PX = 48;

/**
 * Check the shape of a figure; what is in its traces is Plotly's to judge.
 *
 * @throws TypeError that says what is wrong, in words for the author of the figure.
 */
export function readFigure(value: unknown): Figure {
  if (!isRecord(value)) throw new TypeError(`A figure is an object with 'data' and 'layout', not ${nameOf(value)}.`);
  const { data = [], layout, config, frames } = value;
  if (!Array.isArray(data)) throw new TypeError(`'data' of a figure is an array of traces, not ${nameOf(data)}.`);
  const wrong = data.findIndex((trace) => !isRecord(trace));
  if (wrong >= 0) throw new TypeError(`Trace ${wrong} of the figure is ${nameOf(data[wrong])}, not an object.`);
  if (layout !== undefined && layout !== null && !isRecord(layout)) {
    throw new TypeError(`'layout' of a figure is an object, not ${nameOf(layout)}.`);
  }
  return {
    data,
    layout: isRecord(layout) ? layout : {},
    config: isRecord(config) ? config : {},
    frames: Array.isArray(frames) ? frames.filter(isRecord) : [],
  };
}

/** Height in pixels that a figure takes. */
export function figureHeight({ layout }: Figure): number {
  return typeof layout["height"] === "number" && layout["height"] > 0 ? layout["height"] : DEFAULT_HEIGHT_PX;
}

/** Whether the figure wants a width of its own, whatever room there is. */
export function hasOwnWidth({ layout }: Figure): boolean {
  return typeof layout["width"] === "number";
}

/**
 * The layout to draw: the figure's own, in the colours of the theme where it says nothing. A figure with a template has
 * chosen its looks, and keeps them. What Plotly writes into a layout never reaches the notebook: this is a copy.
 *
 * @param widthPx - room there is; used unless the figure has a width.
 */
export function layoutToDraw(figure: Figure, theme: ChartTheme, widthPx: number): Record<string, unknown> {
  const layout = structuredClone(figure.layout) as Record<string, unknown>;
  return {
    uirevision: "kept", // zoom and hidden traces survive a change of theme or data
    ...layout,
    template: isRecord(layout["template"]) ? layout["template"] : themeTemplate(theme),
    height: figureHeight(figure),
    width: hasOwnWidth(figure) ? layout["width"] : widthPx,
  };
}

function themeTemplate({ font, text, paper, grid, axis }: ChartTheme): object {
  const cartesian = { gridcolor: grid, linecolor: axis, zerolinecolor: axis, automargin: true };
  const plain = { gridcolor: grid, linecolor: axis };
  const spatial = { ...cartesian, backgroundcolor: paper };
  return {
    layout: {
      font: { family: font, color: text, size: 12 },
      paper_bgcolor: paper,
      plot_bgcolor: paper,
      margin: { l: 56, r: 24, t: TOP_MARGIN_PX, b: 48 },
      xaxis: cartesian,
      yaxis: cartesian,
      scene: { xaxis: spatial, yaxis: spatial, zaxis: spatial },
      polar: { bgcolor: paper, angularaxis: plain, radialaxis: plain },
      ternary: { bgcolor: paper, aaxis: plain, baxis: plain, caxis: plain },
      geo: { bgcolor: paper, landcolor: grid, lakecolor: paper, subunitcolor: axis },
      hoverlabel: { font: { family: font } },
      modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: axis, activecolor: text },
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
