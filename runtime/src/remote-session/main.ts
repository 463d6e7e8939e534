/**
 * The program of a session: it stands for one driver on another machine. The head starts it with the driver's first
 * connection and hands it every connection of that driver; it joins the cluster as any driver of this machine does.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer } from "ws";
import { joinLocalEngine } from "../engine/local/join-head.ts";
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { REMOTE_SESSION_VARIABLE, type RemoteSessionOptions, type SessionOrder } from "../node/remote-sessions.ts";
import { GivenIds } from "../protocol/ids.ts";
import type { RemoteHello } from "../protocol/remote.ts";
import { MAX_REMOTE_FRAME_BYTES } from "../protocol/remote-frames.ts";
import { SessionHost } from "./session-host.ts";
import { SessionLink } from "./session-link.ts";

/** How long the last messages may take to leave. */
const CLOSE_WITHIN_MS = 2_000;

const options = JSON.parse(process.env[REMOTE_SESSION_VARIABLE] ?? "{}") as RemoteSessionOptions;
delete process.env[REMOTE_SESSION_VARIABLE];

let engine: LocalEngine | undefined;
let host: SessionHost | undefined;
let isEnding = false;

const link = new SessionLink({
  start,
  onMessage: (message) => {
    if (message.type === "bye") void end();
    else host?.receive(message);
  },
  onGone: () => void end(),
});

async function start({ clientId, name, host: machine, pid }: RemoteHello): Promise<void> {
  const ids = new GivenIds(clientId);
  const { directory, head } = options;
  const joined = joinLocalEngine({ directory, head, clientId, ids, name, host: machine, pid });
  engine = joined;
  host = new SessionHost(joined, ids, link);
  link.viewAddress = joined.viewAddress;
  void joined.closed.then((error) => {
    if (isEnding) return;
    host?.ended(error);
    void end();
  });
  // Rejects when the head turns the driver away.
  await joined.describe();
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  setTimeout(() => process.exit(0), CLOSE_WITHIN_MS);
  await Promise.all([engine?.close(), link.close()]);
  process.exit(0);
}

const server = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  clientTracking: false,
  maxPayload: MAX_REMOTE_FRAME_BYTES,
});

process.on("message", ({ method, url, headers, first }: SessionOrder, socket: Socket | undefined) => {
  // The driver may have ended the connection meanwhile.
  if (socket === undefined) return;
  socket.setNoDelay(true);
  const request = { method, url, headers } as unknown as IncomingMessage;
  server.handleUpgrade(request, socket, Buffer.from(first), (webSocket) => link.accept(webSocket));
});
// The head is gone, and nobody will ever reconnect; what is left to say is said first.
process.on("disconnect", () => setTimeout(() => void end(), 200));
// A terminal's Ctrl+C is for drivers.
process.on("SIGINT", () => {});
