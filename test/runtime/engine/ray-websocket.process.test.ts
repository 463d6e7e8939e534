/** The WebSocket of a session in a Ray cluster: `mobula_ray/websocket.py`, beside a client that many others use. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";

const ROOT = resolve(import.meta.dirname, "../../..");
const VENV = process.env["MOBULA_TEST_VENV"] ?? join(ROOT, ".venv");
const MAX_BYTES = 8 * 1024 ** 2;

/** Answers each message with its length and hash, and `twice` with two large parts. */
const SERVER = `
import asyncio, hashlib
from mobula_ray.websocket import WebSocket

def answer(ws, message):
    if bytes(message) == b"twice":
        ws.send(b"a" * 40_000, memoryview(b"b" * 3_000_000), b"c")
    else:
        ws.send(str(len(message)).encode(), b" ", hashlib.sha256(message).hexdigest().encode())

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: WebSocket(answer, lambda ws: None, ${MAX_BYTES}), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
`;

let server: ChildProcess;
let port: number;
beforeAll(async () => {
  const env = { ...process.env, PYTHONPATH: join(ROOT, "runtime/python"), PYTHONDONTWRITEBYTECODE: "1" };
  server = spawn(join(VENV, "bin", "python"), ["-c", SERVER], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(server.stdout as NodeJS.ReadableStream, "data");
  port = Number(String(line));
});
afterAll(async () => {
  server.kill();
  await once(server, "exit");
});

async function opened(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/remote`, { perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

async function answersTo(socket: WebSocket, messages: readonly Uint8Array[]): Promise<string[]> {
  const answers: string[] = [];
  const all = new Promise<void>((done) => {
    socket.on("message", (data: Buffer) => {
      answers.push(data.toString());
      if (answers.length === messages.length) done();
    });
  });
  for (const message of messages) socket.send(message);
  await all;
  return answers;
}

const told = (bytes: Uint8Array): string => `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;

test("messages of any size arrive as they were sent, masked as clients do", async () => {
  const socket = await opened();
  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_003, 2 * 1024 ** 2, 5_000_001, 3, 0];
  const messages = sizes.map((size) => randomBytes(size));
  expect(await answersTo(socket, messages)).toEqual(messages.map(told));
  socket.terminate();
});

test("many small messages of one write, and a message in pieces, arrive in their order", async () => {
  const socket = await opened();
  const messages = Array.from({ length: 5_000 }, (_, index) => randomBytes(index % 700));
  expect(await answersTo(socket, messages)).toEqual(messages.map(told));
  const pieces = [randomBytes(10), randomBytes(70_000), randomBytes(0), randomBytes(5)];
  const answer = once(socket, "message");
  for (const [index, piece] of pieces.entries()) {
    socket.send(piece, { binary: true, fin: index === pieces.length - 1 });
    if (index === 1) socket.ping("between");
  }
  expect(String((await answer)[0])).toBe(told(Buffer.concat(pieces)));
  socket.terminate();
});

test("a message in large parts arrives whole, and a ping is answered with its words", async () => {
  const socket = await opened();
  const pong = once(socket, "pong");
  socket.ping("größer");
  expect(String((await pong)[0])).toBe("größer");
  const answer = once(socket, "message");
  socket.send(Buffer.from("twice"));
  const data = (await answer)[0] as Buffer;
  expect([data.length, data[39_999], data[40_000], data.at(-1)]).toEqual([3_040_001, 97, 98, 99]);
  const closed = once(socket, "close");
  socket.close(1000);
  expect((await closed)[0]).toBe(1000);
});

test("text, messages beyond the limit, and what is no WebSocket end the connection", async () => {
  const text = await opened();
  text.send("text");
  expect((await once(text, "close"))[0]).toBe(1003);
  const large = await opened();
  large.on("error", () => {});
  large.send(Buffer.alloc(MAX_BYTES + 1));
  expect([1009, 1006]).toContain((await once(large, "close"))[0]);
  for (const head of ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(20_000)]) {
    const raw = connect(port, "127.0.0.1");
    raw.on("error", () => {});
    raw.resume();
    raw.write(head);
    await once(raw, "close");
  }
  const socket = await opened();
  expect(await answersTo(socket, [Buffer.from("here")])).toEqual([told(Buffer.from("here"))]);
  socket.terminate();
});
