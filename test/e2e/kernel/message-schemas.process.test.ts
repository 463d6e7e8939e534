/** Every message of a recorded session, in both directions, is a message of protocol 5.5. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ClientSockets } from "../../../kernel/src/client/client-sockets.ts";
import { KernelClient, type Message } from "../../../kernel/src/client/index.ts";
import { contentSchemas, messageProblems } from "../../support/kernel/message-schemas.ts";
import { run, runUntil, startRealKernel } from "../../support/kernel/real-kernel.ts";

interface Recorded {
  readonly direction: "to kernel" | "from kernel";
  readonly channel: string;
  readonly message: Message;
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kernel-schemas-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Note what passes every client's sockets from now on. Call the result to have it. */
function record(): () => Recorded[] {
  const sent = vi.spyOn(ClientSockets.prototype, "send");
  // Private in the type: what the sockets hand to the client.
  const receiver = KernelClient.prototype as unknown as { receive(channel: string, message: Message): void };
  const received = vi.spyOn(receiver, "receive");
  return () => [
    ...sent.mock.calls.map(([channel, message]) => ({
      direction: "to kernel" as const,
      channel,
      message: message as Message,
    })),
    ...received.mock.calls.map(([channel, message]) => ({ direction: "from kernel" as const, channel, message })),
  ];
}

