import { existsSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, FrameReader } from "../../../runtime/src/protocol/frames.ts";
import type { ClientId, TaskId } from "../../../runtime/src/protocol/ids.ts";
import { type FromWorker, PROTOCOL_VERSION, type ToWorker } from "../../../runtime/src/protocol/messages.ts";

describe("frames", () => {
  it("give back every message, however the stream is cut", () => {
    const message = fc.record({ type: fc.string(), bytes: fc.uint8Array({ maxLength: 300 }), n: fc.integer() });
    fc.assert(
      fc.property(
        fc.array(fc.array(message, { maxLength: 5 }), { maxLength: 6 }),
        fc.array(fc.nat(400)),
        (batches, cuts) => {
          const stream = Buffer.concat(batches.map((batch) => encodeFrame(batch)));
          const reader = new FrameReader<Record<string, unknown>>();
          const got: Record<string, unknown>[] = [];
          let position = 0;
          for (const cut of [...cuts, stream.length]) {
            const end = Math.min(stream.length, position + cut);
            got.push(...reader.push(stream.subarray(position, end)));
            position = end;
          }
          const plain = (each: Record<string, unknown>): unknown => ({
            ...each,
            bytes: [...(each["bytes"] as Uint8Array)],
          });
          expect(got.map(plain)).toEqual(batches.flat().map(plain));
        },
      ),
      { numRuns: 100 },
    );
  });

  it("refuse a stream of something else", () => {
    expect(() => new FrameReader().push(Buffer.from("GET / HTTP/1.1\r\n"))).toThrow(RangeError);
  });
});

describe("golden frames", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const taskId = "d.0" as TaskId;
  const samples: Record<string, readonly (ToWorker | FromWorker)[]> = {
    "to-worker": [
      { type: "data-hello", protocol: 1, clientId: "d" as ClientId },
      { type: "load-code", code: { codeId: "abc", value: { bytes } } },
      { type: "run-task", call: { taskId, codeId: "abc", name: "area", args: { bytes }, depth: 0, attempt: 0 } },
      { type: "stream-consumed", taskId, count: 3 },
      { type: "drop-task", taskId },
    ],
    "from-worker": [
      { type: "task-finished", taskId, value: { bytes }, durationMs: 0.25 },
      {
        type: "task-failed",
        taskId,
        error: { name: "TypeError", message: "no" },
        classNames: ["TypeError", "Error", "Object"],
        reason: "error",
        durationMs: 1.5,
      },
      { type: "tasks-returned", taskIds: [taskId] },
      { type: "output", stream: "stdout", text: "hello\n", source: "area", pid: 42 },
    ],
  };

  it.each(Object.keys(samples))("of version 1 are read as they were written: %s", (name) => {
    const file = new URL(`../../golden/frames/v${PROTOCOL_VERSION}-${name}.hex`, import.meta.url);
    // A new version leaves its frames here; an old one's are never changed.
    if (!existsSync(file) && process.env["UPDATE_GOLDEN"] !== undefined) {
      writeFileSync(file, `${encodeFrame(samples[name] ?? []).toString("hex")}\n`);
    }
    const golden = Buffer.from(readFileSync(file, "utf8").trim(), "hex");
    const read = new FrameReader().push(golden);
    expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(JSON.stringify(asBuffers(samples[name] ?? []))));
  });

  /** The reader gives Buffers, which print differently from other byte arrays. */
  function asBuffers(value: unknown): unknown {
    if (value instanceof Uint8Array) return Buffer.from(value);
    if (Array.isArray(value)) return value.map(asBuffers);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asBuffers(inner)]));
  }
});
