/** The loop around the core: messages become events, effects become messages, processes and regions. */

import { hostname } from "node:os";
import { waitingFor } from "../core/environments.ts";
import { checkState } from "../core/invariants.ts";
import { lastJobOf } from "../core/jobs.ts";
import { type WatchedWorker, watchedWorkers } from "../core/memory.ts";
import { NODE_ID_LABEL } from "../core/node-choice.ts";
import { countStored } from "../core/object-views.ts";
import { listPlacementGroups } from "../core/placement-groups.ts";
import { fromAmount, fromAmounts, toAmounts } from "../core/resources.ts";
import { spareBytes } from "../core/spares.ts";
import { type CoreEffect, type CoreEvent, type CoreState, createState, type WorkerWork } from "../core/state.ts";
import { step } from "../core/step.ts";
import { formatBytes, ObjectStoreFullError } from "../errors.ts";
import { type ClientId, clientOfWorker, DRIVER_ID, type ObjectId, type WorkerId } from "../protocol/ids.ts";
import type { ClusterDescription, FromHead, ToHead } from "../protocol/messages.ts";
import { type Arena, defaultSpillBytes, spillDirectoryOf, spillRoot } from "../store/index.ts";
import { VERSION } from "../version.ts";
import { ClusterObserver } from "./cluster-observer.ts";
import { Environments } from "./environments.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { NodeStore } from "./node-store.ts";
import type { HeadOptions } from "./options.ts";
import type { WorkerProcesses } from "./worker-processes.ts";

const TICK_MS = 50;
/** Between the first worker and those that nobody has asked for yet: the first task has the machine for itself. */
const OTHERS_AFTER_MS = 100;

/** One client's way back. */
export interface ClientLink {
  send(message: FromHead): void;
}

export class Cluster {
  readonly state: CoreState;
  readonly startedAtMs: number = Date.now();
  readonly observer: ClusterObserver;
  readonly #options: HeadOptions;
  readonly #links = new Map<ClientId, ClientLink>();
  readonly #processes: WorkerProcesses;
  readonly #environments: Environments;
  readonly #log: (text: string) => void;
  readonly #tick: NodeJS.Timeout;
  #startingOthers: NodeJS.Timeout | undefined;
  readonly #memoryWatch: MemoryWatch;
  /** Names of what was warned of, because it used far more memory than it declared. */
  readonly #warnedOfMemory = new Set<string>();
  #store: NodeStore | undefined;

