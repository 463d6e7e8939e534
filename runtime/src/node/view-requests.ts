/** What panels and terminals write to a view socket, line by line; see "Delegated comms" in ARCHITECTURE.md. */
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { ViewRequest } from "../protocol/cluster-view.ts";
import type { StateParameters, StateRoute } from "../protocol/state.ts";

/** Lines from the kernel: an opened comm, its messages, its end. A line that is not ours is ignored. */
export function readRequests(
  socket: Socket,
  answer: (request: ViewRequest) => void,
  query: (query: StateQueryLine) => void = () => {},
): void {
  socket.on("error", () => {});
  createInterface({ input: socket }).on("line", (line) => {
    const message = parseLine(line);
    if (message?.type === "comm-close") socket.end();
    else if (isStateQuery(message)) query(message);
    else if (isRequest(message?.data)) answer(message.data);
  });
}

/** A terminal asks like this: the socket is there in every cluster, and only its user can reach it. */
export interface StateQueryLine {
  readonly type: "query-state";
  readonly id: number;
  readonly route: StateRoute;
  readonly parameters: StateParameters;
}

function isStateQuery(message: object | undefined): message is StateQueryLine {
  const { type, route, parameters } = (message ?? {}) as Partial<StateQueryLine>;
  return type === "query-state" && typeof route === "string" && typeof parameters === "object" && parameters !== null;
}

function parseLine(line: string): { type?: unknown; data?: unknown } | undefined {
  try {
    const message = JSON.parse(line) as unknown;
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

function isRequest(data: unknown): data is ViewRequest {
  if (typeof data !== "object" || data === null) return false;
  const { op, topics } = data as { op?: unknown; topics?: unknown };
  if (op === "subscribe" || op === "unsubscribe") return Array.isArray(topics);
  return op === "hello" || op === "cancel-tasks" || op === "ping";
}
