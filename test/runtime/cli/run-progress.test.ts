import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  cellTitle,
  formatDuration,
  RunProgress,
  type Screen,
  type ShowLevel,
} from "../../../runtime/src/cli/run-progress.ts";
import type { CodeCell } from "../../../runtime/src/jobs/notebook.ts";

const CELL: CodeCell = {
  cell_type: "code",
  metadata: {},
  source: "// load the flights\nx",
  execution_count: null,
  outputs: [],
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** What a run of one cell that prints writes to both streams, in order. */
function record(show: ShowLevel, isTTY: boolean, texts: readonly string[]): { out: string; err: string } {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err"): Screen => ({ isTTY, columns: 40, write: (text) => (written[name] += text) });
  const progress = new RunProgress(screen("out"), screen("err"), show);
  progress.cellStarted(CELL, 3, 12);
  vi.advanceTimersByTime(2000);
  for (const text of texts) progress.messageArrived(CELL, { type: "stream", content: { name: "stdout", text } });
  progress.cellFinished(CELL, { durationMs: 2000, status: "ok" });
  progress.note("done");
  return written;
}

describe("progress", () => {
  test("in a log is one line per finished cell, without colours", () => {
    expect(record("outputs", false, ["\u001B[31mred\u001B[0m\n"])).toEqual({
      out: "red\n",
      err: "[3/12] load the flights … 2.0 s\ndone\n",
    });
  });

  test("on a terminal is a line that counts, and gives way to outputs", () => {
    const { out, err } = record("outputs", true, ["a\n"]);
    const erase = "\r\u001B[2K";
    expect(out).toBe("a\n");
    expect(err.split(erase)).toEqual([
      "",
      "[3/12] load the flights … 0.0 s",
      "[3/12] load the flights … 1.0 s",
      "[3/12] load the flights … 2.0 s",
      "",
      "[3/12] load the flights … 2.0 s",
      "[3/12] load the flights … 2.0 s\ndone\n",
    ]);
  });

  test("on a terminal never overwrites a line of output that is not finished", () => {
    const { err } = record("outputs", true, ["half"]);
    expect(err.endsWith("\r\u001B[2K\n[3/12] load the flights … 2.0 s\ndone\n")).toBe(true);
  });

  test("alone shows no outputs, and none shows nothing", () => {
    expect(record("progress", false, ["a\n"])).toEqual({ out: "", err: "[3/12] load the flights … 2.0 s\ndone\n" });
    expect(record("none", true, ["a\n"])).toEqual({ out: "", err: "" });
  });
});

test("results and displays are shown by their plain text, and errors that are allowed by their message", () => {
  let out = "";
  const stdout: Screen = { write: (text) => (out += text) };
  const progress = new RunProgress(stdout, { write: () => true }, "outputs");
  progress.cellStarted(CELL, 1, 1);
  for (const message of [
    { type: "execute_result", content: { data: { "text/plain": "42", "text/html": "<b>42</b>" } } },
    { type: "display_data", content: { data: { "image/png": "aGk=" } } },
    { type: "update_display_data", content: { data: { "text/plain": "50 %" } } },
    { type: "stream", content: { name: "stdout", text: "half" } },
    { type: "execute_result", content: { data: { "text/plain": "43" } } },
    { type: "error", content: { ename: "RangeError", evalue: "too far" } },
  ]) {
    progress.messageArrived(CELL, message);
  }
  const outputs = [{ output_type: "error" as const, ename: "RangeError", evalue: "too far", traceback: [] }];
  progress.cellFinished({ ...CELL, outputs }, { durationMs: 1, status: "error-allowed" });
  expect(out).toBe("42\nhalf\n43\nRangeError: too far\n");
});

test.each([
  ["// load the flights\nconst x = 1;", "load the flights"],
  ["\n\n  const x = 1;\ny", "const x = 1;"],
  ["/* fit */\nfit()", "fit"],
  ["// papermill_description=Training\nfit()", "Training"],
  [`const text = "${"é".repeat(80)}";`, `const text = "${"é".repeat(45)}…`],
])("the title of %j is %j", (source, title) => {
  expect(cellTitle(source)).toBe(title);
});

test.each([
  [49, "0.0 s"],
  [840, "0.8 s"],
  [59_949, "59.9 s"],
  [59_999, "1 min 00 s"],
  [3_725_000, "62 min 05 s"],
])("%d ms is written as %s", (durationMs, text) => {
  expect(formatDuration(durationMs)).toBe(text);
});
