/** Functions captured in this process (the test runner, with its own form of imports) and revived in another. */

import { EventEmitter } from "node:events";
import fs, { readFileSync } from "node:fs";
import { Socket } from "node:net";
import * as path from "node:path";
import { Packr } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AnyFunction, captureFunction, isStale } from "../../../runtime/src/closure/index.ts";
import { hasCode } from "../../../runtime/src/errors.ts";
import { type CallKind, Reviver, testRef } from "./reviver.ts";

let reviver: Reviver;
beforeAll(() => {
  reviver = new Reviver();
});
afterAll(() => reviver.close());

const FACTOR = 3;
const weights = new Float64Array(2000).fill(2);
const lookup = new Map([["a", { n: 1 }]]);
const shared = { list: [1, 2] };

function helper(x: number): number {
  return x * FACTOR;
}

const isEven = (n: number): boolean => (n === 0 ? true : isOdd(n - 1));
const isOdd = (n: number): boolean => (n === 0 ? false : isEven(n - 1));

class Shape {
  static made = 0;
  static readonly kinds = new Set(["square"]);
  readonly sides: number;
  constructor(sides: number) {
    this.sides = sides;
    Shape.made++;
  }
  describe(): string {
    return `${this.constructor.name} with ${this.sides} sides of ${[...Shape.kinds].length} kind`;
  }
  get double(): number {
    return this.sides * 2;
  }
}

class Square extends Shape {
  #side: number;
  static readonly #unit = "cm";
  onGrow = (by: number): number => this.grow(by);
  constructor(side: number) {
    super(4);
    this.#side = side;
  }
  override describe(): string {
    return `${super.describe()}, side ${this.#side} ${Square.#unit}`;
  }
  #add(by: number): void {
    this.#side += by;
  }
  grow(by: number): number {
    this.#add(by);
    return this.#side;
  }
  static of(side: number): Square {
    return new this(side);
  }
}

class Inventory extends Map<string, number> {
  total(): number {
    return [...this.values()].reduce((sum, n) => sum + n, 0);
  }
}

const square = new Square(5);
const inventory = new Inventory([
  ["a", 2],
  ["b", 3],
]);

function makeCounter(): { increment: () => number; read: () => number } {
  let count = 0;
  return { increment: () => ++count, read: () => count };
}
const first = makeCounter();
const second = makeCounter();
first.increment();

let total = 0;
const add = (n: number): void => {
  total += n;
};

const tools = {
  scale: 10,
  get ten(): number {
    return this.scale;
  },
  times(n: number): number {
    return n * this.scale;
  },
  async *upTo(n: number): AsyncGenerator<number> {
    for (let i = 0; i < n; i++) yield i * FACTOR;
  },
  [`computed${FACTOR}`](): string {
    return "computed";
  },
};
const times: (this: { scale: number }, n: number) => number = Reflect.get(tools, "times");

function legacy(this: { n: number }, n: number): void {
  this.n = n;
}
legacy.prototype.next = function next(this: { n: number }): number {
  return this.n + 1;
};
legacy.label = "legacy";

const ref = testRef("object-1");
const handle = { [Symbol.for("mobula.actor")]: true, description: { actorId: "a1", className: "Counter" } };

interface Case {
  readonly title: string;
  readonly fn: AnyFunction;
  readonly args?: readonly unknown[];
  readonly how?: CallKind;
  readonly expected: unknown;
}

