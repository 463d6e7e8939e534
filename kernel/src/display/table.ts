/** Tables as HTML and as text: shape, column names, types, and the first and last rows. */
import { inspect } from "node:util";
import { type DataFrame, dataFrameOf, fromRows } from "./data-frame.ts";
import { type Displayable, JUPYTER_DISPLAY, type MimeBundle, type ShownValue } from "./displayable.ts";
import { escapeMarkup } from "./escape.ts";

export interface TableOptions {
  /** Rows shown; of more, the first and the last half. Default 10. */
  readonly rows?: number;
}

const DEFAULT_ROWS = 10;
const MAX_COLUMNS = 30;
const MAX_CELL_LENGTH = 80;
const MAX_TEXT_CELL_LENGTH = 32;

/** Show `rows` as a table: records, or a table of Arrow, Polars, DuckDB or Danfo. */
export function table(rows: unknown, options: TableOptions = {}): Displayable {
  const frame = dataFrameOf(rows) ?? fromRows(toRecords(rows));
  const { data } = showTable(frame, options);
  return { [JUPYTER_DISPLAY]: (): MimeBundle => data };
}

/** Records for anything iterable; a value that is no object becomes a column `value`. */
function toRecords(rows: unknown): object[] {
  const isIterable = typeof (rows as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === "function";
  if (!isIterable || typeof rows === "string")
    throw new TypeError("table() takes rows: an array of records or a table.");
  return Array.from(rows as Iterable<unknown>, (row) =>
    typeof row === "object" && row !== null ? row : { value: row },
  );
}

/** Both representations of a table. */
export function showTable(frame: DataFrame, { rows = DEFAULT_ROWS }: TableOptions = {}): ShownValue {
  const excerpt = takeExcerpt(frame, rows);
  return { data: { "text/html": renderHtml(excerpt), "text/plain": renderText(excerpt) }, metadata: {} };
}

/** What is shown of a table: cells as text. */
interface Excerpt {
  /** `1,000 rows × 3 columns` */
  readonly shape: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly isNumeric: boolean }[];
  readonly head: readonly (readonly string[])[];
  /** Empty when all rows fit into the head. */
  readonly tail: readonly (readonly string[])[];
}

function takeExcerpt(frame: DataFrame, maxRows: number): Excerpt {
  const isCut = frame.columns.length > MAX_COLUMNS;
  const ellipsis = { name: "…", type: "", isNumeric: false };
  const columns = isCut ? [...frame.columns.slice(0, MAX_COLUMNS), ellipsis] : frame.columns;
  const readRow = (index: number): readonly unknown[] => {
    return frame.row(index).slice(0, MAX_COLUMNS);
  };
  const { rowCount } = frame;
  const headCount = rowCount <= maxRows ? rowCount : Math.ceil(maxRows / 2);
  const tailCount = rowCount <= maxRows ? 0 : maxRows - headCount;
  const head = Array.from({ length: headCount }, (_, index) => readRow(index));
  const tail = Array.from({ length: tailCount }, (_, index) => readRow(rowCount - tailCount + index));
  const digits = columns.map((_, at) => fractionDigits([...head, ...tail].map((row) => row[at])));
  const show = (row: readonly unknown[]): string[] => {
    const cells = row.map((value, at) => showCell(value, digits[at] ?? 0));
    return isCut ? [...cells, "…"] : cells;
  };
  const note = frame.note === undefined ? "" : ` ${frame.note}`;
  return {
    shape: `${count(rowCount, "row")}${note} × ${count(frame.columns.length, "column")}`,
    columns,
    head: head.map(show),
    tail: tail.map(show),
  };
}

/** Digits after the point that the numbers of a column need, so that their points stand below each other. */
function fractionDigits(values: readonly unknown[]): number {
  const numbers = values.filter((value) => typeof value === "number").map(formatNumber);
  return Math.max(0, ...numbers.map((text) => /^-?\d+\.(\d+)$/.exec(text)?.[1]?.length ?? 0));
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
}

function showCell(value: unknown, digits: number): string {
  const text = cellText(value);
  const isPlainNumber = typeof value === "number" && digits > 0 && /^-?\d+(\.\d+)?$/.test(text);
  return isPlainNumber ? value.toFixed(digits) : shorten(text, MAX_CELL_LENGTH);
}

function cellText(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : formatDate(value);
  if (value === null || typeof value !== "object") return inspect(value);
  const { toJSON } = value as { toJSON?: unknown };
  const plain: unknown = typeof toJSON === "function" ? toJSON.call(value) : value;
  return inspect(plain, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 6, compact: true });
}

/** Six significant digits after the point are enough to read; integers stay whole. */
function formatNumber(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  const isPlain = Math.abs(value) >= 1e-4 && Math.abs(value) < 1e15;
  return isPlain ? String(Number(value.toFixed(6))) : value.toExponential(5);
}

function formatDate(value: Date): string {
  const text = value.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text.replace("T", " ").replace(/(\.000)?Z$/, "");
}

function shorten(text: string, maxLength: number): string {
  const oneLine = text.replace(/\s*\n\s*/g, "⏎");
  return oneLine.length > maxLength ? `${oneLine.slice(0, maxLength - 1)}…` : oneLine;
}

// Colours only from the theme, with values that read on light and dark where there is none.
const DIM = "color:var(--jp-ui-font-color2,#888)";
const BORDER = "border-bottom:1px solid var(--jp-border-color1,#9995)";

function renderHtml({ shape, columns, head, tail }: Excerpt): string {
  const align = columns.map(({ isNumeric }) => `padding:2px 8px;text-align:${isNumeric ? "right" : "left"}`);
  const row = (cells: readonly string[]): string =>
    `<tr>${cells.map((text, at) => `<td style="${align[at]}">${escapeMarkup(text)}</td>`).join("")}</tr>`;
  const names = columns.map(({ name }, at) => `<th style="${align[at]}">${escapeMarkup(name)}</th>`);
  const types = columns.map(({ type }, at) => {
    const style = `${align[at]};${DIM};${BORDER};font-weight:normal;font-size:85%`;
    return `<th style="${style}">${escapeMarkup(type)}</th>`;
  });
  const gap = `<tr>${columns.map((_, at) => `<td style="${align[at]};${DIM}">…</td>`).join("")}</tr>`;
  const body = [...head.map(row), ...(tail.length > 0 ? [gap] : []), ...tail.map(row)];
  return [
    `<div style="overflow-x:auto"><div style="${DIM};font-size:85%">${escapeMarkup(shape)}</div>`,
    `<table style="border-collapse:collapse;color:inherit;font-variant-numeric:tabular-nums"><thead><tr>${names.join("")}</tr><tr>${types.join("")}</tr></thead>`,
    `<tbody>${body.join("")}</tbody></table></div>`,
  ].join("\n");
}

function renderText({ shape, columns, head, tail }: Excerpt): string {
  const names = columns.map(({ name }) => name);
  const types = columns.map(({ type }) => type);
  const gap = columns.map(() => "…");
  const lines = [names, types, ...head, ...(tail.length > 0 ? [gap] : []), ...tail].map((cells) =>
    cells.map((text) => shorten(text, MAX_TEXT_CELL_LENGTH)),
  );
  const widths = columns.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  const padded = lines.map((cells) =>
    cells
      .map((text, at) =>
        columns[at]?.isNumeric === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [shape, ...padded.slice(0, 2), rule, ...padded.slice(2)].join("\n");
}
