/** The built kernel as a process, debugged over its real control and IOPub sockets. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { type ExecuteOptions, type RunningKernel, startKernel } from "../../../kernel/src/client/index.ts";
import { DebugClient, type Variable, values } from "../../support/kernel/debug-client.ts";

const MAIN = fileURLToPath(new URL("../../../kernel/dist/main.js", import.meta.url));

let directory: string;
let kernel: RunningKernel;
let debug: DebugClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "debug-test-"));
  kernel = await start();
});
afterAll(async () => {
  await kernel?.shutdown();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  debug = new DebugClient(kernel.client);
  await debug.attach();
});
afterEach(async () => {
  await debug.ask("disconnect");
  debug.close();
});

function start(): Promise<RunningKernel> {
  return startKernel({
    command: [process.execPath, MAIN, "--connection-file", "{connection_file}"],
    directory,
    transport: "ipc",
  });
}

/** Run a cell; the result is what it printed and what its last expression was. */
async function run(code: string, options: ExecuteOptions = {}) {
  let stdout = "";
  let value: string | undefined;
  const { status, error } = await kernel.client.execute(code, {
    ...options,
    onMessage: ({ header, content }) => {
      if (header.msg_type === "stream") stdout += String(content.text);
      if (header.msg_type === "execute_result") value = (content.data as Record<string, string>)["text/plain"];
    },
  });
  return { status, stdout, value, ename: error?.ename, evalue: error?.evalue };
}

/** Statements of every kind that lowering moves: a function, a class, types, a last expression. */
const SHAPES = `// A comment.
interface Shape { name: string }
function area(width: number, height: number): number {
  const product = width * height;
  return product;
}
class Square implements Shape {
  #side = 2;
  constructor(public name: string) {}
  get size(): number { return area(this.#side, this.#side); }
}

const square: Shape = new Square("q");
let total = area(3, 4);
for (const n of [1, 2]) {
  total += n;
}
total + 1`;

test("a whole session: set, run, stop, look, step, continue", async () => {
  const info = await debug.request("debugInfo");
  expect(info).toMatchObject({ isStarted: true, hashMethod: "Murmur2", tmpFileSuffix: ".ts", richRendering: true });
  expect(await debug.breakAt(SHAPES, 14)).toEqual([14]);
  const done = run(SHAPES);
  const [frame, ...others] = await debug.stopped();
  expect(frame).toMatchObject({ name: expect.stringMatching(/^cell \[\d+\]$/), line: 14 });
  expect(frame?.source.path.startsWith(String(info.tmpFilePrefix))).toBe(true);
  expect(others).toEqual([]);
  expect((await debug.request("debugInfo")).stoppedThreads).toEqual([1]);

  await debug.request("stepIn", { threadId: 1 });
  const inside = await debug.stopped();
  expect(inside.map(({ name, line }) => [name, line])).toEqual([
    ["area", 4],
    [frame?.name, 14],
  ]);
  expect(values((await debug.scopes(inside[0])).Locals)).toMatchObject({ width: "3", height: "4" });
  await debug.request("next", { threadId: 1 });
  expect((await debug.stopped())[0]?.line).toBe(5);
  await debug.request("stepOut", { threadId: 1 });
  expect((await debug.stopped())[0]).toMatchObject({ name: frame?.name, line: 15 });

  const lines = new Set<number>();
  for (let stops = 0; stops < 20; stops++) {
    await debug.request("next", { threadId: 1 });
    const line = await Promise.race([debug.stopped().then(([top]) => top?.line), done.then(() => undefined)]);
    if (line === undefined) break;
    lines.add(line);
  }
  expect([...lines]).toEqual([15, 16, 18]);
  expect(await done).toMatchObject({ status: "ok", value: "16" });
});

test("a breakpoint in a function of an earlier cell stops the later cell that calls it", async () => {
  await run(SHAPES);
  expect(await debug.breakAt(SHAPES, 4)).toEqual([4]);
  const done = run("const called = area(5, 6);\ncalled");
  const frames = await debug.stopped();
  expect(frames.map(({ name, line }) => [name, line])).toEqual([
    ["area", 4],
    [expect.stringMatching(/^cell/), 1],
  ]);
  expect(frames[0]?.source.path).not.toBe(frames[1]?.source.path);
  await debug.request("continue", { threadId: 1 });
  expect(await done).toMatchObject({ status: "ok", value: "30" });
});

test("breakpoints hold when a cell runs again, on blank lines they move to code, and clearing them ends it", async () => {
  const code = "const first = 1;\n\n// why\nconst second = first + 1;\nsecond";
  expect(await debug.breakAt(code, 2)).toEqual([4]);
  for (let round = 0; round < 2; round++) {
    const done = run(code, { cellId: "again" });
    expect((await debug.stopped())[0]?.line).toBe(4);
    await debug.request("continue");
    expect(await done).toMatchObject({ value: "2" });
  }
  expect(await debug.breakAt(code)).toEqual([]);
  expect(await run(code, { cellId: "again" })).toMatchObject({ value: "2" });
});

