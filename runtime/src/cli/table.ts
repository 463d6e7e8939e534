/** Rows as a table that fits the terminal, or as JSON. */
import { stripVTControlCharacters } from "node:util";
import { formatBytes } from "../errors.ts";

export interface Column<Row> {
  readonly title: string;
  /** Empty where a row has nothing to say. */
  readonly value: (row: Row) => string | number | undefined;
  readonly align?: "left" | "right";
}

const GAP = 2;
/** A column is not made narrower than this while others are wider. */
const MIN_WIDTH = 6;

/**
 * A header and one line per row. Columns that say nothing are left out; the widest ones give way until all fit.
 *
 * @param width - columns of the terminal; infinite for a pipe.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string {
  const texts = columns.map(({ value }) => rows.map((row) => plain(value(row))));
  const shown = columns.flatMap((column, index) => {
    const cells = texts[index] ?? [];
    return cells.every((cell) => cell === "") ? [] : [{ column, cells }];
  });
  const widths = fit(
    shown.map(({ column, cells }) => Math.max(column.title.length, ...cells.map((cell) => cell.length))),
    width,
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => pad(cut(cell, widths[index] ?? 0), widths[index] ?? 0, shown[index]?.column.align))
      .join(" ".repeat(GAP))
      .trimEnd();
  const header = line(shown.map(({ column }) => column.title));
  return [header, ...rows.map((_, row) => line(shown.map(({ cells }) => cells[row] ?? "")))].join("\n");
}

/** What users name must not move the cursor or break the line. */
function plain(value: string | number | undefined): string {
  if (value === undefined) return "";
  return stripVTControlCharacters(String(value)).replaceAll(/\s+/g, " ").trim();
}

function fit(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, each) => sum + each, GAP * Math.max(0, widths.length - 1));
  while (total() > width) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= MIN_WIDTH) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}

/** Columns of the terminal that reads standard output; infinite for a pipe, which cuts nothing. */
export function outputWidth(): number {
  return process.stdout.columns || Number.POSITIVE_INFINITY;
}

/** `350 ms`, `2.4 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatSpan(ms: number): string {
  if (ms < 10) return `${Math.max(0, ms).toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(seconds / 3_600)} h ${String(Math.floor((seconds % 3_600) / 60)).padStart(2, "0")} min`;
}

/** `12:03:07`, with the date when that is not today's. */
export function formatTime(atMs: number, nowMs: number): string {
  const [day = "", time = ""] = new Date(atMs).toLocaleString("sv").split(" ");
  const [today] = new Date(nowMs).toLocaleString("sv").split(" ");
  return day === today ? time : `${day} ${time}`;
}

/** `cpus 1, memory 2 GiB`. */
export function formatAmounts(resources: Readonly<Record<string, number>> | undefined): string {
  return Object.entries(resources ?? {})
    .filter(([, amount]) => amount !== 0)
    .map(([name, amount]) => (name === "memoryBytes" ? `memory ${formatBytes(amount)}` : `${name} ${amount}`))
    .join(", ");
}
