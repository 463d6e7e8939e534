/**
 * The session's end of the wire: one driver, one WebSocket after the other. Says when the driver has gone for good: it
 * said so, or did not come back within its lease.
 */
import { connect, type Socket } from "node:net";
import type { WebSocket } from "ws";
import { BlobReceiver, BlobStore } from "../engine/remote/blobs.ts";
import { MessageBatch } from "../engine/remote/message-batch.ts";
import { ReliableChannel } from "../engine/remote/reliable-channel.ts";
import {
  type FromSession,
  REMOTE_PROTOCOL,
  type RemoteGreeting,
  type RemoteHello,
  type ToSession,
} from "../protocol/remote.ts";
import {
  FRAME,
  makeFrame,
  packHeader,
  type RemoteFrame,
  readFrame,
  unpackHeader,
  type ViewHeader,
} from "../protocol/remote-frames.ts";
import { VERSION } from "../version.ts";

/** A connection that does not greet by then is none of ours. */
const GREET_WITHIN_MS = 10_000;
const HEARTBEAT_MS = 5_000;
const GONE_AFTER_MS = 15_000;
/** Longest lease: an abandoned session must not stay for ever. */
const MAX_LEASE_MS: number = 24 * 3_600_000;

export interface SessionLinkHooks {
  /** The first greeting. Rejects with why the driver is turned away. */
  start(hello: RemoteHello): Promise<void>;
  onMessage(message: ToSession): void;
  /** The driver is gone for good. */
  onGone(): void;
}

export class SessionLink {
  readonly blobs: BlobStore = new BlobStore();
  /** Where panels of the driver are connected to; known once the driver has joined. */
  viewAddress: string | undefined;
  readonly #hooks: SessionLinkHooks;
  readonly #channel: ReliableChannel;
  readonly #views = new Map<number, Socket>();
  #started: Promise<void> | undefined;
  #socket: WebSocket | undefined;
  #leaseMs = GREET_WITHIN_MS;
  #lease: NodeJS.Timeout | undefined;
  readonly #batch: MessageBatch<FromSession> = new MessageBatch((packed) => this.#channel.send(FRAME.messages, packed));
  #nextBlob = 1;

  constructor(hooks: SessionLinkHooks) {
    this.#hooks = hooks;
    const blobs = new BlobReceiver((blob, parts) => this.blobs.add(blob, parts));
    this.#channel = new ReliableChannel((frame) => {
      if (frame.kind === FRAME.chunk) blobs.receive(frame);
      else if (frame.kind === FRAME.view) this.#receiveView(frame);
      else for (const message of unpackHeader(frame.header) as ToSession[]) hooks.onMessage(message);
    });
    this.#expect();
  }

  // ── connections ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** A connection for this session; it takes the place of the one before, which the driver has given up. */
  accept(socket: WebSocket): void {
    let heardAtMs = performance.now();
    let isAttached = false;
    const heartbeat = setInterval(() => {
      const silentMs = performance.now() - heardAtMs;
      if (silentMs > (isAttached ? GONE_AFTER_MS : GREET_WITHIN_MS)) socket.terminate();
      else socket.ping();
    }, HEARTBEAT_MS);
    const heard = (): void => {
      heardAtMs = performance.now();
    };
    socket.on("pong", heard);
    socket.on("ping", heard);
    socket.on("message", (bytes: Buffer) => {
      heard();
      try {
        if (isAttached) {
          if (socket === this.#socket) this.#channel.receive(bytes);
          return;
        }
        isAttached = true;
        void this.#greet(socket, helloOf(bytes));
      } catch {
        // Not our protocol. `close` follows.
        socket.terminate();
      }
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      clearInterval(heartbeat);
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      this.#channel.detach();
      this.#expect();
    });
  }

  async #greet(socket: WebSocket, hello: RemoteHello): Promise<void> {
    const greet = (greeting: RemoteGreeting): void => {
      socket.send(makeFrame(FRAME.greeting, packHeader(greeting)));
    };
    clearTimeout(this.#lease);
    try {
      if (hello.protocol !== REMOTE_PROTOCOL) throw new Error(versionsDiffer(hello));
      this.#started ??= this.#hooks.start(hello);
      await this.#started;
    } catch (error) {
      greet({ type: "refused", reason: (error as Error).message });
      socket.close();
      this.#expect();
      return;
    }
    this.#leaseMs = Math.min(hello.leaseMs, MAX_LEASE_MS);
    if (socket.readyState !== socket.OPEN) {
      if (this.#socket === undefined) this.#expect();
      return;
    }
    this.#socket?.terminate();
    this.#socket = socket;
    greet({ type: "welcome", protocol: REMOTE_PROTOCOL, version: VERSION, received: this.#channel.received });
    this.#channel.attach(socket, hello.received);
  }

  #expect(): void {
    clearTimeout(this.#lease);
    this.#lease = setTimeout(() => this.#hooks.onGone(), this.#leaseMs);
  }

  // ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sent at the end of this turn, with what else is sent in it. @param bytes - of values in it */
  send(message: FromSession, bytes = 0): void {
    this.#batch.carries(bytes);
    this.#batch.add(message);
  }

  flush(): void {
    this.#batch.flush();
  }

  /** @param parts - must not change any more. */
  sendBlob(parts: readonly Uint8Array[]): number {
    const blob = this.#nextBlob++;
    this.#channel.sendBlob(blob, parts);
    return blob;
  }

  /** End the connection once everything was sent. */
  close(): Promise<void> {
    clearTimeout(this.#lease);
    this.flush();
    for (const view of this.#views.values()) view.destroy();
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("close", () => resolve());
      socket.close(1000);
    });
  }

  // ── panels ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #receiveView({ header, raw }: RemoteFrame): void {
    const { view, isEnd } = unpackHeader(header) as ViewHeader;
    if (isEnd === true) {
      this.#views.get(view)?.end();
      this.#views.delete(view);
      return;
    }
    const socket = this.#views.get(view) ?? this.#openView(view);
    socket?.write(raw);
  }

  #openView(view: number): Socket | undefined {
    if (this.viewAddress === undefined) return undefined;
    const socket = connect(this.viewAddress);
    this.#views.set(view, socket);
    const send = (header: ViewHeader, raw?: Uint8Array): void =>
      this.#channel.send(FRAME.view, packHeader(header), raw);
    socket.on("data", (bytes: Buffer) => send({ view }, bytes));
    socket.on("error", () => {});
    socket.once("close", () => {
      if (this.#views.delete(view)) send({ view, isEnd: true });
    });
    return socket;
  }
}

/** @throws Error when it is no greeting */
function helloOf(bytes: Buffer): RemoteHello {
  const frame = readFrame(bytes);
  const hello = frame.kind === FRAME.greeting ? (unpackHeader(frame.header) as Partial<RemoteHello>) : undefined;
  const { type, clientId, received, leaseMs } = hello ?? {};
  const isWhole = typeof clientId === "string" && Number.isInteger(received) && typeof leaseMs === "number";
  if (type !== "hello" || !isWhole) throw new Error("no greeting");
  return hello as RemoteHello;
}

function versionsDiffer({ protocol, version }: RemoteHello): string {
  return (
    `it runs mobula ${VERSION} (protocol ${REMOTE_PROTOCOL}), this driver ${version} (protocol ${protocol}): ` +
    "install the same version on both machines"
  );
}
