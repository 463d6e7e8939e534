/**
 * The head's state machine and the task queues of several clients, joined by messages that wait in lines of their own, as on
 * sockets: each line keeps its order, the lines overtake each other. Workers start late, die, wait for nested tasks. When
 * the chaos is over every task must have run, and nothing may be left.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shapeOf, toAmounts } from "../../../runtime/src/core/resources.ts";
import type { CoreEvent } from "../../../runtime/src/core/state.ts";
import type { Call } from "../../../runtime/src/engine/local/calls.ts";
import { Durations, type Lease, TaskQueue } from "../../../runtime/src/engine/local/task-queue.ts";
import type { WorkerConnection } from "../../../runtime/src/engine/local/worker-connection.ts";
import type { ClientId, WorkerId } from "../../../runtime/src/protocol/ids.ts";
import type { FromHead } from "../../../runtime/src/protocol/messages.ts";
import { randomNumbers } from "../../support/random-numbers.ts";
import { CoreWorld } from "./core-world.ts";

/** A task of the model: when it runs, it submits its children and waits for them. */
interface ModelTask {
  readonly id: string;
  readonly children: number;
  childrenLeft: number;
  isRunning: boolean;
  isBlocked: boolean;
}

/** A driver, or a worker that runs tasks which submit others. */
class ModelClient {
  readonly id: ClientId;
  readonly queues: ReadonlyMap<string, TaskQueue>;
  readonly #connections = new Map<string, { readonly workerId: WorkerId; isClosed: boolean; push(call: Call): void }>();
  readonly #sim: Simulation;
  readonly #depth: number;
  tasksLeft = 0;
  #next = 0;

  constructor(sim: Simulation, id: ClientId, depth: number) {
    this.#sim = sim;
    this.id = id;
    this.#depth = depth;
    this.queues = new Map(
      [0.5, 1].map((cpus) => {
        const resources = toAmounts({ cpus });
        const shape = shapeOf(resources);
        const queue = new TaskQueue(shape, resources, new Durations(), {
          demand: (shape, resources, count, depth) => {
            const wish = { shape, resources, count, depth, atMs: 0 };
            sim.toHead(id, { type: "demand-changed", clientId: id, ...wish });
          },
          returnLeases: (leaseIds) => sim.toHead(id, { type: "leases-returned", clientId: id, leaseIds, atMs: 0 }),
        });
        return [shape, queue] as const;
      }),
    );
  }

  submit(which: number, children: number, onDone: () => void): void {
    const queue = [...this.queues.values()][which % this.queues.size] as TaskQueue;
    const taskId = `${this.id}.${this.#next++}`;
    const work = { kind: "task", codeId: taskId, shape: queue.shape, resources: queue.resources };
    this.tasksLeft++;
    this.#sim.tasks.set(taskId, { id: taskId, children, childrenLeft: 0, isRunning: false, isBlocked: false });
    this.#sim.onDone.set(taskId, () => {
      this.tasksLeft--;
      onDone();
    });
    queue.add({ taskId, work, depth: this.#depth, expectedMs: 0 } as unknown as Call);
    queue.dispatch();
  }

  receive(message: FromHead): void {
    if (message.type === "lease-granted") {
      const { leaseId, workerId } = message.grant;
      this.queues.get(message.shape)?.addLease(leaseId, this.#connect(workerId) as unknown as WorkerConnection, 0);
    } else if (message.type === "reclaim") {
      let missing = message.count;
      for (const queue of this.queues.values()) missing -= queue.reclaim(missing);
    } else if (message.type === "worker-died") {
      this.#lost(message.workerId);
    } else if (message.type === "unschedulable") {
      // Workers died at their start, one after the other: those who wait are told, and fail.
      for (const call of this.queues.get(message.shape)?.takeAll() ?? []) this.#over(call.taskId);
      return;
    }
    this.#dispatch();
  }

  #lost(workerId: WorkerId): void {
    const connection = this.#connections.get(workerId);
    if (connection !== undefined) connection.isClosed = true;
    this.#connections.delete(workerId);
    for (const [queue, lease] of this.leases()) {
      if (lease.connection.workerId === workerId) queue.addFirst(queue.removeLease(lease));
    }
  }

  #over(taskId: string): void {
    const done = this.#sim.onDone.get(taskId);
    this.#sim.onDone.delete(taskId);
    done?.();
  }

  #dispatch(): void {
    for (const queue of this.queues.values()) queue.dispatch();
  }

  #connect(workerId: WorkerId): object {
    const known = this.#connections.get(workerId);
    if (known !== undefined) return known;
    const push = (call: Call): void => this.#sim.toWorker(this.id, workerId, call);
    const connection = { workerId, isClosed: false, push };
    this.#connections.set(workerId, connection);
    return connection;
  }

  *leases(): Iterable<[TaskQueue, Lease]> {
    for (const queue of this.queues.values()) for (const lease of [...queue.leases]) yield [queue, lease];
  }

  /** The worker has run it. */
  finished(taskId: string): void {
    for (const [queue, lease] of this.leases()) {
      const call = lease.inflight.get(taskId);
      if (call === undefined) continue;
      queue.finished(lease, call, 0, 10);
      queue.dispatch();
      this.#over(taskId);
    }
  }

  sweep(): void {
    for (const queue of this.queues.values()) queue.sweep(1e9);
  }
}

