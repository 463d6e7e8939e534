import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Bundle, Progress } from "../../../runtime/src/notebook/progress.ts";

const cell = { messageId: "m1", cellId: "c1", executionCount: 1 };

interface Shown {
  readonly text: string;
  readonly displayId: string;
  readonly isUpdate: boolean;
}

let nowMs = 0;
let shown: Shown[] = [];
let progress: Progress;

beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 0;
  shown = [];
  progress = new Progress({
    show: (_execution, bundle: Bundle, displayId, isUpdate) =>
      shown.push({ text: bundle["text/plain"] ?? "", displayId, isUpdate }),
    runningOf: () => 2,
    now: () => nowMs,
  });
});

afterEach(() => {
  progress.close();
  vi.useRealTimers();
});

function pass(ms: number): void {
  for (let step = 0; step < ms; step += 50) {
    nowMs += 50;
    vi.advanceTimersByTime(50);
  }
}

it("says nothing about short work", () => {
  progress.submitted(cell);
  pass(100);
  progress.ended(cell, "finished");
  pass(2_000);
  expect(shown).toEqual([]);
});

it("shows many tasks even when they are quick", () => {
  for (let i = 0; i < 20; i++) progress.submitted(cell);
  for (let i = 0; i < 20; i++) progress.ended(cell, "finished");
  pass(1_000);
  expect(shown.map(({ text }) => text)).toEqual(["20/20 · 00:00"]);
});

it("updates one line at most twice a second and keeps the final state", () => {
  for (let i = 0; i < 4; i++) progress.submitted(cell);
  pass(1_000);
  progress.ended(cell, "finished");
  progress.ended(cell, "failed");
  pass(1_000);
  progress.ended(cell, "cancelled");
  progress.ended(cell, "finished");
  pass(3_000);
  expect(shown[0]).toEqual({ text: "0/4 · 2 running · 00:00", displayId: "mobula-progress-m1", isUpdate: false });
  expect(shown.slice(1).every(({ isUpdate }) => isUpdate)).toBe(true);
  expect(shown.at(-1)?.text).toBe("4/4 · 1 failed · 1 cancelled · 00:02");
  expect(shown.length).toBeLessThanOrEqual(6);
});

it("ignores work of no cell", () => {
  progress.submitted(undefined);
  pass(1_000);
  expect(shown).toEqual([]);
});

it("shows the last state when the cell ends, without waiting for the next update", () => {
  for (let task = 0; task < 3; task++) progress.submitted(cell);
  pass(300);
  for (let task = 0; task < 3; task++) progress.ended(cell, "finished");
  expect(shown.at(-1)?.text).toBe("0/3 · 2 running · 00:00");
  progress.cellEnded(cell.messageId);
  expect(shown.at(-1)).toMatchObject({ text: "3/3 · 00:00", isUpdate: true });
  progress.cellEnded("another");
  expect(shown.length).toBe(2);
});
