/** Values and damage at random: what comes back is the value, or one clean error. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closureReader, closureWriter } from "../../../runtime/src/closure/index.ts";
import { hasCode } from "../../../runtime/src/errors.ts";
import { decode, encode, type Payload } from "../../../runtime/src/protocol/codec.ts";

const hooks = { code: closureReader };

function travelled({ bytes, buffers, refs }: Payload): Payload {
  return { bytes: Uint8Array.from(bytes), buffers: buffers.map((buffer) => Uint8Array.from(buffer)), refs };
}

/** Any string, lone surrogates too. */
const anyString = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 80 });
const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, 1 / 0, -1 / 0, 2 ** 53, -(2 ** 31)),
  fc.integer(),
);

/** A graph of nested values in which any part may point to any other: cycles and shared parts. */
const graph = fc
  .record({
    kinds: fc.array(fc.constantFrom("object", "array", "map", "set", "error", "null-object"), {
      minLength: 1,
      maxLength: 12,
    }),
    edges: fc.array(fc.tuple(fc.nat(11), fc.nat(11), anyString), { maxLength: 30 }),
    leaves: fc.array(fc.tuple(fc.nat(11), anyString, fc.oneof(anyNumber, anyString, fc.bigInt(), fc.boolean())), {
      maxLength: 20,
    }),
  })
  .map(({ kinds, edges, leaves }) => {
    const nodes = kinds.map(nodeOf);
    const put = (from: number, key: string, value: unknown): void => {
      const node = nodes[from % nodes.length];
      if (Array.isArray(node)) node.push(value);
      else if (node instanceof Map) node.set(key, value);
      else if (node instanceof Set) node.add(value);
      // Causes travel as plain data.
      else if (node instanceof Error) node.cause = typeof value === "string" ? value : undefined;
      else Object.defineProperty(node, key, { value, enumerable: true, configurable: true, writable: true });
    };
    for (const [from, to, key] of edges) put(from, key, nodes[to % nodes.length]);
    for (const [from, key, value] of leaves) put(from, key, value);
    return nodes[0];
  });

function nodeOf(kind: string): object {
  switch (kind) {
    case "array":
      return [];
    case "map":
      return new Map();
    case "set":
      return new Set();
    case "error":
      return new RangeError("an error");
    case "null-object":
      return Object.create(null) as object;
    default:
      return {};
  }
}

/** What is reachable from a value, as text in which every object has a number: equal texts, equal graphs. */
function outline(value: unknown): string {
  const numbers = new Map<object, number>();
  const text = (part: unknown): string => {
    if (typeof part === "number") return Object.is(part, -0) ? "-0" : String(part);
    if (typeof part !== "object" || part === null) return `${typeof part} ${JSON.stringify(String(part))}`;
    const known = numbers.get(part);
    if (known !== undefined) return `#${known}`;
    numbers.set(part, numbers.size);
    if (Array.isArray(part)) return `[${part.map(text).join()}]`;
    if (part instanceof Map) return `Map(${[...part].map(([key, item]) => `${text(key)}:${text(item)}`).join()})`;
    if (part instanceof Set) return `Set(${[...part].map(text).join()})`;
    if (part instanceof Error) return `${part.name}(${part.message},${text(part.cause)})`;
    const isNull = Object.getPrototypeOf(part) === null;
    const entries = Reflect.ownKeys(part).map(
      (key) => `${JSON.stringify(String(key))}:${text(Reflect.get(part, key))}`,
    );
    return `${isNull ? "null" : ""}{${entries.join()}}`;
  };
  return text(value);
}

const samples: readonly unknown[] = [
  { a: [1, 2.5, -0], b: new Map<unknown, unknown>([["k", new Set([1n, "é"])]]), c: new Date(0), d: /x/giu },
  Array.from({ length: 200 }, (_, index) => ({ index, name: `n${index}` })),
  new Float64Array(2_000).fill(3),
  [new Uint8Array(100), new DataView(new ArrayBuffer(16)), new URL("http://x/"), new URLSearchParams("a=b")],
  Object.assign(new RangeError("r", { cause: new TypeError("t") }), { extra: [1] }),
  Object.assign([1, 2], { 5: 3 }),
  [Object.create(null), Object(1), 2n ** 70n, "\ud800", undefined, null],
  (n: number) => n + samples.length,
  class Point {
    x = 1;
    #hidden = 2;
    sum(): number {
      return this.x + this.#hidden;
    }
  },
];

