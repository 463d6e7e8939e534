import { describe, expect, it } from "vitest";
import type { Call } from "../../../runtime/src/engine/local/calls.ts";
import { Durations, TaskQueue } from "../../../runtime/src/engine/local/task-queue.ts";
import type { WorkerConnection } from "../../../runtime/src/engine/local/worker-connection.ts";

/** A queue with two leased workers that record what is pushed to them. */
function world(): {
  queue: TaskQueue;
  durations: Durations;
  pushed: string[][];
  demands: number[];
  returned: string[];
  readonly finish: (worker: number, durationMs: number) => void;
} {
  const durations = new Durations();
  const demands: number[] = [];
  const returned: string[] = [];
  const queue = new TaskQueue("cpus=1", { cpus: 10_000 }, durations, {
    demand: (_shape, _resources, count) => demands.push(count),
    returnLeases: (leaseIds) => returned.push(...leaseIds),
  });
  const pushed: string[][] = [[], []];
  for (const [index, list] of pushed.entries()) {
    const connection = { workerId: `w${index}`, isClosed: false, push: (call: Call) => list.push(call.taskId) };
    queue.addLease(`l${index}` as never, connection as unknown as WorkerConnection, 0);
  }
  const finish = (worker: number, durationMs: number): void => {
    const lease = [...queue.leases][worker];
    const call = lease?.inflight.values().next().value;
    if (lease === undefined || call === undefined) throw new Error("that worker has nothing to finish");
    queue.finished(lease, call, 0, durationMs);
    queue.dispatch();
  };
  return { queue, durations, pushed, demands, returned, finish };
}

function call(id: number, codeId = "f"): Call {
  const work = { kind: "task", codeId, code: { id: codeId }, shape: "cpus=1", resources: {} };
  return { taskId: `d.${id}`, work, depth: 0, expectedMs: 0 } as unknown as Call;
}

describe("a task queue", () => {
  it("pushes one call to each worker while it does not know how long they take", () => {
    const { queue, pushed, demands } = world();
    for (let id = 0; id < 10; id++) queue.add(call(id));
    queue.dispatch();
    expect(pushed.map((list) => list.length)).toEqual([1, 1]);
    expect(demands).toEqual([10]);
  });

  it("pushes many once they proved short, on both workers alike", () => {
    const { queue, pushed, finish } = world();
    for (let id = 0; id < 1_000; id++) queue.add(call(id));
    queue.dispatch();
    finish(0, 0.01);
    // The other one may still be long.
    expect(pushed.map((list) => list.length)).toEqual([201, 1]);
    finish(1, 0.01);
    expect(pushed.every((list) => list.length >= 200)).toBe(true);
  });

  it("puts nothing behind a long task", () => {
    const { queue, durations, pushed } = world();
    durations.add("long", 500);
    durations.add("short", 0.01);
    queue.add(call(0, "long"));
    for (let id = 1; id < 50; id++) queue.add(call(id, "short"));
    queue.dispatch();
    expect(pushed[0]).toEqual(["d.0"]);
    expect(pushed[1]?.length).toBe(49);
  });

  it("takes one slow run for a sign at once", () => {
    const durations = new Durations();
    for (let run = 0; run < 20; run++) durations.add("f", 0.05);
    durations.add("f", 30);
    expect(durations.expectedMs("f")).toBe(30);
  });

  it("gives back idle leases after a while, and at once when others wait", () => {
    const idle = world();
    expect(idle.queue.sweep(100)).toBe(true);
    expect(idle.queue.sweep(200)).toBe(false);
    expect(idle.returned).toEqual(["l0", "l1"]);
    const asked = world();
    asked.queue.add(call(0));
    asked.queue.dispatch();
    asked.queue.reclaim(0);
    expect(asked.returned).toEqual(["l1"]);
  });

  it("gives a busy lease back once it has drained", () => {
    const { queue, pushed, returned, finish } = world();
    for (let id = 0; id < 4; id++) queue.add(call(id));
    queue.dispatch();
    expect(queue.reclaim(1)).toBe(1);
    finish(0, 100);
    expect(returned).toEqual(["l0"]);
    expect(pushed[0]).toHaveLength(1);
  });

  it("pushes nothing to a worker that waits for something", () => {
    const { queue, pushed } = world();
    const [first] = queue.leases;
    if (first !== undefined) first.isBlocked = true;
    queue.add(call(0));
    queue.dispatch();
    expect(pushed).toEqual([[], ["d.0"]]);
  });
});
