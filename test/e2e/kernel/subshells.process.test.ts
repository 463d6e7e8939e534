/** Subshells of a real kernel. The first part is ipykernel's own suite (tests/test_subshells.py), under its names. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { KernelClient, Message, RunningKernel } from "../../../kernel/src/client/index.ts";
import { run, runUntil, startRealKernel } from "../../support/kernel/real-kernel.ts";

let directory: string;
let kernel: RunningKernel;
let client: KernelClient;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-subshells-"));
  kernel = await startRealKernel(directory);
  client = kernel.client;
});
afterAll(async () => {
  await kernel?.shutdown();
  await rm(directory, { recursive: true, force: true });
});
afterEach(async () => {
  for (const id of await client.listSubshells()) await client.deleteSubshell(id);
});

/** `undefined` for the main shell. */
async function shells(...areSubshells: readonly boolean[]): Promise<(string | undefined)[]> {
  return Promise.all(areSubshells.map(async (isSubshell) => (isSubshell ? client.createSubshell() : undefined)));
}

function inShell(subshellId: string | undefined): { subshellId?: string } {
  return subshellId === undefined ? {} : { subshellId };
}

const PAIRS = [
  [false, true],
  [true, false],
  [true, true],
] as const;

/** Awaits in a cell until another one calls `release`. */
const GATE = `var release = () => {}; var gate = new Promise<void>((resolve) => { release = resolve; });`;

describe("ipykernel's suite", () => {
  test("test_no_subshells", async () => {
    await run(client, "var a = 2 * 3");
    expect((await run(client, "console.log(`${a}`)")).stdout).toBe("6\n");
  });

  test("test_supported", async () => {
    expect((await client.kernelInfo()).supported_features).toContain("kernel subshells");
  });

  test("test_subshell_id_lifetime", async () => {
    expect(await client.listSubshells()).toEqual([]);
    const id = await client.createSubshell();
    expect(await client.listSubshells()).toEqual([id]);
    await client.deleteSubshell(id);
    expect(await client.listSubshells()).toEqual([]);
  });

  // Not test_thread_counts and test_thread_ids: JavaScript has one thread, which all shells share.
  test("test_thread_ids: all cells are on one thread of one process", async () => {
    const id = await client.createSubshell();
    const code = "import { isMainThread } from 'node:worker_threads'; [process.pid, isMainThread].join()";
    expect((await run(client, code, { subshellId: id })).value).toBe((await run(client, code)).value);
  });

  test.each(PAIRS)("test_run_concurrently_sequence, overlapping (%s, %s)", async (...areSubshells) => {
    const [first, second] = await shells(...areSubshells);
    await run(client, `${GATE} var events: string[] = [];`);
    const slow = runUntil(
      client,
      "events.push('start0'); console.log('go'); await gate; events.push('end0'); release",
      "go",
      inShell(first),
    );
    const { finished } = await slow;
    const quick = run(
      client,
      "events.push('during'); release(); await gate; await null; events.push('after')",
      inShell(second),
    );
    expect([(await finished).status, (await quick).status]).toEqual(["ok", "ok"]);
    expect((await run(client, "events.join()")).value).toBe("'start0,during,end0,after'");
  });

  test.each(PAIRS)("test_run_concurrently_sequence, one within the other (%s, %s)", async (...areSubshells) => {
    const [first, second] = await shells(...areSubshells);
    await run(client, GATE);
    const { finished } = await runUntil(client, "console.log('go'); await gate; 'outer'", "go", inShell(first));
    expect((await run(client, "release(); 'inner'", inShell(second))).value).toBe("'inner'");
    expect((await finished).status).toBe("ok");
  });

  test("test_create_while_execute", async () => {
    await run(client, GATE);
    const { finished } = await runUntil(client, "console.log('go'); await gate;", "go");
    const id = await client.createSubshell();
    expect((await run(client, "release()", { subshellId: id })).status).toBe("ok");
    expect((await finished).status).toBe("ok");
  });

  test("test_shutdown_with_subshell", async () => {
    const other = await startRealKernel(directory);
    const id = await other.client.createSubshell();
    expect(await other.client.listSubshells()).toEqual([id]);
    const { finished } = await runUntil(other.client, "console.log('go'); await new Promise(() => {})", "go", {
      subshellId: id,
    });
    finished.catch(() => {});
    await other.client.requestShutdown();
    expect(await other.shutdown()).toBeUndefined();
  });

  test.each(PAIRS)("test_execute_stop_on_error (%s, %s)", async (...areSubshells) => {
    const [first, second] = await shells(...areSubshells);
    await run(client, GATE);
    const failing = ["await gate; throw new RangeError('stop')", "console.log('hello')", "console.log('goodbye')"];
    const others = ["await gate; await new Promise((r) => setTimeout(r, 200))", "console.log('other')"];
    const all = [
      ...failing.map((code) => run(client, code, inShell(first))),
      ...others.map((code) => run(client, code, inShell(second))),
    ];
    await run(client, "release()", inShell(await client.createSubshell()));
    const results = await Promise.all(all);
    expect(results.map(({ status }) => status)).toEqual(["error", "error", "error", "ok", "ok"]);
    expect(results.map(({ error }) => error?.ename)).toEqual([
      "RangeError",
      "ExecutionAborted",
      "ExecutionAborted",
      undefined,
      undefined,
    ]);
    expect(results.map(({ reply }) => reply.parent_header.subshell_id)).toEqual([first, first, first, second, second]);
    const check = await run(client, "console.log('check')", inShell(first));
    expect([check.status, check.stdout]).toEqual(["ok", "check\n"]);
  });

  test.each(PAIRS)("test_idle_message_parent_headers (%s, %s)", async (...areSubshells) => {
    const ids = await shells(...areSubshells);
    const results = await Promise.all(
      ids.map((id) => run(client, "await new Promise((r) => setTimeout(r, 100))", inShell(id))),
    );
    for (const [index, { messages }] of results.entries()) {
      const statuses = messages.filter(({ header }) => header.msg_type === "status");
      expect(statuses.map(({ content }) => content.execution_state)).toEqual(["busy", "idle"]);
      expect(statuses.map(({ parent_header: { subshell_id } }) => subshell_id)).toEqual([ids[index], ids[index]]);
    }
  });
});

