import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StreamBuffer, type StreamText } from "../../../kernel/src/core/stream-buffer.ts";
import type { ParentHeader } from "../../../kernel/src/protocol/messages.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const parent = (id: string) => ({ msg_id: id }) as ParentHeader;

function buffer(): { sent: StreamText[]; streams: StreamBuffer } {
  const sent: StreamText[] = [];
  return { sent, streams: new StreamBuffer((text) => sent.push(text)) };
}

test("prints within ten milliseconds become one message", () => {
  const { sent, streams } = buffer();
  streams.add({ parent: parent("1"), name: "stdout", text: "a" });
  vi.advanceTimersByTime(9);
  streams.add({ parent: parent("1"), name: "stdout", text: "b" });
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(sent.map(({ text }) => text)).toEqual(["ab"]);
});

test("a large text does not wait", () => {
  const { sent, streams } = buffer();
  streams.add({ parent: parent("1"), name: "stdout", text: "x".repeat(70_000) });
  expect(sent).toHaveLength(1);
});

test("no text is lost, doubled or moved past text of another stream or cell", () => {
  const prints = fc.array(
    fc.record({ id: fc.constantFrom("1", "2"), name: fc.constantFrom("stdout", "stderr"), text: fc.string() }),
  );
  fc.assert(
    fc.property(prints, (all) => {
      const { sent, streams } = buffer();
      for (const { id, name, text } of all) streams.add({ parent: parent(id), name, text });
      streams.flush();
      expect(letters(sent.map((one) => ({ key: `${one.parent.msg_id}${one.name}`, text: one.text })))).toEqual(
        letters(all.map((one) => ({ key: `${one.id}${one.name}`, text: one.text }))),
      );
    }),
  );
});

/** Every letter with where it belongs. */
function letters(texts: { key: string; text: string }[]): string[] {
  return texts.flatMap(({ key, text }) => Array.from(text, (letter) => key + letter));
}
