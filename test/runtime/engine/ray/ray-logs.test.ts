import { expect, test } from "vitest";
import { logLines } from "../../../../runtime/src/engine/ray/ray-logs.ts";

const marked = (output: object): string => `\u001emobula ${JSON.stringify({ type: "output", pid: 7, ...output })}`;

test("lines of a Node process have their origin; others are as they are, and Ray's notes are left out", () => {
  const text = [
    ":job_id:02000000",
    ":actor_name:Counter",
    marked({ text: "one\n\ntwo\n", source: "Counter.add", execution: { cellId: "c1" } }),
    "a native library says this",
    marked({ text: "no end of line", source: "area" }),
    "",
  ].join("\n");
  const about = { name: "Counter.add", cellId: "c1" };
  expect(logLines(text)).toEqual([
    { text: "one", ...about },
    { text: "", ...about },
    { text: "two", ...about },
    { text: "a native library says this" },
    { text: "no end of line", name: "area" },
  ]);
});

test("lines that several have written to, that were cut, or that are for the session alone", () => {
  const out = (text: string) => marked({ text, source: "area" });
  const text = [
    `50 %${out("one\n")}`,
    out("two") + out("three"),
    `\u001emobula {"type":"output","te`,
    marked({ type: "held-up", by: "t1", dropped: [] }),
    out(""),
  ].join("\n");
  expect(logLines(text)).toEqual([
    { text: "50 %" },
    { text: "one", name: "area" },
    { text: "two", name: "area" },
    { text: "three", name: "area" },
    { text: `{"type":"output","te` },
    { text: "", name: "area" },
  ]);
});