const CODE_SAMPLES_FROM = 7;

describe("values", () => {
  it("in any graph arrive as that graph: cycles, shared parts, every key and string", () => {
    fc.assert(
      fc.property(graph, (value) => {
        expect(outline(decode(travelled(encode(value))))).toBe(outline(value));
      }),
      { numRuns: 500, interruptAfterTimeLimit: 10_000 },
    );
  });

  it.each([
    ["a symbol of this process", { a: { b: Symbol("here") } }, /value\.a\.b/],
    ["a WeakMap in a Map", new Map([["k", new WeakMap()]]), /value.*k/],
    ["a promise in an array", [1, [Promise.resolve(1)]], /value\[1\]\[0\]/],
  ])("that cannot travel are refused with their path: %s", (_, value, path) => {
    expect(() => encode(value)).toThrow(
      expect.objectContaining({ code: "SERIALIZATION", message: expect.stringMatching(path) }),
    );
  });

  it("nested deeper than the stack are refused, not a crash", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 200_000; level++) deep = [deep];
    expect(() => encode(deep)).toThrow(expect.objectContaining({ code: "SERIALIZATION" }));
  });
});

describe("damaged payloads", () => {
  const encoded = samples.map((sample) => encode(sample, { code: closureWriter }));
  const damage = fc.record({
    which: fc.nat(samples.length - 1),
    kind: fc.constantFrom("flip", "set", "cut", "insert", "no-buffers"),
    places: fc.array(fc.tuple(fc.nat(1 << 20), fc.nat(255)), { minLength: 1, maxLength: 6 }),
  });

  it("decode to something else or throw one clean error: no hang, no crash, no memory taken for a false length", () => {
    fc.assert(
      fc.property(damage, ({ which, kind, places }) => {
        const payload = travelled(encoded[which] as Payload);
        const before = process.memoryUsage();
        expectCleanDecode(damaged(payload, kind, places), which >= CODE_SAMPLES_FROM);
        const after = process.memoryUsage();
        expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 ** 2);
      }),
      { numRuns: 3_000, interruptAfterTimeLimit: 15_000 },
    );
  });

  it("of random bytes throw one clean error", () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 255), bytes, bytes, (format, head, tail) => {
        // The first byte names the version; most others are refused at once.
        expectCleanDecode({
          bytes: Uint8Array.from([encoded[0]?.bytes[0] ?? format, ...head]),
          buffers: [tail],
          refs: [],
        });
        expectCleanDecode({ bytes: Uint8Array.from([format, ...head]), buffers: [tail], refs: [] });
      }),
      { numRuns: 3_000, interruptAfterTimeLimit: 15_000 },
    );
  });

  it("with a number that never ends are refused", () => {
    const endless = new Uint8Array(5_000).fill(0x80);
    const [plain] = encoded;
    for (const start of [1, 5, 6]) {
      const bytes = Uint8Array.from([...(plain as Payload).bytes.subarray(0, start), ...endless]);
      expectCleanDecode({ bytes, buffers: [], refs: [] });
    }
  });
});

function damaged(payload: Payload, kind: string, places: readonly (readonly [number, number])[]): Payload {
  let bytes = payload.bytes;
  for (const [place, value] of places) {
    const at = place % Math.max(1, bytes.length);
    if (kind === "flip") bytes[at] = (bytes[at] ?? 0) ^ (1 << (value % 8));
    if (kind === "set") bytes[at] = value;
    if (kind === "cut") bytes = bytes.slice(0, at);
    if (kind === "insert") bytes = Uint8Array.from([...bytes.subarray(0, at), value, ...bytes.subarray(at)]);
  }
  return { bytes, buffers: kind === "no-buffers" ? [] : payload.buffers, refs: payload.refs };
}

function expectCleanDecode(payload: Payload, hasCodeInside = false): void {
  try {
    decode(payload, hooks);
  } catch (error) {
    // Damage may make a text into one that is compiled and run.
    const isOfCode = error instanceof Error && (hasCodeInside || error.stack?.includes("compileFunction") === true);
    if (!hasCode(error, "SERIALIZATION") && !isOfCode) throw error;
  }
}
