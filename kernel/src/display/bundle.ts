/** How any value becomes what a notebook shows of it. */
import { types } from "node:util";
import { dataFrameOf } from "./data-frame.ts";
import { describeFailure, JUPYTER_DISPLAY, type MimeBundle, type ShownValue } from "./displayable.ts";
import { showElement, showImage } from "./image.ts";
import { imageTypeOf } from "./image-types.ts";
import { polarsFrame } from "./library-frames.ts";
import { plainText, TEXT_DEPTH } from "./plain-text.ts";
import { isPlotlyFigure, showFigure } from "./plotly.ts";
import { showTable } from "./table.ts";
import { type TreeNode, treeDepth, treeOf } from "./tree.ts";
import { treeHtml } from "./tree-html.ts";
import { showVega } from "./vega.ts";

/** A value whose text has more lines is shown as a tree. */
const MAX_TEXT_LINES = 12;

/**
 * The representations of `value`, always with `text/plain`. Asks the value's own `Symbol.for("Jupyter.display")` method
 * first, then knows tables, charts, images and DOM elements. Never rejects.
 *
 * @returns undefined for `undefined`, which shows nothing.
 */
export async function toBundle(value: unknown): Promise<ShownValue | undefined> {
  if (value === undefined) return undefined;
  try {
    const own = showPolars(value) ?? (await askValue(value));
    if (own !== undefined) return own;
    return (await recognise(value)) ?? showText(value);
  } catch (error) {
    return { data: { "text/plain": `${plainText(value)}\n${describeFailure(error)}` }, metadata: {} };
  }
}

/**
 * Tables of Polars have a display method, too, but it leaves out types and shape, shows no last rows, and sends a format
 * for which VS Code shows nothing at all.
 */
function showPolars(value: unknown): ShownValue | undefined {
  const frame = typeof value === "object" && value !== null ? polarsFrame(value) : undefined;
  return frame === undefined ? undefined : showTable(frame);
}

/** What the value's display method answers. */
async function askValue(value: unknown): Promise<ShownValue | undefined> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  const method = (value as Record<symbol, unknown>)[JUPYTER_DISPLAY];
  if (typeof method !== "function") return undefined;
  const answer: unknown = await method.call(value);
  if (typeof answer !== "object" || answer === null) return undefined;
  const { data, metadata } = answer as { data?: unknown; metadata?: unknown };
  const isWhole = typeof data === "object" && data !== null && !Object.keys(answer).some((key) => key.includes("/"));
  const bundle = (isWhole ? data : answer) as MimeBundle;
  const text = bundle["text/plain"] === undefined ? { "text/plain": plainText(value) } : {};
  return { data: { ...bundle, ...text }, metadata: isWhole ? ((metadata ?? {}) as MimeBundle) : {} };
}

async function recognise(value: unknown): Promise<ShownValue | undefined> {
  if (typeof value !== "object" || value === null) return undefined;
  const frame = dataFrameOf(value);
  if (frame !== undefined) return showTable(frame);
  if (value instanceof Uint8Array) return imageTypeOf(value) === undefined ? undefined : showImage(value);
  if (isPlotlyFigure(value)) return showFigure(value);
  return showVega(value) ?? showElement(value);
}

/** Text, and a tree beside it for a value that text cannot show well. */
function showText(value: unknown): ShownValue {
  const text = plainText(value);
  const tree = treeOf(value);
  const isFolded = tree !== undefined && deservesTree(value, tree, text);
  return { data: { ...(isFolded ? { "text/html": treeHtml(tree) } : {}), "text/plain": text }, metadata: {} };
}

/** Whether a value is too long to read at a glance, or deeper than its text goes. A list of plain values stays text. */
function deservesTree(value: unknown, tree: TreeNode, text: string): boolean {
  const depth = treeDepth(tree);
  const isList = Array.isArray(value) || ArrayBuffer.isView(value);
  if (isList && depth <= 1) return false;
  if (types.isNativeError(value)) return depth > 1 || tree.children.length > 1;
  return depth > TEXT_DEPTH + 1 || text.split("\n").length > MAX_TEXT_LINES;
}
