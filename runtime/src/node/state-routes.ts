/** The state API over HTTP: `GET /api/v1/tasks?state=RUNNING&limit=20` and its like, and `/metrics` for Prometheus. */
import { hasCode } from "../errors.ts";
import type { StateRoute } from "../protocol/state.ts";
import type { HeadParts } from "./http-routes.ts";
import { HttpError, type HttpReply, type HttpServer } from "./http-server.ts";

/** `cluster` has a route already. */
const ROUTES: readonly Exclude<StateRoute, "cluster">[] = [
  "tasks",
  "actors",
  "objects",
  "workers",
  "jobs",
  "nodes",
  "placement-groups",
  "resources",
  "summary/tasks",
  "summary/actors",
  "summary/objects",
  "timeline",
  "stack",
  "logs",
  "logs/tail",
];

export function registerStateRoutes(server: HttpServer, { cluster }: HeadParts): void {
  const { observer } = cluster;
  for (const route of ROUTES) {
    server.route("GET", `/api/v1/${route}`, async ({ query }): Promise<HttpReply> => {
      try {
        return { json: await observer.read(route, Object.fromEntries(query)) };
      } catch (error) {
        if (hasCode(error, "UNSUPPORTED")) throw new HttpError(400, "UNSUPPORTED", (error as Error).message);
        throw error;
      }
    });
  }
  server.route("GET", "/metrics", async (): Promise<HttpReply> => {
    const { text, contentType } = await observer.metrics();
    return { text, contentType };
  });
}
