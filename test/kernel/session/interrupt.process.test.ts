import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSession } from "../../../kernel/src/session/client.ts";
import { type CellParts, named, Recorder, sleep, until } from "./cells.ts";

/** Something else goes on all the time, as the sockets of a driver would, with an AsyncLocalStorage of its own. */
const BACKGROUND = `
  const net = require("node:net");
  const { AsyncLocalStorage } = require("node:async_hooks");
  globalThis.ticks = 0;
  globalThis.own = new AsyncLocalStorage();
  const answer = (socket) => socket.on("data", async (data) => {
    await null;
    ticks++;
    own.run({}, () => process.nextTick(() => socket.write(data)));
  });
  const server = net.createServer(answer).listen(0, "127.0.0.1", () => {
    globalThis.background = answer(net.connect(server.address().port, "127.0.0.1"));
    background.write("x");
  });`;

let directory: string;
let cells: Recorder;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "session-interrupt-")));
  cells = new Recorder(createSession({ directory }), directory);
  await cells.session.start();
  await cells.run({ names: ["state"], body: "state = 41" });
  await cells.run(BACKGROUND);
});

afterAll(async () => {
  await cells.session.close();
  rmSync(directory, { recursive: true });
});

async function expectInterrupted(parts: CellParts | string, afterMs = 200): Promise<void> {
  const running = cells.run(parts);
  await sleep(afterMs);
  const startMs = Date.now();
  await cells.session.interrupt();
  const outcome = await running;
  expect(Date.now() - startMs).toBeLessThan(1500);
  expect(outcome).toMatchObject({
    status: "error",
    error: { ename: "KeyboardInterrupt", evalue: "Execution interrupted" },
  });
  expect(await cells.value("state")).toBe("41");
}

describe("an interrupt ends", () => {
  const spinning: Readonly<Record<string, string>> = {
    "a synchronous loop": "for (;;) {}",
    "a loop after an await": "await null; for (;;) {}",
    "a loop in a timer callback": "await new Promise(() => setTimeout(() => { for (;;) {} }, 5))",
    "a loop in an interval": "await new Promise(() => setInterval(() => { for (;;) {} }, 5))",
    "a loop in setImmediate": "await new Promise(() => setImmediate(() => { for (;;) {} }))",
    "a loop in nextTick": "await new Promise(() => process.nextTick(() => { for (;;) {} }))",
    "a pending await": "await new Promise(() => {})",
    "Atomics.wait": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
    "a catastrophic regex": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "a loop inside try and catch":
      "for (;;) { try { for (;;) { try { for (;;); } finally { for (;;); } } } catch { for (;;); } }",
    "a microtask chain": "for (;;) await null",
    "a loop that prints": "for (;;) console.log('x'.repeat(200))",
    "a loop inside a display method": "await display({ [Symbol.for('Jupyter.display')]() { for (;;) {} } })",
    "a loop in a socket callback":
      "const net = require('node:net'); const s = net.createServer().listen(0, '127.0.0.1', () => net.connect(s.address().port, '127.0.0.1').on('connect', () => { s.close(); for (;;) {} })); await new Promise(() => {})",
  };
  test.each(Object.entries(spinning))("%s", (_name, body) => expectInterrupted(body));

  test("a synchronous child process", async () => {
    await expectInterrupted({ imports: [named("node:child_process", "execSync")], body: "execSync('sleep 30')" });
  });

  test("a loop in an interrupt hook", async () => {
    const hook = "const off = globalThis[Symbol.for('mobula.notebook')].onInterrupt(() => { off(); for (;;) {} });";
    await expectInterrupted(`${hook} await new Promise(() => {})`);
  });

  test("a loop while a result is being sent", async () => {
    const display = "{ 'application/x': { toJSON() { for (;;) {} } } }";
    await expectInterrupted(`return { [Symbol.for('Jupyter.display')]: () => (${display}) }`);
  });

  test("a loop while a result is being shown", async () => {
    await expectInterrupted({
      body: "return { [Symbol.for('nodejs.util.inspect.custom')]() { for (;;) {} } }",
      hasResult: true,
    });
  });
});

