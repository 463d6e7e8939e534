/** Reads a Plotly figure into what the drawing needs. Understands the common kinds of charts, in one pair of axes. */
import { type Bars, readHistogram } from "./histogram.ts";

/** A coordinate as a figure gives it: number, category, or date text. */
export type Coordinate = number | string | null;

export interface Line {
  readonly kind: "line";
  readonly name: string;
  readonly colour: string;
  readonly x: readonly Coordinate[];
  readonly y: readonly Coordinate[];
  readonly hasLine: boolean;
  readonly hasMarkers: boolean;
  readonly isFilled: boolean;
  /** Pixels. */
  readonly lineWidth: number;
  /** SVG's `stroke-dasharray`; empty for a solid line. */
  readonly dash: string;
  /** Diameters in pixels: one, or one per point. */
  readonly markerSize: number | readonly number[];
  /** One per point where the figure gives them. */
  readonly markerColours: readonly string[] | undefined;
  readonly opacity: number;
}

export interface Heatmap {
  readonly kind: "heatmap";
  readonly name: string;
  readonly x: readonly Coordinate[];
  readonly y: readonly Coordinate[];
  readonly z: readonly (readonly (number | null)[])[];
}

export interface Pie {
  readonly kind: "pie";
  readonly labels: readonly string[];
  readonly values: readonly number[];
  readonly colours: readonly string[];
  /** Inner radius as a share of the outer one. */
  readonly hole: number;
}

export type Trace = Line | Bars | Heatmap | Pie;

export interface AxisOptions {
  readonly title: string;
  readonly type: "linear" | "log" | "date" | "category" | undefined;
  /** Ends chosen by the figure; for `log`, exponents of ten. */
  readonly range: readonly [Coordinate, Coordinate] | undefined;
}

export interface Chart {
  readonly title: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly hasLegend: boolean;
  readonly barMode: "group" | "stack" | "overlay";
  readonly xAxis: AxisOptions;
  readonly yAxis: AxisOptions;
  readonly traces: readonly Trace[];
}

type Fields = Readonly<Record<string, unknown>>;

const COLOURS = [
  "#636efa",
  "#ef553b",
  "#00a878",
  "#ab63fa",
  "#e8871e",
  "#12a5c9",
  "#e0457b",
  "#6f9b1f",
  "#c44fc4",
  "#b58900",
];
const DASHES: Readonly<Record<string, string>> = { dash: "8 5", dot: "2 4", dashdot: "8 4 2 4", longdash: "14 6" };
/** Plotly adds markers to lines of fewer points than this. */
const MARKER_LIMIT = 20;

/** The chart that `figure` (plain JSON) describes; undefined when a part of it is of a kind not drawn here. */
export function readFigure(figure: { readonly data: readonly Fields[]; readonly layout: Fields }): Chart | undefined {
  const { data, layout } = figure;
  const colours = Array.isArray(layout.colorway) ? (layout.colorway as string[]) : COLOURS;
  const visible = data.filter(({ visible }) => visible !== false && visible !== "legendonly");
  const traces = visible.map((trace, index) => readTrace(trace, index, colours, visible.length));
  if (traces.length === 0 || traces.some((trace) => trace === undefined)) return undefined;
  const isMixed = traces.some((trace) => trace?.kind === "pie") && traces.length > 1;
  if (isMixed) return undefined;
  const { barmode } = layout;
  return {
    title: titleOf(layout.title),
    width: clamp(numberOr(layout.width, 700), 200, 2000),
    height: clamp(numberOr(layout.height, 450), 150, 2000),
    hasLegend: layout.showlegend === undefined ? traces.length > 1 : layout.showlegend === true,
    barMode: barmode === "stack" || barmode === "relative" ? "stack" : barmode === "overlay" ? "overlay" : "group",
    xAxis: readAxis(layout.xaxis),
    yAxis: readAxis(layout.yaxis),
    traces: traces as Trace[],
  };
}

function readTrace(trace: Fields, index: number, colours: readonly string[], count: number): Trace | undefined {
  const isOwnSubplot = ["xaxis", "yaxis", "scene", "domain"].some(
    (key) => trace[key] !== undefined && trace[key] !== "x" && trace[key] !== "y",
  );
  if (isOwnSubplot) return undefined;
  const marker = fields(trace.marker);
  const name = typeof trace.name === "string" ? trace.name : count > 1 ? `trace ${index}` : "";
  const fallback = colours[index % colours.length] ?? "#636efa";
  const colour = [fields(trace.line).color, marker.color].find((value) => typeof value === "string") ?? fallback;
  switch (trace.type ?? "scatter") {
    case "scatter":
    case "scattergl":
      return readLine(trace, name, colour);
    case "bar":
      return readBars(trace, name, colour);
    case "histogram":
      return readHistogram(trace, name, colour);
    case "heatmap":
      return readHeatmap(trace, name);
    case "pie":
      return readPie(trace, colours);
    default:
      return undefined;
  }
}

