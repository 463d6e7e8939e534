/** Recognises tabular data, without importing the libraries that make it. */
import { libraryFrame } from "./library-frames.ts";

/** Rows and columns behind one small face. */
export interface DataFrame {
  readonly rowCount: number;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly isNumeric: boolean }[];
  /** Values of one row, in the order of `columns`. */
  row(index: number): readonly unknown[];
  /** What the number of rows leaves out, as `read so far`. */
  readonly note?: string;
}

/** Rows looked at to find out columns and their types. */
const SAMPLE_ROWS = 1000;

/** A table view of an array of records or of a library's table or column; undefined for anything else. */
export function dataFrameOf(value: unknown): DataFrame | undefined {
  if (Array.isArray(value)) return fromRecords(value);
  if (typeof value !== "object" || value === null) return undefined;
  return fromArrowTable(value) ?? fromArrowVector(value) ?? libraryFrame(value);
}

/** A table view of records, whether or not their keys agree. */
export function fromRows(rows: readonly object[]): DataFrame {
  const sample = rows.slice(0, SAMPLE_ROWS) as readonly Record<string, unknown>[];
  const names = [...new Set(sample.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name) => ({ name, ...typeOfValues(sample.map((row) => row[name])) }));
  return {
    rowCount: rows.length,
    columns,
    row: (index) => names.map((name) => (rows[index] as Record<string, unknown> | undefined)?.[name]),
  };
}

function fromRecords(rows: readonly unknown[]): DataFrame | undefined {
  const sample = rows.slice(0, SAMPLE_ROWS);
  if (sample.length === 0 || !sample.every(isRecord)) return undefined;
  const frame = fromRows(rows as readonly object[]);
  // Objects that only happen to be in one array have little in common; a table of them would be mostly holes.
  const keyCount = sample.reduce((sum: number, row) => sum + Object.keys(row as object).length, 0);
  const isHomogeneous = frame.columns.length > 0 && keyCount >= 0.5 * frame.columns.length * sample.length;
  return isHomogeneous ? frame : undefined;
}

function isRecord(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function typeOfValues(values: readonly unknown[]): { type: string; isNumeric: boolean } {
  const types = new Set(values.filter((value) => value !== null && value !== undefined).map(typeName));
  const type = types.size === 0 ? "null" : types.size > 3 ? "mixed" : [...types].sort().join(" | ");
  return { type, isNumeric: types.size > 0 && [...types].every((name) => name === "number" || name === "bigint") };
}

function typeName(value: unknown): string {
  if (typeof value !== "object") return typeof value;
  const { name } = (value as object).constructor ?? { name: "object" };
  return name === "Object" || name === "" ? "object" : name;
}

interface ArrowColumn {
  get(index: number): unknown;
}

interface ArrowTable {
  readonly numRows: number;
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: unknown }[] };
  getChildAt(index: number): ArrowColumn | null;
}

function fromArrowTable(value: unknown): DataFrame | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { numRows, schema, getChildAt } = value as Partial<ArrowTable>;
  if (typeof numRows !== "number" || typeof getChildAt !== "function" || !Array.isArray(schema?.fields))
    return undefined;
  const table = value as ArrowTable;
  const columns = table.schema.fields.map(({ name, type }) => ({ name, ...arrowType(type) }));
  const children = columns.map((_, index) => table.getChildAt(index));
  return {
    rowCount: numRows,
    columns,
    row: (index) => children.map((child, at) => arrowValue(child?.get(index), columns[at]?.type ?? "")),
  };
}

function fromArrowVector(value: unknown): DataFrame | undefined {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  const { type, length, get, data } = value as { type?: unknown; length?: unknown; get?: unknown; data?: unknown };
  const isVector =
    typeof length === "number" &&
    typeof get === "function" &&
    Array.isArray(data) &&
    typeof (type as { typeId?: unknown } | null | undefined)?.typeId === "number";
  if (!isVector) return undefined;
  const column = { name: "value", ...arrowType(type) };
  const vector = value as ArrowColumn;
  return { rowCount: length, columns: [column], row: (index) => [arrowValue(vector.get(index), column.type)] };
}

function arrowType(type: unknown): { type: string; isNumeric: boolean } {
  const full = String(type);
  const plain = /^Dictionary<.*, (.+)>$/.exec(full)?.[1] ?? full;
  return { type: plain, isNumeric: /^(Ui|I)nt\d+$|^Float\d+$|^Decimal/.test(plain) };
}

/** Arrow hands out times as milliseconds. */
function arrowValue(value: unknown, type: string): unknown {
  return typeof value === "number" && /^(Timestamp|Date)/.test(type) ? new Date(value) : value;
}
