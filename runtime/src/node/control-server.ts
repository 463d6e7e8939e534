/** The head's socket for drivers and workers. */
import { createServer, type Server } from "node:net";
import type { ClientId } from "../protocol/ids.ts";
import { type FromHead, type HttpAddress, PROTOCOL_VERSION, type ToHead } from "../protocol/messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { Cluster } from "./cluster.ts";
import { MessageSocket } from "./message-socket.ts";

export interface ControlServerHooks {
  /** What a client is told on arrival; resolves when the arena exists. */
  welcome(): Promise<Extract<FromHead, { type: "welcome" }>>;
  openHttp(): Promise<HttpAddress>;
  /** The driver is gone or asked for the end. */
  onDriverGone(): void;
}

export function listenForClients(cluster: Cluster, address: string, hooks: ControlServerHooks): Promise<Server> {
  const server = createServer((socket) => {
    let clientId: ClientId | undefined;
    let isDriver = false;
    const connection: MessageSocket<ToHead, FromHead> = new MessageSocket<ToHead, FromHead>(socket, {
      onMessages(messages) {
        for (const message of messages) {
          if (message.type === "hello") {
            if (message.protocol !== PROTOCOL_VERSION) {
              const reason = `The head speaks protocol ${PROTOCOL_VERSION}, the client ${message.protocol}: start both from one version of mobula`;
              connection.send({ type: "refused", reason });
              connection.close();
              return;
            }
            clientId = message.clientId;
            isDriver = message.kind === "driver";
            cluster.join(message, connection);
            void hooks.welcome().then((welcome) => connection.send(welcome));
          } else if (message.type === "shutdown") {
            if (isDriver) hooks.onDriverGone();
          } else if (message.type === "open-http") {
            const { requestId } = message;
            void hooks
              .openHttp()
              .catch((error: unknown) => toWireError(error))
              .then((result) => connection.send({ type: "http-opened", requestId, result }));
          } else if (clientId !== undefined) {
            cluster.receive(clientId, message);
          }
        }
      },
      onClose() {
        if (clientId !== undefined) cluster.leave(clientId);
        if (isDriver) hooks.onDriverGone();
      },
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => resolve(server));
  });
}
