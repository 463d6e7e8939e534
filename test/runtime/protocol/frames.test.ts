import { existsSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encode } from "../../../runtime/src/protocol/codec.ts";
import { encodeFrame, FrameReader } from "../../../runtime/src/protocol/frames.ts";
import type { ClientId, ObjectId, TaskId } from "../../../runtime/src/protocol/ids.ts";
import {
  type FromWorker,
  PROTOCOL_VERSION,
  type ToWorker,
  type WireValue,
} from "../../../runtime/src/protocol/messages.ts";

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

  it("are read the same before and after the native reader of strings is there", async () => {
    const words = ["", "short", "größer als ASCII", "long enough not to be read byte by byte ".repeat(3)];
    const frame = encodeFrame(
      Array.from({ length: 1_000 }, (_, index) => ({ type: "word", word: words[index % 4], index })),
    );
    const first = new FrameReader<unknown>().push(frame);
    expect(first[3]).toEqual({ type: "word", word: words[3], index: 3 });
    for (let round = 0; round < 3; round++) expect(new FrameReader<unknown>().push(frame)).toEqual(first);
    await import("msgpackr");
    expect(new FrameReader<unknown>().push(frame)).toEqual(first);
  });

  it("carry calls and results with all that they may have", () => {
    const value = (bytes: Uint8Array): fc.Arbitrary<WireValue> =>
      fc.record(
        {
          bytes: fc.constant(bytes),
          buffers: fc.array(fc.uint8Array({ maxLength: 9 })),
          region: fc.constant({ offset: 4096, lengths: [7], slot: 3, version: 2 }),
          owner: fc.constant("d.7" as ObjectId),
          refs: fc.constant(["d.1" as ObjectId]),
        },
        { requiredKeys: ["bytes"] },
      );
    const anyValue = fc
      .oneof(fc.constantFrom(undefined, 0, 63, true, null, []), fc.integer(), fc.string())
      .chain((each) => value(encode(each).bytes));
    const call = fc.record(
      {
        taskId: fc.constant("d.5" as TaskId),
        name: fc.string(),
        args: anyValue,
        depth: fc.nat(60),
        attempt: fc.nat(5),
        resolved: fc.array(fc.record({ index: fc.nat(5), value: anyValue }), { minLength: 1 }),
        isStream: fc.constant(true),
        streamWindow: fc.nat(50),
        numReturns: fc.nat(5),
        skipItems: fc.nat(5),
        timeoutMs: fc.nat(5000),
        execution: fc.record({ messageId: fc.string(), cellId: fc.string(), executionCount: fc.nat() }),
        parent: fc.constant("d.4" as TaskId),
        waitedMs: fc.nat(1000),
      },
      { requiredKeys: ["taskId", "name", "args", "depth", "attempt", "waitedMs"] },
    );
    const message = fc.oneof(
      call.map((each) => ({ type: "run-task", call: { ...each, codeId: "0123abcd" } })),
      call.map((each) => ({ type: "call-actor", call: { ...each, actorId: "d.A1", method: "add" } })),
      fc.record({
        type: fc.constant("task-finished"),
        taskId: fc.constant("d.5"),
        value: anyValue,
        durationMs: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
        expect(asBuffers(new FrameReader().push(encodeFrame(messages)))).toEqual(asBuffers(messages));
      }),
      { numRuns: 200 },
    );
  });

  it("refuse a message of a kind that is not known", () => {
    expect(() => new FrameReader().push(encodeFrame([[99]]))).toThrow(RangeError);
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

  const versions = Array.from({ length: PROTOCOL_VERSION }, (_, index) => index + 1);
  const files = versions.flatMap((version) => Object.keys(samples).map((name) => ({ version, name })));

  it.each(files)("of version $version are read as they were written: $name", ({ version, name }) => {
    const file = new URL(`../../golden/frames/v${version}-${name}.hex`, import.meta.url);
    // A new version leaves its frames here; an old one's are never changed.
    if (!existsSync(file) && process.env["UPDATE_GOLDEN"] !== undefined) {
      writeFileSync(file, `${encodeFrame(samples[name] ?? []).toString("hex")}\n`);
    }
    const golden = Buffer.from(readFileSync(file, "utf8").trim(), "hex");
    const read = new FrameReader().push(golden);
    // Version 2 spells out what version 1 left to its absence.
    expect(JSON.parse(JSON.stringify(read))).toMatchObject(JSON.parse(JSON.stringify(asBuffers(samples[name] ?? []))));
  });
});

/** The reader gives Buffers, which print differently from other byte arrays. */
function asBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(asBuffers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asBuffers(inner)]));
}
