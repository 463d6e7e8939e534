/** The built kernel and a local cluster: the debugger stops in functions that run in worker processes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { type RunningKernel, startKernel } from "../../../kernel/src/client/index.ts";
import { DebugClient, values } from "../../support/kernel/debug-client.ts";
import { isRunning } from "../../support/processes.ts";
import { StandingWorld } from "../../support/standing-cluster.ts";

const MAIN = fileURLToPath(new URL("../../../kernel/dist/main.js", import.meta.url));

let directory: string;
let kernel: RunningKernel;
let debug: DebugClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "debug-workers-"));
  kernel = await start();
  await define('import { actor, get, init, task } from "mobula";\nawait init({ cpus: 2 });');
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

function start(env = process.env): Promise<RunningKernel> {
  return startKernel({
    command: [process.execPath, MAIN, "--connection-file", "{connection_file}"],
    directory,
    transport: "ipc",
    env,
  });
}

/** Run a cell that must succeed. */
async function define(code: string): Promise<void> {
  expect(await run(code)).toMatchObject({ status: "ok" });
}

/** Run a cell; the result is what it printed and what its last expression was. */
async function run(code: string, { client } = kernel) {
  let stdout = "";
  let value: string | undefined;
  const { status, error } = await client.execute(code, {
    onMessage: ({ header, content }) => {
      if (header.msg_type === "stream") stdout += String(content.text);
      if (header.msg_type === "execute_result") value = (content.data as Record<string, string>)["text/plain"];
    },
  });
  return { status, stdout, value, ename: error?.ename, evalue: error?.evalue };
}

const AREA = `interface Size { width: number; height: number }
const scale = 10;
function scaled(value: number): number {
  const product = value * scale;
  return product;
}
const area = task(function area({ width, height }: Size): number {
  const product = width * height;
  const result = scaled(product);
  return result;
});`;

test("a breakpoint in a task stops its worker, which has variables, steps and goes on", async () => {
  expect(await debug.breakAt(AREA, 8)).toEqual([8]);
  await define(AREA);
  const done = run("await area({ width: 3, height: 4 })");
  const { threadId, frames } = await debug.stoppedThread();
  expect(threadId).toBeGreaterThan(1);
  expect(frames.map(({ name, line }) => [name, line])).toEqual([["area", 8]]);
  expect(await debug.threads()).toEqual({ 1: "main", [threadId]: expect.stringMatching(/^worker \d+ \(area\)$/) });
  expect((await debug.request("debugInfo")).stoppedThreads).toEqual([threadId]);
  expect(values((await debug.scopes(frames[0])).Locals)).toMatchObject({ width: "3", height: "4" });
  expect(values((await debug.scopes(frames[0])).Closure)).toMatchObject({ scaled: expect.anything() });

  await debug.request("next", { threadId });
  const [second] = (await debug.stoppedThread()).frames;
  expect(second?.line).toBe(9);
  const evaluate = (expression: string) => debug.request("evaluate", { expression, frameId: second?.id });
  expect(await evaluate("product + 1")).toMatchObject({ result: "13" });
  await debug.request("stepIn", { threadId });
  const inside = (await debug.stoppedThread()).frames;
  expect(inside.map(({ name, line }) => [name, line])).toEqual([
    ["scaled", 4],
    ["area", 9],
  ]);
  await debug.request("stepOut", { threadId });
  expect((await debug.stoppedThread()).frames[0]?.line).toBe(10);
  await debug.request("continue", { threadId });
  expect(await done).toMatchObject({ status: "ok", value: "120" });
  await debug.next("continued");
  expect(await debug.threads()).toEqual({ 1: "main" });
});

const COUNTER = `class Counter {
  #count: number;
  constructor(start: number) {
    this.#count = start;
  }
  add(step: number): number {
    this.#count += step;
    return this.#count;
  }
}
const counters = actor(Counter);`;

