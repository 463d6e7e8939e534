import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitAxis } from "../../../../kernel/src/display/chart/axis.ts";
import { barLayers } from "../../../../kernel/src/display/chart/bars.ts";
import { drawFigure } from "../../../../kernel/src/display/chart/draw.ts";
import { readFigure } from "../../../../kernel/src/display/chart/figure.ts";
import { readHistogram } from "../../../../kernel/src/display/chart/histogram.ts";
import { dateTicks, linearTicks, logTicks } from "../../../../kernel/src/display/chart/ticks.ts";

type Trace = Record<string, unknown>;

function draw(data: Trace[], layout: Trace = {}): string {
  const chart = readFigure({ data, layout });
  if (chart === undefined) throw new Error("not drawn");
  return drawFigure(chart);
}

const content = { hasSlots: false, includesZero: false, padding: 0 };
const automatic = { title: "", type: undefined, range: undefined };

const labels = (from: string, to: string): string[] =>
  dateTicks(Date.parse(from), Date.parse(to), 5).map(({ label }) => label);

const kindOf = (coordinates: string[]): string | undefined =>
  fitAxis(automatic, { ...content, coordinates }, 0, 100, 4).ticks.at(-1)?.label;

describe("ticks", () => {
  test.each([
    [0, 10, 5, ["0", "2", "4", "6", "8", "10"]],
    [-0.12, 0.31, 4, ["-0.1", "0.0", "0.1", "0.2", "0.3"]],
    [0, 1.2e6, 6, ["0", "200k", "400k", "600k", "800k", "1M", "1.2M"]],
  ] as const)("from %d to %d are round", (low, high, count, labels) => {
    expect(linearTicks(low, high, count).map(({ label }) => label)).toEqual(labels);
  });

  test("stay inside the range, for any range", () => {
    const finite = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(
        finite,
        fc.double({ min: 1e-6, max: 1e12, noNaN: true }),
        fc.integer({ min: 2, max: 10 }),
        (low, span, count) => {
          const high = low + span;
          fc.pre(high - low > Math.abs(low) * 1e-9);
          const ticks = linearTicks(low, high, count);
          const room = span * 1e-6;
          expect(ticks.every(({ value }) => value >= low - room && value <= high + room)).toBe(true);
          expect(ticks.length).toBeLessThanOrEqual(count * 2 + 2);
        },
      ),
    );
  });

  test("of logarithmic axes are powers of ten", () => {
    expect(logTicks(-4, 8).map(({ label }) => label)).toEqual(["1e-4", "0.01", "1", "100", "10k", "1M", "100M"]);
    expect(logTicks(0, 3).map(({ label }) => label)).toEqual(["1", "10", "100", "1000"]);
  });

  test("of dates are round in UTC", () => {
    expect(labels("2026-01-01T00:00Z", "2026-01-01T02:00Z")).toEqual(["01-01", "00:30", "01:00", "01:30", "02:00"]);
    expect(labels("2026-01-15", "2026-06-15")).toEqual(["2026-02", "2026-03", "2026-04", "2026-05", "2026-06"]);
    expect(labels("2000-01-01", "2025-01-01")).toEqual(["2000", "2005", "2010", "2015", "2020", "2025"]);
  });
});

describe("axes", () => {
  test("tell numbers, dates and categories apart", () => {
    expect(kindOf(["1", "2.5", "3"])).toBe("3.0");
    expect(kindOf(["2026-01-01", "2026-06-01"])).toBe("2026-05");
    expect(kindOf(["b", "a"])).toBe("a");
  });

  test("a logarithmic axis has no place for zero", () => {
    const axis = fitAxis({ ...automatic, type: "log" }, { ...content, coordinates: [1, 100] }, 0, 100, 4);
    expect([axis.pixel(10), axis.pixel(0), axis.pixel(null)]).toEqual([50, undefined, undefined]);
  });

  test("a chosen range wins", () => {
    const axis = fitAxis({ ...automatic, range: [10, 0] }, { ...content, coordinates: [3, 4] }, 0, 100, 4);
    expect([axis.pixel(10), axis.pixel(0)]).toEqual([0, 100]);
  });
});

describe("traces", () => {
  test("a histogram counts every value once", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (x) => {
        const bars = readHistogram({ x }, "", "#000");
        expect(bars?.values.reduce((sum: number, value) => sum + (value ?? 0), 0)).toBe(x.length);
      }),
    );
  });

  test("stacked bars pile up, below zero downwards", () => {
    const chart = readFigure({
      data: [
        { type: "bar", x: ["a"], y: [2] },
        { type: "bar", x: ["a"], y: [3] },
        { type: "bar", x: ["a"], y: [-1] },
      ],
      layout: {},
    });
    const bars = (chart?.traces ?? []).filter((trace) => trace.kind === "bars");
    expect(barLayers(bars, "stack").map(({ spans }) => spans[0])).toEqual([
      [0, 2],
      [2, 5],
      [0, -1],
    ]);
  });

  test("a missing value interrupts a line", () => {
    const picture = draw([{ x: [1, 2, 3, 4], y: [1, null, 2, 3], mode: "lines" }]);
    expect(/<path d="(M[^"]*)" fill="none"/.exec(picture)?.[1]?.match(/M/g)).toHaveLength(2);
  });

  test("names, titles and labels are escaped, and tags of titles dropped", () => {
    const picture = draw(
      [
        { type: "bar", name: "<script>", x: ["<x>"], y: [1] },
        { type: "bar", name: "b", x: ["<x>"], y: [1] },
      ],
      { title: { text: "<b>T</b> & more" } },
    );
    expect(picture).not.toMatch(/<script|<x>|<b>/);
    expect(picture).toContain("T &amp; more");
  });

  test.each<[string, Trace[]]>([
    ["empty columns", [{ x: [], y: [] }]],
    ["one point", [{ x: [1], y: [1] }]],
    ["equal values", [{ type: "bar", x: ["a", "b"], y: [0, 0] }]],
    ["only gaps", [{ x: [1, 2], y: [null, null] }]],
    ["a pie of one slice", [{ type: "pie", values: [3] }]],
    ["a pie of nothing", [{ type: "pie", values: [0, 0] }]],
    ["an empty heat map", [{ type: "heatmap", z: [[]] }]],
    ["a heat map of one value", [{ type: "heatmap", z: [[5]] }]],
    ["a histogram of categories", [{ type: "histogram", x: ["a", "b", "a"] }]],
  ])("%s are drawn without numbers that are none", (_name, data) => {
    expect(draw(data)).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("a picture of many points stays small", () => {
    const x = Array.from({ length: 200_000 }, (_, n) => n);
    expect(draw([{ x, y: x, mode: "lines" }]).length).toBeLessThan(200_000);
  });

  test("charts that need more than one pair of axes are left to Plotly", () => {
    expect(readFigure({ data: [{ x: [1], y: [1], yaxis: "y2" }], layout: {} })).toBeUndefined();
    expect(readFigure({ data: [{ type: "scatter3d", x: [1], y: [1], z: [1] }], layout: {} })).toBeUndefined();
  });
});
