/** How messages reach the kernel and leave it. */
import type { Envelope, Identities } from "../protocol/frames.ts";
import type { Message } from "../protocol/messages.ts";

/** Channels on which front ends ask. `control` carries what must not wait behind a running cell. */
export type RequestChannel = "shell" | "control";

/** What arrives. Malformed and wrongly signed messages were dropped before. */
export interface TransportEvents {
  onRequest(channel: RequestChannel, request: Envelope): void;
  /** A front end answered on the stdin channel. */
  onInput(reply: Envelope): void;
  /** A front end subscribed to IOPub messages whose topic starts with `topic`. */
  onSubscription(topic: string): void;
}

/** The kernel's side of its connections. Sending never blocks; each channel keeps the order of its messages. */
export interface Transport {
  /** Deliver what arrives from now on, including what came before. Called once. */
  listen(events: TransportEvents): void;
  /** Answer the peer named by `identities`. */
  reply(channel: RequestChannel, identities: Identities, message: Message<object>): void;
  /** Ask the peer named by `identities` on the stdin channel. Rejects when it is not connected there. */
  ask(identities: Identities, message: Message<object>): Promise<void>;
  /** Broadcast on IOPub. */
  publish(topic: string, message: Message<object>): void;
  /** Send what is queued (for about a second at most), then let go of the sockets. */
  close(): Promise<void>;
}