const cases: readonly Case[] = [
  { title: "an arrow function", fn: (x: number) => x + 1, args: [1], expected: 2 },
  { title: "an async function", fn: async (x: number) => (await Promise.resolve(x)) + FACTOR, args: [1], expected: 4 },
  {
    title: "a generator",
    fn: function* (n: number) {
      for (let i = 0; i < n; i++) yield helper(i);
    },
    args: [3],
    how: "collect",
    expected: [0, 3, 6],
  },
  {
    title: "an async generator with a loop over another one",
    fn: async function* () {
      for await (const x of tools.upTo(2)) yield x + 1;
    },
    how: "collect",
    expected: [1, 4],
  },
  { title: "a function declaration with a helper and a constant", fn: helper, args: [7], expected: 21 },
  { title: "a captured typed array", fn: () => [weights.length, weights[1999]], expected: [2000, 2] },
  {
    title: "captured collections, shared objects kept shared",
    fn: () => [lookup.get("a"), shared.list === [shared][0]?.list],
    expected: [{ n: 1 }, true],
  },
  {
    title: "recursion by its own name",
    fn: function factorial(n: number): number {
      return n < 2 ? 1 : n * factorial(n - 1);
    },
    args: [6],
    expected: 720,
  },
  { title: "mutual recursion", fn: () => [isEven(10), isOdd(10)], expected: [true, false] },
  {
    title: "an import from node:fs, as default and by name",
    fn: () => [typeof readFileSync, fs.existsSync("/")],
    expected: ["function", true],
  },
  { title: "a namespace import", fn: () => path.join("a", "b"), expected: path.join("a", "b") },
  {
    title: "an import of an installed package",
    fn: () => new Packr().unpack(new Packr().pack({ a: 1 })),
    expected: { a: 1 },
  },
  {
    title: "a function of a built-in module that was taken out of it",
    fn: (
      (join) => () =>
        join("x", "y")
    )(Reflect.get(path, "join")),
    expected: path.join("x", "y"),
  },
  {
    title: "built-in functions held in a variable",
    fn: (
      (max) => () =>
        max(1, FACTOR)
    )(Math.max),
    expected: 3,
  },
  {
    title: "a class with statics, inheritance and a constructor",
    fn: (n: number) => new Shape(n).double,
    args: [3],
    expected: 6,
  },
  {
    title: "an instance with private fields and methods",
    fn: () => [square.describe(), square.onGrow(2), square instanceof Shape],
    expected: ["Square with 4 sides of 1 kind, side 5 cm", 7, true],
  },
  { title: "a static factory of a derived class", fn: () => Square.of(2).grow(1), expected: 3 },
  {
    title: "an instance of a class that extends Map",
    fn: () => [inventory.total(), inventory.get("b"), inventory instanceof Map],
    expected: [5, 3, true],
  },
  {
    title: "two closures over one variable, and another pair over another",
    fn: () => [first.increment(), first.read(), second.increment(), second.increment(), second.read()],
    expected: [2, 2, 1, 2, 2],
  },
  {
    title: "a variable that captured functions assign",
    fn: () => {
      add(2);
      add(3);
      return total;
    },
    expected: 5,
  },
  {
    title: "an object with a getter, methods and a computed key",
    fn: () => [tools.ten, tools.times(4), (tools as unknown as Record<string, () => string>)["computed3"]?.()],
    expected: [10, 40, "computed"],
  },
  { title: "a method without its object", fn: () => times.call({ scale: 2 }, 4), expected: 8 },
  {
    title: "a constructor function with a prototype and properties",
    fn: () => [new (legacy as never as new (n: number) => { next(): number })(4).next(), legacy.label],
    expected: [5, "legacy"],
  },
  {
    title: "default parameters, destructuring and rest",
    fn: ({ a = FACTOR, ...rest }: { a?: number; z: number }, [b = helper(a)]: number[] = [], ...others: number[]) => [
      a,
      b,
      rest,
      others,
    ],
    args: [{ z: 1 }, [], 8, 9],
    expected: [3, 9, { z: 1 }, [8, 9]],
  },
  {
    title: "nested closures",
    fn: (
      (a: number) => (b: number) => (c: number) =>
        a + b + c + FACTOR
    )(1)(2),
    args: [4],
    expected: 10,
  },
  {
    title: "a parameter that shadows a global",
    fn: (
      (Math: { max: number }) => () =>
        Math.max
    )({ max: 7 }),
    expected: 7,
  },
  {
    title: "a variable that shadows a captured one",
    fn: () => {
      const FACTOR = 100;
      return FACTOR + helper(1);
    },
    expected: 103,
  },
  { title: "shorthand properties of a shared variable", fn: () => ({ total }), expected: { total: 0 } },
  { title: "a dynamic import", fn: async () => (await import("node:os")).EOL, expected: "\n" },
  {
    title: "a symbol, a bigint, a date, a pattern",
    fn: (
      (values: unknown[]) => () =>
        values.map(String)
    )([Symbol.iterator, 12n, /a+/g]),
    expected: ["Symbol(Symbol.iterator)", "12", "/a+/g"],
  },
  {
    title: "an event emitter from a node module",
    fn: (
      (emitter: EventEmitter) => () =>
        emitter instanceof EventEmitter && emitter.listenerCount("x")
    )(new EventEmitter()),
    expected: 0,
  },
  { title: "a ref", fn: () => (ref as { id: string }).id, expected: "object-1" },
  {
    title: "an actor handle",
    fn: () => handle,
    expected: { handleOf: { actorId: "a1", className: "Counter" } },
  },
  {
    title: "a callback among the arguments",
    fn: (fn: (x: number) => number) => fn(2),
    args: [(x: number) => x * FACTOR],
    expected: 6,
  },
  {
    title: "a class as the function itself",
    fn: Shape as unknown as AnyFunction,
    args: [3],
    how: "construct",
    expected: expect.objectContaining({ sides: 3 }),
  },
  {
    title: "labels, catch bindings, template literals and optional chains",
    fn: (text?: string) => {
      outer: for (;;) {
        try {
          throw new Error(`${text?.length ?? FACTOR}`);
        } catch (error) {
          const { message } = error as Error;
          if (message) break outer;
        }
      }
      return String.raw`done ${FACTOR}`;
    },
    expected: "done 3",
  },
];

