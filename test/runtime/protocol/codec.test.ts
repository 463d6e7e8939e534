import { tableFromArrays } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closureReader, closureWriter } from "../../../runtime/src/closure/index.ts";
import { hasCode, TaskFailedError } from "../../../runtime/src/errors.ts";
import {
  ACTOR_BRAND,
  decode,
  decodeAsync,
  encode,
  type Payload,
  payloadBytes,
  preload,
  REDUCE,
  REF_BRAND,
} from "../../../runtime/src/protocol/codec.ts";

/** As if it had crossed a wire: nothing is shared with the original. */
function travelled({ bytes, buffers, refs }: Payload): Payload {
  return { bytes: new Uint8Array(bytes), buffers: buffers.map((buffer) => new Uint8Array(buffer)), refs };
}

function roundTrip(value: unknown): unknown {
  return decode(travelled(encode(value)));
}

describe("values", () => {
  test("that are equal have equal bytes, whatever was written before", () => {
    const first = encode({ a: 1 });
    encode("x".repeat(100));
    expect(encode({ a: 1 })).toEqual(first);
  });

  test("that are small constants arrive as themselves, and lists of nothing as lists of their own", () => {
    const constants = [undefined, null, true, false, 0, -0, 1, 63, 64, -1, 0.5, Number.MIN_VALUE, Number.NaN];
    for (const value of constants) expect(roundTrip(value)).toBe(value);
    const empty = encode([]);
    expect(decode(empty)).toEqual([]);
    expect(decode(empty)).not.toBe(decode(empty));
  });

  test("of all plain kinds arrive as themselves", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withBoxedValues: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withSparseArray: true,
          withTypedArray: true,
          withNullPrototype: true,
          withUnicodeString: true,
          maxDepth: 4,
        }),
        (value) => {
          expect(roundTrip(value)).toStrictEqual(value);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("of all numbers and strings arrive exactly", () => {
    const numbers = [
      0,
      -0,
      1,
      -1,
      63,
      64,
      -64,
      2 ** 31 - 1,
      -(2 ** 31),
      2 ** 31,
      2 ** 53,
      0.1,
      1e300,
      NaN,
      Infinity,
      -Infinity,
    ];
    const texts = [
      "",
      "a",
      "é",
      "日本",
      "𝒳",
      "\ud800",
      "x".repeat(63),
      "x".repeat(64),
      "ÿ".repeat(5000),
      "日".repeat(5000),
    ];
    for (const value of [...numbers, ...texts, 10n ** 40n, -(10n ** 40n), 0n]) {
      expect(Object.is(roundTrip(value), value) || roundTrip(value) === value).toBe(true);
    }
    expect(roundTrip(numbers)).toStrictEqual(numbers);
    expect(roundTrip(Array.from({ length: 3000 }, (_, i) => i * 0.5))).toEqual(
      Array.from({ length: 3000 }, (_, i) => i * 0.5),
    );
  });

  test("keep cycles and shared references", () => {
    const shared = { n: 1 };
    const value: Record<string, unknown> = { a: shared, b: [shared], m: new Map([[shared, shared]]) };
    value["self"] = value;
    const copy = roundTrip(value) as { a: object; b: object[]; m: Map<object, object>; self: unknown };
    expect(copy.self).toBe(copy);
    expect(copy.b[0]).toBe(copy.a);
    expect(copy.m.get(copy.a)).toBe(copy.a);
  });

  test("arrive with dates, patterns, URLs, boxed primitives and symbols that every process has", () => {
    const value = [
      new Date(5),
      new Date(NaN),
      /a+/giu,
      new URL("http://x.org/?a=1"),
      new URLSearchParams("a=1"),
      Object("text"),
      Symbol.for("x"),
      Symbol.iterator,
    ];
    const copy = roundTrip(value) as unknown[];
    expect(copy).toStrictEqual(value);
    expect(copy[3]).toBeInstanceOf(URL);
  });

  test("may have a property called __proto__", () => {
    const value = JSON.parse('{"__proto__": {"admin": true}, "a": 1}') as object;
    const copy = roundTrip(value) as object;
    expect(Object.keys(copy)).toEqual(["__proto__", "a"]);
    expect((copy as { admin?: boolean }).admin).toBeUndefined();
  });

  test("of many shapes arrive, rows of one shape in little space", () => {
    const rows = Array.from({ length: 1000 }, (_, id) => ({ id, name: `n${id}`, ok: id % 2 === 0 }));
    expect(roundTrip(rows)).toEqual(rows);
    expect(payloadBytes(encode(rows))).toBeLessThan(JSON.stringify(rows).length / 2);
    const dictionary = Array.from({ length: 300 }, (_, i) => ({ [`key${i % 40}`]: i, same: i }));
    expect(roundTrip(dictionary)).toEqual(dictionary);
  });
});

