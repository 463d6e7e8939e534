import { connect, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import type { GuardianReply } from "../../../kernel/src/session/wire.ts";
import { WorkerInspections } from "../../../kernel/src/session/worker-inspections.ts";

const replies: GuardianReply[] = [];
const inspections = new WorkerInspections((reply) => replies.push(reply));

afterEach(() => {
  inspections.close();
  replies.length = 0;
});

async function open(): Promise<{ port: number; token: string }> {
  const address = await new Promise<string>((resolve) => inspections.open(resolve));
  const [port, token = ""] = address.split("/");
  return { port: Number(port), token };
}

function speaks(port: number, text: string): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(text);
  return socket;
}

test.each([
  ["no JSON", "GET / HTTP/1.1\r\n\r\n"],
  ["JSON that is no message", "null\n"],
  ["a wrong token", '{"type":"hello","token":"guess","name":"worker 1"}\n'],
  ["a token that is no text", '{"type":"hello","token":{"length":9},"name":"worker 1"}\n'],
  ["another message first", '{"type":"event","method":"Debugger.paused","params":{}}\n'],
  ["a line without end", "x".repeat(100_000)],
])("who says %s is hung up on, and those who know the token are served", async (_what, text) => {
  const { port, token } = await open();
  const stranger = speaks(port, text);
  await new Promise((resolve) => stranger.once("close", resolve));
  expect(replies).toEqual([]);
  const worker = speaks(port, `${JSON.stringify({ type: "hello", token, name: "worker 1" })}\n`);
  await vi.waitFor(() => expect(replies).toMatchObject([{ type: "worker-attached", name: "worker 1" }]));
  worker.destroy();
  await vi.waitFor(() => expect(replies.at(-1)?.type).toBe("worker-detached"));
});
