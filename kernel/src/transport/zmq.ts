/** The kernel's five ZeroMQ sockets. */
import { Reply, Router, XPublisher } from "zeromq";
import { type Channel, type Connection, channelAddress } from "../protocol/connection-file.ts";
import { decodeFrames, type Envelope, encodeFrames, type Identities } from "../protocol/frames.ts";
import type { Message } from "../protocol/messages.ts";
import { SendQueue } from "./send-queue.ts";
import type { RequestChannel, Transport, TransportEvents } from "./transport.ts";

/** How long closed sockets keep trying to deliver the last messages. */
const LINGER_MS = 1000;

/** How long a client that asks on shell may take to connect to stdin, too. */
const CONNECT_MS = 2000;
const CONNECT_POLL_MS = 50;

/** IOPub messages kept for a subscriber that does not read; the next ones are lost to it. ZeroMQ's default of 1000 is
 * reached by a cell that prints in a loop. */
const IOPUB_BACKLOG = 100_000;

/** First byte of what an XPUB socket receives when a peer subscribes; anything else is no subscription. */
const SUBSCRIBE = 1;

/** A channel's address cannot be bound; the message names it. */
export class BindError extends Error {
  override readonly name = "BindError";
  readonly code = "BIND_FAILED";
}

/**
 * Bind the sockets of a connection file. Heartbeats are answered from now on; requests wait for `listen`.
 *
 * @param warn - told about dropped messages, one sentence each.
 * @throws BindError when an address is taken or invalid.
 */
export async function bindZmqTransport(connection: Connection, warn: (text: string) => void): Promise<Transport> {
  const transport = new ZmqTransport(connection, warn);
  try {
    await transport.bind();
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}

class ZmqTransport implements Transport {
  private readonly connection: Connection;
  private readonly warn: (text: string) => void;
  private readonly shell = new Router({ linger: LINGER_MS, sendHighWaterMark: 0 });
  private readonly control = new Router({ linger: LINGER_MS, sendHighWaterMark: 0 });
  // `mandatory`: asking somebody who is not there is an error, not a question that nobody hears.
  private readonly stdin = new Router({ linger: 0, mandatory: true });
  private readonly iopub = new XPublisher({ linger: LINGER_MS, sendHighWaterMark: IOPUB_BACKLOG });
  private readonly heartbeat = new Reply({ linger: 0 });
  private readonly replies: Readonly<Record<RequestChannel, SendQueue>>;
  private readonly broadcasts: SendQueue;
  private isClosed = false;

  constructor(connection: Connection, warn: (text: string) => void) {
    this.connection = connection;
    this.warn = warn;
    const onError = (error: unknown) => warn(`A message could not be sent: ${String(error)}`);
    this.replies = { shell: new SendQueue(this.shell, onError), control: new SendQueue(this.control, onError) };
    this.broadcasts = new SendQueue(this.iopub, onError);
    // Every subscriber is welcomed, also the second one with the same topic.
    this.iopub.verbosity = "allSubs";
  }

  async bind(): Promise<void> {
    const sockets = {
      shell: this.shell,
      control: this.control,
      stdin: this.stdin,
      iopub: this.iopub,
      hb: this.heartbeat,
    };
    for (const [channel, socket] of Object.entries(sockets)) {
      const address = channelAddress(this.connection, channel as Channel);
      if (address.includes("[")) socket.ipv6 = true;
      try {
        await socket.bind(address);
      } catch (error) {
        throw new BindError(`Cannot bind the ${channel} channel to ${address}: ${String(error)}`);
      }
    }
    this.run(this.echoHeartbeats());
  }

  listen(events: TransportEvents): void {
    this.run(this.receiveRequests("shell", this.shell, events));
    this.run(this.receiveRequests("control", this.control, events));
    this.run(this.receive("stdin", this.stdin, (reply) => events.onInput(reply)));
    this.run(this.receiveSubscriptions(events));
  }

  reply(channel: RequestChannel, identities: Identities, message: Message<object>): void {
    this.replies[channel].push(encodeFrames(this.connection.key, identities, message));
  }

  async ask(identities: Identities, message: Message<object>): Promise<void> {
    const frames = encodeFrames(this.connection.key, identities, message);
    for (const deadline = performance.now() + CONNECT_MS; ; ) {
      try {
        return await this.stdin.send(frames);
      } catch (error) {
        // A client that has just connected may be there on shell, and not yet here.
        if (performance.now() > deadline || this.isClosed) throw error;
        await new Promise((resolve) => setTimeout(resolve, CONNECT_POLL_MS));
      }
    }
  }

  publish(topic: string, message: Message<object>): void {
    // A subscriber to everything gets the welcome without a topic frame, as the other kernels send it.
    const topics = topic === "" ? [] : [Buffer.from(topic)];
    this.broadcasts.push(encodeFrames(this.connection.key, topics, message));
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    const queues = [this.replies.shell, this.replies.control, this.broadcasts];
    await withTimeout(Promise.all(queues.map((queue) => queue.flush())), LINGER_MS);
    for (const socket of [this.shell, this.control, this.stdin, this.iopub, this.heartbeat]) socket.close();
  }

  private receiveRequests(channel: RequestChannel, socket: Router, events: TransportEvents): Promise<void> {
    return this.receive(channel, socket, (request) => events.onRequest(channel, request));
  }

  private async receive(channel: Channel, socket: Router, onEnvelope: (envelope: Envelope) => void): Promise<void> {
    for await (const frames of socket) {
      try {
        onEnvelope(decodeFrames(this.connection.key, frames));
      } catch (error) {
        this.warn(`A message on ${channel} was dropped: ${String(error)}`);
      }
    }
  }

  private async receiveSubscriptions(events: TransportEvents): Promise<void> {
    for await (const [frame] of this.iopub) {
      if (frame?.[0] === SUBSCRIBE) events.onSubscription(frame.subarray(1).toString("utf8"));
    }
  }

  private async echoHeartbeats(): Promise<void> {
    for await (const frames of this.heartbeat) await this.heartbeat.send(frames);
  }

  /** A loop over a socket ends with an error when the socket is closed below it; any other error is reported. */
  private run(loop: Promise<void>): void {
    loop.catch((error: unknown) => {
      if (!this.isClosed) this.warn(`A channel stopped: ${String(error)}`);
    });
  }
}

async function withTimeout(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
