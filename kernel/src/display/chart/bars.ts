/** Bars beside, over or on top of each other. */
import type { Axis } from "./axis.ts";
import type { Chart, Coordinate } from "./figure.ts";
import type { Bars } from "./histogram.ts";
import { element, PANEL } from "./markup.ts";

/** A trace's bars as intervals of the measured axis. */
export interface BarLayer {
  readonly trace: Bars;
  readonly spans: readonly (readonly [number, number] | undefined)[];
}

/** Stack the traces where the chart asks for it; otherwise every bar starts at zero. */
export function barLayers(traces: readonly Bars[], mode: Chart["barMode"]): BarLayer[] {
  const tops = new Map<string, number>();
  return traces.map((trace) => ({
    trace,
    spans: trace.values.map((value, index) => {
      if (value === null) return undefined;
      if (mode !== "stack") return [0, value] as const;
      // Bars below zero stack downwards, apart from those above.
      const key = `${value < 0 ? "-" : "+"}${String(trace.positions[index])}`;
      const from = tops.get(key) ?? 0;
      tops.set(key, from + value);
      return [from, from + value] as const;
    }),
  }));
}

export function drawBars(layers: readonly BarLayer[], x: Axis, y: Axis, mode: Chart["barMode"]): string {
  const lanes = mode === "group" ? layers.length : 1;
  return layers.map((layer, index) => drawLayer(layer, mode === "group" ? index : 0, lanes, x, y)).join("");
}

function drawLayer({ trace, spans }: BarLayer, lane: number, lanes: number, x: Axis, y: Axis): string {
  const [along, across] = trace.isHorizontal ? [y, x] : [x, y];
  // Bars of a histogram touch; others leave a fifth of their place free.
  const room = trace.widthInUnits === undefined ? along.slotPixels * 0.8 : unitPixels(along, trace) * 0.97;
  const thickness = Math.max(1, room / lanes);
  const shapes = spans.map((span, index) => {
    const middle = along.pixel(trace.positions[index] ?? null);
    const [from, to] = [across.pixel(span?.[0] ?? null) ?? across.pixel(null), across.pixel(span?.[1] ?? null)];
    if (span === undefined || middle === undefined || to === undefined) return "";
    // On a logarithmic axis zero has no place: such a bar starts below the plot.
    const base = from ?? (trace.isHorizontal ? 0 : 1e5);
    const start = middle - room / 2 + lane * thickness;
    const [low, length] = [Math.min(base, to), Math.abs(to - base)];
    const box = trace.isHorizontal
      ? { x: low, y: start, width: length, height: thickness }
      : { x: start, y: low, width: thickness, height: length };
    const fill = trace.colours?.[index] ?? trace.colour;
    return element("rect", { ...box, fill, stroke: PANEL, "stroke-width": 0.5 });
  });
  return element("g", { opacity: trace.opacity }, shapes.join("") || " ");
}

function unitPixels(along: Axis, { positions, widthInUnits }: Bars): number {
  const first = positions.find((position): position is number => typeof position === "number");
  if (first === undefined || widthInUnits === undefined) return along.slotPixels;
  const ends: Coordinate[] = [first, first + widthInUnits];
  const [from = 0, to = 0] = ends.map((end) => along.pixel(end) ?? 0);
  return Math.abs(to - from);
}
