/** The kernel in `jupyter console`, in a pseudo terminal. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type JupyterHome, makeJupyterHome, program } from "../support/jupyter-home.ts";
import { isRunning, processesWith } from "../support/processes.ts";
import { KEYS, Terminal } from "../support/terminal.ts";

let home: JupyterHome;
let terminal: Terminal;
const others: Terminal[] = [];

beforeAll(async () => {
  home = await makeJupyterHome("console-");
  terminal = openConsole("--kernel", "mobula");
});
afterAll(async () => {
  await Promise.all([terminal, ...others].map((each) => each?.close()));
  home?.remove();
});

function openConsole(...args: string[]): Terminal {
  // After a second without an answer the console would decide by itself whether a cell is complete.
  const patience = "--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=30";
  return new Terminal([program("jupyter"), "console", patience, ...args], { cwd: home.folder, env: home.env });
}

test("greets, prompts, and shows a value", async () => {
  await terminal.shows("Mobula");
  await terminal.shows("In [1]:");
  terminal.type(`6 * 7${KEYS.enter}`);
  await terminal.shows("Out[1]: 42");
});

test("goes on with a cell until it is complete", async () => {
  await terminal.shows("In [2]:");
  terminal.type(`function twice(n: number) {${KEYS.enter}`);
  await terminal.shows("...:");
  terminal.type(`return 2 * n; }${KEYS.enter}`);
  await terminal.shows("In [3]:");
  terminal.type(`twice(21)${KEYS.enter}`);
  await terminal.shows("Out[3]: 42");
});

test("refuses a cell whose types are wrong", async () => {
  await terminal.shows("In [4]:");
  terminal.type(`twice('x')${KEYS.enter}`);
  await terminal.shows("'string' is not assignable to parameter of type 'number'");
});

test("Ctrl-C stops a loop", async () => {
  await terminal.shows("In [5]:");
  terminal.type(`console.log('be' + 'gun'); for (;;) {}${KEYS.enter}`);
  await terminal.shows("begun");
  terminal.type(KEYS.interrupt);
  await terminal.shows("KeyboardInterrupt");
});

test("a cell asks, and the person answers", async () => {
  await terminal.shows("In [6]:");
  terminal.type(`prompt('your ' + 'name? ')?.toUpperCase()${KEYS.enter}`);
  await terminal.shows("your name? ");
  terminal.type(`Ada${KEYS.enter}`);
  await terminal.shows("Out[6]: 'ADA'");
});

test("an earlier line comes back with the arrow keys, also in a second console of the same kernel", async () => {
  await terminal.shows("In [7]:");
  terminal.type(`40 + 40${KEYS.enter}`);
  await terminal.shows("Out[7]: 80");
  await terminal.shows("In [8]:");
  terminal.type(KEYS.up);
  await terminal.shows("40 + 40");
  terminal.type(KEYS.enter);
  await terminal.shows("Out[8]: 80");

  const [connection] = readdirSync(join(home.folder, "runtime")).filter((name) => /^kernel-.*\.json$/.test(name));
  const second = openConsole("--existing", join(home.folder, "runtime", connection ?? ""));
  others.push(second);
  await second.shows("In [");
  second.type(KEYS.up);
  await second.shows("40 + 40");
  second.type(KEYS.enter);
  await second.shows("Out[9]: 80");
  await second.shows("In [10]:");
  second.type(KEYS.endOfInput);
  await second.shows("really want to exit");
  second.type(`y${KEYS.enter}`);
  expect(await second.ended).toBe(0);
});

test("leaving it ends the kernel, and nothing is left", async () => {
  await terminal.shows("In [9]:");
  terminal.type(`console.log('session ' + process.pid)${KEYS.enter}`);
  const session = Number(await terminal.shows(/session (\d+)/));
  expect(isRunning(session)).toBe(true);
  expect(processesWith(home.folder).length).toBeGreaterThan(0);
  await terminal.shows(/In \[\d+\]:/);
  terminal.type(KEYS.endOfInput);
  await terminal.shows("really want to exit");
  terminal.type(`y${KEYS.enter}`);
  expect(await terminal.ended).toBe(0);
  await vi.waitUntil(() => !isRunning(session) && processesWith(home.folder).length === 0, { timeout: 15_000 });
  expect(existsSync(join(home.folder, "runtime")) && readdirSync(join(home.folder, "runtime"))).toEqual([]);
});
