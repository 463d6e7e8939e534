/** The core's state as panels show it. */
import { countStored } from "../core/object-views.ts";
import { fromAmount } from "../core/resources.ts";
import type {
  ActorView,
  ResourcesView,
  TaskGroupView,
  ViewData,
  ViewTopic,
  WorkerView,
} from "../protocol/cluster-view.ts";
import type { ClientId } from "../protocol/ids.ts";
import { type Cluster, workerStateOf } from "./cluster.ts";
import { MachineStats, machineMemory, type ProcessUsage } from "./machine-stats.ts";

export class ClusterViews {
  readonly #cluster: Cluster;
  readonly #stats = new MachineStats();
  #usage = new Map<number, ProcessUsage>();
  #resources: ResourcesView | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** @param jobId - whose tasks; everybody's when absent. Workers and actors are those of all. */
  read(topic: ViewTopic, jobId?: ClientId): ViewData[ViewTopic] {
    switch (topic) {
      case "resources":
        return this.#resources ?? this.sampleResources();
      case "workers":
        return this.#workers();
      case "nodes": // one machine: its workers are told
        return [];
      case "tasks":
        return this.#tasks(jobId);
      case "actors":
        return this.#actors();
    }
  }

  /** Read the machine; load is counted since the last call. */
  sampleResources(): ResourcesView {
    const { state } = this.#cluster;
    const total = state.total["cpus"] ?? 0;
    const used = Math.max(0, total - (state.free["cpus"] ?? 0));
    this.#resources = {
      atMs: Date.now(),
      cpus: { used: fromAmount("cpus", used), total: fromAmount("cpus", total) },
      cpuPercent: round(this.#stats.cpuPercent()),
      memory: machineMemory(),
      objectStore: {
        usedBytes: this.#cluster.usedBytes,
        capacityBytes: this.#cluster.capacityBytes,
        objects: countStored(state),
        spilledBytes: state.store.spilledBytes,
      },
    };
    return this.#resources;
  }

  /** Read CPU and memory of the worker processes. */
  sampleWorkers(): void {
    const usage = new Map<number, ProcessUsage>();
    for (const { pid } of this.#cluster.state.workers.values()) {
      if (pid !== 0) usage.set(pid, this.#stats.ofProcess(pid));
    }
    for (const pid of this.#usage.keys()) if (!usage.has(pid)) this.#stats.forget(pid);
    this.#usage = usage;
  }

  #workers(): WorkerView[] {
    return [...this.#cluster.state.workers.values()].flatMap(({ workerId, pid, work, running, tasksFinished }) => {
      if (work.state === "stopping") return [];
      const { cpuPercent = 0, rssBytes = 0 } = this.#usage.get(pid) ?? {};
      const busy = running === undefined || work.state === "idle" ? {} : { running };
      return [
        {
          id: workerId,
          pid,
          state: workerStateOf(work, running),
          ...busy,
          cpuPercent: round(cpuPercent),
          rssBytes,
          tasksFinished,
        },
      ];
    });
  }

  #tasks(jobId: ClientId | undefined): TaskGroupView[] {
    const groups = [...this.#cluster.state.groups.values()];
    const wanted = jobId === undefined ? groups : groups.filter((group) => group.jobId === jobId);
    return wanted.map((group) => ({
      function: group.function,
      ...(group.cellId === undefined ? {} : { cellId: group.cellId }),
      ...(group.executionCount === undefined ? {} : { executionCount: group.executionCount }),
      ...(group.jobId === undefined ? {} : { job: group.jobId }),
      queued: sum(group.queued),
      running: sum(group.running),
      finished: group.finished,
      failed: group.failed,
      cancelled: group.cancelled,
      retried: group.retried,
      firstAtMs: group.firstAtMs,
      lastAtMs: group.lastAtMs,
    }));
  }

  #actors(): ActorView[] {
    const listed = new Map(this.#cluster.describe().actors.map((actor) => [actor.id, actor]));
    return [...this.#cluster.state.actors.values()].flatMap((record) => {
      const actor = listed.get(record.spec.actorId);
      if (actor === undefined) return [];
      return [{ ...actor, callsPending: sum(record.callsPending), callsFinished: record.callsFinished }];
    });
  }
}

function sum(counts: ReadonlyMap<unknown, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
