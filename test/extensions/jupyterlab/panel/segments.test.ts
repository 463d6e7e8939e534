import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  barSegments,
  inDisplayOrder,
  settledPercent,
  totalTasks,
} from "../../../../extensions/jupyterlab/src/panel/segments.ts";
import { group, NOW_MS } from "../recordings.ts";

const anyCount = fc.oneof(fc.constant(0), fc.nat(5), fc.nat(1_000_000));
const anyGroup = fc
  .record({ queued: anyCount, running: anyCount, finished: anyCount, failed: anyCount, cancelled: anyCount })
  .map((counts) => group(counts));

describe("the bar of a group", () => {
  it("shows the non-empty states in their order, by their share", () => {
    expect(barSegments(group({ finished: 50, running: 25, queued: 25 }))).toEqual([
      { kind: "done", count: 50, widthPercent: 50 },
      { kind: "running", count: 25, widthPercent: 25 },
      { kind: "queued", count: 25, widthPercent: 25 },
    ]);
  });

  it("keeps one failed task among ten thousand in sight", () => {
    const failed = barSegments(group({ finished: 9999, failed: 1 })).find(({ kind }) => kind === "failed");
    expect(failed?.widthPercent).toBe(2);
  });

  it("has no parts when nothing was ever started", () => {
    expect(barSegments(group())).toEqual([]);
  });

  it("is always filled to the edge, with no part too small to see", () => {
    fc.assert(
      fc.property(anyGroup, (each) => {
        const segments = barSegments(each);
        if (totalTasks(each) === 0) return;
        expect(segments.reduce((sum, { widthPercent }) => sum + widthPercent, 0)).toBeCloseTo(100, 6);
        for (const { widthPercent } of segments) expect(widthPercent).toBeGreaterThanOrEqual(2 - 1e-9);
        expect(segments.reduce((sum, { count }) => sum + count, 0)).toBe(totalTasks(each));
      }),
    );
  });
});

describe("the progress of a group", () => {
  it("reaches 100 percent when the last task has ended, not before", () => {
    expect(settledPercent(group({ finished: 998, failed: 1, running: 1 }))).toBe(99);
    expect(settledPercent(group({ finished: 998, failed: 1, cancelled: 1 }))).toBe(100);
    expect(settledPercent(group())).toBe(0);
  });
});

describe("the order of groups", () => {
  it("puts busy groups first, the youngest on top, then the others by their last change", () => {
    const groups = [
      group({ function: "old", finished: 1, lastAtMs: NOW_MS - 9000 }),
      group({ function: "fresh", finished: 1, lastAtMs: NOW_MS }),
      group({ function: "busy", running: 1, firstAtMs: NOW_MS - 8000 }),
      group({ function: "busier", queued: 1, firstAtMs: NOW_MS - 1000 }),
    ];
    expect(inDisplayOrder(groups).map((each) => each.function)).toEqual(["busier", "busy", "fresh", "old"]);
  });
});
