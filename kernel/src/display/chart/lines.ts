/** Lines, areas and points. */
import type { Axis } from "./axis.ts";
import type { Line } from "./figure.ts";
import { element, PANEL, round } from "./markup.ts";

interface Point {
  readonly x: number;
  readonly y: number;
  readonly index: number;
}

/** More points than this are thinned out: a picture has no room for them, and a notebook keeps it for ever. */
const MAX_POINTS = 5000;

export function drawLine(trace: Line, x: Axis, y: Axis): string {
  const runs = pointRuns(trace, x, y);
  const parts: string[] = [];
  const base = y.pixel(0);
  if (trace.isFilled && base !== undefined) {
    for (const run of runs) parts.push(drawArea(run, base, trace.colour));
  }
  if (trace.hasLine) {
    const d = runs.map(pathOf).join("");
    const stroke = { stroke: trace.colour, "stroke-width": trace.lineWidth, "stroke-linejoin": "round" };
    if (d !== "")
      parts.push(element("path", { d, fill: "none", ...stroke, "stroke-dasharray": trace.dash || undefined }));
  }
  if (trace.hasMarkers) parts.push(...runs.flat().map((point) => drawMarker(point, trace)));
  return element("g", { opacity: trace.opacity }, parts.join("") || " ");
}

/** Points in pixels, cut where a value is missing. */
function pointRuns(trace: Line, x: Axis, y: Axis): Point[][] {
  const every = Math.ceil(trace.x.length / MAX_POINTS);
  const runs: Point[][] = [];
  let run: Point[] = [];
  for (let index = 0; index < trace.x.length; index += every) {
    const at = { x: x.pixel(trace.x[index] ?? null), y: y.pixel(trace.y[index] ?? null) };
    if (at.x !== undefined && at.y !== undefined) {
      if (run.length === 0) runs.push(run);
      run.push({ x: at.x, y: at.y, index });
    } else if (run.length > 0) {
      run = [];
    }
  }
  return runs;
}

function pathOf(run: readonly Point[]): string {
  return run.map((point, at) => `${at === 0 ? "M" : "L"}${round(point.x)} ${round(point.y)}`).join("");
}

function drawArea(run: readonly Point[], base: number, fill: string): string {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return "";
  const d = `${pathOf(run)}L${round(last.x)} ${round(base)}L${round(first.x)} ${round(base)}Z`;
  return element("path", { d, fill, opacity: 0.3 });
}

function drawMarker({ x, y, index }: Point, { markerSize, markerColours, colour }: Line): string {
  const size = typeof markerSize === "number" ? markerSize : (markerSize[index] ?? 6);
  const fill = markerColours?.[index] ?? colour;
  return element("circle", { cx: x, cy: y, r: size / 2, fill, stroke: PANEL, "stroke-width": 0.5 });
}
