/** The cluster's figures in the text format of Prometheus. Read from the state when somebody asks, not kept beside it. */
import { Counter, Gauge, type Metric, Registry } from "prom-client";
import { DURATION_BUCKETS_S, OUTCOMES } from "../protocol/task-events.ts";
import type { ClusterObserver } from "./cluster-observer.ts";
import { machineMemory } from "./machine-stats.ts";
import { actorRows, jobRows, objectRows, resourceRows, type WorkerRows } from "./state-rows.ts";

export class ClusterMetrics {
  readonly #registry = new Registry();
  readonly #observer: ClusterObserver;
  readonly #workerRows: WorkerRows;

  constructor(observer: ClusterObserver, workerRows: WorkerRows) {
    this.#observer = observer;
    this.#workerRows = workerRows;
    this.#tasks();
    this.#counts();
    this.#memory();
    this.#workers();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return `${await this.#registry.metrics()}${this.#durations()}`;
  }

  /** A gauge that is read anew each time. @param read - calls `set` with labels and value. */
  #gauge(
    name: string,
    help: string,
    labelNames: string[],
    read: (set: (value: number, labels?: Record<string, string>) => void) => void,
  ): void {
    this.#register(
      new Gauge({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          this.reset();
          read((value, labels = {}) => this.set(labels, value));
        },
      }),
    );
  }

  #register(metric: Metric): void {
    this.#registry.registerMetric(metric);
  }

  #tasks(): void {
    const { history, cluster } = this.#observer;
    this.#register(
      new Counter({
        name: "mobula_tasks_ended_total",
        help: "Runs of tasks and of actors' methods that ended, by outcome",
        labelNames: ["outcome"],
        registers: [],
        collect() {
          this.reset();
          for (const [index, outcome] of OUTCOMES.entries())
            this.inc({ outcome: outcome.toLowerCase() }, history.totals.ended[index] ?? 0);
        },
      }),
    );
    this.#gauge("mobula_tasks", "Unfinished tasks and calls of actors, by state", ["state"], (set) => {
      let queued = 0;
      let running = 0;
      for (const group of cluster.state.groups.values()) {
        for (const count of group.queued.values()) queued += count;
        for (const count of group.running.values()) running += count;
      }
      set(queued, { state: "queued" });
      set(running, { state: "running" });
    });
  }

  #counts(): void {
    const { cluster } = this.#observer;
    const count = (name: string, help: string, states: readonly string[], rows: () => readonly { state: string }[]) =>
      this.#gauge(name, help, ["state"], (set) => {
        const found = rows();
        for (const state of states) set(found.filter((row) => row.state === state).length, { state });
      });
    const actors = ["pending", "alive", "restarting", "dead"];
    count("mobula_actors", "Actors, by state", actors, () => actorRows(cluster.state));
    count("mobula_jobs", "Drivers, by state", ["running", "ended"], () => jobRows(cluster.state));
    const workers = ["starting", "idle", "running", "blocked", "actor", "stopping"];
    count("mobula_workers", "Worker processes, by state", workers, () => this.#workerRows.read(cluster.state));
    const objects = ["pending", "in-memory", "in-store", "spilled", "lost"];
    count("mobula_objects", "Objects that more than one process can see, by state", objects, () =>
      objectRows(cluster.state, (clientId) => clientId),
    );
  }

  #memory(): void {
    const { cluster } = this.#observer;
    this.#gauge("mobula_object_store_used_bytes", "Shared memory that objects take", [], (set) =>
      set(cluster.usedBytes),
    );
    this.#gauge("mobula_object_store_capacity_bytes", "Shared memory that objects may take", [], (set) =>
      set(cluster.capacityBytes),
    );
    this.#gauge("mobula_memory_used_bytes", "Memory of the machine in use", [], (set) =>
      set(machineMemory().usedBytes),
    );
    this.#gauge("mobula_memory_total_bytes", "Memory of the machine", [], (set) => set(machineMemory().totalBytes));
    // A resource is counted in its own unit: slots, or bytes of `memoryBytes`.
    for (const part of ["used", "total"] as const) {
      this.#gauge(`mobula_resource_${part}`, `Resources, ${part}, in the unit of each`, ["resource"], (set) => {
        for (const row of resourceRows(cluster.describe())) set(row[part], { resource: row.name });
      });
    }
  }

  #workers(): void {
    const { cluster } = this.#observer;
    this.#gauge("mobula_worker_resident_memory_bytes", "Resident memory of a worker", ["worker"], (set) => {
      for (const { id, rssBytes = 0 } of this.#workerRows.read(cluster.state)) set(rssBytes, { worker: id });
    });
    this.#register(
      new Gauge({
        name: "mobula_start_time_seconds",
        help: "When the cluster started, in seconds since 1970",
        registers: [],
        collect() {
          this.set(cluster.startedAtMs / 1000);
        },
      }),
    );
  }

  /** Processes count their runs by duration themselves, so the histogram is written from sums, not from observations. */
  #durations(): string {
    const { durations, totalMs } = this.#observer.history.totals;
    const name = "mobula_task_duration_seconds";
    let count = 0;
    const buckets = durations.map((inBucket, index) => {
      count += inBucket;
      return `${name}_bucket{le="${DURATION_BUCKETS_S[index] ?? "+Inf"}"} ${count}`;
    });
    const help = `# HELP ${name} Run times of tasks and of actors' methods\n# TYPE ${name} histogram`;
    return `\n${help}\n${buckets.join("\n")}\n${name}_sum ${totalMs / 1000}\n${name}_count ${count}\n`;
  }
}
