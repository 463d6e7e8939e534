/** Streams and messages at random: every frame comes back, and what is none is refused before it takes memory. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorFromWire, toWireError } from "../../../runtime/src/errors.ts";
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from "../../../runtime/src/protocol/frames.ts";
import { TO_HEAD, TO_WORKER } from "../../../runtime/src/protocol/message-shapes.ts";
import { problemOf } from "../../../runtime/src/protocol/shapes.ts";

const anything = fc.anything({ withBigInt: false, maxDepth: 3 });

describe("frames", () => {
  it("of damaged streams give messages or throw; the reader never keeps more than it was sent", () => {
    const damage = fc.record({
      messages: fc.array(fc.record({ type: fc.string(), bytes: fc.uint8Array({ maxLength: 60 }) }), { maxLength: 5 }),
      places: fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 5 }),
      cuts: fc.array(fc.nat(120), { maxLength: 10 }),
    });
    fc.assert(
      fc.property(damage, ({ messages, places, cuts }) => {
        const stream = encodeFrame(messages);
        for (const [place, value] of places) stream[place % stream.length] = value;
        const before = process.memoryUsage().arrayBuffers;
        const reader = new FrameReader<unknown>();
        try {
          let position = 0;
          for (const cut of [...cuts, stream.length]) {
            for (const message of reader.push(stream.subarray(position, position + cut))) {
              // Behind the reader a message may still be anything.
              problemOf(TO_HEAD, message);
            }
            position += cut;
          }
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 ** 2);
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 10_000 },
    );
  });

  it("longer than allowed are refused by their first bytes; a stranger's first frame has a lower limit", () => {
    const frameOf = (length: number): Buffer => Buffer.from(Uint32Array.of(length).buffer).swap32();
    expect(() => new FrameReader().push(frameOf(MAX_FRAME_BYTES + 1))).toThrow(RangeError);
    expect(() => new FrameReader(1_000).push(frameOf(1_001))).toThrow(RangeError);
    const reader = new FrameReader<unknown>(1_000);
    expect(reader.push(encodeFrame([{ type: "hello" }]))).toHaveLength(1);
    expect(reader.push(encodeFrame([{ type: "later", bytes: new Uint8Array(5_000) }]))).toHaveLength(1);
  });
});

describe("the shape of messages", () => {
  const call = { taskId: "d.1", codeId: "c", name: "f", args: { bytes: new Uint8Array(1) }, depth: 0, attempt: 0 };
  const good: readonly { readonly table: typeof TO_HEAD; readonly message: Record<string, unknown> }[] = [
    { table: TO_HEAD, message: { type: "hello", protocol: 2, clientId: "d", kind: "driver", pid: 1 } },
    { table: TO_HEAD, message: { type: "demand", shape: "cpus=1", resources: { cpus: 1 }, count: 1, depth: 0 } },
    { table: TO_HEAD, message: { type: "hold", objectIds: ["d.1"] } },
    { table: TO_HEAD, message: { type: "release", objectIds: ["d.1"], counts: [1] } },
    { table: TO_HEAD, message: { type: "allocate", requestId: 1, objectId: "d.1", lengths: [8], holder: "d" } },
    {
      table: TO_HEAD,
      message: { type: "publish-result", objectId: "d.1", result: { ok: false, error: { name: "E", message: "m" } } },
    },
    { table: TO_WORKER, message: { type: "run-task", call } },
    { table: TO_WORKER, message: { type: "stream-consumed", taskId: "d.1", count: 2 } },
  ];

  it.each(good)("is right in $message.type, and wrong without any of its fields", ({ table, message }) => {
    expect(problemOf(table, message)).toBeUndefined();
    expect(problemOf(table, { ...message, beside: 1 })).toBeUndefined();
    for (const field of Object.keys(message)) {
      const { [field]: _, ...rest } = message;
      expect(problemOf(table, rest)).toMatch(/field|message/);
      expect(problemOf(table, { ...message, [field]: Symbol("wrong") })).toMatch(/field|message/);
    }
  });

  it("is looked at without harm, whatever it is", () => {
    fc.assert(
      fc.property(anything, fc.constantFrom(...TO_HEAD.keys(), "toString", "__proto__"), (value, type) => {
        problemOf(TO_HEAD, value);
        const inner = typeof value === "object" && value !== null ? value : { value };
        expect([undefined, "string"]).toContain(typeofProblem(problemOf(TO_HEAD, { ...inner, type })));
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 10_000 },
    );
    expect(problemOf(TO_HEAD, { type: "toString" })).toMatch(/no message of type/);
  });

  it("counts no negative, broken or unsafe numbers", () => {
    for (const count of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, "1", null]) {
      const message = { type: "demand", shape: "s", resources: { cpus: count }, count: 1, depth: 0 };
      expect(problemOf(TO_HEAD, message)).toMatch(/'resources'/);
    }
  });
});

function typeofProblem(problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : typeof problem;
}

describe("errors on the wire", () => {
  it("carry anything that is thrown, as an error", () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), fc.anything(), (thrown, message, property) => {
        expect(errorFromWire(toWireError(thrown))).toBeInstanceOf(Error);
        const error = Object.assign(new RangeError(message, { cause: thrown }), { property });
        const wire = JSON.parse(JSON.stringify(toWireError(error))) as ReturnType<typeof toWireError>;
        const back = errorFromWire(wire);
        expect([back.name, back.message]).toEqual(["RangeError", message]);
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 10_000 },
    );
  });

  it("are cut where causes run in a circle, getters throw, or proxies refuse", () => {
    const circle = new Error("circle");
    circle.cause = circle;
    const thrower = Object.defineProperty(new Error("t"), "extra", {
      enumerable: true,
      get() {
        throw new Error("no");
      },
    });
    const refusing = new Proxy(new Error("p"), {
      get: () => {
        throw new Error("no");
      },
      ownKeys: () => {
        throw new Error("no");
      },
    });
    for (const thrown of [circle, thrower, refusing]) expect(errorFromWire(toWireError(thrown))).toBeInstanceOf(Error);
  });
});