describe("errors", () => {
  test("keep name, message, stack, code, cause and their data", () => {
    class QuotaError extends Error {
      override name = "QuotaError";
      code = "E_QUOTA";
      limit = { bytes: 5 };
    }
    const cause = new TypeError("root");
    const error = new QuotaError("too much", { cause });
    const copy = roundTrip(error) as QuotaError;
    expect(copy).toBeInstanceOf(Error);
    expect([copy.name, copy.message, copy.stack, copy.code]).toEqual([
      "QuotaError",
      "too much",
      error.stack,
      "E_QUOTA",
    ]);
    expect(copy.limit).toEqual({ bytes: 5 });
    expect(copy.cause).toBeInstanceOf(TypeError);
  });

  test("of this package come back as their class", () => {
    const copy = roundTrip(new TaskFailedError("load", new RangeError("bad"))) as TaskFailedError;
    expect(copy).toBeInstanceOf(TaskFailedError);
    expect(hasCode(copy, "TASK_FAILED")).toBe(true);
    expect(copy.functionName).toBe("load");
    expect(copy.cause).toBeInstanceOf(RangeError);
  });

  test("that point at themselves end somewhere", () => {
    const error = new Error("loop");
    error.cause = error;
    expect((roundTrip(error) as Error).message).toBe("loop");
  });
});

describe("buffers", () => {
  test("of 4 KiB and more travel beside the bytes, without a copy", () => {
    const data = new Float64Array(512).fill(1.5);
    const payload = encode({ data });
    expect(payload.buffers).toHaveLength(1);
    expect(payload.buffers[0]?.buffer).toBe(data.buffer);
    const copy = decode(payload) as { data: Float64Array };
    expect(copy.data.buffer).toBe(data.buffer);
    expect(encode(new Uint8Array(4095)).buffers).toHaveLength(0);
  });

  test("are copied when they arrive misaligned", () => {
    const payload = encode(new Float64Array(1000).map((_, i) => i));
    const shifted = new Uint8Array(8001).subarray(1);
    shifted.set(payload.buffers[0] as Uint8Array);
    expect(decode({ ...payload, buffers: [shifted] })).toEqual(new Float64Array(1000).map((_, i) => i));
  });

  test("show only what their views show", () => {
    const pool = new Uint8Array(100_000).fill(7);
    expect(payloadBytes(encode(pool.subarray(10, 20)))).toBeLessThan(60);
    expect(payloadBytes(encode([pool.subarray(0, 8000), pool.subarray(50_000, 58_000)]))).toBeLessThan(16_200);
  });

  test.each([100, 10_000])("of %i bytes that overlap still do on arrival", (size) => {
    const memory = new ArrayBuffer(size);
    const value = { all: new Uint8Array(memory), part: new Uint16Array(memory, 8, 4), memory };
    const copy = roundTrip(value) as typeof value;
    copy.all[8] = 77;
    expect(copy.part[0]).toBe(77);
    expect(copy.part.buffer).toBe(copy.memory);
    expect(copy.memory.byteLength).toBe(size);
  });

  test("keep their kind: Buffer, DataView, BigInt64Array, empty ones", () => {
    const value = [
      Buffer.from("text"),
      new DataView(new ArrayBuffer(5), 1, 3),
      new BigInt64Array([1n, -1n]),
      new Float32Array(0),
      Buffer.alloc(5000, 3),
    ];
    const copy = roundTrip(value) as unknown[];
    expect(copy).toStrictEqual(value);
    expect(Buffer.isBuffer(copy[0]) && Buffer.isBuffer(copy[4])).toBe(true);
  });

  test("of random views of shared memory arrive with their contents", () => {
    const views = fc.array(
      fc.tuple(fc.nat(1000), fc.nat(9000), fc.constantFrom(Uint8Array, Uint16Array, Float64Array)),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(views, (specs) => {
        const memory = new Uint8Array(20_000).map((_, i) => i % 251).buffer;
        const value = specs.map(([start, length, type]) => {
          const size = type.BYTES_PER_ELEMENT;
          return new type(memory, start * size, Math.min(Math.floor(length / size), 20_000 / size - start));
        });
        expect(roundTrip(value)).toEqual(value);
      }),
    );
  });
});

