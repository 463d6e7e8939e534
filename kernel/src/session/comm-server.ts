/** The session's end of comms: parts of the session say which targets they answer. */
import type { FromEndpoint, ToEndpoint } from "../transport/comm-endpoint.ts";

/** An open comm. Its handlers are set by whoever accepts it. */
export interface ServedComm {
  send(data: object): void;
  /** End it. Nothing comes after. */
  close(data?: object): void;
  onMessage?: (data: Readonly<Record<string, unknown>>) => void;
  onClose?: () => void;
}

export type AcceptComm = (comm: ServedComm, data: Readonly<Record<string, unknown>>) => void;

export interface CommServerOptions {
  readonly send: (commId: string, message: FromEndpoint) => void;
  /** Told what a handler threw: it must not end the session. */
  readonly onError: (error: unknown) => void;
}

export class CommServer {
  readonly #options: CommServerOptions;
  readonly #targets = new Map<string, AcceptComm>();
  readonly #open = new Map<string, ServedComm>();

  constructor(options: CommServerOptions) {
    this.#options = options;
  }

  serve(target: string, accept: AcceptComm): void {
    this.#targets.set(target, accept);
  }

  /** A message of a front end. */
  receive(commId: string, message: ToEndpoint): void {
    try {
      if (message.type === "comm-open") this.#accept(commId, message);
      else this.#deliver(commId, message);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #accept(commId: string, { target, data }: Extract<ToEndpoint, { type: "comm-open" }>): void {
    const { send } = this.#options;
    const comm: ServedComm = {
      send: (content) => {
        if (this.#open.get(commId) === comm) send(commId, { type: "comm-message", data: { ...content } });
      },
      close: (content = {}) => {
        if (this.#open.delete(commId)) send(commId, { type: "comm-close", data: { ...content } });
      },
    };
    this.#open.set(commId, comm);
    const accept = this.#targets.get(target);
    if (accept === undefined) comm.close({ reason: `no target '${target}' in this session` });
    else accept(comm, data);
  }

  #deliver(commId: string, message: ToEndpoint): void {
    const comm = this.#open.get(commId);
    if (comm === undefined) return;
    if (message.type === "comm-message") {
      comm.onMessage?.(message.data);
      return;
    }
    this.#open.delete(commId);
    comm.onClose?.();
  }
}
