/** The built kernel as a process, driven by the project's own client over real sockets. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { KernelClient, type RunningKernel, startKernel } from "../../../kernel/src/client/index.ts";
import { descendants, MAIN, run, runUntil, startRealKernel } from "../../support/kernel/real-kernel.ts";
import { isRunning } from "../../support/processes.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-e2e-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function start(transport: "ipc" | "tcp" = "ipc"): Promise<RunningKernel> {
  return startRealKernel(directory, transport);
}

/** A kernel of this test alone. */
async function startForTest(transport: "ipc" | "tcp" = "ipc"): Promise<RunningKernel> {
  const kernel = await start(transport);
  onTestFinished(() => kernel.shutdown());
  return kernel;
}

describe("one kernel", () => {
  let kernel: RunningKernel;
  let client: KernelClient;
  beforeAll(async () => {
    kernel = await start();
    client = kernel.client;
  });
  afterAll(() => kernel.shutdown());

  test("says hello", async () => {
    const { status, stdout, value } = await run(client, "console.log('hello, world'); 6 * 7");
    expect({ status, stdout, value }).toEqual({ status: "ok", stdout: "hello, world\n", value: "42" });
  });

  test("types flow from cell to cell, and a wrong use is refused before it runs", async () => {
    await run(
      client,
      "interface Fish { name: string; sizeMm: number }\nconst fish: Fish = { name: 'manta', sizeMm: 7000 };",
    );
    const refused = await run(client, "console.log('not run');\nfish.sizeMm.toUpperCase();");
    expect(refused).toMatchObject({ status: "error", stdout: "", error: { ename: "TypeScriptError" } });
    expect(refused.error?.evalue).toContain("'toUpperCase' does not exist on type 'number'");
    expect(refused.traceback).toContain(":2:13  TS2339");
    expect(refused.traceback).toContain("> 2 | fish.sizeMm.toUpperCase();\n    |             ^^^^^^^^^^^");
    expect((await run(client, "fish.sizeMm + 1")).value).toBe("7001");
  });

  test("a name may be declared again with another type", async () => {
    await run(client, "const again = 1;");
    await run(client, "const again = 'text';");
    expect((await run(client, "again.toUpperCase()")).value).toBe("'TEXT'");
  });

  test("%check decides what a type error does", async () => {
    const warned = await run(client, "%check warn\nconst w: number = 'text';\nw");
    expect(warned).toMatchObject({ status: "ok", value: "'text'" });
    expect(stripVTControlCharacters(warned.stderr)).toContain("not assignable to type 'number'");
    expect((await run(client, "%check off\nconst v: number = 'text';")).stderr).toBe("");
    expect((await run(client, "%check error\nconst u: number = 'text';")).status).toBe("error");
  });

  test("imports from Node and from a file beside the notebook", async () => {
    await writeFile(join(directory, "area.ts"), "export const area = (w: number, h: number): number => w * h;\n");
    const { status, value, error } = await run(
      client,
      "import { basename } from 'node:path';\nimport { area } from './area.ts';\nbasename('/a/b') + area(2, 3)",
    );
    expect({ status, value, error }).toEqual({ status: "ok", value: "'b6'", error: undefined });
  });

  test("a thrown error shows its line in the cell, and top-level await works", async () => {
    const { error, traceback } = await run(client, "await null;\nthrow new RangeError('too far');");
    expect(error).toMatchObject({ ename: "RangeError", evalue: "too far" });
    expect(traceback).toContain("throw new RangeError('too far');");
    expect(traceback).toMatch(/cell \[\d+\]:2:7/);
  });

  test("completes with kinds, hovers with types, and knows an open cell, also behind an emoji", async () => {
    await run(client, "const shark = { teeth: 300, bite(): void {} };");
    const { matches, cursor_start, cursor_end, metadata } = await client.complete("'🦈'; shark.te");
    expect(matches).toContain("teeth");
    expect([cursor_start, cursor_end]).toEqual([11, 13]);
    const types = metadata._jupyter_types_experimental as { text: string; type: string }[];
    expect(types[matches.indexOf("teeth")]).toMatchObject({ text: "teeth", type: "property" });
    const hover = await client.inspect("'🦈'; shark", 7);
    expect(hover.found).toBe(true);
    expect(hover.data["text/plain"]).toContain("teeth: number");
    expect((await client.isComplete("if (true) {")).status).toBe("incomplete");
    expect((await client.isComplete("1 + 1")).status).toBe("complete");
    expect((await client.isComplete("let = ;")).status).toBe("invalid");
  });

  test("output keeps its order, and a display can be updated", async () => {
    const { messages } = await run(
      client,
      `console.log("a");
      console.error("b");
      await display(html\`<i>1</i>\`, { id: "progress" });
      console.log("c");
      await display(html\`<i>2</i>\`, { id: "progress", update: true });
      clearOutput();`,
    );
    const outputs = messages.map(({ header, content }) => content.text ?? header.msg_type);
    expect(outputs.slice(2, -1)).toEqual(["a\n", "b\n", "display_data", "c\n", "update_display_data", "clear_output"]);
    expect(messages[6]?.content).toMatchObject({
      data: { "text/html": "<i>2</i>" },
      transient: { display_id: "progress" },
    });
  });

  test("kernel_info, completion and hover answer while a cell spins", async () => {
    const { finished } = await runUntil(client, "console.log('go'); for (;;) {}", "go");
    expect((await client.kernelInfo("shell")).implementation).toBe("mobula");
    expect((await client.kernelInfo("control")).language_info.name).toBe("typescript");
    expect((await client.complete("JSON.str")).matches).toContain("stringify");
    expect((await client.request("control", "usage_request", {})).kernel_memory).toBeGreaterThan(1e6);
    await client.interrupt();
    await finished;
  });

  test("a comm is forwarded to the delegated address and back while a cell spins", async () => {
    const received: unknown[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        for (const line of chunk.toString().trim().split("\n")) {
          const message = JSON.parse(line) as { type: string; data: unknown };
          received.push(message.type);
          if (message.type === "comm-message")
            socket.write(`${JSON.stringify({ ...message, data: { echo: message.data } })}\n`);
        }
      });
    });
    const path = join(directory, "head.sock");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    await run(
      client,
      `const host = (globalThis as any)[Symbol.for("mobula.notebook")];\nconst withdraw = host.delegateComm("cluster", ${JSON.stringify(path)});`,
    );
    const { finished } = await runUntil(client, "console.log('go'); for (;;) {}", "go");
    const comm = client.openComm("cluster", { topics: [] });
    const answer = new Promise((resolve) => {
      comm.onMessage = (data, buffers) => resolve({ data, buffers: buffers.map((buffer) => [...buffer]) });
    });
    comm.send({ ping: 1 }, [Uint8Array.of(0, 255, 10)]);
    expect(await answer).toEqual({ data: { echo: { ping: 1 } }, buffers: [[0, 255, 10]] });
    await client.interrupt();
    await finished;
    const closed = new Promise((resolve) => {
      comm.onClose = resolve;
    });
    await run(client, "withdraw()");
    await closed;
    expect(received).toEqual(["comm-open", "comm-message"]);
  });

  test("two clients share the variables, and each hears its own cells", async () => {
    const other = await kernel.connect();
    onTestFinished(() => other.close());
    await run(client, "const shared = 'of both';");
    expect((await run(other, "shared")).value).toBe("'of both'");
    const [mine, theirs] = await Promise.all([run(client, "console.log('mine')"), run(other, "console.log('theirs')")]);
    expect([mine.stdout, theirs.stdout]).toEqual(["mine\n", "theirs\n"]);
  });

  test("a message signed with another key is ignored", async () => {
    const stranger = new KernelClient({ ...kernel.connection, key: "guess" });
    onTestFinished(() => stranger.close());
    await expect(stranger.waitUntilReady(600)).rejects.toThrow("did not answer");
    expect((await run(client, "1")).status).toBe("ok");
  });

  test("process.exit in a cell costs the variables, not the kernel", async () => {
    await run(client, "const lost = 1;");
    const { error, traceback } = await run(client, "console.log('bye'); process.exit(3);");
    expect(error?.ename).toBe("SessionExited");
    expect(traceback).toContain("exit code 3");
    expect(traceback).toContain("run your cells again");
    expect((await run(client, "1 + 1")).value).toBe("2");
    expect((await run(client, "lost")).error?.ename).toBe("TypeScriptError");
  });

  test("a re-run cell replaces its declarations, a deleted cell takes them away", async () => {
    await run(client, "const first = 1;", { cellId: "a" });
    await run(client, "const second = 2;", { cellId: "a" });
    expect((await run(client, "second")).value).toBe("2");
    expect((await run(client, "second", { deletedCells: ["a"] })).status).toBe("error");
  });

  test("an error in one cell aborts those that wait behind it", async () => {
    const codes = ["throw new Error('stop');", "'never'", "'never either'"];
    const results = await Promise.all(codes.map((code) => client.execute(code)));
    expect(results.map(({ error }) => error?.ename)).toEqual(["Error", "ExecutionAborted", "ExecutionAborted"]);
  });
});

