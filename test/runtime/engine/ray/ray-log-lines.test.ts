import { expect, test } from "vitest";
import { inOrder, logLines } from "../../../../runtime/src/engine/ray/ray-log-lines.ts";
import type { LogLine } from "../../../../runtime/src/protocol/state.ts";

const marked = (output: object): string => `\u001emobula ${JSON.stringify({ type: "output", pid: 7, ...output })}`;

test("lines of a Node process have their origin; others are as they are, and Ray's notes are left out", () => {
  const lines = [
    ":job_id:02000000",
    ":actor_name:Counter",
    marked({ text: "one\n\ntwo\n", source: "Counter.add", execution: { cellId: "c1" }, task: "t1", atMs: 5 }),
    "a native library says this",
    marked({ text: "no end of line", source: "area", task: null }),
    "",
  ];
  const about = { name: "Counter.add", cellId: "c1", task: "t1", atMs: 5 };
  expect(logLines(lines)).toEqual([
    { text: "one", ...about },
    { text: "", ...about },
    { text: "two", ...about },
    { text: "a native library says this" },
    { text: "no end of line", name: "area" },
  ]);
});

test("lines that several have written to, that were cut, or that are for the session alone", () => {
  const out = (text: string) => marked({ text, source: "area" });
  const lines = [
    `50 %${out("one\n")}`,
    out("two") + out("three"),
    `\u001emobula {"type":"output","te`,
    marked({ type: "held-up", by: "t1", dropped: [] }),
    out(""),
  ];
  expect(logLines(lines)).toEqual([
    { text: "50 %" },
    { text: "one", name: "area" },
    { text: "two", name: "area" },
    { text: "three", name: "area" },
    { text: `{"type":"output","te` },
    { text: "", name: "area" },
  ]);
});

test("lines of several files come by their times; those without one stay where they are in their file", () => {
  const line = (text: string, atMs?: number): LogLine => {
    return { worker: "w", pid: 1, stream: "stdout", text, ...(atMs === undefined ? {} : { atMs }) };
  };
  const files = [
    [line("plain")],
    [line("before a2"), line("a2", 2), line("after a2"), line("a5", 5)],
    [line("b1", 1), line("b2", 2), line("b4", 4)],
  ];
  const texts = inOrder(files).map(({ text }) => text);
  expect(texts).toEqual(["b1", "before a2", "a2", "after a2", "b2", "b4", "a5", "plain"]);
});
