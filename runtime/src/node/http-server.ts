/**
 * The head's HTTP server: the state API, and WebSockets of drivers on other machines. Every request needs the token; pages
 * of a browser are turned away. Routes are added by `http-routes.ts`.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { type GuardOptions, type Refusal, refusalOf } from "./http-guard.ts";
import { Router } from "./http-router.ts";

/** A request that has passed the checks. */
export interface HttpCall {
  /** As the path has them: `{ id: "d.3" }` for `/api/v1/tasks/:id`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Address of the peer, for logs. */
  readonly peer: string;
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal;
  /** @throws HttpError when the body is longer than the route allows. */
  body(): Promise<Buffer>;
  /** The body, read as JSON; `undefined` when there is none. @throws HttpError when it is not JSON. */
  json(): Promise<unknown>;
}

/** What a handler returns. `status` is 200 unless given. */
export type HttpReply =
  | { readonly status?: number; readonly json: unknown }
  | { readonly status?: number; readonly text: string; readonly contentType?: string }
  | { readonly status?: number; readonly stream: Readable; readonly contentType: string };

export type HttpHandler = (call: HttpCall) => HttpReply | Promise<HttpReply>;
export type WebSocketHandler = (socket: WebSocket, call: Omit<HttpCall, "body" | "json" | "signal">) => void;

/** Takes the connection over, without an answer yet. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, first: Buffer) => void;

export interface RouteOptions {
  /** Longer bodies are refused. Default 1 MiB. */
  readonly maxBodyBytes?: number;
}

export interface WebSocketOptions {
  /** A longer message ends the connection. Default 64 MiB. */
  readonly maxMessageBytes?: number;
}

/** Thrown by a handler to answer with this status and `{ error: { code, message } }`. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface HttpServerOptions extends GuardOptions {
  log(line: string): void;
}

const MAX_BODY_BYTES = 1024 ** 2;
const MAX_MESSAGE_BYTES = 64 * 1024 ** 2;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 512;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 30_000;
const CHECK_EVERY_MS = 2_000;

/** Nothing here is for a browser to show, keep, sniff or embed. */
const SECURITY_HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
} as const;

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  410: "Gone",
  431: "Request Header Fields Too Large",
};

interface Route {
  readonly handler: HttpHandler;
  readonly maxBodyBytes: number;
}

