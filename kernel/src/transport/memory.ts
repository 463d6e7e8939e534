/** A transport without sockets: a kernel and its client in one process, for tests and embedding. */
import type { Identities } from "../protocol/frames.ts";
import type { Message } from "../protocol/messages.ts";
import type { RequestChannel, Transport, TransportEvents } from "./transport.ts";

/** What the kernel sent, in order over all channels. */
export interface SentMessage {
  readonly channel: RequestChannel | "iopub" | "stdin";
  readonly identities: Identities;
  readonly message: Message;
}

/** Keeps what the kernel sends in `sent`; `request` and `subscribe` play the front end. */
export class MemoryTransport implements Transport {
  readonly sent: SentMessage[] = [];
  /** Called for each message the kernel sends. */
  onSent: (sent: SentMessage) => void = () => {};
  isClosed = false;
  /** Does the front end listen on the stdin channel? */
  hasStdin = true;
  private events: TransportEvents | undefined;

  listen(events: TransportEvents): void {
    this.events = events;
  }

  reply(channel: RequestChannel, identities: Identities, message: Message<object>): void {
    this.record({ channel, identities, message: copy(message) });
  }

  ask(identities: Identities, message: Message<object>): Promise<void> {
    if (!this.hasStdin) return Promise.reject(new Error("no peer with this identity"));
    this.record({ channel: "stdin", identities, message: copy(message) });
    return Promise.resolve();
  }

  publish(topic: string, message: Message<object>): void {
    this.record({ channel: "iopub", identities: [Buffer.from(topic)], message: copy(message) });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  /** Deliver a front end's message to the kernel. */
  request(channel: RequestChannel, message: Message<object>, identity = "client"): void {
    this.events?.onRequest(channel, { identities: [Buffer.from(identity)], message: copy(message) });
  }

  /** Deliver a front end's answer on the stdin channel. */
  input(message: Message<object>, identity = "client"): void {
    this.events?.onInput({ identities: [Buffer.from(identity)], message: copy(message) });
  }

  /** Deliver a front end's subscription to IOPub. */
  subscribe(topic: string): void {
    this.events?.onSubscription(topic);
  }

  private record(sent: SentMessage): void {
    this.sent.push(sent);
    this.onSent(sent);
  }
}

/** As over a wire: what cannot be written as JSON is lost here too. */
function copy(message: Message<object>): Message {
  const { buffers, ...rest } = message;
  return { ...(JSON.parse(JSON.stringify(rest)) as Omit<Message, "buffers">), buffers };
}
