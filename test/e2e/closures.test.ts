import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKernel, startKernel } from "../../kernel/src/client/index.ts";
import { ROOT } from "../support/jupyterlab.ts";

/** Cells as a person writes them, in a real kernel; the last one's result comes out of a worker process. */
interface Case {
  readonly name: string;
  readonly cells: readonly string[];
  readonly result: string;
}

const CASES: readonly Case[] = [
  {
    name: "an arrow function with a constant of an earlier cell",
    cells: ["const factor = 7;", "await task((x: number) => x * factor)(6)"],
    result: "42",
  },
  {
    name: "a helper function of an earlier cell, which uses a constant of a still earlier one",
    cells: [
      "const unit = 'm';",
      "function label(n: number) { return `${n} ${unit}`; }",
      "await task((n: number) => label(n))(3)",
    ],
    result: "'3 m'",
  },
  {
    name: "a captured typed array",
    cells: [
      "const weights = Float64Array.of(1.5, 2.5, 3);",
      "await task((k: number) => weights.reduce((a, b) => a + b, 0) * k)(2)",
    ],
    result: "14",
  },
  {
    name: "a large captured typed array",
    cells: ["const big = new Float64Array(300_000).fill(0.5);", "await task(() => big.reduce((a, b) => a + b, 0))()"],
    result: "150000",
  },
  {
    name: "an instance of a class of an earlier cell, with its methods",
    cells: [
      "class Line { constructor(readonly slope: number, readonly base: number) {} at(x: number) { return this.slope * x + this.base; } }",
      "const line = new Line(2, 1);",
      "await task((x: number) => line.at(x))(10)",
    ],
    result: "21",
  },
  {
    name: "a class that is created in the worker, with a private field and a base class",
    cells: [
      "class Base { greet() { return 'hello'; } }\nclass Person extends Base { #name; constructor(name: string) { super(); this.#name = name; } greet() { return `${super.greet()}, ${this.#name}`; } }",
      "await task((name: string) => new Person(name).greet())('Zoë')",
    ],
    result: "'hello, Zoë'",
  },
  {
    name: "an npm import of an earlier cell",
    cells: [
      'import { tableFromArrays } from "apache-arrow";',
      "await task(() => tableFromArrays({ a: [1, 2, 3] }).numRows)()",
    ],
    result: "3",
  },
  {
    name: "a Node import, by name and as a namespace",
    cells: [
      'import { basename } from "node:path";\nimport * as os from "node:os";',
      "await task((path: string) => basename(path) + (os.cpus().length > 0))('/a/b')",
    ],
    result: "'btrue'",
  },
  {
    name: "a name that hides a built-in global",
    cells: [
      'import { createHash } from "node:crypto";\nconst crypto = { digest: (s: string) => createHash("md5").update(s).digest("hex").slice(0, 6) };',
      "await task((s: string) => crypto.digest(s))('x')",
    ],
    result: "'9dd4e4'",
  },
  {
    name: "recursion",
    cells: ["const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2));", "await task(fib)(15)"],
    result: "610",
  },
  {
    name: "mutual recursion",
    cells: [
      "function isEven(n: number): boolean { return n === 0 || isOdd(n - 1); }\nfunction isOdd(n: number): boolean { return n !== 0 && isEven(n - 1); }",
      "await task((n: number) => isEven(n))(10)",
    ],
    result: "true",
  },
  {
    name: "an async function",
    cells: ["const later = async (n: number) => { await null; return n + 1; };", "await task(later)(1)"],
    result: "2",
  },
  {
    name: "an async generator, item by item",
    cells: [
      "const words = task(async function* (text: string) { for (const word of text.split(' ')) yield word.length; });",
      "const lengths: number[] = [];\nfor await (const length of words('to be or nought')) lengths.push(length);\nlengths.join()",
    ],
    result: "'2,2,2,6'",
  },
  {
    name: "a captured reference and a captured actor handle",
    cells: [
      "const stored = put({ n: 5 });\nconst Counter = actor(class { n = 0; add(k: number) { return (this.n += k); } });\nconst counter = new Counter();",
      "await task(async () => (await counter.add(2)) + (await stored).n)()",
    ],
    result: "7",
  },
  {
    name: "a task called from a task",
    cells: ["const double = task((n: number) => 2 * n);", "await task(async (n: number) => (await double(n)) + 1)(20)"],
    result: "41",
  },
  {
    name: "an enum and a TypeScript namespace",
    cells: [
      "enum Level { Low = 1, High = 10 }\nnamespace Units { export const kilo = 1000; }",
      "await task((n: number) => n * Level.High * Units.kilo)(2)",
    ],
    result: "20000",
  },
  {
    name: "a function that a later cell defines anew is a new function",
    cells: [
      "const scale = () => 1;\nconst scaled = task(() => scale());",
      "const before = await scaled();",
      "const scale = () => 2;",
      "[before, await task(() => scale())()].join()",
    ],
    result: "'1,2'",
  },
  {
    name: "a variable is captured as it is at the first call after a change",
    cells: [
      "let counted = 1;\nconst read = task(() => counted);",
      "const first = await read();\ncounted = 5;",
      "[first, await read()].join()",
    ],
    result: "'1,5'",
  },
];

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel({
    command: [process.execPath, join(ROOT, "kernel/dist/main.js"), "--connection-file", "{connection_file}"],
    directory: join(ROOT, "notebooks"),
  });
  await run('import { actor, put, task } from "mobula";');
});
afterAll(async () => {
  await kernel?.shutdown();
});

test.each(CASES)("$name", async ({ cells, result }) => {
  let last = "";
  for (const cell of cells) last = await run(cell);
  expect(last).toBe(result);
});

test("a socket is refused with the name of the task and of the variable, and what to do", async () => {
  await run('import { createServer } from "node:net";\nconst server = createServer();');
  // What the type check refuses has a number as well, and is no version of the cell's module.
  await expect(run("const count: number = 'one';")).rejects.toThrow("not assignable");
  const { executionCount = 0 } = await kernel.client.execute("null");
  const refused = await run("await task(() => server.address(), { name: 'load' })()").catch(
    (error: Error) => error.message,
  );
  expect(refused).toContain(`task 'load' captures \`server\` (Server, line 1 of cell [${executionCount + 1}])`);
  expect(refused).toMatch(/inside the task or in an actor/);
  expect(refused).not.toContain("runtime/dist");
});

test("an error in a worker shows the cell and line where the user wrote it", async () => {
  await run(
    "const fragile = task((n: number) => {\n  if (n > 1) {\n    throw new RangeError(`too big: ${n}`);\n  }\n  return n;\n});",
  );
  const trace = await run("await fragile(3)").catch((error: Error) => error.message);
  expect(trace).toContain("too big: 3");
  expect(trace).toMatch(/> 3 \|\s+throw new RangeError/);
  expect(trace).toMatch(/cell \[\d+\]:3:/);
});

/** The text of a cell's result; rejects with its traceback. */
async function run(code: string): Promise<string> {
  let result = "";
  const reply = await kernel.client.execute(code, {
    onMessage: ({ header, content }) => {
      if (header.msg_type === "execute_result")
        result = String((content["data"] as Record<string, unknown>)["text/plain"]);
    },
  });
  if (reply.error !== undefined) throw new Error(stripVTControlCharacters(reply.error.traceback.join("\n")));
  return result;
}
