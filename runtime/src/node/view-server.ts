/**
 * The head's sockets for panels: the comm `mobula.cluster.v1`, one connection per comm, newline-delimited JSON (see
 * "Delegated comms" in ARCHITECTURE.md). What travels in `data`: cluster-view.ts.
 */
import { createServer, type Server, type Socket } from "node:net";
import {
  CLUSTER_VIEW_PROTOCOL,
  type ResourcesView,
  type ViewReply,
  type ViewRequest,
  type ViewTopic,
} from "../protocol/cluster-view.ts";
import type { ClientId } from "../protocol/ids.ts";
import type { StateParameters, StateRoute } from "../protocol/state.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { VERSION } from "../version.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterViews } from "./cluster-views.ts";
import { readRequests, type StateQueryLine } from "./view-requests.ts";

const RESOURCES_EVERY_MS = 1_000;
const OTHERS_EVERY_MS = 500;
const HISTORY_LENGTH = 300;
const TOPICS: readonly ViewTopic[] = ["resources", "workers", "tasks", "actors"];

/** One panel. */
interface Viewer {
  readonly jobId: ClientId | undefined;
  readonly topics: Set<ViewTopic>;
  /** What was sent last, to send again only what changed. */
  readonly sent: Map<ViewTopic, string>;
  reply(reply: ViewReply): void;
}

export class ViewServer {
  readonly #cluster: Cluster;
  readonly #clusterId: string;
  readonly #views: ClusterViews;
  readonly #viewers = new Set<Viewer>();
  readonly #servers = new Map<string, Server>();
  readonly #history: ResourcesView[] = [];
  #sequence = 0;

  constructor(cluster: Cluster, clusterId: string) {
    this.#cluster = cluster;
    this.#clusterId = clusterId;
    this.#views = new ClusterViews(cluster);
    setInterval(() => {
      this.#history.push(this.#views.sampleResources());
      if (this.#history.length > HISTORY_LENGTH) this.#history.shift();
      this.#sendTopic("resources");
    }, RESOURCES_EVERY_MS).unref();
    setInterval(() => {
      if (this.#viewers.size === 0) return;
      this.#views.sampleWorkers();
      for (const topic of TOPICS) if (topic !== "resources") this.#sendTopic(topic);
    }, OTHERS_EVERY_MS).unref();
  }

  /** @param jobId - whose tasks its panels show and cancel. Default: everybody's. */
  async listen(address: string, jobId?: ClientId): Promise<void> {
    const server = createServer((socket) => this.#serve(socket, jobId));
    this.#servers.set(address, server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address, resolve);
    });
  }

  /** Panels that are there stay as long as their kernel wants them. */
  close(address: string): void {
    this.#servers.get(address)?.close();
    this.#servers.delete(address);
  }

  #serve(socket: Socket, jobId: ClientId | undefined): void {
    const viewer: Viewer = {
      jobId,
      topics: new Set(),
      sent: new Map(),
      reply: (data) => void socket.write(`${JSON.stringify({ type: "comm-message", data })}\n`),
    };
    this.#viewers.add(viewer);
    socket.once("close", () => this.#viewers.delete(viewer));
    const read: StateReader = (route, parameters) => this.#cluster.observer.read(route, parameters);
    readRequests(
      socket,
      (request) => this.#answer(viewer, request),
      (query) => void answerQuery(socket, query, read),
    );
  }

  #answer(viewer: Viewer, request: ViewRequest): void {
    switch (request.op) {
      case "hello": {
        if (request.protocol !== CLUSTER_VIEW_PROTOCOL) {
          const reason = `This cluster speaks view protocol ${CLUSTER_VIEW_PROTOCOL}; update the older of cluster and panel`;
          viewer.reply({ op: "refused", protocol: CLUSTER_VIEW_PROTOCOL, reason });
          return;
        }
        const { startedAtMs } = this.#cluster;
        const info = { id: this.#clusterId, engine: "local", version: VERSION, startedAtMs };
        viewer.reply({ op: "welcome", protocol: CLUSTER_VIEW_PROTOCOL, cluster: info });
        this.#subscribe(viewer, request.topics ?? []);
        return;
      }
      case "subscribe":
        this.#subscribe(viewer, request.topics);
        return;
      case "unsubscribe":
        for (const topic of request.topics) viewer.topics.delete(topic);
        return;
      case "cancel-tasks":
        this.#cancelTasks(viewer, request);
        return;
      case "ping":
        viewer.reply({ op: "pong" });
        return;
    }
  }

  #cancelTasks(viewer: Viewer, request: Extract<ViewRequest, { op: "cancel-tasks" }>): void {
    if (typeof request.function !== "string") {
      viewer.reply({ op: "error", id: request.id, message: "cancel-tasks needs the function's name" });
      return;
    }
    const cell = request.cellId === undefined ? {} : { cellId: request.cellId };
    const { jobId } = viewer;
    const job = jobId === undefined || request.isOfAllJobs === true ? {} : { jobId };
    this.#cluster.apply({ type: "group-cancel-asked", function: request.function, ...cell, ...job });
    viewer.reply({ op: "ack", id: request.id });
  }

  #subscribe(viewer: Viewer, topics: readonly ViewTopic[]): void {
    for (const topic of topics) {
      if (!TOPICS.includes(topic)) continue;
      viewer.topics.add(topic);
      viewer.sent.delete(topic);
      this.#sendSnapshot(viewer, topic, true);
    }
  }

  #sendTopic(topic: ViewTopic): void {
    for (const viewer of this.#viewers) if (viewer.topics.has(topic)) this.#sendSnapshot(viewer, topic, false);
  }

  #sendSnapshot(viewer: Viewer, topic: ViewTopic, withHistory: boolean): void {
    const data = this.#views.read(topic, viewer.jobId);
    const text = JSON.stringify(data);
    if (viewer.sent.get(topic) === text) return;
    viewer.sent.set(topic, text);
    const past = withHistory && topic === "resources" ? { history: [...this.#history] } : {};
    viewer.reply({ op: "snapshot", topic, sequence: ++this.#sequence, data, ...past });
  }
}

type StateReader = (route: StateRoute, parameters: StateParameters) => Promise<unknown>;

async function answerQuery(
  socket: Socket,
  { id, route, parameters }: StateQueryLine,
  read: StateReader,
): Promise<void> {
  let line: object;
  try {
    line = { type: "state-answer", id, answer: await read(route, parameters) };
  } catch (error) {
    line = { type: "state-answer", id, error: toWireError(error) };
  }
  socket.write(`${JSON.stringify(line)}\n`);
}
