import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkCounts } from "../../../../runtime/src/engine/ray/work-counts.ts";
import type { TaskGroupView } from "../../../../runtime/src/protocol/cluster-view.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("calls are counted by function and cell, and told when something has changed", () => {
  const told: (readonly TaskGroupView[])[] = [];
  const counts = new WorkCounts((groups) => told.push(groups));
  const cell = (cellId: string) => ({ cellId, messageId: `m-${cellId}`, executionCount: 3 });
  counts.submitted(cell("a"), "f");
  counts.submitted(cell("a"), "f");
  counts.submitted(cell("b"), "f");
  counts.submitted(undefined, "g");
  counts.ended(cell("a"), "f", "retried");
  counts.ended(cell("a"), "f", "finished");
  counts.ended(undefined, "g", "cancelled");
  vi.advanceTimersByTime(100);
  expect(told[0]).toMatchObject([
    { function: "f", cellId: "a", executionCount: 3, queued: 1, finished: 1, retried: 1 },
    { function: "f", cellId: "b", queued: 1, finished: 0 },
    { function: "g", queued: 0, cancelled: 1 },
  ]);
  vi.advanceTimersByTime(500);
  expect(told.slice(1)).toEqual([[]]);
  counts.submitted(undefined, "g");
  counts.close();
  vi.advanceTimersByTime(1_000);
  expect(told).toHaveLength(2);
});