interface ModelWorker {
  readonly id: WorkerId;
  isUp: boolean;
  /** Calls pushed to it that have arrived, with whom they are for; the first one runs. */
  readonly calls: { readonly from: ClientId; readonly taskId: string }[];
  client: ModelClient | undefined;
}

class Simulation {
  readonly world: CoreWorld;
  readonly clients = new Map<ClientId, ModelClient>();
  readonly workers = new Map<WorkerId, ModelWorker>();
  readonly tasks = new Map<string, ModelTask>();
  readonly onDone = new Map<string, () => void>();
  /** One line per connection and direction. */
  readonly #lines = new Map<string, (() => void)[]>();
  readonly #random: () => number;
  deaths = 0;

  constructor(seed: number, cpus: number) {
    this.#random = randomNumbers(seed);
    this.world = new CoreWorld({ cpus });
    this.clients.set("d" as ClientId, new ModelClient(this, "d" as ClientId, 0));
  }

  #line(name: string): (() => void)[] {
    const line = this.#lines.get(name) ?? [];
    this.#lines.set(name, line);
    return line;
  }

  toHead(from: ClientId, event: CoreEvent): void {
    this.#line(`${from} > head`).push(() => this.apply({ ...event, atMs: this.world.nowMs } as CoreEvent));
  }

  apply(event: CoreEvent): void {
    for (const effect of this.world.apply(event)) {
      if (effect.type === "send") {
        const { to, message } = effect;
        this.#line(`head > ${to}`).push(() => this.clients.get(to)?.receive(message));
      } else if (effect.type === "start-worker") {
        this.workers.set(effect.workerId, { id: effect.workerId, isUp: false, calls: [], client: undefined });
      } else if (effect.type === "stop-worker") this.die(effect.workerId);
    }
  }

  toWorker(from: ClientId, workerId: WorkerId, { taskId }: Call): void {
    this.#line(`${from} > ${workerId}`).push(() => this.workers.get(workerId)?.calls.push({ from, taskId }));
  }

  /** The process ends: what it has sent arrives, what was on its way to it does not. Then the head hears of it. */
  die(workerId: WorkerId): void {
    const worker = this.workers.get(workerId);
    if (worker === undefined) return;
    this.workers.delete(workerId);
    this.deaths++;
    const id = workerId as string as ClientId;
    for (const { taskId } of worker.calls) this.#forgetChildrenOf(taskId);
    this.clients.delete(id);
    // The results it sent are read before its death is acted on.
    for (const name of [...this.#lines.keys()]) if (name.endsWith(`> ${workerId}`)) this.#lines.delete(name);
    const end = { pid: 1, exitCode: null, signal: "SIGKILL", stderrTail: "" };
    this.#line(`${workerId} > head`).push(() => {
      this.apply({ type: "worker-died", workerId, end, atMs: this.world.nowMs });
      this.#lines.delete(`${workerId} > head`);
    });
  }

  #forgetChildrenOf(taskId: string): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return;
    task.isRunning = false;
    task.isBlocked = false;
  }

  boot(worker: ModelWorker): void {
    worker.isUp = true;
    this.#line(`${worker.id} > head`).push(() => {
      const clientId = worker.id as string as ClientId;
      this.apply({ type: "client-joined", clientId, kind: "worker" });
      const atMs = this.world.nowMs;
      this.apply({ type: "worker-joined", workerId: worker.id, pid: 1, address: `/${worker.id}`, atMs });
    });
  }

  /** Something happens at random: a message arrives, a worker boots, a task goes on or ends. Returns false when nothing can. */
  happen(): boolean {
    this.world.nowMs += Math.floor(this.#random() * 30);
    const choices: (() => void)[] = [];
    for (const line of this.#lines.values()) if (line.length > 0) choices.push(() => line.shift()?.());
    for (const worker of this.workers.values()) {
      if (!worker.isUp) choices.push(() => this.boot(worker));
      const [first] = worker.calls;
      if (first !== undefined) choices.push(() => this.#goOn(worker, first));
    }
    const choice = choices[Math.floor(this.#random() * choices.length)];
    choice?.();
    return choice !== undefined;
  }

  #goOn(worker: ModelWorker, { from, taskId }: { from: ClientId; taskId: string }): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) {
      worker.calls.shift();
      return;
    }
    const id = worker.id as string as ClientId;
    if (!task.isRunning) {
      task.isRunning = true;
      task.childrenLeft = task.children;
      if (task.children === 0) return;
      task.isBlocked = true;
      this.toHead(id, { type: "worker-blocked", workerId: worker.id, atMs: 0 });
      worker.client ??= new ModelClient(this, id, 1);
      this.clients.set(id, worker.client);
      for (let child = 0; child < task.children; child++) {
        worker.client.submit(child, 0, () => {
          task.childrenLeft--;
        });
      }
      return;
    }
    if (task.childrenLeft > 0) return;
    if (task.isBlocked) {
      task.isBlocked = false;
      this.toHead(id, { type: "worker-unblocked", workerId: worker.id, atMs: 0 });
    }
    worker.calls.shift();
    task.isRunning = false;
    this.#line(`${worker.id} > ${from}`).push(() => this.clients.get(from)?.finished(taskId));
  }

  killSomebody(): void {
    const workers = [...this.workers.keys()];
    const victim = workers[Math.floor(this.#random() * workers.length)];
    if (victim !== undefined) this.die(victim);
  }

  /** Let everything happen that can; then the clock, which gives idle leases back and reclaims. */
  settle(): void {
    for (let round = 0; round < 400; round++) {
      for (let steps = 0; steps < 400 && this.happen(); steps++);
      this.world.nowMs += 60;
      this.apply({ type: "ticked", atMs: this.world.nowMs });
      for (const client of this.clients.values()) client.sweep();
      if (this.isQuiet()) return;
    }
  }

  isQuiet(): boolean {
    const isAllDone = [...this.clients.values()].every(({ tasksLeft }) => tasksLeft === 0);
    return (
      isAllDone && [...this.#lines.values()].every((line) => line.length === 0) && this.world.state.leases.size === 0
    );
  }
}

/** @returns what is wrong at the end */
function simulate({
  seed,
  cpus,
  tasks,
  kills,
}: {
  seed: number;
  cpus: number;
  tasks: number;
  kills: number;
}): string[] {
  const sim = new Simulation(seed, cpus);
  const random = randomNumbers(seed + 1);
  const driver = sim.clients.get("d" as ClientId) as ModelClient;
  let submitted = 0;
  let killed = 0;
  for (let steps = 0; steps < 2_000 && (submitted < tasks || killed < kills); steps++) {
    const dice = random();
    if (dice < 0.1 && submitted < tasks) {
      driver.submit(submitted++, random() < 0.3 ? 1 + Math.floor(random() * 3) : 0, () => {});
    } else if (dice < 0.13 && killed < kills) {
      killed++;
      sim.killSomebody();
    } else sim.happen();
  }
  sim.settle();
  const { state } = sim.world;
  const cpusFree = (state.free["cpus"] ?? 0) - (state.total["cpus"] ?? 0);
  return [
    ...(driver.tasksLeft === 0 ? [] : [`${driver.tasksLeft} tasks of the driver never ran`]),
    ...(state.leases.size === 0 ? [] : [`${state.leases.size} leases are left`]),
    ...(state.demands.size === 0 ? [] : [`demands are left: ${[...state.demands.keys()].join()}`]),
    ...(cpusFree === 0 ? [] : [`${cpusFree} of the CPUs are missing`]),
  ];
}

describe("head and clients, with messages that overtake each other", () => {
  it("run every task in the end, and leave nothing", () => {
    const world = fc.record({
      seed: fc.nat(),
      cpus: fc.constantFrom(1, 2, 3),
      tasks: fc.nat(25),
      kills: fc.nat(8),
    });
    fc.assert(
      fc.property(world, (each) => {
        expect(simulate(each)).toEqual([]);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 12_000 },
    );
  });

  it("take a wish back that reached the head after it had given up on it", () => {
    expect(simulate({ seed: 852_434_785, cpus: 3, tasks: 21, kills: 8 })).toEqual([]);
  });
});
