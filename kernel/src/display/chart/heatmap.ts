/** Heat maps and their colour bar. */
import type { Axis } from "./axis.ts";
import type { Area } from "./draw.ts";
import { colourAt, colourNumbers, type Heatmap } from "./figure.ts";
import { element, label } from "./markup.ts";
import { linearTicks } from "./ticks.ts";

/** Room that the colour bar takes at the right, in pixels. */
export const COLOUR_BAR_WIDTH = 74;
const BAR_THICKNESS = 14;
const BAR_STEPS = 32;

export function drawHeatmap({ x: columns, y: rows, z }: Heatmap, x: Axis, y: Axis): string {
  const colours = colourNumbers(z.flat());
  let next = 0;
  const cells = z.flatMap((row, rowIndex) =>
    row.map((_, columnIndex) => {
      const fill = colours[next++] ?? "none";
      const [cx, cy] = [x.pixel(columns[columnIndex] ?? null), y.pixel(rows[rowIndex] ?? null)];
      if (cx === undefined || cy === undefined || fill === "none") return "";
      // Half a pixel more than the place, so that no seams show between cells.
      const [width, height] = [x.slotPixels + 0.5, y.slotPixels + 0.5];
      return element("rect", { x: cx - x.slotPixels / 2, y: cy - y.slotPixels / 2, width, height, fill });
    }),
  );
  return cells.join("");
}

export function drawColourBar({ z }: Heatmap, { left, top, bottom }: Area): string {
  const values = z.flat().filter((value) => value !== null);
  if (values.length === 0) return "";
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const step = (bottom - top) / BAR_STEPS;
  const bar = Array.from({ length: BAR_STEPS }, (_, at) => {
    const box = { x: left, y: bottom - (at + 1) * step, width: BAR_THICKNESS, height: step + 0.5 };
    return element("rect", { ...box, fill: colourAt((at + 0.5) / BAR_STEPS) });
  });
  const ticks = high > low ? linearTicks(low, high, 5) : [{ value: low, label: String(low) }];
  const labels = ticks.map(({ value, label: text }) => {
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return label(text, { x: left + BAR_THICKNESS + 5, y: bottom - share * (bottom - top) + 4 });
  });
  return bar.join("") + labels.join("");
}