test("a kernel works over tcp too, and its shutdown leaves no process and no file", async () => {
  const kernel = await startForTest("tcp");
  expect((await run(kernel.client, "1 + 1")).value).toBe("2");
  const pids = [kernel.pid as number, ...(await descendants(kernel.pid as number))];
  expect(pids.length).toBeGreaterThan(1);
  await kernel.shutdown();
  expect(await kernel.exited).toEqual({ code: 0, signal: null });
  expect(pids.filter(isRunning)).toEqual([]);
  await expect(readFile(kernel.connectionFile)).rejects.toThrow("ENOENT");
});

test("a kernel whose cell spins shuts down too", async () => {
  const kernel = await startForTest();
  const { finished } = await runUntil(kernel.client, "console.log('go'); for (;;) {}", "go");
  const pids = await descendants(kernel.pid as number);
  const end = finished.catch(({ code }: { code: string }) => code);
  await kernel.shutdown();
  expect(["KERNEL_DIED", "error"]).toContain(
    await end.then((result) => (typeof result === "string" ? result : result.status)),
  );
  expect(await kernel.exited).toEqual({ code: 0, signal: null });
  expect(pids.filter(isRunning)).toEqual([]);
});

test("a kernel that was told to restart leaves its sockets and its history to the next process", async () => {
  const kernel = await startForTest("tcp");
  await run(kernel.client, "const lost = 1;");
  await kernel.client.requestShutdown(true);
  await kernel.exited;
  const next = spawn(process.execPath, [MAIN, "--connection-file", kernel.connectionFile], { stdio: "ignore" });
  const hasExited = new Promise((resolve) => next.once("exit", resolve));
  const client = new KernelClient(kernel.connection);
  onTestFinished(() => client.close());
  await client.waitUntilReady();
  expect((await run(client, "typeof lost")).error?.ename).toBe("TypeScriptError");
  expect(await client.history(9)).toEqual([
    [1, 1, "const lost = 1;"],
    [2, 1, "typeof lost"],
  ]);
  await client.requestShutdown();
  await hasExited;
  expect(await readdir(dirname(kernel.connectionFile))).toEqual([basename(kernel.connectionFile)]);
});

