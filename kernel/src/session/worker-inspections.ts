/**
 * Worker processes of a cluster that the debugger can stop. While it is on they connect to this server, on the guardian's
 * thread, because the main thread may be paused itself; see `NotebookHost.onDebugging` for how they hear of it.
 *
 * Both sides send lines of JSON. A worker's first says who it is; later ones answer commands and report V8's events.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import type { GuardianReply } from "./wire.ts";

type Parameters = Readonly<Record<string, unknown>>;

type FromWorker =
  | { readonly type: "hello"; readonly token: string; readonly name: string }
  | { readonly type: "answered"; readonly id: number; readonly result: Parameters; readonly error?: string }
  | { readonly type: "event"; readonly method: string; readonly params: Parameters };

const MAX_GREETING_CHARS = 10_000;

interface Worker {
  readonly socket: Socket;
  /** Commands without an answer. */
  readonly open: Set<number>;
}

export class WorkerInspections {
  readonly #report: (reply: GuardianReply) => void;
  readonly #token = randomBytes(24).toString("hex");
  readonly #workers = new Map<number, Worker>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #lastWorker = 0;

  constructor(report: (reply: GuardianReply) => void) {
    this.#report = report;
  }

  /** Listen, on the loopback interface only. `onOpen` gets the address that workers need: `PORT/TOKEN`. */
  open(onOpen: (address: string) => void): void {
    const server = this.#server ?? createServer((socket) => this.#serve(socket));
    const tell = (): void => onOpen(`${(server.address() as AddressInfo).port}/${this.#token}`);
    if (server.listening) tell();
    else server.once("listening", tell);
    if (this.#server === undefined) server.listen(0, "127.0.0.1");
    this.#server = server;
  }

  command(worker: number, id: number, method: string, params: Parameters): void {
    const known = this.#workers.get(worker);
    if (known === undefined) {
      this.#report({ type: "inspected", id, result: {}, error: "The worker is gone." });
      return;
    }
    known.open.add(id);
    known.socket.write(`${JSON.stringify({ id, method, params })}\n`);
  }

  /** Hang up: breakpoints in workers are gone, and their paused code goes on. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    const decoder = new StringDecoder("utf8");
    let rest = "";
    let worker: number | undefined;
    socket.on("data", (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message = parse(line);
        if (message !== undefined) worker ??= this.#greet(socket, message);
        if (message === undefined || worker === undefined) {
          socket.destroy();
          return;
        }
        this.#receive(worker, message);
      }
      // Whoever has not said the token yet may be anybody on this machine.
      if (worker === undefined && rest.length > MAX_GREETING_CHARS) socket.destroy();
    });
    socket.on("error", () => {}); // "close" follows.
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (worker !== undefined) this.#leave(worker);
    });
  }

  /** The number of a new worker; undefined for somebody else. */
  #greet(socket: Socket, message: FromWorker): number | undefined {
    if (message.type !== "hello" || !isEqual(message.token, this.#token)) return undefined;
    this.#lastWorker += 1;
    this.#workers.set(this.#lastWorker, { socket, open: new Set() });
    this.#report({ type: "worker-attached", worker: this.#lastWorker, name: message.name });
    return this.#lastWorker;
  }

  #receive(worker: number, message: FromWorker): void {
    if (message.type === "answered") {
      const { id, result, error } = message;
      this.#workers.get(worker)?.open.delete(id);
      this.#report({ type: "inspected", id, result, ...(error === undefined ? {} : { error }) });
    } else if (message.type === "event") {
      const { method, params } = message;
      this.#report({ type: "inspector-event", worker, method, params });
    }
  }

  #leave(worker: number): void {
    for (const id of this.#workers.get(worker)?.open ?? []) {
      this.#report({ type: "inspected", id, result: {}, error: "The worker is gone." });
    }
    this.#workers.delete(worker);
    this.#report({ type: "worker-detached", worker });
  }
}

function parse(line: string): FromWorker | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === "object" && message !== null ? (message as FromWorker) : undefined;
  } catch {
    return undefined;
  }
}

function isEqual(given: unknown, expected: string): boolean {
  const [a, b] = [Buffer.from(String(given)), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