/** The main shell waits at an await, printing what a test then looks for. */
async function withWaitingMain(work: (id: string) => Promise<void>, body = "await gate;") {
  await run(client, GATE);
  const messages: Message[] = [];
  const stop = client.onIopub((message) => messages.push(message));
  const { finished } = await runUntil(client, `console.log('go'); ${body}`, "go");
  await work(await client.createSubshell());
  await run(client, "release()", { subshellId: await client.createSubshell() });
  const result = await finished;
  stop();
  return { result, messages };
}

describe("two cells at once", () => {
  test("share all variables, as they are at each await", async () => {
    const { result } = await withWaitingMain(async (subshellId) => {
      expect((await run(client, "progress", { subshellId })).value).toBe("1");
      await run(client, "progress = 10", { subshellId });
    }, "let progress = 1; await gate; if (progress !== 10) throw new Error('not shared');");
    expect(result.status).toBe("ok");
    expect((await run(client, "progress")).value).toBe("10");
  });

  test("a running cell's names have their types in the other, and a value only once they are assigned", async () => {
    await withWaitingMain(async (subshellId) => {
      expect((await run(client, "early.toFixed(1)", { subshellId })).value).toBe("'1.0'");
      expect((await run(client, "early.length", { subshellId })).error).toMatchObject({ ename: "TypeScriptError" });
      expect((await run(client, "late", { subshellId })).error?.evalue).toBe(
        "Cannot access 'late' before initialization",
      );
      const reply = await client.request(
        "shell",
        "complete_request",
        { code: "early.toF", cursor_pos: 9 },
        { subshellId },
      );
      expect(reply.matches).toContain("toFixed");
    }, "const early = 1; await gate; const late = 2;");
    expect((await run(client, "early + late")).value).toBe("3");
  });

  test("a name that both declare belongs to the cell that gave it its value", async () => {
    const { result } = await withWaitingMain(async (subshellId) => {
      expect((await run(client, "const both = 'text'", { subshellId })).status).toBe("ok");
    }, "const both = 1; await gate;");
    expect(result.status).toBe("ok");
    expect((await run(client, "both.toUpperCase()")).value).toBe("'TEXT'");
    const failed = await withWaitingMain(async (subshellId) => {
      expect((await run(client, "const both = true", { subshellId })).status).toBe("ok");
    }, "await gate; throw new Error('too early'); const both = 1;");
    expect(failed.result.status).toBe("error");
    expect((await run(client, "both ? 'a boolean' : ''")).value).toBe("'a boolean'");
    await withWaitingMain(async (subshellId) => {
      expect((await run(client, "const both = 'soon gone'", { subshellId })).status).toBe("ok");
    }, "await gate; const both = [1];");
    expect((await run(client, "both.length")).value).toBe("1");
  });

  test("print, show and fail each under their own header", async () => {
    const { messages } = await withWaitingMain(async (subshellId) => {
      const other = await run(
        client,
        "console.log('sub'); await display('shown in sub'); setTimeout(() => console.log('sub, later'), 1); await gate2; throw new RangeError('sub fails')",
        { subshellId },
      );
      expect(other.stdout).toBe("sub\nsub, later\n");
      expect(other.messages.map(({ parent_header: { subshell_id } }) => subshell_id)).toEqual(
        other.messages.map(() => subshellId),
      );
      expect(other.error).toMatchObject({ ename: "RangeError", evalue: "sub fails" });
    }, "var gate2 = new Promise((r) => setTimeout(r, 300)); const timer = setInterval(() => console.log('main'), 20); await gate2; await gate; clearInterval(timer); await display('shown in main');");
    const isMains = ({ parent_header }: Message) => parent_header.subshell_id === undefined;
    const printed = messages.filter((message) => message.header.msg_type === "stream" && isMains(message));
    expect(printed.map(({ content }) => content.text).join("")).toMatch(/^go\n(main\n)+$/);
    const shown = messages.filter(({ header }) => header.msg_type === "display_data").filter(isMains);
    expect(shown.map(({ content }) => (content.data as Record<string, string>)["text/plain"])).toEqual([
      "'shown in main'",
    ]);
  });

  test("ask their users at the same time", async () => {
    const code = (name: string) => `await input('${name}? ')`;
    let answerMain: (text: string) => void = () => {};
    const main = run(client, code("main"), { onInput: () => new Promise<string>((resolve) => (answerMain = resolve)) });
    const subshellId = await client.createSubshell();
    const asked: string[] = [];
    const sub = await run(client, code("sub"), {
      subshellId,
      onInput: (prompt) => {
        asked.push(prompt);
        return "from sub";
      },
    });
    expect([sub.value, asked]).toEqual(["'from sub'", ["sub? "]]);
    answerMain("from main");
    expect((await main).value).toBe("'from main'");
  });

  test("have counts and histories of their own", async () => {
    const before = (await run(client, "'main'")).executionCount ?? 0;
    const subshellId = await client.createSubshell();
    expect((await run(client, "'first of sub'", { subshellId })).executionCount).toBe(1);
    expect((await run(client, "'second of sub'", { subshellId })).executionCount).toBe(2);
    expect((await run(client, "'main again'")).executionCount).toBe(before + 1);
    const tail = { hist_access_type: "tail", n: 5, output: false, raw: true };
    const { history } = await client.request("shell", "history_request", tail, { subshellId });
    expect(history).toEqual([
      [1, 1, "'first of sub'"],
      [1, 2, "'second of sub'"],
    ]);
  });

  test("a subshell's cell waits while another spins, and all else is answered", async () => {
    const subshellId = await client.createSubshell();
    const { finished } = await runUntil(client, "console.log('go'); for (;;) {}", "go");
    const waiting = client.execute("'after the loop'", { subshellId });
    expect((await client.complete("JSON.str")).matches).toContain("stringify");
    expect(await client.listSubshells()).toEqual([subshellId]);
    await client.interrupt();
    expect([(await finished).error?.ename, (await waiting).error?.ename]).toEqual([
      "KeyboardInterrupt",
      "KeyboardInterrupt",
    ]);
    expect((await run(client, "1 + 1", { subshellId })).value).toBe("2");
  });

  const BODIES = { "both wait": "await new Promise(() => {})", "one spins": "await null; for (;;) {}" };
  test.each(Object.entries(BODIES))("an interrupt stops them all, and variables stay: %s", async (_what, body) => {
    const [main, sub] = [client, client];
    const subshellId = await client.createSubshell();
    await run(client, "var kept = 42");
    const first = await runUntil(
      main,
      "console.log('go'); try { await new Promise(() => {}) } finally { kept++ }",
      "go",
    );
    const second = await runUntil(sub, `console.log('go'); ${body}`, "go", { subshellId });
    await client.interrupt();
    expect((await first.finished).error?.ename).toBe("KeyboardInterrupt");
    expect((await second.finished).error?.ename).toBe("KeyboardInterrupt");
    expect((await run(client, "kept", { subshellId })).value).toMatch(/^4[23]$/);
    expect((await run(client, "kept")).value).toMatch(/^4[23]$/);
  });

  test("the end of the session process ends the cells of all shells, and the next ones run", async () => {
    const subshellId = await client.createSubshell();
    const { finished } = await runUntil(client, "console.log('go'); await new Promise(() => {})", "go");
    const exit = await run(client, "process.exit(3)", { subshellId });
    expect([(await finished).error?.ename, exit.error?.ename]).toEqual(["SessionExited", "SessionExited"]);
    expect((await run(client, "1 + 1", { subshellId })).value).toBe("2");
    expect((await run(client, "2 + 2")).value).toBe("4");
  });

  test("deleting a subshell waits for its cell, and aborts the next", async () => {
    let deleted: Promise<void> | undefined;
    let isDeleted = false;
    let cells: Promise<(string | undefined)[]> | undefined;
    await withWaitingMain(async (subshellId) => {
      const { finished } = await runUntil(client, "console.log('go'); await gate; 'done'", "go", { subshellId });
      cells = Promise.all([finished, client.execute("'behind'", { subshellId })]).then((all) =>
        all.map(({ error, status }) => error?.ename ?? status),
      );
      deleted = client.deleteSubshell(subshellId).then(() => {
        isDeleted = true;
      });
      await vi.waitUntil(async () => !(await client.listSubshells()).includes(subshellId));
      expect((await client.execute("1", { subshellId })).error?.ename).toBe("UnknownSubshellError");
      expect(isDeleted).toBe(false);
    });
    await deleted;
    expect(await cells).toEqual(["ok", "ExecutionAborted"]);
  });
});
