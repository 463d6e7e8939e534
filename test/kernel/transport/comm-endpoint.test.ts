import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type FromEndpoint, openCommEndpoint } from "../../../kernel/src/transport/comm-endpoint.ts";

/** A server that keeps its connections and what they sent. */
async function listen(address?: string): Promise<{ server: Server; sockets: Socket[]; received: () => string }> {
  const sockets: Socket[] = [];
  let text = "";
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => {
    if (address === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(address, resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, sockets, received: () => text };
}

function open(address: string) {
  const messages: FromEndpoint[] = [];
  const ends: string[] = [];
  const endpoint = openCommEndpoint(address, {
    onMessage: (message) => messages.push(message),
    onEnd: (reason) => ends.push(reason),
  });
  onTestFinished(() => endpoint.close());
  return { endpoint, messages, ends };
}

async function tcpWorld() {
  const { server, sockets, received } = await listen();
  const { port } = server.address() as { port: number };
  const opened = open(`127.0.0.1:${port}`);
  await vi.waitUntil(() => sockets.length === 1);
  return { ...opened, peer: sockets[0] as Socket, received };
}

test("messages travel as lines of JSON over a unix socket and over tcp", async () => {
  const folder = await mkdtemp(join(tmpdir(), "comm-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "s");
  const unix = await listen(path);
  const first = open(path);
  first.endpoint.send({ type: "comm-open", commId: "1", target: "t", data: {} });
  await vi.waitUntil(() => unix.received() !== "");
  expect(unix.received()).toBe('{"type":"comm-open","commId":"1","target":"t","data":{}}\n');

  const { endpoint, messages, peer, received } = await tcpWorld();
  endpoint.send({ type: "comm-message", data: { text: "a\nb" } });
  await vi.waitUntil(() => received().endsWith("\n"));
  expect(JSON.parse(received())).toEqual({ type: "comm-message", data: { text: "a\nb" } });
  peer.write('{"type":"comm-message","data":{"n":1}}\n{"type":"comm-close","data":{}}\n');
  await vi.waitUntil(() => messages.length === 2);
  expect(messages).toEqual([
    { type: "comm-message", data: { n: 1 } },
    { type: "comm-close", data: {} },
  ]);
});

test("buffers travel as base64 beside the data", async () => {
  const { endpoint, messages, peer, received } = await tcpWorld();
  endpoint.send({ type: "comm-message", data: {}, buffers: [Buffer.from([0, 255, 10])] });
  endpoint.send({ type: "comm-message", data: {}, buffers: [] });
  await vi.waitUntil(() => received().split("\n").length === 3);
  expect(received()).toBe('{"type":"comm-message","data":{},"buffers":["AP8K"]}\n{"type":"comm-message","data":{}}\n');
  peer.write('{"type":"comm-message","data":{},"buffers":["AP8K",""]}\n');
  await vi.waitUntil(() => messages.length === 1);
  expect(messages[0]?.buffers).toEqual([Buffer.from([0, 255, 10]), Buffer.alloc(0)]);
});

test("a line may come in pieces, also inside a character", async () => {
  const { messages, peer } = await tcpWorld();
  const bytes = Buffer.from('{"type":"comm-message","data":{"fish":"🦈"}}\n');
  for (const byte of bytes) {
    peer.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await vi.waitUntil(() => messages.length === 1);
  expect(messages[0]?.data).toEqual({ fish: "🦈" });
});

test("a peer that hangs up, or speaks something else, ends the comm once, with the reason", async () => {
  const hungUp = await tcpWorld();
  hungUp.peer.end();
  await vi.waitUntil(() => hungUp.ends.length > 0);
  expect(hungUp.ends[0]).toContain("closed the connection");
  const foreign = await tcpWorld();
  foreign.peer.write("HTTP/1.1 400 Bad Request\n\n");
  await vi.waitUntil(() => foreign.ends.length > 0);
  expect(foreign.ends).toEqual([expect.stringContaining("not a comm message")]);
});

test("an address where nobody listens ends the comm", async () => {
  const { ends } = open("/nowhere/at/all.sock");
  await vi.waitUntil(() => ends.length > 0);
  expect(ends).toEqual([expect.stringContaining("ENOENT")]);
});

test("after close nothing is reported, and the peer sees the end after the last message", async () => {
  const { endpoint, ends, peer, received } = await tcpWorld();
  const peerEnded = new Promise((resolve) => peer.once("end", resolve));
  endpoint.send({ type: "comm-close", data: {} });
  endpoint.close();
  await peerEnded;
  expect(received()).toBe('{"type":"comm-close","data":{}}\n');
  expect(ends).toEqual([]);
});
