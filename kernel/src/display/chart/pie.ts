/** Pie and doughnut charts. */
import type { Area } from "./draw.ts";
import type { Pie } from "./figure.ts";
import { element, label, PANEL, round } from "./markup.ts";

/** Slices below this share have no percentage: it would not fit. */
const MIN_LABELLED_SHARE = 0.04;

export function drawPie({ values, colours, hole }: Pie, area: Area): string {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total <= 0) return "";
  const centre = { x: (area.left + area.right) / 2, y: (area.top + area.bottom) / 2 };
  const radius = Math.min(area.right - area.left, area.bottom - area.top) / 2;
  const point = (share: number, distance: number): { x: number; y: number } => ({
    x: centre.x + distance * Math.sin(2 * Math.PI * share),
    y: centre.y - distance * Math.cos(2 * Math.PI * share),
  });
  let from = 0;
  const slices = values.map((value, index) => {
    const share = value / total;
    const to = from + share;
    const shape = slicePath(point, from, to, radius, radius * hole);
    const slice = element("path", {
      d: shape,
      fill: colours[index],
      stroke: PANEL,
      "stroke-width": 1,
      "fill-rule": "evenodd",
    });
    const middle = point((from + to) / 2, radius * (hole > 0 ? (1 + hole) / 2 : 0.66));
    const text = `${round(share * 100)}%`.replace(/(\.\d)\d%/, "$1%");
    from = to;
    const isLabelled = share >= MIN_LABELLED_SHARE;
    const style = { "text-anchor": "middle", fill: PANEL, "font-size": 12, "font-weight": "bold" };
    return slice + (isLabelled ? label(text, { x: middle.x, y: middle.y + 4, ...style }) : "");
  });
  return slices.join("");
}

function slicePath(
  point: (share: number, distance: number) => { x: number; y: number },
  from: number,
  to: number,
  outer: number,
  inner: number,
): string {
  // An arc from a point to itself draws nothing: a whole circle is two halves.
  const stops = to - from > 0.999 ? [from, (from + to) / 2, to] : [from, to];
  const ring = (radius: number, list: readonly number[], sweep: 0 | 1): string =>
    list
      .map((share, index) => {
        const { x, y } = point(share, radius);
        if (index === 0) return `${round(x)} ${round(y)}`;
        const isLarge = Math.abs(share - (list[index - 1] ?? share)) > 0.5 ? 1 : 0;
        return `A${round(radius)} ${round(radius)} 0 ${isLarge} ${sweep} ${round(x)} ${round(y)}`;
      })
      .join("");
  const back = stops.toReversed();
  if (inner === 0) {
    const centre = point(0, 0);
    return `M${ring(outer, stops, 1)}L${round(centre.x)} ${round(centre.y)}Z`;
  }
  return `M${ring(outer, stops, 1)}L${ring(inner, back, 0)}Z`;
}
