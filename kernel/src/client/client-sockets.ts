/** A front end's side of a kernel's sockets. */
import { Dealer, Subscriber } from "zeromq";
import { type Connection, channelAddress } from "../protocol/connection-file.ts";
import { decodeFrames, encodeFrames } from "../protocol/frames.ts";
import type { Message } from "../protocol/messages.ts";
import { SendQueue } from "../transport/send-queue.ts";

/** Channels a client sends on. */
export type ClientChannel = "shell" | "control" | "stdin";

/** Channels a client hears. */
export type HeardChannel = ClientChannel | "iopub";

export class ClientSockets {
  private readonly connection: Connection;
  private readonly senders = {
    shell: new Dealer({ linger: 0 }),
    control: new Dealer({ linger: 0 }),
    stdin: new Dealer({ linger: 0 }),
  };
  private readonly iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  private readonly queues: Readonly<Record<ClientChannel, SendQueue>>;

  /** @param identity - the same on shell and stdin, because the kernel asks for input at the address of the request. */
  constructor(connection: Connection, identity: string, onMessage: (channel: HeardChannel, message: Message) => void) {
    this.connection = connection;
    const { shell, control, stdin } = this.senders;
    this.queues = {
      shell: new SendQueue(shell, dropFailedSend),
      control: new SendQueue(control, dropFailedSend),
      stdin: new SendQueue(stdin, dropFailedSend),
    };
    const sockets = Object.entries({ ...this.senders, iopub: this.iopub }) as [HeardChannel, Dealer | Subscriber][];
    for (const [channel, socket] of sockets) {
      const address = channelAddress(connection, channel);
      if (address.includes("[")) socket.ipv6 = true;
      if (socket instanceof Dealer) socket.routingId = identity;
      socket.connect(address);
      receive(socket, (frames) => onMessage(channel, decodeFrames(connection.key, frames).message));
    }
    this.iopub.subscribe();
  }

  send(channel: ClientChannel, message: Message<object>): void {
    this.queues[channel].push(encodeFrames(this.connection.key, [], message));
  }

  close(): void {
    for (const socket of [...Object.values(this.senders), this.iopub]) {
      if (!socket.closed) socket.close();
    }
  }
}

/** Only a closed socket refuses a send, and then nobody waits for an answer. */
function dropFailedSend(): void {}

/** Read a socket until it is closed. Frames that are no message of this kernel are dropped. */
function receive(socket: Dealer | Subscriber, onFrames: (frames: Buffer[]) => void): void {
  const read = async () => {
    for await (const frames of socket) {
      try {
        onFrames(frames);
      } catch {
        // dropped, as the protocol asks
      }
    }
  };
  read().catch(() => {}); // the socket was closed while it waited
}
