/**
 * Serves panels of a Ray cluster, in the thread of the driver's wire: so they are alive while user code spins. What they show
 * comes from Ray's dashboard, asked while somebody looks, and from the driver's own counts of its calls.
 */
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { readRequests } from "../../node/view-requests.ts";
import {
  CLUSTER_VIEW_PROTOCOL,
  type ClusterInfo,
  type ResourcesView,
  type TaskGroupView,
  type ViewData,
  type ViewReply,
  type ViewRequest,
  type ViewTopic,
} from "../../protocol/cluster-view.ts";
import type { ClientId } from "../../protocol/ids.ts";
import type { TaskSummaryRow } from "../../protocol/state.ts";
import type { FromLinkThread } from "../remote/link-messages.ts";
import { JobsApi, type RayRow, type UsageByNode } from "./jobs-api.ts";
import { textOf } from "./ray-fields.ts";
import type { RayOptions } from "./ray-options.ts";
import { actorRows, nodeRows } from "./ray-rows.ts";
import { allTasks, TASK_TYPES } from "./ray-state.ts";
import { taskSummary } from "./ray-state-api.ts";
import { actorViews, nodeViews, resourcesView, taskViews } from "./ray-view-rows.ts";

const LOOK_EVERY_MS = 1_000;
/** Nodes measure themselves no oftener. */
const MEASURE_EVERY_MS = 5_000;
/** A driver that was not heard for so long is busy. */
const BUSY_AFTER_MS = 2_000;
const HISTORY_LENGTH = 300;
const TOPICS = ["resources", "nodes", "tasks", "actors"] as const;

/** What there is to show. */
type Seen = Pick<ViewData, (typeof TOPICS)[number]>;

/** One panel. */
interface Viewer {
  readonly socket: Socket;
  readonly topics: Set<ViewTopic>;
  /** What was sent last, to send again only what changed. */
  readonly sent: Map<ViewTopic, string>;
  reply(reply: ViewReply): void;
}

export class RayViews {
  readonly #address: string;
  readonly #api: JobsApi;
  readonly #clientId: ClientId;
  readonly #tell: (message: FromLinkThread) => void;
  readonly #viewers = new Set<Viewer>();
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #history: ResourcesView[] = [];
  readonly #timer: NodeJS.Timeout;
  #info: ClusterInfo | undefined;
  #job: string | undefined;
  #machines: readonly RayRow[] = [];
  #measuredAtMs = 0;
  #groups: readonly TaskGroupView[] = [];
  #heardAtMs = Date.now();
  #seen: Seen | undefined;
  #looking: Promise<void> | undefined;
  #lookedAtMs = 0;
  #sequence = 0;

  /** @param address - in a folder of its own, which is made now and removed by `close`. */
  constructor(address: string, options: RayOptions, clientId: ClientId, tell: (message: FromLinkThread) => void) {
    this.#address = address;
    this.#api = new JobsApi(options);
    this.#clientId = clientId;
    this.#tell = tell;
    mkdirSync(dirname(address), { mode: 0o700 });
    // Without the panel's socket all else still works.
    this.#server.on("error", () => {});
    this.#server.listen(address).unref();
    this.#timer = setInterval(() => {
      if ([...this.#viewers].some(({ topics }) => topics.size > 0)) void this.#look();
    }, LOOK_EVERY_MS).unref();
  }

  /** The driver's counts; nothing when they have not changed. */
  counted(groups: readonly TaskGroupView[]): void {
    this.#heardAtMs = Date.now();
    if (groups.length > 0) this.#groups = groups;
  }

