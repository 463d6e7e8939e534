import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PrintBuffer } from "../../../kernel/src/session/print-buffer.ts";
import { FrameReader } from "../../../kernel/src/session/wire.ts";

interface Printed {
  readonly name: string;
  readonly text: string;
}

const origins = ["stdout", "stderr"].map((name) => Buffer.from(JSON.stringify({ name })));

/** Events as they are read, with neighbours of one origin joined. */
function joined(events: readonly Printed[]): Printed[] {
  const result: Printed[] = [];
  for (const { name, text } of events) {
    const last = result.at(-1);
    if (last?.name === name) result.splice(-1, 1, { name, text: last.text + text });
    else result.push({ name, text });
  }
  return result;
}

test("what is added comes out in its order, whoever of the two threads empties it, and however it is cut", () => {
  const prints = fc.array(
    fc.record({
      origin: fc.integer({ min: 0, max: 1 }),
      text: fc.oneof(fc.string({ unit: "binary" }), fc.constant("ä€𝒳\n".repeat(3000))),
      isSentByGuardian: fc.boolean(),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(prints, fc.integer({ min: 1, max: 5000 }), (texts, cut) => {
      const main = new PrintBuffer();
      const guardian = new PrintBuffer(main.memory);
      const chunks: Buffer[] = [];
      const send = (frames: Buffer) => void chunks.push(Buffer.from(frames));
      for (const { origin, text, isSentByGuardian } of texts) {
        const json = origins[origin] as Buffer;
        if (!main.add(json, text)) {
          main.flush(send);
          expect(main.add(json, text)).toBe(true);
        }
        if (isSentByGuardian) guardian.flush(send);
      }
      main.flush(send);
      main.flush(send);
      const bytes = Buffer.concat(chunks);
      const reader = new FrameReader<Printed>();
      const events: Printed[] = [];
      for (let start = 0; start < bytes.length; start += cut) {
        events.push(...reader.push(bytes.subarray(start, start + cut)));
      }
      const expected = texts.map(({ origin, text }) => ({ name: ["stdout", "stderr"][origin] ?? "", text }));
      expect(joined(events)).toEqual(joined(expected));
    }),
  );
});

test("text that is longer than the buffer is left to the caller, and nothing of it is added", () => {
  const buffer = new PrintBuffer();
  expect(buffer.add(origins[0] as Buffer, "x".repeat(70_000))).toBe(false);
  expect(buffer.usedBytes).toBe(0);
});

test("an alarm is given once until it is heard", () => {
  const main = new PrintBuffer();
  expect([main.alarm(), main.alarm()]).toEqual([true, false]);
  new PrintBuffer(main.memory).alarmHeard();
  expect(main.alarm()).toBe(true);
});