test("breakpoints in a constructor and in a method stop the actor's process, and the value can be changed", async () => {
  expect(await debug.breakAt(COUNTER, 4, 7)).toEqual([4, 7]);
  await define(COUNTER);
  const done = run("const counter = await new counters(5);\nawait counter.add(2)");
  const made = await debug.stoppedThread();
  expect(made.frames[0]?.line).toBe(4);
  expect(values((await debug.scopes(made.frames[0])).Locals)).toMatchObject({ start: "5" });
  await debug.request("continue", { threadId: made.threadId });

  const called = await debug.stoppedThread();
  expect(called.threadId).toBe(made.threadId);
  expect(called.frames.map(({ name, line }) => [name, line])).toEqual([["add", 7]]);
  const frameId = called.frames[0]?.id;
  expect(await debug.request("evaluate", { expression: "this", frameId })).toMatchObject({
    result: "Counter {#count: 5}",
  });
  expect(await debug.request("richInspectVariables", { variableName: "step", frameId })).toEqual({
    data: { "text/plain": "2" },
    metadata: {},
  });
  const { scopes } = await debug.request<{ scopes: { variablesReference: number }[] }>("scopes", { frameId });
  const { variablesReference } = scopes[0] ?? {};
  await debug.request("setVariable", { variablesReference, name: "step", value: "30" });
  await debug.request("continue", { threadId: called.threadId });
  expect(await done).toMatchObject({ status: "ok", value: "35" });
});

const TWICE = `const twice = task((n: number) => {
  const doubled = 2 * n;
  return doubled;
});`;

test("two workers stand at once, each with variables of its own, while the notebook goes on", async () => {
  await debug.breakAt(TWICE, 3);
  await define(TWICE);
  const sent = await run("const doubles = [twice(1), twice(2)];\ndoubles.length");
  expect(sent).toMatchObject({ value: "2" });
  const stops = [await debug.stoppedThread(), await debug.stoppedThread()];
  expect(new Set(stops.map(({ threadId }) => threadId)).size).toBe(2);
  expect(Object.keys(await debug.threads())).toHaveLength(3);
  const seen = new Set<string | undefined>();
  for (const { frames } of stops) seen.add(values((await debug.scopes(frames[0])).Locals).doubled);
  expect(seen).toEqual(new Set(["2", "4"]));
  expect(await run("1 + 1")).toMatchObject({ value: "2" });
  for (const { threadId } of stops) await debug.request("continue", { threadId });
  expect(await run("await get(doubles)")).toMatchObject({ value: "[ 2, 4 ]" });
});

test("a breakpoint that is set while a worker stands holds in it, and one that is removed does not", async () => {
  await debug.breakAt(TWICE, 2);
  await define(TWICE);
  const done = run("await twice(7)");
  const { threadId, frames } = await debug.stoppedThread();
  expect(frames[0]?.line).toBe(2);
  expect(await debug.breakAt(TWICE, 3)).toEqual([3]);
  await debug.request("continue", { threadId });
  expect((await debug.stoppedThread()).frames[0]?.line).toBe(3);
  await debug.breakAt(TWICE);
  await debug.request("continue", { threadId });
  expect(await done).toMatchObject({ value: "14" });
  expect(await run("await twice(8)")).toMatchObject({ value: "16" });
});

test("when the front end disconnects, all workers that stand go on", async () => {
  await debug.breakAt(TWICE, 2);
  await define(TWICE);
  await define("const held = [twice(3), twice(4)];");
  await debug.stoppedThread();
  await debug.stoppedThread();
  await debug.request("disconnect", { restart: false, terminateDebuggee: false });
  await debug.next("continued");
  await debug.next("terminated");
  expect(await run("await get(held)")).toMatchObject({ value: "[ 6, 8 ]" });
  expect(await run("await twice(5)")).toMatchObject({ value: "10" });
});

test("a worker that is killed while it stands is a thread that has exited; its task runs again elsewhere", async () => {
  const code = TWICE.replace("2 * n", "2 * n + 0 * process.pid");
  await debug.breakAt(code, 2);
  await define(code);
  const done = run("await twice(6)");
  const { threadId, frames } = await debug.stoppedThread();
  const pid = await debug.request("evaluate", { expression: "process.pid", frameId: frames[0]?.id });
  process.kill(Number(pid.result), "SIGKILL");
  expect(await debug.next("thread")).toEqual({ reason: "exited", threadId });
  const again = await debug.stoppedThread();
  expect(again.threadId).not.toBe(threadId);
  expect(again.frames[0]?.line).toBe(2);
  await debug.request("continue", { threadId: again.threadId });
  expect(await done).toMatchObject({ value: "12" });
});