function readLine(trace: Fields, name: string, colour: string): Line {
  const { x, y } = coordinates(trace);
  const marker = fields(trace.marker);
  const line = fields(trace.line);
  const mode = typeof trace.mode === "string" ? trace.mode : x.length < MARKER_LIMIT ? "lines+markers" : "lines";
  const isNumberList = Array.isArray(marker.size) && marker.size.every((size) => typeof size === "number");
  return {
    kind: "line",
    name,
    colour,
    x,
    y,
    hasLine: mode.includes("lines"),
    hasMarkers: mode.includes("markers"),
    isFilled: trace.fill === "tozeroy",
    lineWidth: numberOr(line.width, 2),
    dash: DASHES[String(line.dash)] ?? "",
    markerSize: isNumberList ? (marker.size as number[]) : numberOr(marker.size, 6),
    markerColours: readColours(marker.color),
    opacity: numberOr(trace.opacity, numberOr(marker.opacity, 1)),
  };
}

function readBars(trace: Fields, name: string, colour: string): Bars {
  const isHorizontal = trace.orientation === "h";
  const { x, y } = isHorizontal ? coordinates({ x: trace.y, y: trace.x }) : coordinates(trace);
  return {
    kind: "bars",
    name,
    colour,
    colours: readColours(fields(trace.marker).color),
    positions: x,
    values: y.map(toNumber),
    isHorizontal,
    widthInUnits: undefined,
    opacity: numberOr(trace.opacity, 1),
  };
}

function readHeatmap(trace: Fields, name: string): Heatmap | undefined {
  if (!Array.isArray(trace.z) || !trace.z.every(Array.isArray)) return undefined;
  const z = (trace.z as unknown[][]).map((row) => row.map(toNumber));
  const columns = Math.max(...z.map((row) => row.length));
  return {
    kind: "heatmap",
    name,
    z,
    x: Array.isArray(trace.x) ? (trace.x as Coordinate[]) : range(columns),
    y: Array.isArray(trace.y) ? (trace.y as Coordinate[]) : range(z.length),
  };
}

function readPie(trace: Fields, colours: readonly string[]): Pie | undefined {
  if (!Array.isArray(trace.values)) return undefined;
  const values = (trace.values as unknown[]).map((value) => Math.max(0, toNumber(value) ?? 0));
  const labels = Array.isArray(trace.labels) ? trace.labels : range(values.length);
  const own = fields(trace.marker).colors;
  return {
    kind: "pie",
    values,
    labels: values.map((_, index) => String(labels[index] ?? index)),
    colours: values.map((_, at) => (Array.isArray(own) ? (own[at] as string) : colours[at % colours.length]) ?? "#888"),
    hole: clamp(numberOr(trace.hole, 0), 0, 0.95),
  };
}

/** Equally long columns; a missing `x` counts from 0. */
function coordinates({ x, y }: { readonly x?: unknown; readonly y?: unknown }): { x: Coordinate[]; y: Coordinate[] } {
  const given = Array.isArray(y) ? (y as Coordinate[]) : [];
  const places = Array.isArray(x) ? (x as Coordinate[]) : range(given.length);
  const length = Math.min(given.length, places.length);
  return { x: places.slice(0, length), y: given.slice(0, length) };
}

function readAxis(value: unknown): AxisOptions {
  const { title, type, range: ends } = fields(value);
  const isKnown = type === "linear" || type === "log" || type === "date" || type === "category";
  const isRange = Array.isArray(ends) && ends.length === 2;
  return {
    title: titleOf(title),
    type: isKnown ? type : undefined,
    range: isRange ? (ends as [Coordinate, Coordinate]) : undefined,
  };
}

function titleOf(title: unknown): string {
  const text = typeof title === "string" ? title : fields(title).text;
  return typeof text === "string" ? text.replace(/<br\s*\/?>/g, " ").replace(/<[^>]+>/g, "") : "";
}

/** Colours per point: names as they are, numbers along a colour scale. */
function readColours(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  if (value.every((item) => typeof item === "string")) return value;
  return colourNumbers(value.map(toNumber));
}

/** Numbers along the colour scale, from the smallest to the largest. */
export function colourNumbers(values: readonly (number | null)[]): string[] {
  const known = values.filter((value) => value !== null);
  const low = known.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = known.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return values.map((value) => (value === null ? "none" : colourAt(high > low ? (value - low) / (high - low) : 0.5)));
}

/** Five stops of the Viridis colour map, https://bids.github.io/colormap/. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

/** The colour at `share` (0 to 1) of the scale. */
export function colourAt(share: number): string {
  const at = clamp(share, 0, 1) * (VIRIDIS.length - 1);
  const index = Math.min(VIRIDIS.length - 2, Math.floor(at));
  const [from, to] = [VIRIDIS[index] ?? VIRIDIS[0], VIRIDIS[index + 1] ?? VIRIDIS[0]];
  const channel = (k: 0 | 1 | 2): number => Math.round(from[k] + (to[k] - from[k]) * (at - index));
  return `rgb(${channel(0)},${channel(1)},${channel(2)})`;
}

/** A finite number, or null for a gap. */
export function toNumber(value: unknown): number | null {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
