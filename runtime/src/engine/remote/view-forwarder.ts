/** A unix socket where panels of this machine connect; their bytes travel to the view socket of the cluster's machine. */
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { FRAME, packHeader, type RemoteFrame, unpackHeader, type ViewHeader } from "../../protocol/remote-frames.ts";
import type { ReliableChannel } from "./reliable-channel.ts";

export class ViewForwarder {
  readonly #address: string;
  readonly #channel: ReliableChannel;
  readonly #panels = new Map<number, Socket>();
  readonly #server = createServer((socket) => this.#accept(socket));
  #next = 1;

  /** @param address - in a folder of its own, which is made now and removed by `close`. */
  constructor(address: string, channel: ReliableChannel) {
    this.#address = address;
    this.#channel = channel;
    mkdirSync(dirname(address), { mode: 0o700 });
    // Without the panel's socket all else still works.
    this.#server.on("error", () => {});
    this.#server.listen(address).unref();
  }

  #accept(socket: Socket): void {
    const view = this.#next++;
    this.#panels.set(view, socket);
    socket.unref();
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => this.#send({ view }, bytes));
    socket.once("close", () => {
      if (this.#panels.delete(view)) this.#send({ view, isEnd: true });
    });
  }

  #send(header: ViewHeader, raw?: Uint8Array): void {
    this.#channel.send(FRAME.view, packHeader(header), raw);
  }

  receive(frame: RemoteFrame): void {
    const { view, isEnd } = unpackHeader(frame.header) as ViewHeader;
    const socket = this.#panels.get(view);
    if (socket === undefined) return;
    if (isEnd !== true) {
      socket.write(frame.raw);
      return;
    }
    this.#panels.delete(view);
    socket.end();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#panels.values()) socket.destroy();
    this.#panels.clear();
    rmSync(dirname(this.#address), { recursive: true, force: true });
  }
}