test("interrupting the cell while its task stands ends both, and the worker stops at breakpoints later", async () => {
  await debug.breakAt(TWICE, 2);
  await define(TWICE);
  const done = run("await twice(9)");
  const { threadId } = await debug.stoppedThread();
  await kernel.client.interrupt();
  expect(await done).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
  expect(await debug.next("continued")).toMatchObject({ threadId });
  const later = run("await twice(10)");
  const stop = await debug.stoppedThread();
  await debug.request("continue", { threadId: stop.threadId });
  expect(await later).toMatchObject({ value: "20" });
});

test("the cell and its task can stand at the same time, and each goes on alone", async () => {
  const code = `let total = 1;
const grows = task((n: number) => {
  const sum = total + n;
  return sum;
});
const growing = grows(4);
await new Promise((resolve) => setTimeout(resolve, 1));
debugger;
total = await growing;
total`;
  await debug.breakAt(code, 3);
  const done = run(code);
  const stops = [await debug.stoppedThread(), await debug.stoppedThread()];
  const [session, worker] = stops.sort((a, b) => a.threadId - b.threadId);
  expect([session?.threadId, session?.frames[0]?.line, worker?.frames[0]?.line]).toEqual([1, 8, 3]);
  expect((await debug.request("debugInfo")).stoppedThreads).toHaveLength(2);
  expect(await debug.request("evaluate", { expression: "n", frameId: worker?.frames[0]?.id })).toMatchObject({
    result: "4",
  });
  await debug.request("continue", { threadId: worker?.threadId });
  expect(await debug.next("continued")).toMatchObject({ threadId: worker?.threadId, allThreadsContinued: false });
  expect((await debug.stack(1))[0]?.line).toBe(8);
  await debug.request("continue", { threadId: 1 });
  expect(await done).toMatchObject({ status: "ok", value: "5" });
});

test("interrupting a cell whose actor stands keeps the actor and its state", async () => {
  await define(COUNTER);
  await define("const kept = await new counters(1);\nawait kept.add(1);");
  await debug.breakAt(COUNTER, 7);
  const done = run("await kept.add(10)");
  await debug.stoppedThread();
  await kernel.client.interrupt();
  expect(await done).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
  await debug.next("continued");
  await debug.breakAt(COUNTER);
  expect(await run("await kept.add(0)")).toMatchObject({ value: "12" });
});

test("in a cluster of several drivers a debugger stops calls of its own notebook only", async () => {
  const world = new StandingWorld();
  await world.cluster();
  const env = { ...world.env, MOBULA_ADDRESS: "auto" };
  const [mine, others] = await Promise.all([start(env), start(env)]);
  onTestFinished(async () => void (await Promise.all([mine.shutdown(), others.shutdown()])));
  const client = new DebugClient(mine.client);
  await client.attach();
  const code = `import { task } from "mobula";
const halt = task((name: string) => {
  debugger;
  return name + "!";
});
await halt("NAME")`;
  expect(await run(code.replace("NAME", "theirs"), others)).toMatchObject({ value: "'theirs!'" });
  const done = run(code.replace("NAME", "mine"), mine);
  const { threadId, frames } = await client.stoppedThread();
  expect(values((await client.scopes(frames[0])).Locals)).toEqual({ name: '"mine"' });
  await client.request("continue", { threadId });
  expect(await done).toMatchObject({ value: "'mine!'" });
  expect(await run("await halt('theirs')", others)).toMatchObject({ value: "'theirs!'" });
  expect(client.events.filter(({ event }) => event === "stopped")).toHaveLength(1);
});

test("shutdown ends a kernel with a worker that stands, and the worker", async () => {
  const own = await start();
  onTestFinished(() => own.shutdown());
  const client = new DebugClient(own.client);
  await client.attach();
  await own.client.execute('import { task } from "mobula";');
  const done = own.client.execute("await task(() => {\n  debugger;\n})();").catch(() => undefined);
  const { frames } = await client.stoppedThread();
  const { result } = await client.request("evaluate", { expression: "process.pid", frameId: frames[0]?.id });
  await own.shutdown();
  await done;
  // The head of the cluster hears of it a moment later.
  await expect.poll(() => isRunning(Number(result)), { timeout: 20_000 }).toBe(false);
});