describe("a function revived in another process", () => {
  test.each(cases)("$title", async ({ fn, args = [], how = "call", expected }) => {
    expect(await reviver.run(fn, args, how)).toEqual(expected);
  });

  test("brings an instance of a class of this process home as one", async () => {
    const made = await reviver.run((n: number) => new Shape(n), [6]);
    expect(made).toBeInstanceOf(Shape);
    expect((made as Shape).double).toBe(12);
  });

  test("keeps variables of its own between calls, and another revival starts anew", async () => {
    let calls = 0;
    const { id, payload } = captureFunction(() => ++calls);
    expect(await reviver.send({ id, payload })).toBe(1);
    expect(await reviver.send({ id })).toBe(2);
    expect(calls).toBe(0);
    expect(await reviver.send({ id, payload })).toBe(1);
  });

  test("can be captured again where it was revived", async () => {
    const outer = (n: number) => {
      const inner = (x: number): number => helper(x) + n;
      return inner;
    };
    const inner = (await reviver.run(outer, [5])) as (x: number) => number;
    expect(inner(2)).toBe(11);
  });
});

describe("captureFunction", () => {
  test("gives the same capture while nothing changes, and the same id for the same code and values", () => {
    const make = (): AnyFunction => () => FACTOR + weights.length;
    const fn = make();
    expect(captureFunction(fn)).toBe(captureFunction(fn));
    expect(captureFunction(make()).id).toBe(captureFunction(fn).id);
  });

  test("takes a variable as it is at the first call after a change", async () => {
    let factor = 2;
    const fn = (x: number): number => x * factor;
    const before = captureFunction(fn);
    expect(isStale(before)).toBe(false);
    factor = 5;
    expect(isStale(before)).toBe(true);
    expect(captureFunction(fn).id).not.toBe(before.id);
    expect(await reviver.run(fn, [10])).toBe(50);
  });

  test("tells large captured arrays by name", () => {
    const table = new Float64Array(200_000);
    expect(captureFunction(() => table.length).large).toEqual([{ name: "table", sizeBytes: 1_600_000 }]);
  });

  test("does not run getters of captured objects", () => {
    let reads = 0;
    const watched = {
      get value() {
        return ++reads;
      },
    };
    captureFunction(() => watched.value);
    expect(reads).toBe(0);
  });

  test("names the kinds of functions", () => {
    const kinds = [() => 1, async () => 1, function* () {}, async function* () {}, Shape as unknown as AnyFunction].map(
      (fn) => captureFunction(fn).kind,
    );
    expect(kinds).toEqual(["function", "async", "generator", "async-generator", "class"]);
  });
});

describe("what cannot travel", () => {
  const pool = { idle: [new Socket()] };
  const cache = new WeakMap<object, number>();
  const pending = Promise.resolve(1);
  const usesPool = (): unknown => pool;
  class Widget {
    value = 1;
    method(): () => number {
      return () => this.value;
    }
  }
  const loose = new Widget().method();

  test.each([
    {
      title: "a socket",
      fn: usesPool,
      path: "task 'load' → pool.idle[0]",
      words: [
        "`pool.idle[0]`",
        "Socket",
        "line",
        "capture.process.test.ts",
        "Create it inside the task or in an actor",
      ],
    },
    {
      title: "through a helper",
      fn: () => usesPool(),
      path: "task 'load' → usesPool → pool.idle[0]",
      words: ["`usesPool` → `pool.idle[0]`"],
    },
    { title: "a WeakMap", fn: () => cache.get({}), path: "task 'load' → cache", words: ["`cache` (WeakMap"] },
    { title: "a promise", fn: () => pending, path: "task 'load' → pending", words: ["Await it first"] },
    {
      title: "an arrow function that uses the `this` around it",
      fn: () => loose(),
      path: "task 'load' → loose",
      words: ["`this`"],
    },
    { title: "a bound function", fn: helper.bind(null), path: "task 'load'", words: ["bound function"] },
  ])("is refused by name: $title", ({ fn, path: where, words }) => {
    const error = thrownBy(() => captureFunction(fn, { name: "load" }));
    expect(hasCode(error, "SERIALIZATION")).toBe(true);
    expect((error as { path?: string }).path).toBe(where);
    for (const word of words) expect((error as Error).message).toContain(word);
  });
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
