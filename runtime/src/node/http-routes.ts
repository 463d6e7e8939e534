/**
 * All routes of the head's HTTP server. A part that has more writes `register…Routes(server, head)` in a module of its own
 * and is called in `registerRoutes`. Paths begin with `/api/v1/`; values are JSON in camelCase, times in ms since 1970.
 */
import { PROTOCOL_VERSION } from "../protocol/messages.ts";
import { VERSION } from "../version.ts";
import type { Cluster } from "./cluster.ts";
import type { HeadLog } from "./head-log.ts";
import type { HttpServer } from "./http-server.ts";
import type { HeadOptions } from "./options.ts";
import { registerRemoteRoutes } from "./remote-sessions.ts";
import { registerStateRoutes } from "./state-routes.ts";

/** What routes may use. */
export interface HeadParts {
  readonly cluster: Cluster;
  readonly options: HeadOptions;
  readonly log: HeadLog;
}

export function registerRoutes(server: HttpServer, head: HeadParts): void {
  registerClusterRoutes(server, head);
  registerStateRoutes(server, head);
  registerRemoteRoutes(server, head);
}

function registerClusterRoutes(server: HttpServer, { cluster, options }: HeadParts): void {
  server.route("GET", "/api/v1/version", () => ({
    json: { version: VERSION, protocol: PROTOCOL_VERSION, clusterId: options.clusterId },
  }));
  server.route("GET", "/api/v1/cluster", () => ({ json: cluster.describe() }));
}