test("a kernel ignores Ctrl-C and ends cleanly when it is terminated", async () => {
  const kernel = await startForTest();
  await run(kernel.client, "const kept = 1;");
  const pids = await descendants(kernel.pid as number);
  process.kill(kernel.pid as number, "SIGINT");
  expect((await run(kernel.client, "kept")).value).toBe("1");
  process.kill(kernel.pid as number, "SIGTERM");
  expect(await kernel.exited).toEqual({ code: 0, signal: null });
  expect(pids.filter(isRunning)).toEqual([]);
});

test("a crash of the session is reported with its signal", async () => {
  const kernel = await startForTest();
  const { error } = await run(kernel.client, "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {});");
  expect(error).toMatchObject({ ename: "SessionExited" });
  expect(error?.evalue).toContain("killed by SIGSEGV");
});

test("a killed kernel takes its session along, and its client hears of it", async () => {
  const kernel = await startForTest();
  await run(kernel.client, "1");
  const pids = await descendants(kernel.pid as number);
  expect(pids.length).toBeGreaterThan(0);
  const open = kernel.client.execute("await new Promise(() => {})");
  process.kill(kernel.pid as number, "SIGKILL");
  await expect(open).rejects.toMatchObject({ code: "KERNEL_DIED" });
  await vi.waitUntil(() => !pids.some(isRunning), { timeout: 10_000 });
});

