import { describe, expect, it } from "vitest";
import {
  observeGroups,
  type RateBook,
  secondsLeft,
  tasksPerSecond,
} from "../../../../extensions/jupyterlab/src/link/rates.ts";
import { group, NOW_MS } from "../recordings.ts";

/** Snapshots of a group that settles tasks evenly, twice a second. */
function watch(perSecond: number, seconds: number): { book: RateBook; last: ReturnType<typeof group> } {
  let book: RateBook = new Map();
  let last = group({ running: 1, queued: 1000 });
  for (let half = 0; half <= seconds * 2; half += 1) {
    last = group({
      running: 1,
      queued: 1000,
      finished: Math.floor((perSecond * half) / 2),
      firstAtMs: NOW_MS,
      lastAtMs: NOW_MS + half * 500,
    });
    book = observeGroups(book, [last], NOW_MS + half * 500);
  }
  return { book, last };
}

describe("the rate of a group", () => {
  it("is that of the last ten seconds while it works", () => {
    const slow = watch(5, 60);
    expect(tasksPerSecond(slow.book, slow.last)).toBeCloseTo(5, 1);
    const faster = { ...slow.last, finished: slow.last.finished + 400 };
    const book = observeGroups(slow.book, [faster], NOW_MS + 61_000);
    expect(tasksPerSecond(book, faster)).toBeGreaterThan(40);
  });

  it("is that of its whole life when few tasks settle in ten seconds", () => {
    const { book, last } = watch(0.1, 100);
    expect(tasksPerSecond(book, last)).toBeCloseTo(0.1, 2);
  });

  it("is that of its whole life when it is done, whatever was cancelled", () => {
    const done = group({ finished: 95, failed: 5, cancelled: 5000, firstAtMs: NOW_MS - 20_000, lastAtMs: NOW_MS });
    expect(tasksPerSecond(new Map(), done)).toBe(5);
  });

  it("is not told before anything has settled, nor for less than a second of life", () => {
    expect(tasksPerSecond(new Map(), group({ running: 2 }))).toBeUndefined();
    expect(tasksPerSecond(new Map(), group({ finished: 9, firstAtMs: NOW_MS, lastAtMs: NOW_MS + 20 }))).toBeUndefined();
  });

  it("tells the time left only while there is something left", () => {
    const { book, last } = watch(10, 20);
    expect(secondsLeft(book, last)).toBeCloseTo(1001 / 10, 0);
    expect(secondsLeft(book, { ...last, running: 0, queued: 0 })).toBeUndefined();
  });

  it("forgets groups that are gone", () => {
    const { book } = watch(1, 5);
    expect(observeGroups(book, [], NOW_MS).size).toBe(0);
  });
});
