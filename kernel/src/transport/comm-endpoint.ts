/**
 * A connection to the address a comm target is delegated to: newline-delimited JSON, one connection for each comm.
 * The messages are described in ARCHITECTURE.md, "Delegated comms".
 */
import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { JsonObject } from "../protocol/messages.ts";

export interface CommPayload {
  readonly data: JsonObject;
  /** Binary data beside `data`; base64 texts on the connection. Left out when there is none. */
  readonly buffers?: readonly Uint8Array[];
}

export type ToEndpoint =
  | ({ readonly type: "comm-open"; readonly commId: string; readonly target: string } & CommPayload)
  | ({ readonly type: "comm-message" | "comm-close" } & CommPayload);

export type FromEndpoint = { readonly type: "comm-message" | "comm-close" } & CommPayload;

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
      if (!hasEnded) socket.write(`${formatMessage(message)}\n`);
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

function formatMessage(message: ToEndpoint): string {
  const { buffers, ...rest } = message;
  if (buffers === undefined || buffers.length === 0) return JSON.stringify(rest);
  return JSON.stringify({ ...rest, buffers: buffers.map((buffer) => Buffer.from(buffer).toString("base64")) });
}

function parseMessage(line: string): FromEndpoint | undefined {
  let value: { readonly type?: unknown; readonly data?: unknown; readonly buffers?: unknown } | null;
  try {
    value = JSON.parse(line) as typeof value;
  } catch {
    return undefined;
  }
  if (value?.type !== "comm-message" && value?.type !== "comm-close") return undefined;
  const message: FromEndpoint = { type: value.type, data: isObject(value.data) ? value.data : {} };
  if (value.buffers === undefined) return message;
  const texts: unknown = value.buffers;
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) return undefined;
  return { ...message, buffers: texts.map((text) => Buffer.from(text, "base64")) };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
