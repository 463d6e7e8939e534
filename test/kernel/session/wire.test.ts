import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type ChildEvent, encodeFrame, FrameReader } from "../../../kernel/src/session/wire.ts";

function stream(text: string): ChildEvent {
  return { type: "stream", name: "stdout", text };
}

test("frames survive any cutting of the byte stream", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), fc.array(fc.integer({ min: 1, max: 40 })), (texts, cuts) => {
      const bytes = Buffer.concat(texts.map((text) => encodeFrame(stream(text))));
      const reader = new FrameReader<ChildEvent>();
      const messages: ChildEvent[] = [];
      let offset = 0;
      for (const cut of [...cuts, bytes.length]) {
        messages.push(...reader.push(bytes.subarray(offset, offset + cut)));
        offset = Math.min(bytes.length, offset + cut);
      }
      expect(messages).toEqual(texts.map((text) => JSON.parse(JSON.stringify(stream(text)))));
    }),
  );
});

test("BigInt, bytes, and objects inside themselves lose detail instead of failing", () => {
  const data: Record<string, unknown> = { small: 5n, large: 2n ** 70n, bytes: new Uint8Array([1, 2, 3]), twice: [] };
  data.again = data.twice;
  data.self = data;
  const [event] = new FrameReader<ChildEvent>().push(
    encodeFrame({ type: "display", data, metadata: {}, isUpdate: false }),
  );
  expect(event).toMatchObject({
    data: { small: 5, large: "1180591620717411303424", bytes: "AQID", twice: [], again: [], self: "[Circular]" },
  });
});
