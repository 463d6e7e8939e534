/**
 * The head's socket for panels: the comm `mobula.cluster.v1`, one connection per comm, newline-delimited JSON (see
 * "Delegated comms" in ARCHITECTURE.md). What travels in `data`: cluster-view.ts.
 */
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import {
  CLUSTER_VIEW_PROTOCOL,
  type ResourcesView,
  type ViewReply,
  type ViewRequest,
  type ViewTopic,
} from "../protocol/cluster-view.ts";
import type { StateParameters, StateRoute } from "../protocol/state.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { VERSION } from "../version.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterViews } from "./cluster-views.ts";

const RESOURCES_EVERY_MS = 1_000;
const OTHERS_EVERY_MS = 500;
const HISTORY_LENGTH = 300;
const TOPICS: readonly ViewTopic[] = ["resources", "workers", "tasks", "actors"];

/** One panel. */
interface Viewer {
  readonly topics: Set<ViewTopic>;
  /** What was sent last, to send again only what changed. */
  readonly sent: Map<ViewTopic, string>;
  reply(reply: ViewReply): void;
}

export async function listenForViews(cluster: Cluster, clusterId: string, address: string): Promise<Server> {
  const views = new ClusterViews(cluster);
  const viewers = new Set<Viewer>();
  const history: ResourcesView[] = [];
  let sequence = 0;

  const sendSnapshot = (viewer: Viewer, topic: ViewTopic, withHistory: boolean): void => {
    const data = views.read(topic);
    const text = JSON.stringify(data);
    if (viewer.sent.get(topic) === text) return;
    viewer.sent.set(topic, text);
    const past = withHistory && topic === "resources" ? { history: [...history] } : {};
    viewer.reply({ op: "snapshot", topic, sequence: ++sequence, data, ...past });
  };
  const subscribe = (viewer: Viewer, topics: readonly ViewTopic[]): void => {
    for (const topic of topics) {
      if (!TOPICS.includes(topic)) continue;
      viewer.topics.add(topic);
      viewer.sent.delete(topic);
      sendSnapshot(viewer, topic, true);
    }
  };
  const sendTopic = (topic: ViewTopic): void => {
    for (const viewer of viewers) if (viewer.topics.has(topic)) sendSnapshot(viewer, topic, false);
  };

  setInterval(() => {
    history.push(views.sampleResources());
    if (history.length > HISTORY_LENGTH) history.shift();
    sendTopic("resources");
  }, RESOURCES_EVERY_MS).unref();
  setInterval(() => {
    if (viewers.size === 0) return;
    views.sampleWorkers();
    for (const topic of TOPICS) if (topic !== "resources") sendTopic(topic);
  }, OTHERS_EVERY_MS).unref();

  const answer = (viewer: Viewer, request: ViewRequest): void => {
    switch (request.op) {
      case "hello": {
        if (request.protocol !== CLUSTER_VIEW_PROTOCOL) {
          const reason = `This cluster speaks view protocol ${CLUSTER_VIEW_PROTOCOL}; update the older of cluster and panel`;
          viewer.reply({ op: "refused", protocol: CLUSTER_VIEW_PROTOCOL, reason });
          return;
        }
        const info = { id: clusterId, engine: "local", version: VERSION, startedAtMs: cluster.startedAtMs };
        viewer.reply({ op: "welcome", protocol: CLUSTER_VIEW_PROTOCOL, cluster: info });
        subscribe(viewer, request.topics ?? []);
        return;
      }
      case "subscribe":
        subscribe(viewer, request.topics);
        return;
      case "unsubscribe":
        for (const topic of request.topics) viewer.topics.delete(topic);
        return;
      case "cancel-tasks": {
        if (typeof request.function !== "string") {
          viewer.reply({ op: "error", id: request.id, message: "cancel-tasks needs the function's name" });
          return;
        }
        const cell = request.cellId === undefined ? {} : { cellId: request.cellId };
        cluster.apply({ type: "group-cancel-asked", function: request.function, ...cell });
        viewer.reply({ op: "ack", id: request.id });
        return;
      }
      case "ping":
        viewer.reply({ op: "pong" });
        return;
    }
  };

  const read = (route: StateRoute, parameters: StateParameters): Promise<unknown> =>
    cluster.observer.read(route, parameters);
  const server = createServer((socket) => serveViewer(socket, viewers, answer, read));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, resolve);
  });
  return server;
}

/** Lines from the kernel: an opened comm, its messages, its end. A line that is not ours is ignored. */
function serveViewer(
  socket: Socket,
  viewers: Set<Viewer>,
  answer: (viewer: Viewer, request: ViewRequest) => void,
  read: (route: StateRoute, parameters: StateParameters) => Promise<unknown>,
): void {
  const viewer: Viewer = {
    topics: new Set(),
    sent: new Map(),
    reply: (data) => void socket.write(`${JSON.stringify({ type: "comm-message", data })}\n`),
  };
  viewers.add(viewer);
  socket.on("error", () => {});
  socket.once("close", () => viewers.delete(viewer));
  createInterface({ input: socket }).on("line", (line) => {
    const message = parseLine(line);
    if (message?.type === "comm-close") socket.end();
    else if (isStateQuery(message)) void answerQuery(socket, message, read);
    else if (isRequest(message?.data)) answer(viewer, message.data);
  });
}

/** A terminal asks like this: the socket is there in every cluster, and only its user can reach it. */
interface StateQueryLine {
  readonly type: "query-state";
  readonly id: number;
  readonly route: StateRoute;
  readonly parameters: StateParameters;
}

function isStateQuery(message: object | undefined): message is StateQueryLine {
  const { type, route, parameters } = (message ?? {}) as Partial<StateQueryLine>;
  return type === "query-state" && typeof route === "string" && typeof parameters === "object" && parameters !== null;
}

async function answerQuery(
  socket: Socket,
  { id, route, parameters }: StateQueryLine,
  read: (route: StateRoute, parameters: StateParameters) => Promise<unknown>,
): Promise<void> {
  let line: object;
  try {
    line = { type: "state-answer", id, answer: await read(route, parameters) };
  } catch (error) {
    line = { type: "state-answer", id, error: toWireError(error) };
  }
  socket.write(`${JSON.stringify(line)}\n`);
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
