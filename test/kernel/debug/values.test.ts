import { expect, test } from "vitest";
import type { RemoteObject } from "../../../kernel/src/debug/protocol.ts";
import { describeValue, sizeOf, typeOf } from "../../../kernel/src/debug/values.ts";

function object(description: string, extra: Partial<RemoteObject> = {}): RemoteObject {
  return { type: "object", className: description.replace(/\(.*/, ""), description, objectId: "1", ...extra };
}

test("primitive values are shown as they are written", () => {
  expect(describeValue({ type: "string", value: 'a "b"\n' })).toBe('"a \\"b\\"\\n"');
  expect(describeValue({ type: "number", value: 1.5, description: "1.5" })).toBe("1.5");
  expect(describeValue({ type: "number", unserializableValue: "-0", description: "-0" })).toBe("-0");
  expect(describeValue({ type: "bigint", unserializableValue: "10n" })).toBe("10n");
  expect(describeValue({ type: "undefined" })).toBe("undefined");
  expect(describeValue({ type: "object", subtype: "null", value: null })).toBe("null");
});

test("a function is shown by its signature, without the gaps that erased types leave", () => {
  const text =
    "async function f(n        , m) {\n  // why it does\n  // what it does\n  return n + m + 1000000000000;\n}";
  const remote: RemoteObject = { type: "function", className: "AsyncFunction", description: text };
  expect(describeValue(remote)).toBe("async function f(n, m) {…}");
  expect(typeOf({ type: "function", description: "class A { }" })).toBe("class");
});

test("objects are shown by class and content", () => {
  const preview = {
    overflow: true,
    properties: [
      { name: "x", type: "number", value: "3" },
      { name: "text", type: "string", value: "a" },
      { name: "inner", type: "object", value: "Object" },
      { name: "norm", type: "accessor" },
    ],
  };
  const point = object("Point", { preview });
  expect(describeValue(point)).toBe('Point {x: 3, text: "a", inner: {…}, norm: (getter), …}');
  expect(typeOf(point)).toBe("Point");
  expect(describeValue(object("Object", { preview: { overflow: false, properties: [] } }))).toBe("{}");
});

test("collections tell their size", () => {
  const array = object("Array(2)", {
    subtype: "array",
    preview: {
      overflow: false,
      properties: [
        { name: "0", type: "number", value: "1" },
        { name: "extra", type: "boolean", value: "true" },
      ],
    },
  });
  expect(describeValue(array)).toBe("(2) [1, extra: true]");
  expect([typeOf(array), sizeOf(array)]).toEqual(["Array(2)", 2]);
  const entry = { key: { type: "string", description: "a" }, value: { type: "number", description: "1" } };
  const map = object("Map(1)", { subtype: "map", preview: { overflow: false, properties: [], entries: [entry] } });
  expect(describeValue(map)).toBe('Map(1) {"a" => 1}');
  expect(sizeOf(object("Date"))).toBeUndefined();
});

test("long values are cut", () => {
  expect(describeValue({ type: "string", value: "x".repeat(5000) })).toHaveLength(1000);
});
