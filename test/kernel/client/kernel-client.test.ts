import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { KernelClient } from "../../../kernel/src/client/index.ts";
import { Kernel } from "../../../kernel/src/core/kernel.ts";
import type { Connection } from "../../../kernel/src/protocol/connection-file.ts";
import { openCommEndpoint } from "../../../kernel/src/transport/comm-endpoint.ts";
import { bindZmqTransport } from "../../../kernel/src/transport/zmq.ts";
import { DEBUGGER, kinds, MemoryNpm } from "../../support/kernel/kernel-world.ts";
import { MemoryLanguage } from "../../support/kernel/memory-language.ts";
import { MemorySession } from "../../support/kernel/memory-session.ts";

/** A kernel with memory parts behind real sockets, in this process, and clients for it. */
async function served() {
  const folder = await mkdtemp(join(tmpdir(), "client-test-"));
  const ports = { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 5 };
  const connection: Connection = { transport: "ipc", ip: join(folder, "c"), ports, key: "secret" };
  const session = new MemorySession();
  const language = new MemoryLanguage();
  const transport = await bindZmqTransport(connection, () => {});
  const kernel = new Kernel({
    transport,
    session,
    startLanguage: () => language,
    openCommEndpoint,
    debugger: DEBUGGER,
    npm: new MemoryNpm(),
  });
  kernel.start();
  onTestFinished(async () => {
    await kernel.close();
    await rm(folder, { recursive: true, force: true });
  });
  const connect = async () => {
    const client = new KernelClient(connection);
    onTestFinished(() => client.close());
    await client.waitUntilReady(10_000);
    return client;
  };
  return { session, language, connection, connect, client: await connect() };
}

test("a cell's result comes after all of its output", async () => {
  const { client, session } = await served();
  session.onExecute = (request) => {
    for (let n = 0; n < 100; n++) session.print(request, `${n}\n`);
    return { status: "ok", assigned: [], result: { data: { "text/plain": "1" }, metadata: {} } };
  };
  const messages: Parameters<typeof kinds>[0][number][] = [];
  const result = await client.execute("1", { onMessage: (message) => messages.push(message) });
  expect(result).toMatchObject({ status: "ok", executionCount: 1 });
  expect(kinds(messages)).toEqual(["busy", "execute_input", "stream", "execute_result", "idle"]);
});

test("an error of a cell is a result, a failed request is an exception", async () => {
  const { client, session, language } = await served();
  const error = { ename: "RangeError", evalue: "too far", traceback: ["RangeError: too far"] };
  session.onExecute = () => ({ status: "error", assigned: [], error });
  expect(await client.execute("1")).toMatchObject({ status: "error", executionCount: 1, error });
  language.complete = () => Promise.reject(new Error("no program"));
  await expect(client.complete("a")).rejects.toThrow("complete_request failed: Error: no program");
});

test("two clients hear only their own cells in onMessage, and everything in onIopub", async () => {
  const { client, session, connect } = await served();
  const other = await connect();
  session.onExecute = (request) => {
    session.print(request, request.cell.source);
    return { status: "ok", assigned: [] };
  };
  const texts = new Map<string, string[]>([
    ["mine", []],
    ["theirs", []],
    ["all", []],
  ]);
  other.onIopub(({ content }) => {
    if (typeof content.text === "string") texts.get("all")?.push(content.text);
  });
  const run = (from: KernelClient, name: string) =>
    from.execute(name, {
      onMessage: ({ content }) => {
        if (typeof content.text === "string") texts.get(name)?.push(content.text);
      },
    });
  await Promise.all([run(client, "mine"), run(other, "theirs")]);
  await vi.waitUntil(() => texts.get("all")?.length === 2);
  expect(texts.get("mine")).toEqual(["mine"]);
  expect(texts.get("theirs")).toEqual(["theirs"]);
});

test("a closed client rejects what was open and what comes", async () => {
  const { client, session } = await served();
  session.onExecute = () => new Promise(() => {});
  const open = client.execute("for (;;) {}");
  client.close();
  await expect(open).rejects.toMatchObject({ code: "KERNEL_DIED" });
  await expect(client.kernelInfo()).rejects.toMatchObject({ code: "KERNEL_DIED" });
});

test("a comm that the kernel refuses is closed", async () => {
  const { client } = await served();
  const closed = await new Promise((resolve) => {
    client.openComm("nobody").onClose = resolve;
  });
  expect(closed).toEqual({ reason: "no target 'nobody' in this kernel" });
});

test("a kernel that does not answer is given up after the time asked for", async () => {
  const { connection } = await served();
  const client = new KernelClient({ ...connection, key: "wrong" });
  onTestFinished(() => client.close());
  await expect(client.waitUntilReady(500)).rejects.toThrow("did not answer within 500 ms");
});
