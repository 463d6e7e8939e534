/**
 * The cases of the conformance suite runtimed/kernel-testbed, under its names, so that results compare: 26 of 26. The
 * snippets are those of its TypeScript set; only the two displays are written in this kernel's own terms, since the
 * suite's call `Deno.jupyter.broadcast`. Where the suite would be content with less, the comment says so.
 *
 * @see https://github.com/runtimed/kernel-testbed
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Request } from "zeromq";
import type { KernelClient, Message, RunningKernel } from "../../../kernel/src/client/index.ts";
import { channelAddress } from "../../../kernel/src/protocol/connection-file.ts";
import { run, startRealKernel } from "../../support/kernel/real-kernel.ts";

const snippets = {
  printHello: "console.log('hello')",
  printStderr: "console.error('error')",
  simpleExpression: "1 + 1",
  simpleExpressionResult: "2",
  incompleteCode: "const x = {",
  completeCode: "const x = 1",
  syntaxError: "function function",
  inputPrompt: "prompt('Enter: ')",
  completionVariable: "testVariableForCompletion",
  completionSetup: "const testVariableForCompletion = 42",
  completionPrefix: "testVariableFor",
  displayData: "display(html`<b>bold</b>`)",
  updateDisplayData:
    "await display(html`<b>initial</b>`, { id: 'test_update' }); await display(html`<b>updated</b>`, { id: 'test_update', update: true })",
  richExecuteResult: '[{letter: "A", frequency: 0.08167}, {letter: "B", frequency: 0.01492}]',
};

let directory: string;
let kernel: RunningKernel;
let client: KernelClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-testbed-"));
  kernel = await startRealKernel(directory, "tcp");
  client = kernel.client;
});

afterAll(async () => {
  await kernel.shutdown();
  await rm(directory, { recursive: true, force: true });
});

function ofType(messages: readonly Message[], type: string): Message[] {
  return messages.filter(({ header }) => header.msg_type === type);
}

describe("tier 1: basic protocol", () => {
  test("heartbeat_responds", async () => {
    const heart = new Request({ linger: 0, receiveTimeout: 10_000 });
    onTestFinished(() => heart.close());
    heart.connect(channelAddress(kernel.connection, "hb"));
    await heart.send("ping");
    expect(String((await heart.receive())[0])).toBe("ping");
  });

  test("kernel_info_reply_valid", async () => {
    expect((await client.kernelInfo()).status).toBe("ok");
  });

  test("kernel_info_has_language_info", async () => {
    expect((await client.kernelInfo()).language_info.name).toBe("typescript");
  });

  test("kernel_info_has_protocol_version", async () => {
    expect((await client.kernelInfo()).protocol_version).toMatch(/^5\.\d+$/);
  });

  test("execute_stdout", async () => {
    expect((await run(client, snippets.printHello)).stdout).toBe("hello\n");
  });

  test("execute_stderr", async () => {
    expect((await run(client, snippets.printStderr)).stderr).toBe("error\n");
  });

  test("execute_reply_ok", async () => {
    expect((await run(client, snippets.completeCode)).reply).toMatchObject({
      header: { msg_type: "execute_reply" },
      content: { status: "ok" },
    });
  });

  test("status_busy_idle_lifecycle", async () => {
    const { messages } = await run(client, snippets.completeCode);
    expect(ofType(messages, "status").map(({ content }) => content.execution_state)).toEqual(["busy", "idle"]);
  });

  test("execute_input_broadcast", async () => {
    const { messages } = await run(client, snippets.completeCode);
    expect(ofType(messages, "execute_input")).toMatchObject([{ content: { code: snippets.completeCode } }]);
  });
});

describe("tier 2: interactive features", () => {
  // The suite takes any reply whose status is ok.
  test("complete_request", async () => {
    await run(client, snippets.completionSetup);
    expect((await client.complete(snippets.completionPrefix)).matches).toContain(snippets.completionVariable);
  });

  // Also with found: false.
  test("inspect_request", async () => {
    await run(client, snippets.completionSetup);
    const { status, found, data } = await client.inspect(snippets.completionVariable);
    expect({ status, found }).toEqual({ status: "ok", found: true });
    expect(data["text/plain"]).toContain("42");
  });

  test("is_complete_complete", async () => {
    expect((await client.isComplete(snippets.completeCode)).status).toBe("complete");
  });

  test("is_complete_incomplete", async () => {
    expect((await client.isComplete(snippets.incompleteCode)).status).toBe("incomplete");
  });

  // Also with an empty list.
  test("history_request", async () => {
    await run(client, snippets.completeCode);
    expect((await client.history(10)).at(-1)?.[2]).toBe(snippets.completeCode);
  });

  test("comm_info_request", async () => {
    expect(await client.request("shell", "comm_info_request", {})).toEqual({ status: "ok", comms: {} });
  });

  // An error in the reply or on IOPub is enough there.
  test("error_handling", async () => {
    const { status, messages } = await run(client, snippets.syntaxError);
    expect(status).toBe("error");
    expect(ofType(messages, "error")).toMatchObject([{ content: { ename: "SyntaxError" } }]);
  });
});

describe("tier 3: rich output", () => {
  test("display_data", async () => {
    const { messages } = await run(client, snippets.displayData);
    expect(ofType(messages, "display_data")).toMatchObject([{ content: { data: { "text/html": "<b>bold</b>" } } }]);
  });

  test("update_display_data", async () => {
    const { messages } = await run(client, snippets.updateDisplayData);
    const transient = { display_id: "test_update" };
    expect(ofType(messages, "display_data")).toMatchObject([{ content: { transient } }]);
    expect(ofType(messages, "update_display_data")).toMatchObject([
      { content: { transient, data: { "text/html": "<b>updated</b>" } } },
    ]);
  });

  test("execute_result", async () => {
    const { messages } = await run(client, snippets.simpleExpression);
    expect(ofType(messages, "execute_result")).toMatchObject([
      { content: { data: { "text/plain": snippets.simpleExpressionResult } } },
    ]);
  });

  // Any execute_result will do there.
  test("rich_execute_result", async () => {
    const { messages } = await run(client, snippets.richExecuteResult);
    expect(ofType(messages, "execute_result")).toMatchObject([
      { content: { data: { "text/html": expect.stringContaining("<table") as string } } },
    ]);
  });
});

describe("tier 4: advanced features", () => {
  test("stdin_input_request", async () => {
    const asked: string[] = [];
    const { status, value } = await run(client, snippets.inputPrompt, {
      onInput: (prompt) => {
        asked.push(prompt);
        return "test_input_42";
      },
    });
    expect({ status, value, asked }).toEqual({ status: "ok", value: "'test_input_42'", asked: ["Enter: "] });
  });

  test("comms_lifecycle", async () => {
    const comm = client.openComm("jupyter.kernel_testbed.test");
    const closed = await new Promise((resolve) => {
      comm.onClose = resolve;
    });
    expect(closed).toEqual({ reason: "no target 'jupyter.kernel_testbed.test' in this kernel" });
    expect((await run(client, snippets.completeCode)).status).toBe("ok");
  });

  test("interrupt_request", async () => {
    expect(await client.request("control", "interrupt_request", {})).toEqual({ status: "ok" });
  });

  test("execution_count_increments", async () => {
    const first = (await run(client, snippets.completeCode)).executionCount ?? Number.NaN;
    expect((await run(client, snippets.completeCode)).executionCount).toBe(first + 1);
  });

  // Any parent header will do there.
  test("parent_header_correlation", async () => {
    const { messages, reply } = await run(client, `/* ${randomUUID()} */ ${snippets.printHello}`);
    const parents = [...messages, reply].map(({ parent_header: parent }) => parent.msg_id);
    expect(parents.length).toBeGreaterThan(4);
    expect(new Set(parents).size).toBe(1);
    expect(reply.parent_header.msg_type).toBe("execute_request");
  });

  // In the first tier there; it ends the kernel.
  test("shutdown_reply", async () => {
    expect(await client.request("control", "shutdown_request", { restart: false })).toEqual({
      status: "ok",
      restart: false,
    });
    expect(await kernel.exited).toEqual({ code: 0, signal: null });
  });
});
