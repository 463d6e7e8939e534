/** The line of a small chart: time to the right, 0–100 percent upwards. */

export interface Point {
  readonly atMs: number;
  readonly percent: number;
}

/**
 * SVG path data in a box of the given size; the newest point lies at the right edge.
 *
 * @param spanMs - time that the box is wide; older points are left out.
 * @returns the line, and the same line closed along the bottom; empty for fewer than two points in the span.
 */
export function sparklinePath(
  points: readonly Point[],
  box: { readonly width: number; readonly height: number; readonly spanMs: number },
): { readonly line: string; readonly area: string } {
  const newest = points.at(-1);
  const shown = newest ? points.filter((point) => newest.atMs - point.atMs <= box.spanMs) : [];
  const first = shown[0];
  if (!newest || !first || shown.length < 2) return { line: "", area: "" };
  const x = (point: Point) => round(box.width * (1 - (newest.atMs - point.atMs) / box.spanMs));
  // Half a pixel of room on both sides, so that a line along the edge keeps its full thickness.
  const y = (point: Point) =>
    round(box.height - 0.5 - (box.height - 1) * (Math.min(100, Math.max(0, point.percent)) / 100));
  const line = shown.map((point, index) => `${index === 0 ? "M" : "L"}${x(point)} ${y(point)}`).join("");
  return { line, area: `${line}V${box.height}H${x(first)}Z` };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