test("a breakpoint on the last expression stops there and nowhere else, also with a comment before it", async () => {
  const code = "const base = 20; // twenty\n// the result\nbase * 2";
  expect(await debug.breakAt(code, 3)).toEqual([3]);
  const done = run(code);
  expect((await debug.stopped())[0]?.line).toBe(3);
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "40" });
});

test("stepping over an await goes on behind it, whatever the event loop does meanwhile", async () => {
  const code = `const ticks: number[] = [];
const timer = setInterval(() => { ticks.push(1); }, 1);
await new Promise((resolve) => setTimeout(resolve, 30));
clearInterval(timer);
ticks.length > 0`;
  await debug.breakAt(code, 3);
  const done = run(code);
  expect((await debug.stopped())[0]?.line).toBe(3);
  await debug.request("next");
  expect((await debug.stopped())[0]?.line).toBe(4);
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "true" });
});

test("variables of all kinds can be opened, large ones in parts", async () => {
  const code = `class Point { #secret = 7; constructor(public x: number, public y: number) {} get norm() { return Math.hypot(this.x, this.y); } }
const point = new Point(3, 4);
const byName = new Map<unknown, number>([["a", 1], [{ id: 1 }, 2]]);
const seen = new Set(["x"]);
const many = Array.from({ length: 250 }, (_, n) => n * n);
const floats = new Float64Array(120).fill(0.5);
const record = Object.fromEntries(Array.from({ length: 150 }, (_, n) => ["key" + n, n]));
const failure = new TypeError("no");
const crypto = "mine";
debugger;`;
  const done = run(code);
  const [frame] = await debug.stopped();
  const { Globals: globals = {} } = await debug.scopes(frame);
  const open = (name: string, scope: Readonly<Record<string, Variable>> = globals) =>
    debug.children(scope[name]?.variablesReference ?? 0);
  expect(globals.point).toMatchObject({ type: "Point", value: "Point {#secret: 7, x: 3, y: 4}" });
  const point = await open("point");
  expect(values(point)).toEqual({ x: "3", y: "4", "#secret": "7", norm: "(getter)" });
  expect(values(await open("norm", point))).toEqual({ norm: "5" });
  expect(globals.byName).toMatchObject({ type: "Map(2)" });
  const entries = await open("byName");
  expect(entries['"a"']?.value).toBe("1");
  expect(values(await open("[1]", entries))).toEqual({ key: "{id: 1}", value: "2" });
  expect(values(await open("seen"))).toEqual({ 0: '"x"' });
  expect(globals.failure?.value).toBe("TypeError: no");
  expect(globals.crypto?.value).toBe('"mine"');

  const parts = await open("many");
  expect(Object.keys(parts)).toEqual(["[0 … 99]", "[100 … 199]", "[200 … 249]"]);
  const last = await open("[200 … 249]", parts);
  expect([Object.keys(last).length, last[249]?.value]).toEqual([50, "62001"]);
  const page = await debug.children(globals.many?.variablesReference ?? 0, { start: 10, count: 2 });
  expect(values(page)).toEqual({ 10: "100", 11: "121" });
  expect(Object.keys(await open("floats"))).toEqual(["[0 … 99]", "[100 … 119]"]);
  expect(Object.keys(await open("record"))).toEqual(["[0 … 99]", "[100 … 149]"]);
  await debug.request("continue");
  expect(await done).toMatchObject({ status: "ok" });
});

test("expressions are evaluated in the frame, and variables can be set", async () => {
  const code = "function twice(n: number): number {\n  return 2 * n;\n}\ntwice(4)";
  await debug.breakAt(code, 2);
  const done = run(code);
  const [frame] = await debug.stopped();
  const evaluate = (expression: string, context = "repl") =>
    debug.ask("evaluate", { expression, context, frameId: frame?.id });
  expect(await evaluate("n + 1")).toMatchObject({ success: true, body: { result: "5", type: "number" } });
  expect(await evaluate("missing")).toMatchObject({
    success: false,
    message: "ReferenceError: missing is not defined",
  });
  expect(await evaluate("n = 100", "hover")).toMatchObject({ success: false });
  expect(await debug.request("richInspectVariables", { variableName: "n", frameId: frame?.id })).toEqual({
    data: { "text/plain": "4" },
    metadata: {},
  });
  const { scopes } = await debug.request<{ scopes: { variablesReference: number }[] }>("scopes", {
    frameId: frame?.id,
  });
  const variablesReference = scopes[0]?.variablesReference;
  expect(await debug.request("setVariable", { variablesReference, name: "n", value: "n + 6" })).toMatchObject({
    value: "10",
  });
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "20" });
});

test.each([
  ["before the first await", "throw new Error('boom');", 1],
  ["after an await", "await null;\nthrow new Error('boom');", 2],
  ["in a function that a callback calls", "[1].forEach(() => {\n  throw new Error('boom');\n});", 2],
  ["in an async function", "async function fail() {\n  await 1;\n  throw new Error('boom');\n}\nawait fail();", 3],
])("an exception that nobody catches pauses where it is thrown: %s", async (_where, code, line) => {
  await debug.request("setExceptionBreakpoints", { filters: ["uncaught"] });
  const done = run(`try { throw new Error("caught"); } catch {}\n${code}`);
  expect(await debug.next("stopped")).toMatchObject({ reason: "exception", text: "Error: boom" });
  expect((await debug.stack())[0]?.line).toBe(line + 1);
  await debug.request("continue");
  expect(await done).toMatchObject({ status: "error", evalue: "boom" });
});