test("a cell that was stopped restores the names it had not assigned", async () => {
  await cells.run({ names: ["done", "pending"], body: "done = 1; pending = 'before'" });
  const running = cells.run({ names: ["done", "pending"], body: "done = 2; pending = await new Promise(() => {})" });
  await sleep(100);
  await cells.session.interrupt();
  expect((await running).assigned).toEqual(["done"]);
  expect(await cells.value("[done, pending]")).toBe("[ 2, 'before' ]");
});

test("hooks hear of the interrupt before the cell ends, and finally blocks run", async () => {
  const body = `
    const host = globalThis[Symbol.for("mobula.notebook")];
    let cancel;
    const work = new Promise((_, reject) => { cancel = () => reject(new Error("cancelled")) });
    host.onInterrupt((execution) => { console.log("hook " + (execution.executionCount > 0)); cancel() });
    try { await work } finally { console.log("cleaned up") }`;
  const before = cells.events.length;
  const running = cells.run(body);
  await sleep(100);
  await cells.session.interrupt();
  expect(await running).toMatchObject({ error: { ename: "KeyboardInterrupt" } });
  const texts = cells.events.slice(before).flatMap((event) => (event.type === "stream" ? event.text : []));
  expect(texts.map((text) => text.trim())).toEqual(["hook true", "cleaned up"]);
});

test("hooks hear of the end of a cell while it can still show something", async () => {
  const body = `
    const host = globalThis[Symbol.for("mobula.notebook")];
    const off = host.onCellEnd((execution) => { off(); host.stream(execution, "stdout", "last words\\n") });
    console.log("done");`;
  const before = cells.events.length;
  await cells.run(body);
  const texts = cells.events.slice(before).flatMap((event) => (event.type === "stream" ? event.text : []));
  expect(texts.map((text) => text.trim())).toEqual(["done", "last words"]);
});

test.each([
  ["timers/promises", "const { setTimeout: sleep } = await import('node:timers/promises');"],
  ["setTimeout", "const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));"],
])("a loop that sleeps with %s stops for good", async (_name, start) => {
  const running = cells.run(`globalThis.steps = 0; ${start} for (;;) { await sleep(10); steps++ }`);
  await sleep(150);
  await cells.session.interrupt();
  await running;
  const steps = await cells.value("steps");
  expect(Number(steps)).toBeGreaterThan(3);
  await sleep(100);
  expect(await cells.value("steps")).toBe(steps);
});

test("an interrupt between cells changes nothing", async () => {
  for (let round = 0; round < 5; round++) await cells.session.interrupt();
  expect(await cells.value("state")).toBe("41");
});

test("code that Node tracks asynchronously can be terminated again and again", { timeout: 60_000 }, async () => {
  const bodies = ["for (;;) await null", "await own.run({}, async () => { await null; for (;;); })"];
  for (let round = 0; round < 20; round++) await expectInterrupted(bodies[round % 2] ?? "", 20);
});

test("interrupts at any moment of short and busy cells leave a session that works", { timeout: 60_000 }, async () => {
  const bodies = [
    "await null",
    "for (let i = 0; i < 3e7; i++);",
    "await new Promise((r) => setTimeout(r, 5))",
    "console.log('y'.repeat(1e5))",
  ];
  for (let round = 0; round < 40; round++) {
    const running = cells.run(bodies[round % bodies.length] ?? "");
    await sleep(round % 7);
    await Promise.all([cells.session.interrupt(), running]);
  }
  // A termination may have struck the handler that had the one message.
  await cells.run('background.write("x")');
  const before = Number(await cells.value("ticks"));
  await until(async () => Number(await cells.value("ticks")) > before);
  expect(await cells.value("state")).toBe("41");
});
