import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OUTPUT, ROOT } from "../support/jupyterlab.ts";
import { type Cell, cellsOf, joined, type Output, runNotebook, shownBy } from "../support/notebook-runs.ts";

const NOTEBOOKS = readdirSync(join(ROOT, "notebooks"), { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".ipynb") && !name.includes("checkpoint"),
);

let folder: string;
beforeAll(() => {
  mkdirSync(OUTPUT, { recursive: true });
  folder = mkdtempSync(join(OUTPUT, "notebooks-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(NOTEBOOKS)("%s runs from top to bottom, and fails only where it says so", (name) => {
  const { status, stderr, cells } = runNotebook(folder, name);
  expect(stderr).not.toContain("Error:");
  expect(status).toBe(0);
  for (const cell of cells.filter((cell) => cell.cell_type === "code")) {
    const errors = (cell.outputs ?? []).filter((output) => output.output_type === "error").length;
    const expected = cell.metadata.tags?.includes("raises-exception") ? 1 : 0;
    expect({ cell: cell.id, errors }).toEqual({ cell: cell.id, errors: expected });
  }
  // Guides are saved with their outputs, for those who only read them.
  if (name.startsWith("guide")) expect(shownBy(cells)).toEqual(shownBy(cellsOf(join(ROOT, "notebooks", name))));
});

describe("the tour", () => {
  let cells: Cell[];
  beforeAll(() => {
    cells = runNotebook(folder, "tour.ipynb", ["-p", "blocks=3", "-p", "resamples=20"]).cells;
  });

  test("gives the delays that a plain loop over the file gives", () => {
    const rows = [...htmlOf("table").matchAll(/<tr>(.*?)<\/tr>/gs)].map((row) =>
      [...(row[1] ?? "").matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map((cell) =>
        (cell[1] ?? "").replaceAll(/<[^>]*>|,/g, "").trim(),
      ),
    );
    const shown = rows
      .filter((row) => /^\d+:00$/.test(row[0] ?? ""))
      .map((row) => [row[0], Number(row[1]), Number(row[2])]);
    expect(shown.length).toBeGreaterThan(15);
    expect(shown).toEqual(delaysByHour());
  });

  test("shows the flights as a table with its shape and types", () => {
    expect(textOf("load")).toMatch(/200[,.]?000/);
    expect(htmlOf("load")).toMatch(/delay[\s\S]*distance[\s\S]*time/);
  });

  test("carries a chart with a static picture beside it, and no HTML that would hide it", () => {
    const data = dataOf("chart");
    expect(Object.keys(data).sort()).toEqual(
      ["application/vnd.plotly.v1+json", "image/png", "image/svg+xml", "text/plain"].sort(),
    );
    const png = Buffer.from(String(data["image/png"]).replaceAll("\n", ""), "base64");
    expect(png.subarray(1, 4).toString("latin1")).toBe("PNG");
    expect(png.length).toBeGreaterThan(2000);
  });

  test("refuses the cell with a wrong argument, and shows why", () => {
    const [error] = outputsOf("type-error").filter((output) => output.output_type === "error");
    expect(error?.evalue).toContain("'string' is not assignable to parameter");
  });

  test("cancels the endless task by name", () => {
    expect(textOf("cancel")).toMatch(/endless.*cancel/i);
  });

  test("compares the times of equal results", () => {
    expect(htmlOf("timing")).toContain("3 tasks and an actor");
  });

  const outputsOf = (id: string): Output[] => cells.find((cell) => cell.id === id)?.outputs ?? [];
  const dataOf = (id: string): Record<string, unknown> =>
    outputsOf(id).findLast((output) => output.output_type === "execute_result")?.data ?? {};
  const htmlOf = (id: string): string => joined(dataOf(id)["text/html"]);
  const textOf = (id: string): string =>
    outputsOf(id)
      .map((output) => joined(output.text ?? output.data?.["text/plain"]))
      .join("\n");
});

/** The tour's answer, computed apart from it: hour, flights, mean delay to one decimal. */
function delaysByHour(): [string, number, number][] {
  const library = createRequire(join(ROOT, "notebooks/package.json")).resolve("vega-datasets");
  const flights = tableFromIPC(readFileSync(join(library, "../../data/flights-200k.arrow")));
  const count = new Map<number, number>();
  const total = new Map<number, number>();
  for (const { time, delay } of flights) {
    const hour = Math.floor(time) % 24;
    count.set(hour, (count.get(hour) ?? 0) + 1);
    total.set(hour, (total.get(hour) ?? 0) + delay);
  }
  return [...count.keys()]
    .sort((a, b) => a - b)
    .filter((hour) => (count.get(hour) ?? 0) >= 100)
    .map((hour) => [
      `${hour}:00`,
      count.get(hour) ?? 0,
      Number(((total.get(hour) ?? 0) / (count.get(hour) ?? 1)).toFixed(1)),
    ]);
}
