/** Charts in one pair of axes: lines, points, bars, heat maps. */
import { type Axis, fitAxis } from "./axis.ts";
import { barLayers, drawBars } from "./bars.ts";
import type { Area } from "./draw.ts";
import type { Chart, Coordinate, Heatmap, Line } from "./figure.ts";
import { COLOUR_BAR_WIDTH, drawColourBar, drawHeatmap } from "./heatmap.ts";
import type { Bars } from "./histogram.ts";
import { drawLine } from "./lines.ts";
import { element, FAINT, GRID, INK, label, shorten, textWidth } from "./markup.ts";

const TICK_SIZE = 11;
const TITLE_SIZE = 12;
const MAX_LABEL_LENGTH = 18;

export function drawCartesian(chart: Chart, outer: Area): string {
  const { traces } = chart;
  const heatmap = traces.find((trace): trace is Heatmap => trace.kind === "heatmap");
  const area = { ...outer, right: outer.right - (heatmap === undefined ? 0 : COLOUR_BAR_WIDTH) };
  const content = collectContent(chart);

  // Labels need room, and how much is known only when the axes are fitted: fit, measure, fit again.
  const draftY = fitAxis(chart.yAxis, content.y, area.bottom, area.top, 6);
  const left =
    area.left + Math.max(...draftY.ticks.map((tick) => tickWidth(tick.label)), 10) + 10 + titleRoom(chart.yAxis.title);
  const tickCount = Math.max(2, Math.min(8, Math.floor((area.right - left) / 80)));
  const draftX = fitAxis(chart.xAxis, content.x, left, area.right, tickCount);
  const isSlanted = draftX.ticks.some((tick, at) => {
    const next = draftX.ticks[at + 1];
    return next !== undefined && tickWidth(tick.label) + 6 > Math.abs(next.pixel - tick.pixel);
  });
  const widest = Math.max(...draftX.ticks.map((tick) => tickWidth(tick.label)), 10);
  const bottom = area.bottom - 20 - (isSlanted ? widest * 0.6 : 0) - titleRoom(chart.xAxis.title);
  const plot: Area = { left, top: area.top + 4, right: area.right - 6, bottom };
  const x = fitAxis(chart.xAxis, content.x, plot.left, plot.right, tickCount);
  const y = fitAxis(chart.yAxis, content.y, plot.bottom, plot.top, Math.max(2, Math.min(7, (bottom - plot.top) / 45)));

  const bars = traces.filter((trace): trace is Bars => trace.kind === "bars");
  const marks = [
    ...traces.flatMap((trace) => (trace.kind === "heatmap" ? drawHeatmap(trace, x, y) : [])),
    drawBars(barLayers(bars, chart.barMode), x, y, chart.barMode),
    ...traces.flatMap((trace) => (trace.kind === "line" ? drawLine(trace, x, y) : [])),
  ].join("");
  // Pictures share a page and with it their ids; the same id means the same rectangle here.
  const clipId = `plot-${[plot.left, plot.top, plot.right, plot.bottom].map(Math.round).join("-")}`;
  const clip = element("clipPath", { id: clipId }, rectangle(plot, 5));
  return [
    element("defs", {}, clip),
    drawXAxis(x, plot, isSlanted, outer),
    drawYAxis(y, plot, outer),
    element("g", { "clip-path": `url(#${clipId})` }, marks || " "),
    heatmap === undefined ? "" : drawColourBar(heatmap, { ...plot, left: plot.right + 18, right: outer.right }),
  ].join("");
}

