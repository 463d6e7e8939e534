import { describe, expect, it } from "vitest";
import { sparklinePath } from "../../../../extensions/jupyterlab/src/panel/sparkline-path.ts";

const BOX = { width: 100, height: 11, spanMs: 10_000 };

describe("a sparkline", () => {
  it("ends at the right edge, with the past to the left and 100 percent on top", () => {
    const { line, area } = sparklinePath(
      [
        { atMs: 5_000, percent: 0 },
        { atMs: 7_500, percent: 100 },
        { atMs: 10_000, percent: 50 },
      ],
      BOX,
    );
    expect(line).toBe("M50 10.5L75 0.5L100 5.5");
    expect(area).toBe(`${line}V11H50Z`);
  });

  it("leaves out what is older than its span and keeps values in the box", () => {
    const points = [-90_000, 5_000, 10_000].map((atMs) => ({ atMs, percent: 250 }));
    expect(sparklinePath(points, BOX).line).toBe("M50 0.5L100 0.5");
  });

  it("is empty for fewer than two points", () => {
    expect(sparklinePath([], BOX)).toEqual({ line: "", area: "" });
    expect(sparklinePath([{ atMs: 0, percent: 1 }], BOX)).toEqual({ line: "", area: "" });
  });
});
