/** Names of the traces with their colours, at the right. */
import type { Area } from "./draw.ts";
import { element, INK, label, shorten, textWidth } from "./markup.ts";

const ROW_HEIGHT = 19;
const FONT_SIZE = 12;
const SWATCH = 11;
const GAP = 18;
const MAX_NAME_LENGTH = 22;

/** The legend and the width it takes; nothing for no entries. */
export function drawLegend(
  entries: readonly { readonly name: string; readonly colour: string }[],
  area: Area,
): { readonly svg: string; readonly width: number } {
  if (entries.length === 0) return { svg: "", width: 0 };
  const rows = Math.max(1, Math.floor((area.bottom - area.top) / ROW_HEIGHT));
  const isCut = entries.length > rows;
  const shown = isCut ? entries.slice(0, rows - 1) : entries;
  const names = shown.map(({ name }) => shorten(name, MAX_NAME_LENGTH));
  if (isCut) names.push(`… ${entries.length - shown.length} more`);
  const width = GAP + SWATCH + 6 + Math.max(...names.map((name) => textWidth(name, FONT_SIZE)));
  const left = area.right - width + GAP;
  const rowsOfSvg = names.map((name, row) => {
    const y = area.top + row * ROW_HEIGHT;
    const fill = shown[row]?.colour;
    const swatch =
      fill === undefined ? "" : element("rect", { x: left, y, width: SWATCH, height: SWATCH, rx: 2, fill });
    return swatch + label(name, { x: left + SWATCH + 6, y: y + SWATCH - 1, "font-size": FONT_SIZE, fill: INK });
  });
  return { svg: rowsOfSvg.join(""), width };
}
