/** Tables of libraries, told by the methods that their documentation names; none of them is imported. */
import type { DataFrame } from "./data-frame.ts";

type Column = DataFrame["columns"][number];
type Methods = Readonly<Record<string, unknown>>;

/** A table view of a table or column of Polars, DuckDB or Danfo; undefined for anything else. */
export function libraryFrame(value: object): DataFrame | undefined {
  return polarsFrame(value) ?? duckDbReader(value) ?? duckDbResult(value) ?? danfoFrame(value);
}

/** `DataFrame` and `Series` of nodejs-polars. */
export function polarsFrame(value: object): DataFrame | undefined {
  const { columns, dtypes, shape, row } = value as Methods;
  const { height } = (shape ?? {}) as { height?: unknown };
  if (typeof row === "function" && typeof height === "number" && areNames(columns) && Array.isArray(dtypes)) {
    return {
      rowCount: height,
      columns: columns.map((name, at) => polarsColumn(name, dtypes[at])),
      row: (index) => (value as { row(index: number): readonly unknown[] }).row(index),
    };
  }
  return polarsSeries(value);
}

function polarsSeries(value: object): DataFrame | undefined {
  const { name, dtype, length, get, toFrame } = value as Methods;
  const isSeries =
    typeof get === "function" &&
    typeof toFrame === "function" &&
    typeof length === "number" &&
    typeof dtype === "object";
  if (!isSeries) return undefined;
  const label = typeof name === "string" && name !== "" ? name : "value";
  const series = value as { get(index: number): unknown };
  return { rowCount: length, columns: [polarsColumn(label, dtype)], row: (index) => [series.get(index)] };
}

function polarsColumn(name: string, dtype: unknown): Column {
  let type = String(dtype);
  for (let before = ""; before !== type; ) {
    before = type;
    type = type.replace(/DataType\(((?:[^()]|\([^()]*\))*)\)/, "$1");
  }
  return { name, type: type.replace(/,\)/g, ")"), isNumeric: /^(U?Int\d+|Float\d+|Decimal)/.test(type) };
}

interface DuckDbColumns {
  deduplicatedColumnNames(): string[];
  columnTypes(): unknown[];
}

/** `DuckDBResultReader` of `@duckdb/node-api`: the rows it has read so far. */
function duckDbReader(value: object): DataFrame | undefined {
  const { currentRowCount, done, value: cell } = value as Methods;
  if (!hasDuckDbColumns(value) || typeof currentRowCount !== "number" || typeof cell !== "function") return undefined;
  const columns = duckDbColumns(value);
  const reader = value as unknown as { value(column: number, row: number): unknown };
  return {
    rowCount: currentRowCount,
    columns,
    row: (index) => columns.map((_, at) => duckDbValue(reader.value(at, index))),
    ...(done === false ? { note: "read so far" } : {}),
  };
}

interface DuckDbChunk {
  readonly rowCount: number;
  getRows(): readonly (readonly unknown[])[];
}

/** A result that DuckDB holds whole. One that streams is not read: that would use it up. */
function duckDbResult(value: object): DataFrame | undefined {
  const { rowCount, chunkCount, getChunk, isStreaming } = value as Methods;
  if (!hasDuckDbColumns(value) || isStreaming === true || typeof getChunk !== "function") return undefined;
  if (typeof rowCount !== "number" || typeof chunkCount !== "number") return undefined;
  const result = value as unknown as { getChunk(index: number): DuckDbChunk };
  const row = (index: number): readonly unknown[] => {
    let first = 0;
    for (let at = 0; at < chunkCount; at += 1) {
      const chunk = result.getChunk(at);
      if (index < first + chunk.rowCount) return (chunk.getRows()[index - first] ?? []).map(duckDbValue);
      first += chunk.rowCount;
    }
    return [];
  };
  return { rowCount, columns: duckDbColumns(value), row };
}

function hasDuckDbColumns(value: object): value is DuckDbColumns {
  const { deduplicatedColumnNames, columnTypes } = value as Methods;
  return typeof deduplicatedColumnNames === "function" && typeof columnTypes === "function";
}

function duckDbColumns(result: DuckDbColumns): Column[] {
  const types = result.columnTypes().map(String);
  return result.deduplicatedColumnNames().map((name, at) => {
    const type = types[at] ?? "";
    return { name, type, isNumeric: /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type) };
  });
}

/** Dates, decimals and lists of DuckDB are objects that print themselves as SQL does. */
function duckDbValue(value: unknown): unknown {
  return typeof value === "object" && value !== null ? (value as { toString(): string }).toString() : value;
}

/** `DataFrame` and `Series` of Danfo.js, and what is built like them. */
function danfoFrame(value: object): DataFrame | undefined {
  const { columns, dtypes, shape, values, $isSeries: isSeries } = value as Methods;
  const isFrame = areNames(columns) && areNames(dtypes) && Array.isArray(shape) && Array.isArray(values);
  if (!isFrame || typeof shape[0] !== "number") return undefined;
  const rows = values as readonly unknown[];
  return {
    rowCount: shape[0],
    columns: columns.map((name, at) => {
      const type = dtypes[at] ?? "";
      return { name, type, isNumeric: /^(int|float)\d+$/.test(type) };
    }),
    row: (index) => (isSeries === true ? [rows[index]] : ((rows[index] ?? []) as readonly unknown[])),
  };
}

function areNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}