test("a task's time stands still while it stands", async () => {
  const code = "const slow = task((n: number) => {\n  const next = n + 1;\n  return next;\n}, { timeoutMs: 1500 });";
  await debug.breakAt(code, 2);
  await define(code);
  const done = run("await slow(1)");
  const { threadId } = await debug.stoppedThread();
  // As long as it would have had altogether, and more.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  expect(await debug.stack(threadId)).toHaveLength(1);
  await debug.request("continue", { threadId });
  expect(await done).toMatchObject({ value: "2" });
});

test("workers that stand say where, and still stand afterwards", async () => {
  await debug.breakAt(TWICE, 2);
  await define(TWICE);
  await define('import { dumpStacks } from "mobula";\nconst late = twice(11);');
  const { threadId } = await debug.stoppedThread();
  const { value } = await run(
    "(await dumpStacks()).items.flatMap(({ frames }) => frames).some(({ line }) => line === 2)",
  );
  expect(value).toBe("true");
  expect((await debug.stack(threadId))[0]?.line).toBe(2);
  await debug.request("continue", { threadId });
  expect(await run("await late")).toMatchObject({ value: "22" });
});

test.each([
  [
    "at once",
    "const fails = task((n: number) => {\n  if (n > 0) throw new Error('boom');\n  return n;\n}, { retries: 0 });",
    2,
  ],
  [
    "behind an await",
    "const fails = task(async (n: number) => {\n  await null;\n  if (n > 0) throw new Error('boom');\n  return n;\n}, { retries: 0 });",
    3,
  ],
])("an exception that a task does not catch stops it where it is thrown: %s", async (_when, code, line) => {
  await debug.request("setExceptionBreakpoints", { filters: ["uncaught"] });
  await define(code);
  expect(await run("await fails(0)")).toMatchObject({ value: "0" });
  const done = run("await fails(1).catch((error: unknown) => String(error).includes('boom'))");
  const { threadId, frames } = await debug.stoppedThread();
  expect(frames[0]?.line).toBe(line);
  await debug.request("continue", { threadId });
  expect(await done).toMatchObject({ value: "true" });
});

test("a task that exits its process does so under the debugger, too", async () => {
  await define("const exits = task(() => {\n  process.exit(3);\n}, { retries: 0 });");
  expect(await run("await exits()")).toMatchObject({ status: "error", evalue: expect.stringContaining("3") });
});

test("a breakpoint is set while a task spins in a worker, and stops it there", async () => {
  const code = "const spins = task(() => {\n  let n = 0;\n  while (n >= 0) {\n    n += 1;\n  }\n  return n;\n});";
  await define(code);
  await define("const spinning = spins();");
  await debug.breakAt(code, 4);
  const { threadId, frames } = await debug.stoppedThread();
  await debug.breakAt(code);
  await debug.request("evaluate", { expression: "n = -5", frameId: frames[0]?.id });
  await debug.request("continue", { threadId });
  expect(await run("await spinning")).toMatchObject({ value: "-4" });
});

test("a cluster that starts while the debugger is on stops in the first task of the same cell", async () => {
  const code = `import { shutdown } from "mobula";
await shutdown();
await init({ cpus: 2 });
const first = task((n: number) => {
  const next = n + 1;
  return next;
});
await first(1)`;
  await debug.breakAt(code, 5);
  const done = run(code);
  const { threadId, frames } = await debug.stoppedThread();
  expect(frames[0]?.line).toBe(5);
  await debug.request("continue", { threadId });
  expect(await done).toMatchObject({ value: "2" });
});

test("JupyterLab, which knows one thread only, is shown the workers that stand one after the other", async () => {
  await debug.request("initialize", { clientID: "jupyterlab" });
  await debug.breakAt(TWICE, 3);
  await define(TWICE);
  await define("const both = [twice(1), twice(2)];");
  await debug.next("stopped");
  await debug.next("stopped");
  const seen = new Set<string | undefined>();
  for (let round = 0; round < 2; round++) {
    const [frame] = await debug.stack(1);
    expect(frame?.line).toBe(3);
    seen.add(values((await debug.scopes(frame)).Locals).n);
    await debug.request("continue", { threadId: 1 });
    await debug.next(round === 0 ? "stopped" : "continued");
  }
  expect(seen).toEqual(new Set(["1", "2"]));
  expect(await run("await get(both)")).toMatchObject({ value: "[ 2, 4 ]" });
});
