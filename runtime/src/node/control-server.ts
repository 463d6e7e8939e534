/** The head's socket for drivers and workers. */
import { createServer, type Server, type Socket } from "node:net";
import type { ClientId, WorkerId } from "../protocol/ids.ts";
import { TO_HEAD } from "../protocol/message-shapes.ts";
import { type FromHead, type HttpAddress, PROTOCOL_VERSION, type ToHead } from "../protocol/messages.ts";
import { problemOf } from "../protocol/shapes.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { Cluster } from "./cluster.ts";
import { HELLO_BYTES, MessageSocket } from "./message-socket.ts";

export interface ControlServerHooks {
  /** What a client is told on arrival; resolves when the arena exists. */
  welcome(): Promise<Extract<FromHead, { type: "welcome" }>>;
  openHttp(): Promise<HttpAddress>;
  /** A driver has said hello, and nobody else has its id. */
  onDriver(clientId: ClientId): void;
  /** The driver is gone or asked for the end. */
  onDriverGone(clientId: ClientId): void;
  log(text: string): void;
}

type Connection = MessageSocket<ToHead, FromHead>;
type Hello = Extract<ToHead, { type: "hello" }>;

const DRIVER_ID = /^d[0-9a-z]*$/;
/** How long drivers may take to hear that the cluster ends. */
const FAREWELL_MS = 500;

export class ControlServer {
  readonly #cluster: Cluster;
  readonly #hooks: ControlServerHooks;
  readonly #server: Server;
  readonly #drivers = new Map<ClientId, Connection>();
  #onNoDrivers: (() => void) | undefined;

  constructor(cluster: Cluster, hooks: ControlServerHooks) {
    this.#cluster = cluster;
    this.#hooks = hooks;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  listen(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(address, resolve);
    });
  }

  /** Take nobody any more, and tell the drivers why. Resolves when they have ended their connections, or soon. */
  async close(reason: string): Promise<void> {
    this.#server.close();
    if (this.#drivers.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#onNoDrivers = resolve;
      setTimeout(resolve, FAREWELL_MS);
    });
    for (const connection of this.#drivers.values()) {
      connection.send({ type: "closing", reason });
      connection.flush();
    }
    await gone;
  }

  #serve(socket: Socket): void {
    let clientId: ClientId | undefined;
    const connection: Connection = new MessageSocket<ToHead, FromHead>(socket, {
      firstFrameBytes: HELLO_BYTES,
      onMessages: (messages) => {
        try {
          for (const message of messages) {
            const problem = problemOf(TO_HEAD, message);
            if (problem !== undefined) throw new TypeError(problem);
            if (clientId === undefined) clientId = this.#greet(message, connection);
            else this.#receive(clientId, message, connection);
            if (clientId === undefined) return;
          }
        } catch (error) {
          // One client's nonsense is not the end of the others.
          const text = error instanceof Error ? error.stack : String(error);
          this.#hooks.log(`dropped ${clientId ?? "a peer"} because of what it sent: ${text}`);
          socket.destroy();
        }
      },
      onGarbage: (error) => this.#hooks.log(`dropped ${clientId ?? "a peer"}, which sent no frames: ${String(error)}`),
      onClose: () => {
        if (clientId !== undefined) this.#leave(clientId);
      },
    });
  }

  /** @returns the client's id, or undefined for one that is turned away. */
  #greet(message: ToHead, connection: Connection): ClientId | undefined {
    const refusal = message.type === "hello" ? this.#refusalOf(message) : "The first message must be a hello";
    if (message.type !== "hello" || refusal !== undefined) {
      this.#hooks.log(`refused a client: ${refusal}`);
      connection.send({ type: "refused", reason: refusal ?? "" });
      connection.close();
      return undefined;
    }
    const { clientId } = message;
    if (message.kind === "driver") {
      this.#drivers.set(clientId, connection);
      this.#hooks.onDriver(clientId);
    }
    this.#cluster.join(message, connection);
    void this.#hooks.welcome().then((welcome) => connection.send(welcome));
    return clientId;
  }

  #refusalOf({ protocol, clientId, kind }: Hello): string | undefined {
    const { clients, workers } = this.#cluster.state;
    if (protocol !== PROTOCOL_VERSION) {
      return `The head speaks protocol ${PROTOCOL_VERSION}, the client ${protocol}: start both from one version of mobula`;
    }
    if (clients.has(clientId)) return `A client is called ${clientId} already`;
    const isKnown = kind === "driver" ? DRIVER_ID.test(clientId) : workers.has(clientId as string as WorkerId);
    return isKnown ? undefined : `Nobody called ${JSON.stringify(clientId)} is expected as a ${kind}`;
  }

  #receive(clientId: ClientId, message: ToHead, connection: Connection): void {
    if (message.type === "hello") throw new Error("a second hello");
    if (message.type === "shutdown") {
      if (this.#drivers.has(clientId)) connection.close();
    } else if (message.type === "open-http") {
      const { requestId } = message;
      void this.#hooks
        .openHttp()
        .catch((error: unknown) => toWireError(error))
        .then((result) => connection.send({ type: "http-opened", requestId, result }));
    } else this.#cluster.receive(clientId, message);
  }

  #leave(clientId: ClientId): void {
    this.#cluster.leave(clientId);
    if (!this.#drivers.delete(clientId)) return;
    this.#hooks.onDriverGone(clientId);
    if (this.#drivers.size === 0) this.#onNoDrivers?.();
  }
}
