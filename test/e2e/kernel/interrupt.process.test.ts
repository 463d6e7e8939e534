/** What a press on the stop button must do in a real kernel, whatever the cell is at: a row each. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { KernelClient, RunningKernel } from "../../../kernel/src/client/index.ts";
import { descendants, run, runUntil, startRealKernel } from "../../support/kernel/real-kernel.ts";

let directory: string;
let kernel: RunningKernel;
let client: KernelClient;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-interrupt-"));
  kernel = await startRealKernel(directory);
  client = kernel.client;
});
afterAll(async () => {
  await kernel?.shutdown();
  await rm(directory, { recursive: true, force: true });
});

const STOPPED = { status: "error", error: { ename: "KeyboardInterrupt", evalue: "Execution interrupted" } };

const ROWS = {
  "a synchronous loop": "for (;;) {}",
  "a loop after an await": "await null; for (;;) {}",
  "a loop in a timer": "await new Promise(() => setInterval(() => { for (;;) {} }, 1));",
  "a pending await": "await new Promise(() => {});",
  "Atomics.wait": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
  "a regular expression that takes for ever": "/^(a+)+$/.test('a'.repeat(40) + 'b');",
  "a loop that catches": "for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }",
  "a synchronous child process": "import { execSync } from 'node:child_process'; execSync('sleep 600');",
  "clean-up that loops": "try { await input('never answered? '); } finally { for (;;) {} }",
  "clean-up that waits for ever": "try { await input('never answered? '); } finally { await new Promise(() => {}); }",
};

describe("an interrupt stops the cell, keeps the variables, and the next cell runs", () => {
  let session: string | undefined;
  let kept = 0;
  beforeEach(async () => {
    kept = Math.trunc(Math.random() * 1e9);
    await run(client, `const kept = ${kept};`);
    session = (await run(client, "process.pid")).value;
  });
  afterEach(async () => {
    expect((await run(client, "kept + 1")).value).toBe(String(kept + 1));
    expect((await run(client, "process.pid")).value).toBe(session);
    // A child process that outlived its cell would be one of the session's.
    await vi.waitUntil(async () => (await descendants(Number(session))).length === 0, { timeout: 10_000 });
  });

  test.each(Object.entries(ROWS))("%s", async (_what, code) => {
    const { finished } = await runUntil(client, `console.log('go');\n${code}`, "go", {
      onInput: () => new Promise(() => {}),
    });
    const behind = client.execute("'must not run'");
    await client.interrupt();
    expect(await finished).toMatchObject(STOPPED);
    expect((await behind).error).toMatchObject({ ename: "ExecutionAborted" });
  });

  test.each(Object.entries(ROWS))(
    "%s, by the first of two presses, and the second harms nothing",
    async (_what, code) => {
      const { finished } = await runUntil(client, `console.log('go');\n${code}`, "go", {
        onInput: () => new Promise(() => {}),
      });
      const presses = [client.interrupt(), client.interrupt()];
      expect(await finished).toMatchObject(STOPPED);
      await Promise.all(presses);
      expect((await run(client, "await null; 'undisturbed'")).value).toBe("'undisturbed'");
    },
  );

  test("two presses while nothing runs change nothing", async () => {
    await Promise.all([client.interrupt(), client.interrupt()]);
  });
});

describe("an interrupt while tasks run on workers", () => {
  const gate = () => join(directory, "gate");
  beforeAll(async () => {
    // Both processors are taken: the first by a task of an earlier cell, the second by one of the cell that is stopped.
    const { error } = await run(
      client,
      `import { init, task } from "mobula";
      import { existsSync, writeFileSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      await init({ cpus: 2 });
      const begin = (name: string) => writeFileSync(${JSON.stringify(directory)} + "/" + name, "");
      const untilOpen = task(async () => {
        begin("earlier");
        while (!existsSync(${JSON.stringify(gate())})) await sleep(20);
        return "of the earlier cell";
      });
      const spin = task(() => { begin("spinning"); for (;;) {} });
      const earlier = untilOpen();`,
    );
    expect(error).toBeUndefined();
    await vi.waitUntil(() => existsSync(join(directory, "earlier")), { timeout: 60_000 });
  });

  test.each(["one press", "two presses"])("%s cancels the tasks of the cell, and no others", async (presses) => {
    await rm(join(directory, "spinning"), { force: true });
    const cell = client.execute("const spinning = spin();\nconst waiting = spin();\nawait spinning;");
    await vi.waitUntil(() => existsSync(join(directory, "spinning")), { timeout: 60_000 });
    await Promise.all(presses === "one press" ? [client.interrupt()] : [client.interrupt(), client.interrupt()]);
    expect(await cell).toMatchObject(STOPPED);
    const reasons = await run(
      client,
      "(await Promise.allSettled([spinning, waiting])).map((each) => each.status === 'rejected' ? each.reason.code : 'done').join()",
    );
    expect(reasons.value).toBe("'TASK_CANCELLED,TASK_CANCELLED'");
    // The processor of the task that spun is free again, and the other one is still in use.
    expect((await run(client, "await task(() => 'next')()")).value).toBe("'next'");
    expect((await run(client, "await Promise.race([earlier, sleep(1, 'still runs')])")).value).toBe("'still runs'");
  });

  test("the task of the earlier cell ends as if nothing had been", async () => {
    await writeFile(gate(), "");
    expect((await run(client, "await earlier")).value).toBe("'of the earlier cell'");
  });
});