test("a kernel ends when the program that started it is gone, and leaves no file", async () => {
  const folder = join(directory, "orphan");
  await mkdir(folder, { recursive: true });
  const client = fileURLToPath(new URL("../../../kernel/dist/client/index.js", import.meta.url));
  const program = `
    import { startKernel } from ${JSON.stringify(client)};
    const kernel = await startKernel({
      command: [process.execPath, ${JSON.stringify(MAIN)}, "--connection-file", "{connection_file}"],
      env: { ...process.env, TMPDIR: ${JSON.stringify(folder)} },
    });
    await kernel.client.execute("1");
    console.log(kernel.pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.once("data", (text: Buffer) => resolve(Number(text.toString())));
  });
  const pids = [pid, ...(await descendants(pid))];
  expect(pids.length).toBeGreaterThan(1);
  parent.kill("SIGKILL");
  await vi.waitUntil(() => !pids.some(isRunning), { timeout: 15_000 });
  expect(await readdir(folder)).toEqual([]);
});

/** Run the program to its end. */
async function main(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

describe("the command line", () => {
  test("what makes no sense ends with one sentence and exit code 2", async () => {
    await writeFile(join(directory, "corrupt.json"), "{");
    const cases: [string[], string][] = [
      [["--nonsense"], "--nonsense"],
      [[], "--connection-file"],
      [["--connection-file", join(directory, "missing.json")], "does not exist"],
      [["--connection-file", join(directory, "corrupt.json")], "not JSON"],
      [["--connection-file", "c", "--check", "loud"], "loud"],
      [["--connection-file", "c", "--directory", join(directory, "nowhere")], "nowhere"],
    ];
    for (const [args, word] of cases) {
      const { code, stdout, stderr } = await main(...args);
      expect({ code, stdout, lines: stderr.split("\n").length }, args.join(" ")).toEqual({
        code: 2,
        stdout: "",
        lines: 2,
      });
      expect(stderr).toContain(word);
    }
  });

  test("--help explains the options", async () => {
    const { code, stdout } = await main("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("--connection-file");
  });

  test("install writes a kernelspec that starts a kernel", async () => {
    const { code, stdout } = await main("install", "--data-dir", directory);
    expect(code).toBe(0);
    expect(stdout).toContain(join(directory, "kernels", "mobula"));
    const spec = JSON.parse(await readFile(join(directory, "kernels", "mobula", "kernel.json"), "utf8"));
    const kernel = await startKernel({ command: spec.argv as string[], directory });
    onTestFinished(() => kernel.shutdown());
    expect((await run(kernel.client, "1 + 1")).value).toBe("2");
  });
});

test("as a kernel for JavaScript it says so, and checks no types", async () => {
  const kernel = await startRealKernel(directory, "ipc", {}, ["--language", "javascript"]);
  onTestFinished(() => kernel.shutdown());
  const { language_info: language } = await kernel.client.kernelInfo();
  expect(language).toMatchObject({ name: "javascript", mimetype: "text/javascript", file_extension: ".js" });
  const { value } = await run(kernel.client, "let n = 1;\nn = 'text';\nfunction twice(x) { return x + x }\ntwice(n)");
  expect(value).toBe("'texttext'");
});
