import { DuckDBInstance } from "@duckdb/node-api";
import pl from "nodejs-polars";
import { describe, expect, test } from "vitest";
import { table, toBundle } from "../../../kernel/src/display/index.ts";

// Beside the libraries, objects with the members that their documentation names stand for older and newer versions of them.
async function text(value: unknown): Promise<string> {
  return String((await toBundle(value))?.data["text/plain"]);
}

/** `DataType(…)` of Polars: only its text is used. */
function polarsType(name: string): object {
  return { toString: () => `DataType(${name})` };
}

const POLARS_TABLE = [
  "3 rows × 3 columns",
  "      a  when          l",
  "Float64  Datetime(ms)  List(Float64)",
  "───────  ────────────  ─────────────",
  "   1.50  1970-01-01    [ 1 ]",
  "  22.25  null          [ 2 ]",
  "   null  1970-01-02    [ 3 ]",
].join("\n");

const DUCKDB_TABLE = [
  "2 rows × 3 columns",
  "      i  d                    d:1",
  "INTEGER  DATE        DECIMAL(5,2)",
  "───────  ──────────  ────────────",
  "      0  2020-01-01          1.25",
  "      1  2020-01-02          1.25",
].join("\n");

describe("Polars", () => {
  const rows = [
    [1.5, new Date(0), [1]],
    [22.25, null, [2]],
    [null, new Date(86_400_000), [3]],
  ];

  test("a frame shows shape, types and aligned numbers, instead of its own display", async () => {
    const frame = {
      columns: ["a", "when", "l"],
      dtypes: [polarsType("Float64"), polarsType("Datetime(ms,)"), polarsType("List(DataType(Float64))")],
      shape: { height: 3, width: 3 },
      row: (index: number) => rows[index],
      [Symbol.for("Jupyter.display")]: () => ({ "application/vnd.dataresource+json": {} }),
    };
    expect(await text(frame)).toBe(POLARS_TABLE);
    expect(Object.keys((await toBundle(frame))?.data ?? {})).toEqual(["text/html", "text/plain"]);
  });

  test("a series is a table of one column", async () => {
    const values = [1, 2.5];
    const series = {
      name: "s",
      dtype: polarsType("Float64"),
      length: 2,
      get: (index: number) => values[index],
      toFrame: () => undefined,
    };
    expect(await text(series)).toBe("2 rows × 1 column\n      s\nFloat64\n───────\n    1.0\n    2.5");
  });

  test("the real package", async () => {
    const frame = pl.DataFrame({
      a: [1.5, 22.25, null],
      when: [new Date(0), null, new Date(86_400_000)],
      l: [[1], [2], [3]],
    });
    expect(await text(frame)).toBe(POLARS_TABLE);
    expect(await text(table(frame, { rows: 2 }))).toContain("…");
    expect(await text(pl.Series("s", [1, 2.5]))).toContain("Float64\n───────\n    1.0");
  });
});

describe("DuckDB", () => {
  const type = (name: string) => ({ toString: () => name });
  const printed = (sql: string) => ({ toString: () => sql });
  const cells = [
    [0, printed("2020-01-01"), printed("1.25")],
    [1, printed("2020-01-02"), printed("1.25")],
  ];
  const columns = {
    deduplicatedColumnNames: () => ["i", "d", "d:1"],
    columnTypes: () => ["INTEGER", "DATE", "DECIMAL(5,2)"].map(type),
  };

  test("a reader shows the rows it has read, and says when there are more", async () => {
    const reader = { ...columns, currentRowCount: 2, value: (column: number, row: number) => cells[row]?.[column] };
    expect(await text({ ...reader, done: true })).toBe(DUCKDB_TABLE);
    expect(await text({ ...reader, done: false })).toMatch(/^2 rows read so far × 3 columns\n/);
  });

  test("a whole result is read chunk by chunk, a streaming one not at all", async () => {
    const chunks = cells.map((row) => ({ rowCount: 1, getRows: () => [row] }));
    const result = { ...columns, rowCount: 2, chunkCount: 2, getChunk: (index: number) => chunks[index] };
    expect(await text({ ...result, isStreaming: false })).toBe(DUCKDB_TABLE);
    expect(await text({ ...result, isStreaming: true })).not.toContain("rows");
  });

  test("the real package", async () => {
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const sql =
      "select range::integer as i, date '2020-01-01' + range::integer as d, 1.25::decimal(5,2) as d from range";
    expect(await text(await connection.runAndReadAll(`${sql}(2)`))).toBe(DUCKDB_TABLE);
    expect(await text(await connection.run(`${sql}(2)`))).toBe(DUCKDB_TABLE);
    expect(await text(await connection.run(`${sql}(5000)`))).toMatch(/^5,000 rows[\s\S]*\n {3}4999 {2}2033-09-08/);
    expect(await text(await connection.runAndReadUntil(`${sql}(5000)`, 10))).toContain("rows read so far");
    const stream = await connection.stream(`${sql}(5000)`);
    await text(stream);
    expect(await stream.getRows()).toHaveLength(5000);
    connection.closeSync();
  });
});

describe("Danfo", () => {
  test("frames and series, by the members that its documentation names", async () => {
    const frame = {
      columns: ["a", "b"],
      dtypes: ["int32", "string"],
      shape: [2, 2],
      values: [
        [1, "x"],
        [22, "y"],
      ],
    };
    expect(await text(frame)).toBe("2 rows × 2 columns\n    a  b\nint32  string\n─────  ──────\n    1  x\n   22  y");
    const series = { columns: ["a"], dtypes: ["float32"], shape: [2], values: [1, 2.5], $isSeries: true };
    expect(await text(series)).toContain("2 rows × 1 column\n      a\nfloat32");
  });
});
