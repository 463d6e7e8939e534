/** Everything the kernel sends: replies, status, and the output of cells under the cell that caused it. */
import type { Identities } from "../protocol/frames.ts";
import { MessageComposer } from "../protocol/header.ts";
import type {
  Broadcast,
  ExecutionState,
  Header,
  InputRequestContent,
  JsonObject,
  ParentHeader,
} from "../protocol/messages.ts";
import type { RequestChannel, Transport } from "../transport/transport.ts";
import { StreamBuffer } from "./stream-buffer.ts";

/** A request as it came in; what its reply needs. */
export interface Origin {
  readonly channel: RequestChannel;
  readonly identities: Identities;
  readonly header: Header;
}

export class Outbox {
  private readonly transport: Transport;
  private readonly composer = new MessageComposer();
  private readonly streams = new StreamBuffer(({ parent, name, text }) =>
    this.transmit({ type: "stream", content: { name, text } }, parent),
  );

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Answer a request. Printed text that waits goes out first, so that a client that has the reply has the output. */
  reply(origin: Origin, content: object, metadata: JsonObject = {}): void {
    this.streams.flush();
    const type = origin.header.msg_type.replace(/_request$/, "_reply");
    const message = this.composer.message(type, content, { parent: origin.header, metadata });
    this.transport.reply(origin.channel, origin.identities, message);
  }

  /**
   * Ask the client that sent a request. Printed text that waits goes out first.
   *
   * @returns id of the question, and a promise that rejects when that client takes none.
   */
  ask(origin: Origin, content: InputRequestContent): { messageId: string; sent: Promise<void> } {
    this.streams.flush();
    const message = this.composer.message("input_request", content, { parent: origin.header });
    return { messageId: message.header.msg_id, sent: this.transport.ask(origin.identities, message) };
  }

  status(state: ExecutionState, parent: ParentHeader): void {
    this.publish({ type: "status", content: { execution_state: state } }, parent);
  }

  publish(broadcast: Broadcast, parent: ParentHeader): void {
    if (broadcast.type === "stream") {
      this.streams.add({ parent, ...broadcast.content });
      return;
    }
    this.streams.flush();
    this.transmit(broadcast, parent);
  }

  /** Greet a new subscriber, so that it knows its subscription has arrived (protocol 5.5, "Welcome message"). */
  welcome(subscription: string): void {
    const message = this.composer.message("iopub_welcome", { subscription });
    this.transport.publish(subscription, message);
  }

  flush(): void {
    this.streams.flush();
  }

  private transmit(broadcast: Broadcast, parent: ParentHeader): void {
    const topic = `kernel.${this.composer.session}.${broadcast.type}`;
    const buffers = "buffers" in broadcast ? (broadcast.buffers ?? []) : [];
    this.transport.publish(topic, this.composer.message(broadcast.type, broadcast.content, { parent, buffers }));
  }
}
