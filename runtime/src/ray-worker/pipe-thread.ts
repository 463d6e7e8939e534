/**
 * Owns the socket pair to the Python shim, on a thread of its own: objects come and go while the user's code keeps the main
 * thread busy, and when the shim is gone this process ends, whatever the code does.
 */
import { Socket } from "node:net";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { BlobReceiver } from "../engine/remote/blobs.ts";
import {
  type FromLinkThread,
  kibOf,
  type LinkThreadState,
  type ToLinkThread,
  WAITING_KIB,
} from "../engine/remote/link-messages.ts";
import type { RayWorkerOptions } from "../protocol/ray.ts";
import { FRAME, type FrameKind, makeFrame, packHeader, readFrame } from "../protocol/remote-frames.ts";
import { serveStack } from "./stack-server.ts";

const { fd, stackSocket, state } = workerData as Pick<RayWorkerOptions, "fd" | "stackSocket"> & LinkThreadState;
const main = parentPort as MessagePort;
const socket = new Socket({ fd, readable: true, writable: true });
if (stackSocket !== undefined) serveStack(stackSocket);

function tell(message: FromLinkThread, transfer: readonly ArrayBuffer[] = []): void {
  main.postMessage(message, transfer);
}

const blobs = new BlobReceiver((blob, parts) => {
  tell({ type: "blob", blob, parts }, [...new Set(parts.map((part) => part.buffer as ArrayBuffer))]);
});

// ── from the shim ───────────────────────────────────────────────────────────────────────────────────────────────────

let chunks: Buffer[] = [];
let haveBytes = 0;
/** The next frame, with its length before it; 4 until the length is known. */
let wantedBytes = 4;

socket.on("data", (chunk: Buffer) => {
  chunks.push(chunk);
  haveBytes += chunk.length;
  while (haveBytes >= wantedBytes) {
    const joined = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    wantedBytes = 4 + joined.readUInt32LE(0);
    if (haveBytes < wantedBytes) {
      chunks = [joined];
      return;
    }
    receive(joined.subarray(4, wantedBytes));
    chunks = [joined.subarray(wantedBytes)];
    haveBytes -= wantedBytes;
    wantedBytes = 4;
  }
});

function receive(bytes: Buffer): void {
  const frame = readFrame(bytes);
  if (frame.kind === FRAME.chunk) {
    blobs.receive(frame);
    return;
  }
  const packed = new Uint8Array(frame.header);
  tell({ type: "messages", packed }, [packed.buffer]);
}

// The process has no work without its shim, and its main thread may be in a loop.
socket.on("error", () => process.kill(process.pid, "SIGKILL"));
socket.on("close", () => process.kill(process.pid, "SIGKILL"));

// ── to the shim ─────────────────────────────────────────────────────────────────────────────────────────────────────

function send(kind: FrameKind, header: Uint8Array, parts: readonly Uint8Array[] = []): void {
  const frame = makeFrame(kind, header);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(parts.reduce((sum, part) => sum + part.byteLength, frame.length));
  socket.cork();
  socket.write(length);
  socket.write(frame);
  for (const part of parts) socket.write(part);
  socket.uncork();
}

main.on("message", (message: ToLinkThread) => {
  switch (message.type) {
    case "messages":
      send(FRAME.messages, message.packed);
      return;
    case "piece": {
      const { blob, piece, lengths } = message;
      send(FRAME.chunk, packHeader(lengths === undefined ? { blob } : { blob, lengths }), [piece]);
      Atomics.sub(state, WAITING_KIB, kibOf(piece.byteLength));
      Atomics.notify(state, WAITING_KIB);
      return;
    }
    case "serve-views":
    case "work-counted":
    case "close":
      // For drivers.
      return;
  }
});
