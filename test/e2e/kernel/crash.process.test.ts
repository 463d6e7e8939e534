/** What a crash, a death or a restart leaves: a kernel that runs the next cell, and no process. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { KernelClient, type RunningKernel } from "../../../kernel/src/client/index.ts";
import { descendants, MAIN, run, runUntil, startRealKernel } from "../../support/kernel/real-kernel.ts";
import { isRunning } from "../../support/processes.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-crash-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A cell that starts a process, whose id it prints; it ignores the polite ways to end it. */
const START_CHILD = `
  import { spawn } from "node:child_process";
  const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); process.on('SIGINT', () => {}); console.log('up'); setInterval(() => {}, 1000)"]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  console.log(String(child.pid));`;

const CRASHES = {
  "process.exit": { code: "process.exit(3)", story: "exit code 3" },
  "process.exit in a timer": {
    code: "setTimeout(() => process.exit(4), 1); await new Promise(() => {})",
    story: "exit code 4",
  },
  "heap exhaustion": {
    code: "const hoard: number[][] = []; for (;;) hoard.push(new Array(10_000).fill(Math.random()))",
    story: "killed by SIGABRT",
  },
  "a native abort": { code: "process.abort()", story: "killed by SIGABRT" },
  "a segmentation fault": {
    code: "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {})",
    story: "killed by SIGSEGV",
  },
  "a kill from outside": {
    code: "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})",
    story: "killed by SIGKILL",
  },
};

describe("a crash of a cell", () => {
  let kernel: RunningKernel;
  beforeAll(async () => {
    // A heap that is exhausted soon; the kernel and its language thread need less than half of it.
    kernel = await startRealKernel(directory, "ipc", { NODE_OPTIONS: "--max-old-space-size=320" });
  });
  afterAll(() => kernel.shutdown());
  let child: number;
  beforeEach(async () => {
    child = Number((await run(kernel.client, START_CHILD)).stdout);
    expect(isRunning(child)).toBe(true);
  });

  test.each(Object.entries(CRASHES))(
    "%s is told, ends what the cell started, and the next cell runs",
    async (_what, { code, story }) => {
      await run(kernel.client, "const lost = 1;");
      const { error, traceback } = await run(kernel.client, code);
      expect(error).toMatchObject({ ename: "SessionExited" });
      expect(traceback).toContain(story);
      expect(traceback).toContain("run your cells again");
      expect((await run(kernel.client, "typeof lost")).error?.ename).toBe("TypeScriptError");
      expect((await run(kernel.client, "const next = 6 * 7; next")).value).toBe("42");
      await expect.poll(() => isRunning(child)).toBe(false);
      const session = Number((await run(kernel.client, "process.pid")).value);
      expect(await descendants(session)).toEqual([]);
    },
  );
});

test("a session that dies between two cells is told under the last one, and the next cell runs", async () => {
  const kernel = await startRealKernel(directory);
  onTestFinished(() => kernel.shutdown());
  const heard: string[] = [];
  kernel.client.onIopub(({ content }) => {
    if (content.name === "stderr") heard.push(String(content.text));
  });
  const pid = Number((await run(kernel.client, "process.pid")).value);
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => heard.join("").includes("killed by SIGKILL"), { timeout: 10_000 });
  expect((await run(kernel.client, "1 + 1")).value).toBe("2");
});

// Some kernels are restarted before they have run anything, some while a cell spins.
test("twenty restarts leave no process behind, and each new kernel works", { timeout: 240_000 }, async () => {
  const kernel = await startRealKernel(directory, "tcp");
  onTestFinished(() => kernel.kill());
  const started: number[] = [];
  let current: { pid: number; hasExited: Promise<unknown> } = { pid: kernel.pid as number, hasExited: kernel.exited };
  for (let round = 0; round < 20; round++) {
    const client = new KernelClient(kernel.connection);
    onTestFinished(() => client.close());
    await client.waitUntilReady(60_000);
    if (round % 10 < 2) started.push(Number((await run(client, START_CHILD)).stdout));
    if (round % 10 === 1) (await runUntil(client, "console.log('go'); for (;;) {}", "go")).finished.catch(() => {});
    started.push(current.pid, ...(await descendants(current.pid)));
    await client.requestShutdown(true);
    await current.hasExited;
    client.close();
    const next = spawn(process.execPath, [MAIN, "--connection-file", kernel.connectionFile], {
      stdio: "ignore",
      cwd: directory,
    });
    onTestFinished(() => void next.kill("SIGKILL"));
    current = { pid: next.pid as number, hasExited: new Promise((resolve) => next.once("exit", resolve)) };
  }
  const last = new KernelClient(kernel.connection);
  onTestFinished(() => last.close());
  await last.waitUntilReady(60_000);
  expect((await run(last, "1 + 1")).value).toBe("2");
  await last.requestShutdown();
  await current.hasExited;
  // Twenty kernels, their sessions, and four processes that cells started.
  expect(new Set(started).size).toBeGreaterThanOrEqual(44);
  expect(started.filter(isRunning)).toEqual([]);
});

test.each([
  ["waits", "await new Promise(() => {})"],
  ["spins", "for (;;) {}"],
  ["asks its user", "prompt('name?')"],
])("a killed kernel leaves nothing of a cell that %s", async (_what, busy) => {
  const kernel = await startRealKernel(directory);
  onTestFinished(() => kernel.kill());
  const file = join(directory, `child-${busy.length}`);
  const code = `${START_CHILD}\nimport { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(file)}, String(child.pid));\n${busy}`;
  const open = kernel.client.execute(code, { onInput: () => new Promise(() => {}) });
  open.catch(() => {});
  await vi.waitUntil(() => readFile(file, "utf8").catch(() => ""), { timeout: 30_000 });
  const pids = [...(await descendants(kernel.pid as number)), Number(await readFile(file, "utf8"))];
  expect(pids.length).toBeGreaterThanOrEqual(2);
  process.kill(kernel.pid as number, "SIGKILL");
  await vi.waitUntil(() => !pids.some(isRunning), { timeout: 15_000 });
});