  constructor(options: HeadOptions, processes: WorkerProcesses, log: (text: string) => void) {
    this.#log = log;
    this.#options = options;
    const { gpuIds, maxWorkers, objectStoreBytes: capacityBytes, spillBytes } = options;
    this.state = createState(toAmounts(options.resources), {
      node: { id: options.clusterId, labels: { [NODE_ID_LABEL]: options.clusterId } },
      capacityBytes,
      spillLimitBytes: spillBytes ?? defaultSpillBytes(options.spillDirectory ?? spillRoot()),
      ...(gpuIds === undefined ? {} : { gpuIds }),
      ...(maxWorkers === undefined ? {} : { maxWorkers }),
    });
    this.#environments = new Environments({
      onReady: (environmentId) => this.apply({ type: "environment-ready", environmentId, atMs: Date.now() }),
      onFailed: (environmentId, error) =>
        this.apply({ type: "environment-failed", environmentId, error, atMs: Date.now() }),
      onText: (environmentId, text) => this.#tellWaiting(environmentId, text),
    });
    this.#processes = processes;
    this.observer = new ClusterObserver(this, options.directory);
    processes.listen({
      onEnd: (workerId, end) => {
        this.observer.ended(workerId);
        this.#sealWritten(clientOfWorker(workerId));
        this.apply({ type: "worker-died", workerId, end, atMs: Date.now() });
      },
      onOutput: (workerId, pid, stream, text) => this.#forwardRawOutput(workerId, pid, stream, text),
    });
    this.#memoryWatch = new MemoryWatch(options.memory ?? { threshold: 1 }, {
      workers: () => watchedWorkers(this.state),
      onShort: (shortage, workers) => {
        const threshold = options.memory?.threshold ?? 1;
        this.apply({ type: "memory-short", ...shortage, threshold, workers });
      },
      onBeyondDeclared: (worker, privateBytes) => this.#warnOfMemory(worker, privateBytes),
    });
    this.#tick = setInterval(() => this.apply({ type: "ticked", atMs: Date.now() }), TICK_MS);
  }

  /** The arena is made while the first workers start; nobody asks for regions before `welcome`. */
  useArena(arena: Arena): void {
    const { spillDirectory, clusterId } = this.#options;
    const directory = spillDirectoryOf(spillDirectory ?? spillRoot(), clusterId);
    this.#store = new NodeStore(arena, directory, {
      apply: (event) => this.apply(event),
      freeRanges: () => this.state.store.allocator.freeRanges(),
    });
  }

  /** Where spilled objects lie. */
  get spillDirectory(): string {
    return this.#store?.spillDirectory ?? "";
  }

  /** Slots of regions that some process has mapped now. */
  mappedSlots(): ReadonlySet<number> {
    return this.#store?.mappedSlots() ?? new Set();
  }

  get usedBytes(): number {
    return this.state.store.allocator.usedBytes - spareBytes(this.state.store);
  }

  get capacityBytes(): number {
    return this.state.store.allocator.capacityBytes;
  }

  apply(event: CoreEvent): void {
    for (const effect of step(this.state, event)) this.#perform(effect);
  }

  #perform(effect: CoreEffect): void {
    switch (effect.type) {
      case "send":
        this.send(effect.to, effect.message);
        this.observer.sent(effect.to, effect.message);
        return;
      case "start-worker":
        this.#startWorker(effect);
        return;
      case "prepare-environment":
        this.#environments.prepare(effect.environment);
        return;
      case "stop-worker":
        this.#processes.stop(effect.workerId);
        return;
      case "refuse-room": {
        const { to, requestId, requestedBytes, usedBytes, capacityBytes, ...facts } = effect;
        const error = new ObjectStoreFullError(requestedBytes, usedBytes, capacityBytes, facts).toWire();
        this.#links.get(to)?.send({ type: "allocate-failed", requestId, error });
        return;
      }
      case "open-region":
      case "offer-region":
      case "revoke-spares":
      case "publish-region":
      case "free-region":
      case "discard-free":
      case "scan-pins":
      case "retract-region":
      case "spill-region":
      case "restore-file":
      case "check-file":
      case "delete-file":
        this.#store?.perform(effect);
        return;
    }
  }

  #startWorker({ workerId, environment }: Extract<CoreEffect, { type: "start-worker" }>): void {
    this.#processes.start(workerId, environment === undefined ? undefined : this.#environments.prepared(environment));
  }

  #tellWaiting(environmentId: string, text: string): void {
    for (const { clientId, execution } of waitingFor(this.state, environmentId)) {
      const about = { source: "runtimeEnv", pid: process.pid, ...(execution === undefined ? {} : { execution }) };
      this.send(clientId, { type: "output", output: { type: "output", stream: "stdout", text, ...about } });
    }
  }

  send(to: ClientId, message: FromHead): void {
    this.#links.get(to)?.send(message);
  }

  join(hello: Extract<ToHead, { type: "hello" }>, link: ClientLink): void {
    const { clientId, kind, pid, name, host = hostname() } = hello;
    this.#links.set(clientId, link);
    if (kind === "worker") {
      this.apply({ type: "client-joined", clientId, kind });
      this.observer.workerJoined(clientId);
    } else {
      const named = name === undefined ? {} : { name };
      this.apply({ type: "client-joined", clientId, kind, pid, host, ...named, atMs: Date.now() });
    }
  }

  leave(clientId: ClientId): void {
    this.#links.delete(clientId);
    this.observer.clientLeft(clientId);
    this.#sealWritten(clientId);
    const mappedSlots = this.#store?.clientLeft(clientId, this.state.jobs.get(clientId)?.pid);
    const mapped = mappedSlots === undefined ? {} : { mappedSlots };
    this.apply({ type: "client-left", clientId, atMs: Date.now(), ...mapped });
  }

  /** Handle one message of a client that has said hello. */
  receive(clientId: ClientId, message: ToHead): void {
    const atMs = Date.now();
    const workerId = clientId as string as WorkerId;
    switch (message.type) {
      case "worker-ready": {
        this.apply({ type: "worker-joined", workerId, pid: message.pid, address: message.address, atMs });
        this.#startOthers();
        return;
      }
      case "demand":
        this.apply({ ...message, type: "demand-changed", clientId, atMs });
        return;
      case "return-leases":
        this.apply({ type: "leases-returned", clientId, leaseIds: message.leaseIds, atMs });
        return;
      case "worker-blocked":
      case "worker-unblocked":
        this.apply({ type: message.type, workerId, atMs });
        return;
      case "cancel-task":
        this.apply({ ...message, type: "task-cancel-asked" });
        return;
      case "cancel-object":
        this.apply({ ...message, type: "object-cancel-asked" });
        return;
      case "allocate": {
        const { isMountFull = false } = message;
        this.apply({ ...message, type: "room-asked", writer: clientId, isMountFull, atMs });
        return;
      }
      case "sealed":
        this.apply({ ...message, type: "region-sealed" });
        return;
      case "abandon":
        this.apply({ ...message, type: "region-abandoned" });
        return;
      case "spare-stored": {
        const { objectId, slot, version, lengths, holder } = message;
        this.apply({
          type: "spare-stored",
          owner: clientId,
          objectId,
          tag: { slot, version },
          lengths,
          holder,
          atMs,
        });
        return;
      }
      case "spare-unused": {
        const { slot, version } = message;
        this.apply({ type: "spare-unused", owner: clientId, tag: { slot, version } });
        return;
      }
      case "collected":
        this.apply({ type: "garbage-collected", clientId, atMs });
        return;
      case "locate":
        this.apply({ ...message, type: "object-located", clientId });
        return;
      case "hold":
        this.apply({ type: "objects-held", clientId: message.holder ?? clientId, objectIds: message.objectIds });
        return;
      case "release":
        this.apply({ ...message, type: "objects-released", clientId, atMs });
        return;
      case "forget":
        this.apply({ type: "objects-forgotten", clientId, objectIds: message.objectIds, atMs });
        return;
      case "publish":
        this.apply({ type: "object-published", clientId, objectId: message.objectId });
        return;
      case "publish-result":
        this.apply({ type: "result-published", clientId, objectId: message.objectId, result: message.result });
        return;
      case "resolve":
        this.apply({ type: "object-sought", clientId, objectId: message.objectId });
        return;
      case "create-actor":
        this.apply({ ...message, type: "actor-asked", clientId, atMs });
        return;
      case "find-actor":
        this.apply({ ...message, type: "actor-sought", clientId });
        return;
      case "list-actors":
        this.apply({ ...message, type: "actor-names-asked", clientId });
        return;
      case "watch-actor":
        this.apply({ type: "actor-watched", clientId, actorId: message.actorId });
        return;
      case "create-group":
        this.apply({ ...message, type: "group-asked", clientId, atMs });
        return;
      case "find-group":
        this.apply({ ...message, type: "group-sought", clientId });
        return;
      case "watch-group":
        this.apply({ ...message, type: "group-watched", clientId });
        return;
      case "remove-group":
        this.apply({ ...message, type: "group-remove-asked", clientId, atMs });
        return;
      case "kill-actor":
        this.apply({ ...message, type: "actor-kill-asked", atMs });
        return;
      case "actor-ready":
        this.apply({ type: "actor-ready", actorId: message.actorId, workerId, atMs });
        return;
      case "actor-failed":
        this.apply({ ...message, atMs });
        return;
      case "actor-exited":
        this.apply({ ...message, workerId, atMs });
        return;
      case "report":
        this.apply({ ...message, type: "work-reported", clientId, atMs });
        return;
      case "describe-cluster": {
        const { requestId } = message;
        this.#links.get(clientId)?.send({ type: "cluster-described", requestId, cluster: this.describe() });
        return;
      }
      case "check": {
        const { requestId } = message;
        this.#links.get(clientId)?.send({ type: "checked", requestId, check: checkState(this.state) });
        return;
      }
      case "task-events":
      case "query-state":
      case "tasks-listed":
      case "stack-dumped":
      case "use-debugger":
      case "debugger-attached":
        this.observer.receive(clientId, message);
        return;
      case "worker-output":
        this.#showOutput(clientId, message.output);
        return;
      // The control server answers these itself.
      case "hello":
      case "open-http":
      case "shutdown":
        return;
    }
  }

  /** A writer that is gone may have told readers of a region, and not us. The region's word says so. */
  #sealWritten(writer: ClientId): void {
    for (const { objectId, stored } of this.state.objects.values()) {
      if (stored?.place !== "writing" || stored.writer !== writer) continue;
      if (this.#store?.isWritten(stored.region) === true) {
        this.apply({ type: "region-sealed", objectId, slot: stored.region.slot });
      }
    }
    for (const { region, owner } of this.state.store.spares.values()) {
      if (owner !== writer || this.#store?.isWritten(region) !== true) continue;
      const note = this.#store.arena.noteOf(region);
      if (note === undefined) continue;
      const { objectId, holder, lengths } = note as {
        objectId: ObjectId;
        holder: ClientId;
        lengths: readonly number[];
      };
      this.apply({ type: "spare-stored", owner, objectId, tag: region, lengths, holder, atMs: Date.now() });
    }
  }

  /** The first worker is there: time for those that were ordered with it. Who needs them sooner has them started by asking. */
  #startOthers(): void {
    if (this.#startingOthers !== undefined) return;
    this.#startingOthers = setTimeout(() => {
      const count = this.#options.prestart - this.state.workers.size;
      if (count > 0) this.apply({ type: "workers-wanted", count });
    }, OTHERS_AFTER_MS);
  }

  #forwardRawOutput(workerId: WorkerId, pid: number, stream: "stdout" | "stderr", text: string): void {
    const source = this.state.workers.get(workerId)?.running ?? "worker";
    this.observer.logs.addRaw(workerId, stream, text);
    this.#showOutput(clientOfWorker(workerId), { type: "output", stream, text, source, pid });
  }

  /** Output goes to the driver whose job caused it. What nobody caused, or somebody who has left, is logged. */
  #warnOfMemory({ pid, name, forClient, declaredBytes = 0 }: WatchedWorker, privateBytes: number): void {
    if (this.#warnedOfMemory.has(name)) return;
    this.#warnedOfMemory.add(name);
    const text =
      `'${name}' was declared with memoryBytes ${formatBytes(declaredBytes)}, and its process uses ` +
      `${formatBytes(privateBytes)}: with a larger memoryBytes fewer run at once.\n`;
    const output = { type: "output", stream: "stderr", text, source: name, pid } as const;
    this.#links.get(forClient)?.send({ type: "output", output });
  }

  #showOutput(from: ClientId, output: Extract<FromHead, { type: "output" }>["output"]): void {
    const jobId = lastJobOf(this.state, from) ?? (this.#options.standing === undefined ? DRIVER_ID : undefined);
    const driver = jobId === undefined ? undefined : this.#links.get(jobId);
    if (driver !== undefined) driver.send({ type: "output", output });
    else this.#log(`${output.source} ${output.pid} ${output.stream}: ${output.text.trimEnd()}`);
  }

  describe(): ClusterDescription {
    const { state } = this;
    const resources = Object.keys(state.total).map((name) => {
      const total = state.total[name] ?? 0;
      const used = total - (state.free[name] ?? 0);
      return [name, { used: fromAmount(name, used), total: fromAmount(name, total) }] as const;
    });
    return {
      id: this.#options.clusterId,
      ...(this.#options.name === undefined ? {} : { name: this.#options.name }),
      engine: "local",
      version: VERSION,
      startedAtMs: this.startedAtMs,
      pid: process.pid,
      resources: Object.fromEntries(resources),
      nodes: [
        {
          ...state.node,
          host: hostname(),
          state: "alive",
          isHead: true,
          resources: fromAmounts(state.total),
          used: Object.fromEntries(resources.map(([name, { used }]) => [name, used])),
          startedAtMs: this.startedAtMs,
        },
      ],
      objectStore: {
        usedBytes: this.usedBytes,
        capacityBytes: this.capacityBytes,
        objects: countStored(state),
        spilledBytes: state.store.spilledBytes,
        directory: this.#store?.arena.directory ?? "",
        ...(this.#store?.arena.hint === undefined ? {} : { hint: this.#store.arena.hint }),
      },
      workers: [...state.workers.values()].flatMap(({ workerId, pid, work, running }) => {
        if (work.state === "stopping") return [];
        return [{ id: workerId, pid, state: workerStateOf(work, running) }];
      }),
      placementGroups: listPlacementGroups(state),
      actors: [...state.actors.values()].map((actor) => {
        const { spec, work } = actor;
        const worker = "workerId" in work ? state.workers.get(work.workerId) : undefined;
        return {
          id: spec.actorId,
          class: spec.className,
          ...(spec.name === undefined ? {} : { name: spec.name }),
          state: work.state === "starting" ? (work.isRestart ? "restarting" : "pending") : work.state,
          ...(worker === undefined ? {} : { pid: worker.pid }),
        } as const;
      }),
    };
  }

  /** Kill the workers and remove the arena. */
  close(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#startingOthers);
    this.#memoryWatch.close();
    this.#environments.close();
    this.#processes.stopAll();
    this.#store?.close();
  }
}

/** The word that views use. A leased worker that runs nothing is idle to the eye. */
export function workerStateOf(
  work: WorkerWork,
  running: string | undefined,
): "starting" | "idle" | "running" | "blocked" | "actor" {
  switch (work.state) {
    case "leased":
      if (work.isBlocked) return "blocked";
      return running === undefined ? "idle" : "running";
    case "stopping":
      return "idle";
    case "starting":
    case "idle":
    case "actor":
      return work.state;
  }
}
