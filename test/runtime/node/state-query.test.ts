import { describe, expect, it } from "vitest";
import { limitOf, readQuery, toList } from "../../../runtime/src/node/state-query.ts";

describe("queries of the state API", () => {
  it("filter rows by what their fields say, and cut them", () => {
    const rows = [
      { n: 1, s: "a" },
      { n: 2, s: "b" },
      { n: 3, s: "a" },
    ];
    expect(toList(rows, readQuery({ s: "a", limit: "1" }, ["n", "s"]))).toEqual({
      items: [{ n: 1, s: "a" }],
      total: 2,
      truncated: true,
      notes: [],
    });
    expect(toList(rows, readQuery({ n: "2" }, ["n", "s"])).items).toEqual([{ n: 2, s: "b" }]);
  });

  it("refuse fields and limits that there are not, and say which there are", () => {
    expect(() => readQuery({ colour: "red" }, ["n", "s"])).toThrow(/'colour'.*Filter by n, s/);
    expect(() => limitOf("-1")).toThrow(/whole number/);
    expect(limitOf("1000000")).toBe(10_000);
  });
});
