/** Cells that ask their user, over real sockets. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { KernelClient, RunningKernel } from "../../../kernel/src/client/index.ts";
import { descendants, run, startRealKernel } from "../../support/kernel/real-kernel.ts";
import { isRunning } from "../../support/processes.ts";

let directory: string;
let kernel: RunningKernel;
let client: KernelClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-input-"));
  kernel = await startRealKernel(directory);
  client = kernel.client;
});

afterAll(async () => {
  await kernel.shutdown();
  await rm(directory, { recursive: true, force: true });
});

/** Run a cell and wait until it has asked; nobody answers. */
async function runUntilAsked(of: KernelClient, code: string) {
  let onAsked: (() => void) | undefined;
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve;
  });
  const finished = run(of, code, {
    onInput: () => {
      onAsked?.();
      return new Promise(() => {});
    },
  });
  await Promise.race([asked, finished]);
  return { finished };
}

test("prompt, confirm and input ask the user and are typed", async () => {
  const asked: [string, boolean][] = [];
  const answers = ["Ada", "y", "s3cret"];
  const { value } = await run(
    client,
    `const name: string | null = prompt("name? ");
    const isSure: boolean = confirm("Sure?");
    const key: string = await input("key? ", { password: true });
    [name, isSure, key]`,
    {
      onInput: (prompt, isPassword) => {
        asked.push([prompt, isPassword]);
        return answers.shift() ?? "";
      },
    },
  );
  expect(value).toBe("[ 'Ada', true, 's3cret' ]");
  expect(asked).toEqual([
    ["name? ", false],
    ["Sure? [y/N] ", false],
    ["key? ", true],
  ]);
});

test("a name of a cell may be equal to one of these helpers", async () => {
  await run(client, "const input = 5; const prompt = (text: string) => text.length;");
  expect((await run(client, "input + prompt('abc')")).value).toBe("8");
});

test("readline in a cell reads what the user types", async () => {
  const { value } = await run(
    client,
    `import { stdin, stdout } from "node:process";
    import { createInterface } from "node:readline/promises";
    const lines = createInterface({ input: stdin, output: stdout });
    const town = await lines.question("town? ");
    lines.close();
    town`,
    { onInput: () => "Zürich" },
  );
  expect(value).toBe("'Zürich'");
});

test("each client is asked about its own cells", async () => {
  const other = await kernel.connect();
  onTestFinished(() => other.close());
  const [mine, theirs] = await Promise.all([
    run(client, "globalThis.prompt('whose?')", { onInput: () => "mine" }),
    run(other, "globalThis.prompt('whose?')", { onInput: () => "theirs" }),
  ]);
  expect([mine.value, theirs.value]).toEqual(["'mine'", "'theirs'"]);
});

test("without allow_stdin a question is an error, and the next cell runs", async () => {
  const { error } = await run(client, "globalThis.prompt('name?')", { allowStdin: false });
  expect(error).toMatchObject({ ename: "InputUnavailableError" });
  expect((await run(client, "1 + 1")).value).toBe("2");
});

test("kernel_info and completion answer while a question waits, and an interrupt ends it", async () => {
  const { finished } = await runUntilAsked(client, "let kept = 7; globalThis.prompt('name?')");
  expect((await client.kernelInfo()).status).toBe("ok");
  expect((await client.complete("JSON.str")).matches).toContain("stringify");
  await client.interrupt();
  expect((await finished).error).toMatchObject({ ename: "KeyboardInterrupt" });
  expect((await run(client, "kept")).value).toBe("7");
});

test("a client that goes away while it is asked leaves a kernel that can be interrupted", async () => {
  const other = await kernel.connect();
  const { finished } = await runUntilAsked(other, "globalThis.prompt('name?')");
  finished.catch(() => {});
  other.close();
  await client.interrupt();
  expect((await run(client, "1 + 1")).value).toBe("2");
});

test("a killed kernel takes a session along that waits for its user", async () => {
  const killed = await startRealKernel(directory);
  onTestFinished(() => killed.shutdown());
  const { finished } = await runUntilAsked(killed.client, "prompt('name?')");
  const pids = await descendants(killed.pid as number);
  expect(pids.length).toBeGreaterThan(0);
  process.kill(killed.pid as number, "SIGKILL");
  await expect(finished).rejects.toMatchObject({ code: "KERNEL_DIED" });
  await vi.waitUntil(() => !pids.some(isRunning), { timeout: 10_000 });
});
