/** Comms that the session's own thread answers: widgets and the list of variables. A busy cell makes them wait. */
import type { Session } from "../session/session.ts";
import type { CommEndpoint, CommEndpointEvents, FromEndpoint, ToEndpoint } from "../transport/comm-endpoint.ts";

/** Targets that every session answers. */
export const SESSION_TARGETS: readonly string[] = ["mobula.widget.v1", "mobula.variables.v1"];

export class SessionComms {
  private readonly session: Session;
  private readonly open = new Map<string, CommEndpointEvents>();

  constructor(session: Session) {
    this.session = session;
  }

  /** The session's end of a comm that a front end opens. */
  accept(events: CommEndpointEvents): CommEndpoint {
    let id: string | undefined;
    return {
      send: (message: ToEndpoint) => {
        if (message.type === "comm-open") {
          id = message.commId;
          this.open.set(id, events);
        }
        if (id !== undefined) this.session.tellComm(id, message);
      },
      close: () => {
        if (id !== undefined) this.open.delete(id);
      },
    };
  }

  /** The session speaks. */
  fromSession(commId: string, message: FromEndpoint): void {
    this.open.get(commId)?.onMessage(message);
  }

  /** The session is gone, and with it what its comms were about. */
  endAll(reason: string): void {
    const ended = [...this.open.values()];
    this.open.clear();
    for (const events of ended) events.onEnd(reason);
  }
}
