/**
 * A connection to the address a comm target is delegated to: newline-delimited JSON, one connection for each comm.
 * The messages are described in ARCHITECTURE.md, "Delegated comms".
 */
import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { JsonObject } from "../protocol/messages.ts";

export type ToEndpoint =
  | { readonly type: "comm-open"; readonly commId: string; readonly target: string; readonly data: JsonObject }
  | { readonly type: "comm-message"; readonly data: JsonObject }
  | { readonly type: "comm-close"; readonly data: JsonObject };

export type FromEndpoint = { readonly type: "comm-message" | "comm-close"; readonly data: JsonObject };

/** One comm's connection. */
export interface CommEndpoint {
  send(message: ToEndpoint): void;
  /** Send what is queued and hang up; no event comes after this. */
  close(): void;
}

export interface CommEndpointEvents {
  onMessage(message: FromEndpoint): void;
  /** The connection failed or ended; called once, and nothing comes after it. */
  onEnd(reason: string): void;
}

/** How long a peer may take to hang up after we did. */
const HANG_UP_MS = 1000;

/** A peer that sends this much without a newline does not speak the protocol. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** @param address - `host:port`, or the path of a unix socket. */
export function openCommEndpoint(address: string, events: CommEndpointEvents): CommEndpoint {
  const socket = connect(parseAddress(address));
  let hasEnded = false;
  const end = (reason: string) => {
    if (hasEnded) return;
    hasEnded = true;
    socket.destroy();
    events.onEnd(reason);
  };
  readLines(socket, end, (line) => {
    const message = parseMessage(line);
    if (!message) end(`${address} sent a line that is not a comm message`);
    else if (!hasEnded) events.onMessage(message);
  });
  socket.on("error", (error) => end(`${address}: ${error.message}`));
  socket.on("close", () => end(`${address} closed the connection`));
  return {
    send: (message) => {
      if (!hasEnded) socket.write(`${JSON.stringify(message)}\n`);
    },
    close: () => {
      hasEnded = true;
      socket.end();
      setTimeout(() => socket.destroy(), HANG_UP_MS).unref();
    },
  };
}

function parseAddress(address: string): NetConnectOpts {
  const tcp = /^\[?([^/\]]+)\]?:(\d+)$/.exec(address);
  return tcp ? { host: tcp[1] as string, port: Number(tcp[2]) } : { path: address };
}

function readLines(socket: Socket, end: (reason: string) => void, onLine: (line: string) => void): void {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  socket.on("data", (chunk: Buffer) => {
    let start = 0;
    for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, start)) {
      onLine(Buffer.concat([...parts, chunk.subarray(start, newline)]).toString("utf8"));
      parts = [];
      sizeBytes = 0;
      start = newline + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      sizeBytes += chunk.length - start;
      if (sizeBytes > MAX_LINE_BYTES) end("a comm message exceeds 64 MiB");
    }
  });
}

function parseMessage(line: string): FromEndpoint | undefined {
  let value: Partial<FromEndpoint> | null;
  try {
    value = JSON.parse(line) as Partial<FromEndpoint> | null;
  } catch {
    return undefined;
  }
  if (value?.type !== "comm-message" && value?.type !== "comm-close") return undefined;
  return { type: value.type, data: isObject(value.data) ? value.data : {} };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
