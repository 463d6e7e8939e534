/**
 * The connection file: where the five sockets of a kernel are, and the secret that signs its messages.
 *
 * @see https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
 */
import { readFile, rm, rmdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { JsonObject } from "./messages.ts";

export type Channel = "shell" | "control" | "stdin" | "iopub" | "hb";

export const CHANNELS: readonly Channel[] = ["shell", "control", "stdin", "iopub", "hb"];

export interface Connection {
  readonly transport: "tcp" | "ipc";
  /** Host for tcp; path prefix for ipc, where channel n is the socket `<ip>-<n>`. */
  readonly ip: string;
  readonly ports: Readonly<Record<Channel, number>>;
  /** Empty: messages are not signed. */
  readonly key: string;
}

/** The connection file cannot be used; the message is one sentence for the user. */
export class ConnectionFileError extends Error {
  override readonly name = "ConnectionFileError";
  readonly code = "BAD_CONNECTION_FILE";
}

/** @throws ConnectionFileError when the file is missing, is not JSON or lacks a field. */
export async function readConnectionFile(path: string): Promise<Connection> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "it does not exist" : String(error);
    throw new ConnectionFileError(`Cannot read the connection file ${path}: ${reason}.`);
  }
  try {
    return parseConnection(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof ConnectionFileError ? error.message : "it is not JSON";
    throw new ConnectionFileError(`Cannot use the connection file ${path}: ${reason}.`);
  }
}

/** Begin of the name of a temporary directory that holds a connection file, and its sockets, and nothing else. */
export const CONNECTION_FOLDER_PREFIX = "mobula-kernel-";

/**
 * Remove the connection file of a kernel that has ended and whose front end is gone, its sockets, and the folder that
 * was made for them, when that is empty then.
 */
export async function removeConnectionFile(path: string, connection: Connection): Promise<void> {
  // ZeroMQ removes its sockets too, but in a thread of its own and some time after they are closed.
  const sockets = connection.transport === "ipc" ? CHANNELS.map((channel) => channelAddress(connection, channel)) : [];
  for (const file of [path, ...sockets.map((address) => address.slice("ipc://".length))]) {
    await rm(file, { force: true });
  }
  const folder = dirname(resolve(path));
  if (basename(folder).startsWith(CONNECTION_FOLDER_PREFIX)) await rmdir(folder).catch(() => {});
}

/** The text of a connection file for `connection`. */
export function formatConnection(connection: Connection): string {
  const ports = Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, connection.ports[channel]]));
  const { transport, ip, key } = connection;
  return `${JSON.stringify({ transport, ip, ...ports, key, signature_scheme: "hmac-sha256" }, null, 2)}\n`;
}

/** The ZeroMQ address of a channel. */
export function channelAddress(connection: Connection, channel: Channel): string {
  const port = connection.ports[channel];
  if (connection.transport === "ipc") return `ipc://${connection.ip}-${port}`;
  return connection.ip.includes(":") ? `tcp://[${connection.ip}]:${port}` : `tcp://${connection.ip}:${port}`;
}

function parseConnection(value: unknown): Connection {
  if (typeof value !== "object" || value === null) throw new ConnectionFileError("it is not a JSON object");
  const fields = value as JsonObject;
  const transport = fields.transport ?? "tcp";
  if (transport !== "tcp" && transport !== "ipc") {
    throw new ConnectionFileError(`its transport must be "tcp" or "ipc", not ${JSON.stringify(transport)}`);
  }
  const scheme = fields.signature_scheme ?? "hmac-sha256";
  if (scheme !== "hmac-sha256") {
    throw new ConnectionFileError(`its signature_scheme must be "hmac-sha256", not ${JSON.stringify(scheme)}`);
  }
  if (typeof fields.ip !== "string" || fields.ip === "") throw new ConnectionFileError("it has no ip");
  if (typeof fields.key !== "string") throw new ConnectionFileError("it has no key");
  const ports = Object.fromEntries(CHANNELS.map((channel) => [channel, readPort(fields, channel)]));
  return { transport, ip: fields.ip, key: fields.key, ports: ports as Record<Channel, number> };
}

function readPort(fields: JsonObject, channel: Channel): number {
  const port = fields[`${channel}_port`];
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ConnectionFileError(`its ${channel}_port is not a port number`);
  }
  return port;
}
