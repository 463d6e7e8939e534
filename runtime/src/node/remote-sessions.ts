/**
 * Drivers on other machines: each has a session, a process of its own beside the head. The head checks the token of a
 * connection and hands its socket over, so that no byte of what drivers say and fetch passes through the head.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { REMOTE_PATH, RESUME_HEADER, SESSION_GONE_STATUS, SESSION_HEADER } from "../protocol/remote.ts";
import { type ProcessStamp, processStamp } from "../store/process-stamp.ts";
import type { HeadParts } from "./http-routes.ts";
import { HttpError, type HttpServer } from "./http-server.ts";
import { programUrl } from "./program-url.ts";

export const REMOTE_SESSION_VARIABLE = "MOBULA_REMOTE_SESSION";

/** What a session is told when it starts. */
export interface RemoteSessionOptions {
  /** Where the cluster's sockets lie. */
  readonly directory: string;
  readonly head: ProcessStamp;
}

/** Comes with the socket of a connection for the session. */
export interface SessionOrder {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** What the driver has sent already. */
  readonly first: Uint8Array;
}

/** Keys are made by drivers; a short one could be guessed. */
const SESSION_KEY = /^[0-9a-f]{32,64}$/;
const STDERR_TAIL_CHARS = 2_000;

export function registerRemoteRoutes(server: HttpServer, head: HeadParts): void {
  const sessions = new RemoteSessions(head);
  server.upgrade(REMOTE_PATH, (request, socket, first) => sessions.accept(request, socket, first));
}

export class RemoteSessions {
  readonly #head: HeadParts;
  readonly #sessions = new Map<string, ChildProcess>();

  constructor(head: HeadParts) {
    this.#head = head;
  }

  /** Hand the connection to its session, which is started by the first. @throws HttpError */
  accept(request: IncomingMessage, socket: Duplex, first: Buffer): void {
    const key = request.headers[SESSION_HEADER];
    if (typeof key !== "string" || !SESSION_KEY.test(key)) {
      throw new HttpError(400, "MALFORMED", `A driver's connection needs the header ${SESSION_HEADER}`);
    }
    const isResuming = request.headers[RESUME_HEADER] !== undefined;
    const session = this.#sessions.get(key) ?? (isResuming ? undefined : this.#start(key));
    if (session === undefined)
      throw new HttpError(SESSION_GONE_STATUS, "SESSION_GONE", "The driver's session has ended");
    const { method = "GET", url = "", headers } = request;
    const order: SessionOrder = { method, url, headers, first };
    session.send(order, socket as Socket, (error) => {
      if (error === null) return;
      this.#head.log.write(`a driver's connection was lost on its way to the session: ${String(error)}`);
      socket.destroy();
    });
  }

  #start(key: string): ChildProcess {
    const options: RemoteSessionOptions = { directory: this.#head.options.directory, head: processStamp(process.pid) };
    const session = fork(fileURLToPath(programUrl("remote-session/main")), {
      env: { ...process.env, [REMOTE_SESSION_VARIABLE]: JSON.stringify(options) },
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#sessions.set(key, session);
    let stderrTail = "";
    session.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARS);
    });
    const ended = (how: string): void => {
      if (!this.#sessions.delete(key)) return;
      this.#head.log.write(`the session of a driver ended (${how})${stderrTail && `:\n${stderrTail}`}`);
    };
    session.once("error", (error) => ended(String(error)));
    session.once("close", (exitCode, signal) => ended(signal ?? `exit code ${exitCode}`));
    return session;
  }
}
