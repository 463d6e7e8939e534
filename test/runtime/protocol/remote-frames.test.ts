import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type FromSession,
  REMOTE_PROTOCOL,
  type RemoteHello,
  type ToSession,
} from "../../../runtime/src/protocol/remote.ts";
import {
  type ChunkHeader,
  FRAME,
  type FrameKind,
  makeFrame,
  packHeader,
  readFrame,
  stampFrame,
  unpackHeader,
} from "../../../runtime/src/protocol/remote-frames.ts";

const FILE = new URL("../../golden/frames/remote-v1.json", import.meta.url);

interface Golden {
  readonly kind: FrameKind;
  readonly number: number;
  readonly ack: number;
  readonly header?: unknown;
  readonly raw?: Uint8Array;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const hello: RemoteHello = {
  type: "hello",
  protocol: 1,
  version: "0.1.0",
  clientId: "d0a1b2" as never,
  host: "laptop",
  pid: 4711,
  leaseMs: 60_000,
  received: 0,
};
const toSession: readonly ToSession[] = [
  { type: "code", codeId: "c1", value: { bytes: bytes(1, 2, 3) } },
  {
    type: "submit",
    taskId: "d0a1b2.0" as never,
    codeId: "c1",
    args: { bytes: bytes(4), buffers: [bytes(5, 6)], refs: ["d0a1b2.z" as never] },
    gives: "one",
    asksRetry: false,
    spec: { name: "größe", resources: { cpus: 10_000 }, retries: 3, depth: 0 },
  },
  { type: "put", id: "d0a1b2.1" as never, value: { blob: 1 } },
  { type: "release", ids: ["d0a1b2.0"], counts: [2] },
  { type: "question", number: 1, method: "describe", args: [] },
  { type: "bye" },
];
const fromSession: readonly FromSession[] = [
  { type: "ready", id: "d0a1b2.0" as never, value: { bytes: bytes(7) } },
  { type: "ready", id: "d0a1b2.1" as never },
  { type: "failed", id: "d0a1b2.2" as never, error: { name: "Error", message: "no", code: "OBJECT_LOST" } },
  { type: "call-ended", taskId: "d0a1b2.0" as never, outcome: "finished" },
];

const frames: Readonly<Record<string, Golden>> = {
  hello: { kind: FRAME.greeting, number: 0, ack: 0, header: hello },
  welcome: {
    kind: FRAME.greeting,
    number: 0,
    ack: 0,
    header: { type: "welcome", protocol: 1, version: "0.1.0", received: 12 },
  },
  ack: { kind: FRAME.ack, number: 0, ack: 2 ** 40 },
  "to-session": { kind: FRAME.messages, number: 1, ack: 0, header: toSession },
  "from-session": { kind: FRAME.messages, number: 2 ** 33, ack: 1, header: fromSession },
  "first-chunk": {
    kind: FRAME.chunk,
    number: 2,
    ack: 1,
    header: { blob: 1, lengths: [2, 3] } satisfies ChunkHeader,
    raw: bytes(1, 2, 3),
  },
  "next-chunk": { kind: FRAME.chunk, number: 3, ack: 1, header: { blob: 1 } satisfies ChunkHeader, raw: bytes(4, 5) },
  view: { kind: FRAME.view, number: 4, ack: 1, header: { view: 1 }, raw: bytes(123, 125, 10) },
};

function encode({ kind, number, ack, header, raw }: Golden): Buffer {
  return stampFrame(makeFrame(kind, header === undefined ? undefined : packHeader(header), raw), number, ack);
}

describe("frames of remote drivers", () => {
  test("are as they were in version 1: a change here needs a new protocol number", () => {
    expect(REMOTE_PROTOCOL).toBe(1);
    const golden = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, string>;
    const now = Object.entries(frames).map(([name, frame]) => [name, encode(frame).toString("hex")]);
    expect(Object.fromEntries(now)).toEqual(golden);
  });

  test.each(Object.keys(frames))("%s of version 1 is read as what it says", (name) => {
    const golden = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, string>;
    const wanted = frames[name] as Golden;
    const frame = readFrame(Buffer.from(golden[name] ?? "", "hex"));
    expect(frame).toMatchObject({ kind: wanted.kind, number: wanted.number, ack: wanted.ack });
    if (wanted.header !== undefined) expect(plain(unpackHeader(frame.header))).toEqual(plain(wanted.header));
    expect([...frame.raw]).toEqual([...(wanted.raw ?? [])]);
  });

  test("have plain msgpack for headers, which other languages read: no extension types", () => {
    // 0xc7–0xc9 and 0xd4–0xd8 begin extensions; none of these headers has such bytes in text or data.
    const headers = [hello, toSession, fromSession].map((header) => packHeader(header));
    for (const header of headers)
      expect([...header].filter((b) => (b >= 0xc7 && b <= 0xc9) || (b >= 0xd4 && b <= 0xd8))).toEqual([]);
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a kind that does not exist", Buffer.alloc(28, 200)],
    ["a part of a frame", encode(frames["hello"] as Golden).subarray(0, 27)],
    ["a header longer than the frame", encode(frames["hello"] as Golden).subarray(0, 60)],
  ])("%s is refused", (_what, wrong) => {
    expect(() => readFrame(wrong)).toThrow(RangeError);
  });
});

/** Buffers and arrays of bytes compare alike. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}
