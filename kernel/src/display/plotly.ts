/** Plotly figures: the specification for front ends that draw it, and a picture for all others. */
import { drawFigure } from "./chart/draw.ts";
import { readFigure } from "./chart/figure.ts";
import { renderPng } from "./chart/png.ts";
import { type Displayable, JUPYTER_DISPLAY, type MimeBundle, type ShownValue } from "./displayable.ts";
import { plainJson } from "./plain-json.ts";

/** A figure as plotly.js takes it: traces, layout, configuration. Columns may be arrays, typed arrays or Arrow vectors. */
export interface PlotlyFigure {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly layout?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

const FIGURE_KEYS = new Set(["data", "layout", "config", "frames"]);
const TRACE_KEYS = ["x", "y", "z", "values", "labels", "lat", "lon"];

/** Show `figure` as a chart. */
export function plotly(figure: PlotlyFigure): Displayable {
  return { [JUPYTER_DISPLAY]: async (): Promise<MimeBundle> => (await showFigure(figure)).data };
}

/** Is `value` a figure, told by its shape? */
export function isPlotlyFigure(value: object): value is PlotlyFigure {
  const { data, layout } = value as Partial<PlotlyFigure>;
  if (!Array.isArray(data) || data.length === 0 || !Object.keys(value).every((key) => FIGURE_KEYS.has(key)))
    return false;
  if (layout !== undefined && (typeof layout !== "object" || layout === null)) return false;
  return data.every((trace: unknown) => {
    if (typeof trace !== "object" || trace === null) return false;
    const hasColumns = TRACE_KEYS.some((key) => typeof (trace as Record<string, unknown>)[key] === "object");
    const hasType = typeof (trace as { type?: unknown }).type === "string";
    return hasColumns && (hasType || layout !== undefined);
  });
}

/** All representations of a figure. A kind of chart that only Plotly can draw has no picture. */
export async function showFigure(figure: PlotlyFigure): Promise<ShownValue> {
  const specification = plainJson({ data: figure.data, layout: figure.layout ?? {}, config: figure.config }) as {
    data: Record<string, unknown>[];
    layout: Record<string, unknown>;
  };
  const chart = readFigure(specification);
  const bundle: Record<string, unknown> = {
    "application/vnd.plotly.v1+json": specification,
    "text/plain": describe(specification.data, chart?.title ?? ""),
  };
  if (chart === undefined) return { data: bundle, metadata: {} };
  const picture = drawFigure(chart);
  const png = await renderPng(picture);
  bundle["image/svg+xml"] = picture;
  if (png === undefined) return { data: bundle, metadata: {} };
  bundle["image/png"] = Buffer.from(png).toString("base64");
  return { data: bundle, metadata: {} };
}

function describe(traces: readonly Record<string, unknown>[], title: string): string {
  const kinds = traces.map(({ type, name }) => {
    const kind = typeof type === "string" ? type : "scatter";
    return typeof name === "string" ? `${kind} ${name}` : kind;
  });
  const list = kinds.length > 6 ? [...kinds.slice(0, 6), `… ${kinds.length - 6} more`] : kinds;
  return `Plotly chart${title === "" ? "" : ` "${title}"`}: ${list.join(", ")}`;
}