/** A comm target whose address answers each message, and closes on the second. */
async function echoTarget(path: string): Promise<Server> {
  const server = createServer((socket) => {
    let messages = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      messages += chunk.toString().split('"comm-message"').length - 1;
      const type = messages > 1 ? "comm-close" : "comm-message";
      if (messages > 0) socket.write(`${JSON.stringify({ type, data: { messages }, buffers: ["AP8K"] })}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

/** Use everything that the protocol has. */
async function liveThrough(client: KernelClient, echo: string): Promise<void> {
  await client.kernelInfo("control");
  await run(client, "console.log('text'); console.error('trouble'); ({ a: 1 })", { cellId: "a", deletedCells: ["b"] });
  await run(
    client,
    "display(html`<b>1</b>`); await display(1, { id: 'd' }); await display(2, { id: 'd', update: true })",
  );
  await run(client, "clearOutput(true); [{ letter: 'A' }]");
  await run(client, "throw new RangeError('too far')");
  await run(client, "const n: number = 'text'");
  await run(client, "1", { silent: true });
  await run(client, "1", { storeHistory: false, userExpressions: { two: "1 + 1", lost: "nowhere.x", wrong: "1 +" } });
  await run(client, "[prompt('name?'), await input('key?', { password: true }), confirm()]", { onInput: () => "y" });
  await client.complete("JSON.str");
  await client.complete("'🦈'.len");
  await client.inspect("Math.max");
  await client.inspect("   ");
  for (const code of ["1", "if (true) {", "let = ;"]) await client.isComplete(code);
  await client.history(3);
  const range = { hist_access_type: "range", session: 0, start: 1, stop: 9, output: true, raw: true };
  await client.request("shell", "history_request", range);
  const search = { hist_access_type: "search", pattern: "*", n: 3, unique: true, output: false, raw: true };
  await client.request("shell", "history_request", search);
  await useComms(client, echo);
  await useSubshells(client);
  await client.request("control", "usage_request", {});
  const { finished } = await runUntil(client, "console.log('go'); for (;;) {}", "go");
  const aborted = client.execute("'never'");
  await client.interrupt();
  await Promise.all([finished, aborted]);
  await run(client, "process.exit(3)");
  await client.requestShutdown();
}

async function useSubshells(client: KernelClient): Promise<void> {
  const subshellId = await client.createSubshell();
  await client.listSubshells();
  await run(client, "console.log('text'); await display(1); await input('?')", { subshellId, onInput: () => "y" });
  await client.request("shell", "complete_request", { code: "JSON.str", cursor_pos: 8 }, { subshellId });
  await client.deleteSubshell(subshellId);
  await client.execute("1", { subshellId });
  await client.deleteSubshell(subshellId).catch(() => {});
}

async function useComms(client: KernelClient, path: string): Promise<void> {
  await run(
    client,
    `(globalThis as any)[Symbol.for("mobula.notebook")].delegateComm("echo", ${JSON.stringify(path)}); 0`,
  );
  const comm = client.openComm("echo", { hello: 1 });
  const answered = new Promise((resolve) => {
    comm.onMessage = resolve;
  });
  comm.send({ ping: 1 }, [Uint8Array.of(1)]);
  await answered;
  await client.request("shell", "comm_info_request", {});
  await client.request("shell", "comm_info_request", { target_name: "echo" });
  const closed = new Promise((resolve) => {
    comm.onClose = resolve;
  });
  comm.send({ ping: 2 });
  await closed;
  client.openComm("echo").close({ bye: 1 });
  const refused = client.openComm("nobody");
  await new Promise((resolve) => {
    refused.onClose = resolve;
  });
}

describe("a recorded session", () => {
  let recorded: Recorded[];
  beforeAll(async () => {
    const path = join(directory, "echo.sock");
    const server = await echoTarget(path);
    const kernel = await startRealKernel(directory, "tcp");
    const recording = record();
    try {
      (await kernel.connect()).close();
      await liveThrough(kernel.client, path);
    } finally {
      await kernel.shutdown();
      server.close();
      recorded = recording();
      vi.restoreAllMocks();
    }
  });

  test("has every message of the protocol, each in its direction", () => {
    const seen = (direction: Recorded["direction"]) =>
      new Set(recorded.filter((one) => one.direction === direction).map(({ message }) => message.header.msg_type));
    const types = Object.keys(contentSchemas);
    const asked = types.filter((type) => type.endsWith("_request") && type !== "input_request");
    const isClients = (type: string) => asked.includes(type) || type === "input_reply" || type.startsWith("comm_");
    // A kernel opens no comm of its own accord here, and greets a subscriber before this client knows it is heard.
    const answers = types.filter((type) => !asked.includes(type) && !["input_reply", "comm_open"].includes(type));
    expect([...seen("to kernel")]).toEqual(expect.arrayContaining([...asked, "input_reply", "comm_open"]));
    expect([...seen("to kernel")].filter((type) => !isClients(type))).toEqual([]);
    expect([...seen("from kernel")]).toEqual(expect.arrayContaining(answers));
  });

  test("is valid, message by message", () => {
    const problems = recorded
      .flatMap((one) => messageProblems(JSON.parse(JSON.stringify(one.message))).map((text) => ({ ...one, text })))
      .map(({ direction, text, message }) => `${direction}: ${text}: ${JSON.stringify(message.content)}`);
    expect(recorded.length).toBeGreaterThan(150);
    expect(problems).toEqual([]);
  });

  test("is on the right channels", () => {
    const iopub = recorded.filter(({ channel }) => channel === "iopub").map(({ message }) => message.header.msg_type);
    expect(iopub.filter((type) => /_(request|reply)$/.test(type) && type !== "shutdown_reply")).toEqual([]);
    const stdin = recorded.filter(({ channel }) => channel === "stdin").map(({ message }) => message.header.msg_type);
    expect(new Set(stdin)).toEqual(new Set(["input_request", "input_reply"]));
  });

  test("is busy before and idle after every request, whose header all of it carries", () => {
    // Two clients hear the broadcasts. The last idle may come when they are closed.
    const broadcasts = new Map(
      recorded.filter(({ channel }) => channel === "iopub").map(({ message }) => [message.header.msg_id, message]),
    );
    const isAsked = ({ channel, direction, message }: Recorded) =>
      direction === "to kernel" && channel !== "stdin" && message.header.msg_type !== "shutdown_request";
    for (const { header } of recorded.filter(isAsked).map(({ message }) => message)) {
      const caused = [...broadcasts.values()].filter((message) => message.parent_header.msg_id === header.msg_id);
      const states = caused.flatMap(({ content }) => content.execution_state ?? []);
      expect([header.msg_type, states]).toEqual([header.msg_type, ["busy", "idle"]]);
      expect(caused[0]?.header.msg_type).toBe("status");
    }
  });

  test("would be found wrong in any field: each mutation of each message is caught", () => {
    const samples = new Map(recorded.map(({ message }) => [message.header.msg_type, message]));
    let mutations = 0;
    for (const [type, message] of samples) {
      for (const field of Object.keys(message.content)) {
        const { [field]: _removed, ...rest } = message.content;
        const wrongType = { ...message.content, [field]: [[]] };
        const unknown = { ...message.content, [`${field}_misspelt`]: 1 };
        for (const content of [wrongType, unknown]) {
          mutations++;
          expect(messageProblems({ ...message, content }), `${type}.${field}`).not.toEqual([]);
        }
        if (isRequired(type, field))
          expect(messageProblems({ ...message, content: rest }), `${type} without ${field}`).not.toEqual([]);
      }
      for (const field of ["msg_id", "session", "date", "version"] as const) {
        const { [field]: _removed, ...header } = message.header;
        expect(messageProblems({ ...message, header }), `${type} without ${field}`).not.toEqual([]);
      }
    }
    expect(mutations).toBeGreaterThan(100);
  });
});

function isRequired(type: string, field: string): boolean {
  const schema = contentSchemas[type] as { required?: string[]; oneOf?: { required: string[] }[] };
  return (schema.oneOf ?? [schema]).every(({ required = [] }) => required.includes(field));
}
