/** What becomes of values on their way to Python and back. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Table, tableFromArrays } from "apache-arrow";
import fc from "fast-check";
import { init, NdArray, put, py, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { failure } from "../../support/api-world.ts";
import { stubPython } from "../../support/python-world.ts";

beforeAll(async () => {
  stubPython();
  await init({ cpus: 1 });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
});

const echo = py.task("python_calls:echo");
const shown = py.task<[unknown], string>("python_calls:shown");
const typeOf = py.task<[unknown], string>("python_calls:type_of");
const makes = py.task<[string]>("python_calls:makes");
const numpyArray = py.task<[string]>("python_calls:numpy_array");

describe("what arrives in Python", () => {
  test.each([
    [null, "None"],
    [undefined, "None"],
    [true, "True"],
    [2, "2"],
    [2.5, "2.5"],
    [-0, "-0.0"],
    [1_700_000_000_000, "1700000000000"],
    [Number.NaN, "nan"],
    [12_345_678_901_234_567_890n, "12345678901234567890"],
    ["ä€𝒳", "'ä€𝒳'"],
    [Object.assign([1], { 2: 3 }), "[1, None, 3]"],
    [Array.from({ length: 18 }, (_, index) => index / 2), `[${[...Array(18).keys()].map((n) => n / 2).join(", ")}]`],
    [{ a: { b: [1] } }, "{'a': {'b': [1]}}"],
    [Object.assign(Object.create(null), { a: 1 }), "{'a': 1}"],
    [new Map<unknown, unknown>([[1, "x"]]), "{1: 'x'}"],
    [new Set(["x"]), "{'x'}"],
    [new Date(0), "datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)"],
    [new Uint8Array([0, 255]), "b'\\x00\\xff'"],
    [Buffer.from("hi"), "b'hi'"],
    [new Uint8Array([7]).buffer, "b'\\x07'"],
    [new URL("http://a.b/c"), "'http://a.b/c'"],
  ])("%s", async (value, expected) => {
    expect(await shown(value)).toBe(expected);
  });

  test("typed arrays are numpy arrays of the same type", async () => {
    const arrays = [new Int8Array(2), new Uint16Array(2), new Int32Array(2), new Float32Array(2), new BigInt64Array(2)];
    const types = await Promise.all(arrays.map((array) => typeOf(array)));
    expect(types.map((type) => type.replace("ndarray of ", ""))).toEqual([
      "int8",
      "uint16",
      "int32",
      "float32",
      "int64",
    ]);
    expect(await typeOf(new NdArray(new Uint8Array(6), [2, 3]))).toBe("ndarray of uint8");
  });

  test("arguments by name come last", async () => {
    const given = py.task<[number]>("python_calls:given");
    expect(await given(1, py.kwargs({ b: [2] }))).toEqual({ args: [1], kwargs: { b: [2] } });
  });

  test("refs arrive as their values, also those that tasks in TypeScript make", async () => {
    const half = task((n: number) => new Float64Array([n / 2, n]));
    const mean = py.task<[Float64Array], number>("python_calls:mean");
    expect(await mean(half(4))).toBe(3);
    expect(await mean(put(new Float64Array([1, 2])))).toBe(1.5);
    const add = task((a: number, b: number) => a + b);
    expect(await add(mean(half(4)), 1)).toBe(4);
  });
});

describe("what cannot go there", () => {
  test.each([
    ["a function", () => 1, "arguments[0]"],
    ["a WeakMap, deep inside", { a: [new WeakMap()] }, "arguments[0].a[0]"],
    ["an object of a class", new AbortController(), "arguments[0]"],
    ["an expression", /x/, "arguments[0]"],
  ])("%s is refused at the call, with its place", async (_, value, place) => {
    const problem = await failure(Promise.resolve().then(() => echo(value)));
    expect(problem).toMatchObject({ name: "SerializationError", code: "SERIALIZATION" });
    expect(problem.message).toContain(place);
  });
});

describe("what comes back", () => {
  test.each([
    ["tuple", [1, [2, 3]]],
    ["set", new Set([1, 2])],
    [
      "keys",
      new Map<unknown, unknown>([
        [1, "one"],
        ["two", 2],
      ]),
    ],
    [
      "dataclass",
      [
        { x: 1, y: 2.5 },
        { x: 3, y: 4 },
      ],
    ],
    ["huge", [Number.MAX_SAFE_INTEGER, 2n ** 53n, -(2n ** 70n)]],
    ["utc", new Date("2024-05-06T07:08:09.123Z")],
    ["day", new Date("2024-05-06T00:00:00Z")],
    ["bytes", new Uint8Array([0, 255])],
    ["array", new Int16Array([1, -2])],
    ["lone", "a\ud800"],
  ])("%s", async (kind, expected) => {
    expect(await makes(kind)).toEqual(expected);
  });

  test("what is the same object stays one, cycles included", async () => {
    const shared = (await makes("shared")) as unknown[];
    expect(shared[0]).toBe(shared[1]);
    const cycle = (await makes("cycle")) as unknown[];
    expect(cycle[0]).toBe(cycle);
  });

  test.each([
    ["np.arange(3, dtype='float32')", new Float32Array([0, 1, 2])],
    ["np.arange(6)[::2]", new BigInt64Array([0n, 2n, 4n])],
    ["np.array([1, 2], dtype='>i4')", new Int32Array([1, 2])],
    ["np.array([True, False])", new Uint8Array([1, 0])],
    ["np.array([1.5], dtype='float16')", new Float32Array([1.5])],
    ["np.array([], dtype='int16')", new Int16Array()],
    ["np.array(['a', 'ö'])", ["a", "ö"]],
    ["np.float64(2.5)", 2.5],
    ["np.int64(2**60)", 2n ** 60n],
    ["np.bool_(True)", true],
    ["np.array(7)", 7],
  ])("numpy: %s", async (text, expected) => {
    expect(await numpyArray(text)).toEqual(expected);
  });

  test("an array of several dimensions is an NdArray, here and in tasks", async () => {
    const made = (await numpyArray("np.arange(6, dtype='float64').reshape(2, 3).T")) as NdArray<Float64Array>;
    expect(made).toBeInstanceOf(NdArray);
    expect(made.shape).toEqual([3, 2]);
    expect([...made.data]).toEqual([0, 3, 1, 4, 2, 5]);
    const shapeOf = task((array: NdArray) => array.shape);
    expect(await shapeOf(made)).toEqual([3, 2]);
    expect(await echo(made)).toEqual(made);
    expect(() => new NdArray(new Float64Array(5), [2, 3])).toThrow("6 elements");
  });

  test.each([
    ["file", "result.deep[1]", "(_io.TextIOWrapper)"],
    ["complex", "result", "(complex)"],
    ["function", "result", "name it in py.task()"],
  ])("%s cannot travel, and the error says where it is", async (kind, path, text) => {
    const { cause } = await failure(makes(kind));
    expect(cause).toMatchObject({ name: "SerializationError", code: "SERIALIZATION", path });
    expect(cause.message).toContain(text);
  });

  test.each(["np.zeros(2, dtype='complex128')", "np.zeros(2, dtype='datetime64[s]')", "np.zeros(2, dtype='i4,f4')"])(
    "%s has no counterpart, and the error says what to do",
    async (text) => {
      expect((await failure(numpyArray(text))).message).toContain("Convert it first");
    },
  );
});

test("without numpy typed arrays are views on memory, and come back as they are", async () => {
  // Found before the one that is installed.
  const folder = mkdtempSync(join(tmpdir(), "python-calls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "numpy.py"), 'raise ImportError("there is no numpy")');
  const options = { runtimeEnv: { workingDir: folder } };
  expect(await typeOf.with(options)(new Float32Array(2))).toBe("memoryview");
  const arrays = [
    new Int16Array([1, -2]),
    new BigUint64Array([2n ** 63n]),
    new Float64Array(1000).fill(0.5),
    new Int32Array(),
  ];
  expect(await echo.with(options)(arrays)).toEqual(arrays);
  expect(await py.task<[Float64Array], number>("python_calls:mean", options)(new Float64Array([1, 2]))).toBe(1.5);
  const matrix = new NdArray(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
  expect(await echo.with(options)(matrix)).toEqual(matrix);
  expect(await shown.with(options)(matrix)).toContain("memory");
});

test("Arrow tables are tables of pyarrow, and come back as tables", async () => {
  const columnSum = py.task<[Table, string], number>("python_calls:column_sum");
  expect(await columnSum(tableFromArrays({ x: new Int32Array([1, 2, 3]) }), "x")).toBe(6);
  const made = await py.task<[object], Table>("python_calls:table")({ a: [1, 2], b: ["x", "ö"] });
  expect(made).toBeInstanceOf(Table);
  expect(made.toArray().map((row) => ({ ...row.toJSON() }))).toEqual([
    { a: 1n, b: "x" },
    { a: 2n, b: "ö" },
  ]);
});

test("values of any shape come back as they went", async () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.integer(),
    fc.string({ unit: "binary" }),
    fc.bigInt().filter((n) => n > 2n ** 53n || n < -(2n ** 53n)),
    fc.date({ noInvalidDate: true, min: new Date("0001-01-02"), max: new Date("9999-12-30") }),
    fc.uint8Array(),
    fc.float64Array(),
    fc.int16Array(),
  );
  const key = fc.string({ minLength: 1 }).filter((text) => text !== "__proto__");
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(tie("value")),
      fc.dictionary(key, tie("value"), { noNullPrototype: true }),
      fc
        .uniqueArray(fc.tuple(fc.integer(), tie("value")), { minLength: 1, selector: ([k]) => k })
        .map((e) => new Map(e)),
      fc.array(fc.double()),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(fc.array(value, { maxLength: 20 }), async (values) => {
      expect(await echo(values)).toEqual(values);
    }),
    { numRuns: 100 },
  );
});

test("an array of 100 MB goes there and back", async () => {
  const array = new Float64Array(12_500_000).fill(1.5);
  array[12_499_999] = 7;
  const back = (await echo(array)) as Float64Array;
  expect([back.length, back[0], back[12_499_999]]).toEqual([12_500_000, 1.5, 7]);
});