  #serve(socket: Socket): void {
    socket.unref();
    const viewer: Viewer = {
      socket,
      topics: new Set(),
      sent: new Map(),
      reply: (data) => void socket.write(`${JSON.stringify({ type: "comm-message", data })}\n`),
    };
    this.#viewers.add(viewer);
    socket.once("close", () => this.#viewers.delete(viewer));
    readRequests(socket, (request) => void this.#answer(viewer, request));
  }

  async #answer(viewer: Viewer, request: ViewRequest): Promise<void> {
    switch (request.op) {
      case "hello":
        if (request.protocol !== CLUSTER_VIEW_PROTOCOL) {
          const reason = `This driver speaks view protocol ${CLUSTER_VIEW_PROTOCOL}; update the older of Mobula and panel`;
          viewer.reply({ op: "refused", protocol: CLUSTER_VIEW_PROTOCOL, reason });
          return;
        }
        await this.#look();
        if (this.#info === undefined) {
          // The dashboard does not answer: the panel tries again a little later.
          viewer.socket.destroy();
          return;
        }
        viewer.reply({ op: "welcome", protocol: CLUSTER_VIEW_PROTOCOL, cluster: this.#info });
        this.#subscribe(viewer, request.topics ?? []);
        return;
      case "subscribe":
        if (Date.now() - this.#lookedAtMs > LOOK_EVERY_MS) await this.#look();
        this.#subscribe(viewer, request.topics);
        return;
      case "unsubscribe":
        for (const topic of request.topics) viewer.topics.delete(topic);
        return;
      case "cancel-tasks":
        this.#tell({
          type: "cancel-tasks",
          function: request.function,
          ...(request.cellId === undefined ? {} : { cellId: request.cellId }),
        });
        viewer.reply({ op: "ack", id: request.id });
        return;
      case "ping":
        viewer.reply({ op: "pong" });
        return;
    }
  }

  /** One look at a time: who asks meanwhile waits for that one. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Ask the dashboard, and send on what has changed. */
  async #lookOnce(): Promise<void> {
    try {
      await this.#ask();
      this.#lookedAtMs = Date.now();
      for (const viewer of this.#viewers) for (const topic of viewer.topics) this.#sendSnapshot(viewer, topic, false);
    } catch {
      // The next look may have an answer; that the head is gone, the wire tells.
    }
  }

  async #ask(): Promise<void> {
    const now = Date.now();
    await this.#getKnown();
    const job = this.#job;
    const [nodes, usage, actors, ...running] = await Promise.all([
      this.#api.list("nodes"),
      this.#api.usage(),
      this.#api.list("actors"),
      ...RUNNING.map((state) => (job === undefined ? NOTHING : this.#api.list("tasks", { state, job_id: job }))),
    ]);
    if (now - this.#measuredAtMs >= MEASURE_EVERY_MS) {
      this.#machines = await this.#api.machines();
      this.#measuredAtMs = now;
    }
    const runs = running.flatMap(({ rows }) => rows).filter(({ type }) => TASK_TYPES.has(type));
    const views = nodeViews(nodeRows(nodes.rows, usage), this.#machines, runs);
    const resources = this.#sample(views, usage);
    const tasks = taskViews(this.#groups, runs, await this.#endedMeanwhile(job));
    // Of others' actors only those that live.
    const shown = actorRows(actors.rows, []).filter((row) => row.state !== "dead" || row.job === job);
    this.#seen = { resources, nodes: views, tasks, actors: actorViews(shown) };
  }

  /** What does not change: who this is. */
  async #getKnown(): Promise<void> {
    if (this.#info === undefined) {
      const [{ rayVersion, session }, { rows }] = await Promise.all([this.#api.version(), this.#api.list("nodes")]);
      const starts = nodeRows(rows, {}).flatMap(({ startedAtMs }) => startedAtMs ?? []);
      this.#info = { id: session, engine: "ray", version: rayVersion, startedAtMs: Math.min(Date.now(), ...starts) };
    }
    if (this.#job === undefined) {
      const { rows } = await this.#api.list("jobs");
      const mine = rows.find(({ metadata }) => (metadata as RayRow | null)?.["client"] === this.#clientId);
      this.#job = textOf(mine?.["job_id"]);
    }
  }

  #sample(nodes: Seen["nodes"], usage: UsageByNode): ResourcesView {
    const resources = resourcesView(nodes, usage, Date.now());
    this.#history.push(resources);
    if (this.#history.length > HISTORY_LENGTH) this.#history.shift();
    return resources;
  }

  /** A busy driver does not hear of the ends of its calls; Ray does, as long as it tells of all of them. */
  async #endedMeanwhile(job: string | undefined): Promise<readonly TaskSummaryRow[]> {
    if (job === undefined || Date.now() - this.#heardAtMs < BUSY_AFTER_MS) return [];
    const { tasks, notes } = await allTasks(this.#api, { job });
    return notes.length > 0 ? [] : taskSummary(tasks);
  }

  #subscribe(viewer: Viewer, topics: readonly ViewTopic[]): void {
    for (const topic of topics) {
      if (!TOPICS.includes(topic as (typeof TOPICS)[number])) continue;
      viewer.topics.add(topic);
      viewer.sent.delete(topic);
      this.#sendSnapshot(viewer, topic, true);
    }
  }

  #sendSnapshot(viewer: Viewer, topic: ViewTopic, withHistory: boolean): void {
    const data = this.#seen?.[topic as (typeof TOPICS)[number]];
    if (data === undefined) return;
    const text = JSON.stringify(data);
    if (viewer.sent.get(topic) === text) return;
    viewer.sent.set(topic, text);
    const past = withHistory && topic === "resources" ? { history: [...this.#history] } : {};
    viewer.reply({ op: "snapshot", topic, sequence: ++this.#sequence, data, ...past });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    for (const { socket } of this.#viewers) socket.destroy();
    rmSync(dirname(this.#address), { recursive: true, force: true });
  }
}

const RUNNING = ["RUNNING", "RUNNING_IN_RAY_GET", "RUNNING_IN_RAY_WAIT"];
/** Ray has not told which job this driver is. */
const NOTHING = { rows: [] };
