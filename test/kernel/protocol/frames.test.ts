import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrames, encodeFrames } from "../../../kernel/src/protocol/frames.ts";
import { MessageComposer } from "../../../kernel/src/protocol/header.ts";

const composer = new MessageComposer();
const KEY = "secret";

function frames(content: object = { code: "1" }, buffers: Uint8Array[] = []): Uint8Array[] {
  const message = { ...composer.message("execute_request", content, { metadata: { cellId: "c" } }), buffers };
  return encodeFrames(KEY, [Buffer.from("peer")], message);
}

test("a message comes back as it was sent, with its identities and buffers", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.uint8Array()), (data, buffers) => {
      const message = { ...composer.message("comm_msg", { comm_id: "1", data }), buffers };
      const decoded = decodeFrames(KEY, encodeFrames(KEY, [Buffer.from([0, 1])], message));
      expect(JSON.stringify(decoded.message.content)).toBe(JSON.stringify(message.content));
      expect(decoded.message.header).toEqual(message.header);
      expect(decoded.message.buffers.map((buffer) => [...buffer])).toEqual(buffers.map((buffer) => [...buffer]));
      expect(decoded.identities.map((identity) => [...identity])).toEqual([[0, 1]]);
    }),
  );
});

test("a signature is the one that another implementation makes", () => {
  // hmac.new(b"secret", b'{"msg_id":"1","msg_type":"x"}' + b"{}" * 3, "sha256").hexdigest() in Python
  const parts = ['{"msg_id":"1","msg_type":"x"}', "{}", "{}", "{}"];
  const signature = "ba3ba2b3dc867d1fbaab74cc2777c2374a910813a098f2478060c08ce81b6966";
  const decoded = decodeFrames(
    KEY,
    ["<IDS|MSG>", signature, ...parts].map((part) => Buffer.from(part)),
  );
  expect(decoded.message.header.msg_id).toBe("1");
});

test("a wrong signature, a missing one and one for other bytes are refused", () => {
  const signed = frames();
  const withPart = (index: number, text: string) => signed.map((part, i) => (i === index ? Buffer.from(text) : part));
  expect(() => decodeFrames("another key", signed)).toThrow("wrong signature");
  expect(() => decodeFrames(KEY, withPart(2, ""))).toThrow("wrong signature");
  expect(() => decodeFrames(KEY, withPart(2, "é".repeat(32)))).toThrow("wrong signature");
  expect(() => decodeFrames(KEY, withPart(6, '{"code":"2"}'))).toThrow("wrong signature");
});

test("without a key nothing is signed and everything is accepted", () => {
  const unsigned = encodeFrames("", [], composer.message("x", {}));
  expect(unsigned[1]).toHaveLength(0);
  expect(decodeFrames("", frames()).message.content).toEqual({ code: "1" });
});

function refused(...texts: string[]): () => unknown {
  const parts = texts.map((text) => Buffer.from(text));
  return () => decodeFrames("", parts);
}

test("frames that are no message are refused with the reason", () => {
  expect(refused("peer", "hello")).toThrow("delimiter");
  expect(refused("<IDS|MSG>", "", "{}", "{}")).toThrow("five parts");
  expect(refused("<IDS|MSG>", "", "{", "{}", "{}", "{}")).toThrow("header is not JSON");
  expect(refused("<IDS|MSG>", "", "{}", "{}", "{}", "{}")).toThrow("msg_id");
  expect(refused("<IDS|MSG>", "", '{"msg_id":"1","msg_type":"x"}', "{}", "{}", "[]")).toThrow(
    "content is not an object",
  );
});

test("arbitrary frames never do more than throw a FrameError", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array(), { maxLength: 8 }), (parts) => {
      expect(() => decodeFrames("", [...parts])).toThrow(expect.objectContaining({ code: "BAD_FRAMES" }));
    }),
  );
});