test("with the filter for caught ones, an exception pauses although it is caught", async () => {
  await debug.request("setExceptionBreakpoints", { filters: ["caught"] });
  const done = run('try {\n  throw new Error("caught");\n} catch {}\n1');
  expect((await debug.stopped())[0]?.line).toBe(2);
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "1" });
});

test("while code is paused the kernel completes, answers and lists variables", async () => {
  const done = run("const held = { deep: 1 };\ndebugger;\nheld.deep");
  await debug.stopped();
  expect((await kernel.client.complete("Math.ab")).matches).toContain("abs");
  expect((await kernel.client.kernelInfo("control")).debugger).toBe(true);
  const { variables } = await debug.request<{ variables: Variable[] }>("inspectVariables");
  expect(variables.find(({ name }) => name === "held")).toMatchObject({ type: "Object", value: "{deep: 1}" });
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "1" });
});

test("interrupt while code is paused ends the cell and keeps the variables", async () => {
  const done = run("const kept = 41;\ndebugger;\nfor (;;) {}");
  await debug.stopped();
  await kernel.client.interrupt();
  expect(await done).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
  await debug.next("continued");
  expect(await run("kept + 1")).toMatchObject({ value: "42" });
});

test("pause stops a loop that spins, and it can be ended from there", async () => {
  const done = run("console.log('begun');\nlet spin = true;\nlet turns = 0;\nwhile (spin) turns += 1;\nturns > 0");
  await heard("begun");
  await debug.request("pause", { threadId: 1 });
  expect((await debug.stopped())[0]?.line).toBe(4);
  await debug.request("evaluate", { expression: "spin = false" });
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "true" });
});

/** Wait until a cell prints a text. */
async function heard(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = kernel.client.onIopub(({ header, content }) => {
      if (header.msg_type !== "stream" || !String(content.text).includes(text)) return;
      stop();
      resolve();
    });
  });
}

test("when the front end disconnects, paused code goes on and breakpoints are gone", async () => {
  const code = "let round = 1;\nround += 1;\nround";
  await debug.breakAt(code, 2);
  const done = run(code);
  await debug.stopped();
  await debug.request("disconnect", { restart: false, terminateDebuggee: false });
  await debug.next("continued");
  await debug.next("terminated");
  expect(await done).toMatchObject({ value: "2" });
  expect(await run(code)).toMatchObject({ value: "2" });
  expect(await debug.request("debugInfo")).toMatchObject({ isStarted: false, breakpoints: [] });
  // The list of variables needs no debugger.
  const { variables } = await debug.request<{ variables: Variable[] }>("inspectVariables");
  expect(variables.find(({ name }) => name === "round")).toMatchObject({ value: "2", type: "number" });
});

test("a TypeScript file beside the notebook can be debugged too, and its text be read", async () => {
  const path = join(directory, "shapes.ts");
  const text =
    "export function perimeter(a: number, b: number): number {\n  const half: number = a + b;\n  return 2 * half;\n}\n";
  await writeFile(path, text);
  const { breakpoints } = await debug.request<{ breakpoints: { line: number }[] }>("setBreakpoints", {
    source: { path },
    breakpoints: [{ line: 3 }],
  });
  expect(breakpoints).toMatchObject([{ line: 3 }]);
  const done = run('import { perimeter } from "./shapes.ts";\nperimeter(1, 2)');
  const frames = await debug.stopped();
  expect(frames[0]).toMatchObject({ name: "perimeter", line: 3, source: { path } });
  expect(values((await debug.scopes(frames[0])).Locals)).toMatchObject({ a: "1", half: "3" });
  expect(await debug.request("source", { source: { path } })).toEqual({ content: text });
  expect((await debug.request("modules")).modules).toContainEqual({ id: 1, name: "shapes.ts", path });
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "6" });
  expect(await debug.ask("source", { source: { path: "/etc/passwd" } })).toMatchObject({ success: false });
});

test("a process that ends under the debugger says nothing odd, and breakpoints hold in the next one", async () => {
  const code = "const alive = 1;\nalive";
  await debug.breakAt(code, 2);
  expect(await run("process.exit(3)")).toMatchObject({ ename: "SessionExited", stdout: "" });
  const done = run(code);
  expect((await debug.stopped())[0]?.line).toBe(2);
  await debug.request("continue");
  expect(await done).toMatchObject({ value: "1" });
});

test("shutdown ends a kernel whose code is paused", async () => {
  const own = await start();
  onTestFinished(() => own.shutdown());
  const client = new DebugClient(own.client);
  await client.attach();
  const done = own.client.execute("debugger;\nfor (;;) {}").catch(() => undefined);
  await client.next("stopped");
  await own.shutdown();
  await done;
});
