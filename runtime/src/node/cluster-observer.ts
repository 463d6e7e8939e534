/** What the head remembers and asks for those who look at the cluster. No decision depends on it. */
import { jobOf, listJobs } from "../core/jobs.ts";
import { fromAmounts } from "../core/resources.ts";
import type { CoreState } from "../core/state.ts";
import { type RunFacts, TaskHistory } from "../core/task-history.ts";
import { toWireError } from "../errors.ts";
import type { ClientId, WorkerId } from "../protocol/ids.ts";
import type { ClusterDescription, DumpedStack, FromHead, LeaseGrant, ToHead } from "../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../protocol/state.ts";
import type { TaskListings } from "../protocol/task-events.ts";
import { ClientInquiries } from "./client-inquiries.ts";
import type { StateApi } from "./state-api.ts";
import { WorkerLogs } from "./worker-logs.ts";

/** Leases and processes that ended are remembered so far back: reports arrive at most so late. */
const KEPT_LEASES = 8;
const KEPT_WORKERS = 1_000;

/** What of the cluster is looked at. */
export interface ObservedCluster {
  /** Slots of regions that some process has mapped now. */
  mappedSlots(): ReadonlySet<number>;
  readonly state: CoreState;
  readonly startedAtMs: number;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  describe(): ClusterDescription;
  send(to: ClientId, message: FromHead): void;
}

interface PastWorker {
  pid: number;
  readonly leases: { readonly sinceMs: number; readonly job: string; readonly resources: RunFacts["resources"] }[];
}

type ReportType =
  | "task-events"
  | "query-state"
  | "tasks-listed"
  | "stack-dumped"
  | "use-debugger"
  | "debugger-attached";
type Report = Extract<ToHead, { type: ReportType }>;

export class ClusterObserver {
  readonly cluster: ObservedCluster;
  readonly history: TaskHistory = new TaskHistory();
  readonly logs: WorkerLogs;
  readonly #inquiries: ClientInquiries;
  readonly #debuggers = new Map<ClientId, string>();
  readonly #workers = new Map<string, PastWorker>();
  readonly #hosts = new Map<string, string[]>();
  #api: Promise<StateApi> | undefined;

  constructor(cluster: ObservedCluster, directory: string) {
    this.cluster = cluster;
    this.logs = new WorkerLogs(directory);
    this.#inquiries = new ClientInquiries((to, message) => cluster.send(to, message));
  }

  receive(clientId: ClientId, message: Report): void {
    switch (message.type) {
      case "task-events":
        this.history.add(clientId, message.events, (worker, id, startedAtMs) => this.#factsOf(worker, id, startedAtMs));
        return;
      case "tasks-listed":
        this.#inquiries.answered(message.inquiryId, message.listings);
        return;
      case "stack-dumped":
        this.#inquiries.answered(message.inquiryId, message.stack);
        return;
      case "debugger-attached":
        this.#inquiries.answered(message.inquiryId, true);
        return;
      case "use-debugger":
        void this.#useDebugger(clientId, message);
        return;
      case "query-state":
        void this.#answer(clientId, message);
        return;
    }
  }

  async #answer(clientId: ClientId, message: Extract<Report, { type: "query-state" }>): Promise<void> {
    const { requestId, route, parameters } = message;
    try {
      const answer = await this.read(route, parameters);
      this.cluster.send(clientId, { type: "state-answer", requestId, answer });
    } catch (error) {
      this.cluster.send(clientId, { type: "state-answer", requestId, answer: null, error: toWireError(error) });
    }
  }

  /** What a route of the state API answers. Its code is loaded with the first question. @throws UnsupportedError */
  async read<Route extends StateRoute>(route: Route, parameters: StateParameters): Promise<StateRoutes[Route]> {
    return (await this.#stateApi()).read(route, parameters);
  }

  /** The cluster's figures in the text format of Prometheus. */
  async metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
    return (await this.#stateApi()).metrics();
  }

  #stateApi(): Promise<StateApi> {
    this.#api ??= import("./state-api.ts").then(({ StateApi }) => new StateApi(this));
    return this.#api;
  }

  // ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is unfinished in every process; it brings the history up to date, too. */
  listTasks(limit: number): Promise<Map<ClientId, TaskListings | undefined>> {
    const clients = [...this.cluster.state.clients];
    return this.#inquiries.ask(clients, (inquiryId) => ({ type: "list-tasks", inquiryId, limit }));
  }

