/** Joins a cluster that runs already, as one more driver. */
import { randomBytes } from "node:crypto";
import { EngineClosedError } from "../../errors.ts";
import { driverViewAddress } from "../../node/options.ts";
import type { ClientId, IdMaker } from "../../protocol/ids.ts";
import { isSameProcess, type ProcessStamp } from "../../store/process-stamp.ts";
import { HeadLink } from "./head-link.ts";
import { LocalEngine } from "./local-engine.ts";

export interface JoinOptions {
  /** Where the cluster's sockets lie. */
  readonly directory: string;
  readonly head: ProcessStamp;
  /** Default: a new one; see `newDriverId`. */
  readonly clientId?: ClientId;
  /** Makes the ids of what the driver makes. */
  readonly ids?: IdMaker;
  /** What the driver calls itself. */
  readonly name?: string | undefined;
  /** The machine it runs on, when that is another one. */
  readonly host?: string;
  /** Its process there. Default: this one. */
  readonly pid?: number;
}

/** `d` and a suffix that no other driver has. */
export function newDriverId(): ClientId {
  return `d${randomBytes(5).toString("hex")}` as ClientId;
}

/** Returns at once; calls wait until the connection is there. The cluster outlives the engine. */
export function joinLocalEngine(options: JoinOptions): LocalEngine {
  const { directory, head, clientId = newDriverId(), ids, name, host, pid } = options;
  const link = new HeadLink("driver", clientId, directory, {
    driverName: name,
    driverHost: host,
    driverPid: pid,
    head,
  });
  const engine = new LocalEngine(link, clientId, driverViewAddress(directory, clientId), ids);
  link.listen({
    onMessage: (message) => engine.receive(message),
    onTimedOut: () => {},
    onTerminated: () => {},
    onClosed: () => {
      const reason = isSameProcess(head) ? "the cluster ended the connection" : "its head process ended";
      void engine.end(new EngineClosedError(reason));
    },
  });
  return engine;
}