function collectContent({ traces, barMode }: Chart): Record<"x" | "y", Parameters<typeof fitAxis>[1]> {
  const lines = traces.filter((trace): trace is Line => trace.kind === "line");
  const heatmaps = traces.filter((trace): trace is Heatmap => trace.kind === "heatmap");
  const bars = traces.filter((trace): trace is Bars => trace.kind === "bars");
  const layers = barLayers(bars, barMode);
  const isHorizontal = bars.some((trace) => trace.isHorizontal);
  const places = bars.flatMap((trace) => trace.positions);
  const heights: Coordinate[] = layers.flatMap(({ spans }) => spans.flatMap((span) => span ?? []));
  const has = (axis: "x" | "y"): { slots: boolean; zero: boolean } => {
    const isPlaceAxis = (axis === "y") === isHorizontal;
    return {
      slots: heatmaps.length > 0 || (bars.length > 0 && isPlaceAxis),
      zero: bars.length > 0 ? !isPlaceAxis : axis === "y" && lines.some((line) => line.isFilled),
    };
  };
  const hasMarkers = lines.some((line) => line.hasMarkers);
  const of = (axis: "x" | "y"): Parameters<typeof fitAxis>[1] => ({
    coordinates: [
      ...[...heatmaps, ...lines].flatMap((trace) => trace[axis]),
      ...((axis === "y") === isHorizontal ? places : heights),
    ],
    hasSlots: has(axis).slots,
    includesZero: has(axis).zero,
    padding: axis === "y" || hasMarkers || bars.length > 0 ? 0.05 : 0,
  });
  return { x: of("x"), y: of("y") };
}

function drawXAxis(axis: Axis, plot: Area, isSlanted: boolean, outer: Area): string {
  const ticks = axis.ticks.map(({ pixel, label: text }) => {
    const grid = element("path", { d: `M${pixel.toFixed(1)} ${plot.top}V${plot.bottom}`, stroke: GRID });
    const place = { x: pixel, y: plot.bottom + 15, "font-size": TICK_SIZE };
    const slanted = {
      "text-anchor": "end",
      transform: `rotate(-35 ${pixel.toFixed(1)} ${(plot.bottom + 12).toFixed(1)})`,
    };
    return (
      grid +
      label(shorten(text, MAX_LABEL_LENGTH), { ...place, ...(isSlanted ? slanted : { "text-anchor": "middle" }) })
    );
  });
  const middle = (plot.left + plot.right) / 2;
  const title = axis.title === "" ? "" : axisTitle(axis.title, middle, outer.bottom - 2, undefined);
  return ticks.join("") + element("path", { d: `M${plot.left} ${plot.bottom}H${plot.right}`, stroke: FAINT }) + title;
}

function drawYAxis(axis: Axis, plot: Area, outer: Area): string {
  const ticks = axis.ticks.map(({ pixel, label: text }) => {
    const grid = element("path", { d: `M${plot.left} ${pixel.toFixed(1)}H${plot.right}`, stroke: GRID });
    const place = { x: plot.left - 6, y: pixel + 4, "text-anchor": "end", "font-size": TICK_SIZE };
    return grid + label(shorten(text, MAX_LABEL_LENGTH), place);
  });
  const middle = (plot.top + plot.bottom) / 2;
  const x = outer.left + TITLE_SIZE - 2;
  const title = axis.title === "" ? "" : axisTitle(axis.title, x, middle, `rotate(-90 ${x} ${middle.toFixed(1)})`);
  return ticks.join("") + element("path", { d: `M${plot.left} ${plot.top}V${plot.bottom}`, stroke: FAINT }) + title;
}

function axisTitle(text: string, x: number, y: number, transform: string | undefined): string {
  return label(text, { x, y, transform, "text-anchor": "middle", "font-size": TITLE_SIZE, fill: INK });
}

function titleRoom(title: string): number {
  return title === "" ? 0 : TITLE_SIZE + 8;
}

function tickWidth(text: string): number {
  return textWidth(shorten(text, MAX_LABEL_LENGTH), TICK_SIZE);
}

function rectangle({ left, top, right, bottom }: Area, margin: number): string {
  return element("rect", {
    x: left - margin,
    y: top - margin,
    width: right - left + 2 * margin,
    height: bottom - top + 2 * margin,
  });
}