type WebSocketRoute =
  | { readonly handler: WebSocketHandler; readonly server: WebSocketServer }
  | { readonly takeOver: UpgradeHandler };

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #routes = new Router<Route>();
  readonly #webSockets = new Router<WebSocketRoute>();
  readonly #sockets = new Set<WebSocket>();
  readonly #server: Server;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
    };
    this.#server = createServer(limits, (request, response) => void this.#serve(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) => this.#refuseMalformed(error, socket));
  }

  /** Answer `method` on paths like `/api/v1/tasks/:id`. HEAD is answered by GET's handler. */
  route(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    handler: HttpHandler,
    options: RouteOptions = {},
  ): void {
    this.#routes.add(method, path, { handler, maxBodyBytes: options.maxBodyBytes ?? MAX_BODY_BYTES });
  }

  /** Accept WebSockets on this path. They end with the server. */
  webSocket(path: string, handler: WebSocketHandler, options: WebSocketOptions = {}): void {
    const maxPayload = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    // Compression costs more than a loopback or a machine room's network does.
    const server = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload, perMessageDeflate: false });
    this.#webSockets.add("GET", path, { handler, server });
  }

  /** Let somebody else accept WebSockets on this path; an HttpError that the handler throws is the answer. */
  upgrade(path: string, takeOver: UpgradeHandler): void {
    this.#webSockets.add("GET", path, { takeOver });
  }

  /** @param port - 0 takes a free one. Rejects when it is taken. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#options.log(`the HTTP server failed: ${String(error)}`));
        resolve({ host, port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /** Ends all connections, also those in use. */
  close(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = refusalOf(request.headers, this.#options);
      if (refusal !== undefined) throw this.#logged(request, refusal);
      const { path, query } = targetOf(request);
      const method = request.method === "HEAD" ? "GET" : (request.method ?? "");
      const found = this.#routes.find(method, path);
      if ("allowed" in found) throw missing(path, found.allowed, response);
      const { handler, maxBodyBytes } = found.handler;
      const call = callOf(request, response, { params: found.params, query, maxBodyBytes });
      await send(response, await handler(call));
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const isOurs = error instanceof HttpError;
    if (!isOurs) {
      if (request.destroyed && response.destroyed) return; // the client went away
      this.#options.log(
        `${request.method} ${request.url} failed: ${error instanceof Error ? error.stack : String(error)}`,
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, code, message } = isOurs ? error : { status: 500, code: "INTERNAL", message: String(error) };
    if (status === 401) response.setHeader("WWW-Authenticate", "Bearer");
    // What is left of a body that nobody reads must not be taken for the next request.
    if (!request.complete) response.setHeader("Connection", "close");
    writeJson(response, status, { error: { code, message } });
  }

  #logged(request: IncomingMessage, refusal: Refusal): HttpError {
    const { status, code, message } = refusal;
    // Never the query or headers: they may hold a token.
    const path = (request.url ?? "").split("?")[0]?.slice(0, 200);
    this.#options.log(`refused ${request.method} ${JSON.stringify(path)} of ${peerOf(request)}: ${code}`);
    return new HttpError(status, code, message);
  }

  #refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
    this.#options.log(`refused a malformed request: ${error.code ?? error.message}`);
    endRaw(socket, { status, code: "MALFORMED", message: "This is not a valid HTTP request" });
  }

  // ── WebSockets ────────────────────────────────────────────────────────────────────────────────────────────────────

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    try {
      const refusal = refusalOf(request.headers, this.#options);
      if (refusal !== undefined) throw this.#logged(request, refusal);
      const { path, query } = targetOf(request);
      const found = this.#webSockets.find("GET", path);
      if ("allowed" in found) throw missing(path, []);
      if ("takeOver" in found.handler) {
        found.handler.takeOver(request, socket, head);
        return;
      }
      const { handler, server } = found.handler;
      const call = { params: found.params, query, headers: request.headers, peer: peerOf(request) };
      server.handleUpgrade(request, socket, head, (webSocket) => {
        this.#sockets.add(webSocket);
        webSocket.once("close", () => this.#sockets.delete(webSocket));
        // Every error is followed by `close`.
        webSocket.on("error", (error) => this.#options.log(`WebSocket ${path} of ${call.peer}: ${String(error)}`));
        handler(webSocket, call);
      });
    } catch (error) {
      if (!(error instanceof HttpError)) this.#options.log(`WebSocket ${request.url} failed: ${String(error)}`);
      endRaw(socket, error instanceof HttpError ? error : { status: 400, code: "MALFORMED", message: String(error) });
    }
  }
}

function targetOf(request: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const url = request.url ?? "";
  // `OPTIONS *` and what is meant for a proxy.
  if (!url.startsWith("/")) throw new HttpError(400, "MALFORMED", "The request needs a path");
  const end = url.indexOf("?");
  const query = new URLSearchParams(end < 0 ? "" : url.slice(end + 1));
  return { path: end < 0 ? url : url.slice(0, end), query };
}

function missing(path: string, allowed: readonly string[], response?: ServerResponse): HttpError {
  if (allowed.length === 0) return new HttpError(404, "NOT_FOUND", `There is nothing at ${path}`);
  response?.setHeader("Allow", allowed.join(", "));
  return new HttpError(405, "METHOD_NOT_ALLOWED", `${path} takes ${allowed.join(", ")}`);
}

function peerOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? "a peer that is gone";
}

function callOf(
  request: IncomingMessage,
  response: ServerResponse,
  { params, query, maxBodyBytes }: Pick<HttpCall, "params" | "query"> & { readonly maxBodyBytes: number },
): HttpCall {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const body = (): Promise<Buffer> => readBody(request, maxBodyBytes);
  return {
    params,
    query,
    headers: request.headers,
    peer: peerOf(request),
    signal: gone.signal,
    body,
    json: async () => {
      const text = (await body()).toString("utf8");
      if (text === "") return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new HttpError(400, "MALFORMED", "The body is not JSON");
      }
    },
  };
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLong = new HttpError(413, "TOO_LARGE", `The body may have ${maxBytes} bytes at most`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLong;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLong;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function send(response: ServerResponse, reply: HttpReply): Promise<void> {
  const { status = 200 } = reply;
  if ("json" in reply) writeJson(response, status, reply.json);
  else if ("text" in reply) write(response, status, reply.contentType ?? "text/plain; charset=utf-8", reply.text);
  else {
    response.writeHead(status, { ...SECURITY_HEADERS, "Content-Type": reply.contentType });
    await pipeline(reply.stream, response);
  }
}

function writeJson(response: ServerResponse, status: number, value: unknown): void {
  write(response, status, "application/json; charset=utf-8", JSON.stringify(value));
}

function write(response: ServerResponse, status: number, contentType: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { ...SECURITY_HEADERS, "Content-Type": contentType, "Content-Length": body.length });
  response.end(body);
}

/** An answer on a socket that has no `ServerResponse`. */
function endRaw(socket: Duplex, { status, code, message }: Refusal): void {
  const body = JSON.stringify({ error: { code, message } });
  const headers = {
    ...SECURITY_HEADERS,
    ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
    Connection: "close",
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? "Refused"}\r\n${lines.join("")}\r\n${body}`);
}
