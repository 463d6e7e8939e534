import { describe, expect, it } from "vitest";
import { retryDelayMs } from "../../../../runtime/src/engine/local/retries.ts";

describe("a call whose process ended", () => {
  it("runs again at once the first time, then after pauses that double up to a limit", () => {
    expect([1, 2, 3, 4, 50].map((crashes) => retryDelayMs(crashes, false))).toEqual([0, 100, 200, 400, 10_000]);
  });

  it("waits already the first time when memory ran short", () => {
    expect([1, 2, 3, 50].map((crashes) => retryDelayMs(crashes, true))).toEqual([500, 1_000, 2_000, 10_000]);
  });
});
