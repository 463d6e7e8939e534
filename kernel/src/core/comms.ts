/** Comms: two-way channels between a front end and the address that a target is delegated to. */
import type { CommContent, CommOpenContent, Header, Message } from "../protocol/messages.ts";
import type { CommEndpoint, CommEndpointEvents, FromEndpoint } from "../transport/comm-endpoint.ts";
import type { Outbox } from "./outbox.ts";

/** Connects to an address that the session named. */
export type OpenCommEndpoint = (address: string, events: CommEndpointEvents) => CommEndpoint;

interface Comm {
  readonly target: string;
  /** Header of its `comm_open`: parent of everything the address sends. */
  readonly parent: Header;
  readonly endpoint: CommEndpoint;
}

export class Comms {
  private readonly outbox: Outbox;
  private readonly openEndpoint: OpenCommEndpoint;
  private readonly addresses = new Map<string, string>();
  private readonly served = new Map<string, (events: CommEndpointEvents) => CommEndpoint>();
  private readonly open = new Map<string, Comm>();

  constructor(outbox: Outbox, openEndpoint: OpenCommEndpoint) {
    this.outbox = outbox;
    this.openEndpoint = openEndpoint;
  }

  /** The kernel itself answers comms of `target`, whatever becomes of the session. */
  serve(target: string, accept: (events: CommEndpointEvents) => CommEndpoint): void {
    this.served.set(target, accept);
  }

  delegate(target: string, address: string): void {
    this.addresses.set(target, address);
  }

  /** No new comms of `target`; those that are open are closed. */
  withdraw(target: string): void {
    this.addresses.delete(target);
    for (const [commId, comm] of this.open) {
      if (comm.target === target) this.closeBoth(commId, comm, `target '${target}' was withdrawn`);
    }
  }

  /** The session that delegated the targets is gone. */
  withdrawAll(): void {
    for (const target of this.addresses.keys()) this.withdraw(target);
  }

  /** Open comms, for `comm_info_reply`. */
  list(target?: string): Record<string, { target_name: string }> {
    const matching = [...this.open].filter(([, comm]) => target === undefined || comm.target === target);
    return Object.fromEntries(matching.map(([commId, comm]) => [commId, { target_name: comm.target }]));
  }

  /** Answer a `comm_open` that cannot be served: a front end would wait forever otherwise. */
  refuse({ comm_id: commId }: CommOpenContent, parent: Header, reason: string): void {
    this.tellClosed(commId, parent, reason);
  }

  /** @param request - the message that carries the content. */
  onOpen({ comm_id: commId, target_name: target, data }: CommOpenContent, { header: parent, buffers }: Message): void {
    const connect = this.served.get(target) ?? this.addressOf(target);
    if (!connect) {
      // Required by the specification; a front end would wait forever otherwise.
      this.tellClosed(commId, parent, `no target '${target}' in this kernel`);
      return;
    }
    const earlier = this.open.get(commId);
    if (earlier) this.closeEndpoint(commId, earlier);
    const comm: Comm = {
      target,
      parent,
      endpoint: connect({
        onMessage: (message) => this.fromEndpoint(commId, comm, message),
        onEnd: (reason) => this.endpointEnded(commId, comm, reason),
      }),
    };
    this.open.set(commId, comm);
    comm.endpoint.send({ type: "comm-open", commId, target, data, buffers });
  }

  private addressOf(target: string): ((events: CommEndpointEvents) => CommEndpoint) | undefined {
    const address = this.addresses.get(target);
    return address === undefined ? undefined : (events) => this.openEndpoint(address, events);
  }

  onMessage({ comm_id: commId, data }: CommContent, { buffers }: Message): void {
    this.open.get(commId)?.endpoint.send({ type: "comm-message", data, buffers });
  }

  onClose({ comm_id: commId, data }: CommContent, { buffers }: Message): void {
    const comm = this.open.get(commId);
    if (!comm) return;
    comm.endpoint.send({ type: "comm-close", data, buffers });
    this.closeEndpoint(commId, comm);
  }

  closeAll(): void {
    for (const [commId, comm] of this.open) this.closeEndpoint(commId, comm);
  }

  private fromEndpoint(commId: string, comm: Comm, message: FromEndpoint): void {
    if (this.open.get(commId) !== comm) return;
    const type = message.type === "comm-message" ? "comm_msg" : "comm_close";
    if (type === "comm_close") this.closeEndpoint(commId, comm);
    const { data, buffers = [] } = message;
    this.outbox.publish({ type, content: { comm_id: commId, data }, buffers }, comm.parent);
  }

  private endpointEnded(commId: string, comm: Comm, reason: string): void {
    if (this.open.get(commId) !== comm) return;
    this.open.delete(commId);
    this.tellClosed(commId, comm.parent, reason);
  }

  private closeBoth(commId: string, comm: Comm, reason: string): void {
    this.closeEndpoint(commId, comm);
    this.tellClosed(commId, comm.parent, reason);
  }

  private closeEndpoint(commId: string, comm: Comm): void {
    this.open.delete(commId);
    comm.endpoint.close();
  }

  private tellClosed(commId: string, parent: Header, reason: string): void {
    this.outbox.publish({ type: "comm_close", content: { comm_id: commId, data: { reason } } }, parent);
  }
}
