import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatBytesOf,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatSlots,
  percentOf,
} from "../../../../extensions/jupyterlab/src/panel/format.ts";

const GIB = 2 ** 30;

describe("numbers in the panel", () => {
  it("tell bytes with three digits in the unit that suits", () => {
    const cases = [0, 512, 1536, 88 * 2 ** 20, 1.25 * GIB, 999.6 * 2 ** 20, 12.345 * GIB, 3 * 2 ** 40, -5];
    expect(cases.map(formatBytes)).toEqual([
      "0 B",
      "512 B",
      "1.5 KiB",
      "88 MiB",
      "1.25 GiB",
      "0.98 GiB",
      "12.3 GiB",
      "3 TiB",
      "0 B",
    ]);
  });

  it("tell bytes of a total in one unit where they share it", () => {
    expect(formatBytesOf(3.6 * GIB, 7.8 * GIB)).toBe("3.6 / 7.8 GiB");
    expect(formatBytesOf(0, 2 * GIB)).toBe("0 / 2 GiB");
    expect(formatBytesOf(300 * 2 ** 20, 2 * GIB)).toBe("300 MiB / 2 GiB");
  });

  it("tell counts in full up to ten thousand, then short", () => {
    expect([0, 999, 1234, 9999, 10_000, 123_456, 999_499, 2_345_678].map(formatCount)).toEqual([
      "0",
      "999",
      "1,234",
      "9,999",
      "10k",
      "123k",
      "999k",
      "2.35M",
    ]);
  });

  it("tell rates in the unit that gives at least one digit", () => {
    expect([1250, 34.2, 3.44, 0.5, 0.2, 0.001].map(formatRate)).toEqual([
      "1,250/s",
      "34/s",
      "3.4/s",
      "0.5/s",
      "12/min",
      "4/h",
    ]);
  });

  it("tell durations in at most two units", () => {
    expect([0, -3, 4.4, 59.6, 75, 1800, 7500, 200_000].map(formatDuration)).toEqual([
      "0 s",
      "0 s",
      "4 s",
      "1 min 00 s",
      "1 min 15 s",
      "30 min",
      "2 h 05 min",
      "2 d 7 h",
    ]);
  });

  it("tell slots without needless digits", () => {
    expect([2, 1.5, 0.25, 0.1 + 0.2].map(formatSlots)).toEqual(["2", "1.5", "0.25", "0.3"]);
  });

  it("tell shares between 0 and 100 percent, whatever is divided", () => {
    expect([percentOf(1, 4), percentOf(0, 0), percentOf(5, 4), percentOf(-1, 4)]).toEqual([25, 0, 100, 0]);
    expect(formatPercent(61.4)).toBe("61 %");
  });
});
