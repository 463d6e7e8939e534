import { expect, test } from "vitest";
import { History, type HistoryEntry } from "../../../kernel/src/core/history.ts";

function history(...inputs: string[]): History {
  const result = new History();
  for (const [index, input] of inputs.entries()) result.add(index + 1, input);
  return result;
}

const tail = { output: false, raw: true, hist_access_type: "tail" } as const;
const range = { output: false, raw: true, hist_access_type: "range" } as const;
const search = { output: false, raw: true, hist_access_type: "search", unique: false } as const;

test("the tail is the newest inputs, oldest first", () => {
  expect(history("a", "b", "c").query({ ...tail, n: 2 })).toEqual([
    [1, 2, "b"],
    [1, 3, "c"],
  ]);
  expect(history("a").query({ ...tail, n: 0 })).toEqual([]);
});

test("outputs come as pairs when asked for", () => {
  const kept = history("a", "1 + 1");
  kept.setOutput(2, "2");
  expect(kept.query({ ...tail, output: true, n: 2 })).toEqual([
    [1, 1, ["a", null]],
    [1, 2, ["1 + 1", "2"]],
  ]);
});

test("a range ends before its stop, and other sessions are empty", () => {
  const kept = history("a", "b", "c");
  expect(kept.query({ ...range, session: 0, start: 1, stop: 2 })).toEqual([[1, 1, "a"]]);
  expect(kept.query({ ...range, session: 1, start: 2 })).toHaveLength(2);
  expect(kept.query({ ...range, session: -1, start: 0 })).toEqual([]);
});

test("what earlier processes of the kernel executed comes before this one's", () => {
  const earlier = [
    { session: 1, line: 1, input: "old", output: null },
    { session: 2, line: 1, input: "1 + 1", output: "2" },
  ];
  const saved: HistoryEntry[] = [];
  const kept = new History({ earlier, save: (entry) => saved.push(entry) });
  kept.add(1, "old");
  kept.setOutput(1, "3");
  expect(kept.query({ ...tail, n: 9 })).toEqual([
    [1, 1, "old"],
    [2, 1, "1 + 1"],
    [3, 1, "old"],
  ]);
  expect(kept.query({ ...range, session: 0, start: 1, output: true })).toEqual([[3, 1, ["old", "3"]]]);
  expect(kept.query({ ...range, session: -1, start: 1, output: true })).toEqual([[2, 1, ["1 + 1", "2"]]]);
  expect(kept.query({ ...range, session: 1, start: 1 })).toEqual([[1, 1, "old"]]);
  expect(kept.query({ ...search, pattern: "old", unique: true })).toEqual([[3, 1, "old"]]);
  expect(saved).toEqual([
    { session: 3, line: 1, input: "old", output: null },
    { session: 3, line: 1, input: "old", output: "3" },
  ]);
});

test("a search takes a glob over the whole input; everything else in it is literal", () => {
  const kept = history("f(1)", "f(2)\nmore", "g(1)", "f(1)");
  expect(kept.query({ ...search, pattern: "f(?)" })).toHaveLength(2);
  expect(kept.query({ ...search, pattern: "f(*" })).toHaveLength(3);
  expect(kept.query({ ...search, pattern: "f(1)", unique: true })).toEqual([[1, 4, "f(1)"]]);
  expect(kept.query({ ...search, pattern: "*", n: 1 })).toEqual([[1, 4, "f(1)"]]);
});