describe("Arrow tables", () => {
  test("arrive as tables, with their columns as views", async () => {
    const table = tableFromArrays({
      x: new Float64Array(5000).map((_, i) => i),
      name: Array.from({ length: 5000 }, (_, i) => `n${i % 10}`),
    });
    const payload = travelled(encode({ table }, { code: closureWriter }));
    expect(payload.buffers.length).toBeGreaterThan(0);
    const copy = (await decodeAsync(payload, { code: closureReader })) as { table: typeof table };
    expect(copy.table.numRows).toBe(5000);
    expect(copy.table.schema.fields.map((field) => field.name)).toEqual(["x", "name"]);
    expect(copy.table.get(4321)?.toJSON()).toEqual({ x: 4321, name: "n1" });
    expect(copy.table.getChild("x")?.toArray()).toEqual(table.getChild("x")?.toArray());
  });
});

describe("refs, handles and values that make themselves", () => {
  const refOf = (ref: object): string => (ref as { id: string }).id;

  test("refs are listed once each and stay one object", () => {
    const a = { [REF_BRAND]: true, id: "a" };
    const b = { [REF_BRAND]: true, id: "b" };
    const payload = encode([a, b, a, { [REF_BRAND]: true, id: "a" }], { refOf });
    expect(payload.refs).toEqual(["a", "b"]);
    const copy = decode(payload, { makeRef: (id) => ({ ref: id }) }) as object[];
    expect(copy).toEqual([{ ref: "a" }, { ref: "b" }, { ref: "a" }, { ref: "a" }]);
    expect(copy[3]).toBe(copy[0]);
  });

  test("handles may be proxies", () => {
    const handle = new Proxy({}, { get: (_, key) => key === ACTOR_BRAND });
    const payload = encode({ handle }, { actorOf: () => ({ actorId: "x" }) });
    expect(decode(payload, { makeActor: (description) => ({ made: description }) })).toEqual({
      handle: { made: { actorId: "x" } },
    });
  });

  test("a value says how to make it again", async () => {
    const value = Object.assign(() => 1, {
      [REDUCE]: () => ({ specifier: "node:path", imported: "join", args: ["a", "b"] }),
    });
    const payload = encode([value, value]);
    expect(preload(payload)).toBeInstanceOf(Promise);
    expect(await decodeAsync(payload)).toEqual(["a/b", "a/b"]);
  });
});

describe("what cannot travel", () => {
  class Pool {
    size = 1;
  }

  test.each([
    ["a WeakMap", [{ db: new WeakMap() }], "args[0].db", "`args[0].db` (WeakMap) exists only in this process"],
    ["a promise", { "a b": [Promise.resolve()] }, 'args["a b"][0]', "Await it first"],
    ["a symbol", [Symbol("mine")], "args[0]", "Symbol.for"],
    ["a function without the means to carry it", { f: () => 1 }, "args.f", "is a function"],
    ["an instance without the means to carry it", [new Pool()], "args[0]", "Pool"],
    ["shared memory", new SharedArrayBuffer(8), "args", "SharedArrayBuffer"],
    ["a ref without a hook", { [REF_BRAND]: true }, "args", "ObjectRef"],
  ])("%s is refused with its path", (_, value, path, words) => {
    let error: unknown;
    try {
      encode(value, { path: "args" });
    } catch (thrown) {
      error = thrown;
    }
    expect(hasCode(error, "SERIALIZATION")).toBe(true);
    expect((error as { path: string }).path).toBe(path);
    expect((error as Error).message).toContain(words);
  });

  test("a value that is nested too deeply says so", () => {
    let value: unknown[] = [];
    for (let depth = 0; depth < 200_000; depth++) value = [value];
    expect(() => encode(value)).toThrow(/nested too deeply/);
    // The writer's memory is in order afterwards.
    expect(roundTrip({ a: 1 })).toEqual({ a: 1 });
  });

  test("bytes that are no payload, or are cut short, are refused", () => {
    expect(() => decode({ bytes: new Uint8Array([9, 9]), buffers: [], refs: [] })).toThrow(/no value of a version/);
    const payload = encode({ text: "hello", list: [1, 2, "three", 4.5], data: new Uint8Array(9000) });
    for (let length = 1; length < payload.bytes.length; length++) {
      expect(() => decode({ ...payload, bytes: payload.bytes.slice(0, length) })).toThrow();
    }
    expect(() => decode({ ...payload, buffers: [] })).toThrow(/without its buffer/);
  });
});

test("encoding inside of encoding does not mix the two", () => {
  const outer = {
    get inner() {
      return encode([1, 2, 3]).bytes.length;
    },
    after: "text",
  };
  expect(roundTrip(outer)).toEqual({ inner: encode([1, 2, 3]).bytes.length, after: "text" });
});
