import { expect, test } from "vitest";
import { logLines } from "../../../../runtime/src/engine/ray/ray-logs.ts";

test("lines of a Node process have their origin; others are as they are, and Ray's notes are left out", () => {
  const marked = (output: object): string => `\u001emobula ${JSON.stringify({ type: "output", pid: 7, ...output })}`;
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
