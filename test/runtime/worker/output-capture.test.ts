import { expect, it } from "vitest";
import { type Output, OutputCapture, type PrintingTask } from "../../../runtime/src/worker/output-capture.ts";

function restore(stream: object, write: PropertyDescriptor | undefined): void {
  if (write === undefined) Reflect.deleteProperty(stream, "write");
  else Object.defineProperty(stream, "write", write);
}

it("tags text with the task that printed it, in order, streams apart", () => {
  const seen: Output[] = [];
  const task: PrintingTask = {
    name: "load",
    execution: { messageId: "m", executionCount: 3, cellId: "c" },
    send: (output) => seen.push(output),
    flush: () => {},
  };
  const capture = new OutputCapture(() => task);
  const { stdout, stderr } = process;
  const writes = [stdout, stderr].map((stream) => [stream, Object.getOwnPropertyDescriptor(stream, "write")] as const);
  capture.install();
  try {
    stdout.write("a");
    stdout.write(Buffer.from("b\n"));
    stderr.write("c\n");
    stdout.write("d\n");
  } finally {
    for (const [stream, write] of writes) restore(stream, write);
  }
  capture.flush();
  expect(seen.map(({ stream, text }) => `${stream}: ${text}`)).toEqual(["stdout: ab\n", "stderr: c\n", "stdout: d\n"]);
  expect(seen[0]).toMatchObject({ source: "load", execution: { cellId: "c", executionCount: 3 } });
});