  dumpStacks(workers: readonly WorkerId[]): Promise<Map<ClientId, DumpedStack | undefined>> {
    const clients = workers as readonly string[] as readonly ClientId[];
    return this.#inquiries.ask(clients, (inquiryId) => ({ type: "dump-stack", inquiryId }));
  }

  async #useDebugger(
    driver: ClientId,
    { requestId, address }: Extract<Report, { type: "use-debugger" }>,
  ): Promise<void> {
    if (address === undefined) this.#debuggers.delete(driver);
    else {
      this.#debuggers.set(driver, address);
      const { clients, workers } = this.cluster.state;
      const running = [...clients].filter((clientId) => workers.has(clientId as string as WorkerId));
      await this.#attachDebugger(running, driver, address);
    }
    this.cluster.send(driver, { type: "debugger-used", requestId });
  }

  async #attachDebugger(workers: readonly ClientId[], driver: ClientId, address: string): Promise<void> {
    await this.#inquiries.ask(workers, (inquiryId) => ({ type: "attach-debugger", inquiryId, address, driver }));
  }

  /** A worker says hello; what it is told now it hears before its first call. */
  workerJoined(clientId: ClientId): void {
    for (const [driver, address] of this.#debuggers) void this.#attachDebugger([clientId], driver, address);
  }

  clientLeft(clientId: ClientId): void {
    this.#debuggers.delete(clientId);
  }

  // ── facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What the core has the head say. */
  sent(to: ClientId, message: FromHead): void {
    if (message.type === "lease-granted") this.#leased(to, message.grant, Date.now());
    else if (message.type === "become-actor") this.#hosted(message.spec.actorId, to);
  }

  /** A worker was leased: what it runs from now on belongs to that job and holds these resources. */
  #leased(clientId: ClientId, { leaseId, workerId, pid }: LeaseGrant, atMs: number): void {
    const lease = this.cluster.state.leases.get(leaseId);
    const { leases } = this.#workerOf(workerId, pid);
    const job = jobOf(this.cluster.state, clientId) ?? clientId;
    leases.push({ sinceMs: atMs, job, resources: lease === undefined ? undefined : fromAmounts(lease.resources) });
    if (leases.length > KEPT_LEASES) leases.shift();
  }

  /** A worker became the process of this actor. */
  #hosted(actorId: string, workerId: string): void {
    const workers = this.#hosts.get(actorId) ?? [];
    if (!workers.includes(workerId)) workers.push(workerId);
    this.#hosts.set(actorId, workers);
    if (this.#hosts.size > KEPT_WORKERS) this.#hosts.delete(this.#hosts.keys().next().value ?? "");
  }

  /** Workers that hosted an actor, oldest first. */
  hostsOf(actorId: string): readonly string[] {
    return this.#hosts.get(actorId) ?? [];
  }

  ended(workerId: WorkerId): void {
    this.#workerOf(workerId, this.cluster.state.workers.get(workerId)?.pid ?? 0);
    this.logs.ended(workerId);
  }

  pidOf(workerId: string): number {
    return this.cluster.state.workers.get(workerId as WorkerId)?.pid ?? this.#workers.get(workerId)?.pid ?? 0;
  }

  #workerOf(workerId: string, pid: number): PastWorker {
    let worker = this.#workers.get(workerId);
    if (worker === undefined) {
      worker = { pid, leases: [] };
      this.#workers.set(workerId, worker);
      for (const oldest of this.#workers.keys()) {
        if (this.#workers.size <= KEPT_WORKERS) break;
        this.#workers.delete(oldest);
      }
    }
    return worker;
  }

  #factsOf(worker: string, taskId: string, startedAtMs: number): RunFacts {
    const live = this.cluster.state.workers.get(worker as WorkerId);
    const past = this.#workers.get(worker);
    const lease = past?.leases.findLast(({ sinceMs }) => sinceMs <= startedAtMs + 1) ?? past?.leases.at(-1);
    const isActor = live?.work.state === "actor";
    return {
      pid: this.pidOf(worker),
      job: this.jobOfTask(taskId),
      resources: isActor ? undefined : lease?.resources,
    };
  }

  /** The driver whose work a task is: the process that called it says so. */
  jobOfTask(taskId: string): string {
    return this.jobOfClient(taskId.slice(0, taskId.indexOf(".")));
  }

  jobOfClient(clientId: string): string {
    const { state } = this.cluster;
    const job = jobOf(state, clientId as ClientId) ?? this.#workers.get(clientId)?.leases.at(-1)?.job;
    return job ?? listJobs(state)[0]?.jobId ?? clientId;
  }
}
