import { describe, expect, it } from "vitest";
import type { ObjectId } from "../../../runtime/src/protocol/ids.ts";
import { CoreWorld, granted, sent, started, stopped } from "./core-world.ts";

describe("leases", () => {
  it("starts a process for a wish and grants it when the process is up", () => {
    const world = new CoreWorld();
    expect(started(world.demand("d", 1, 1))).toEqual(["w1"]);
    expect(granted(world.join("w1"))).toEqual(["d:w1"]);
  });

  it("grants no more than the CPUs there are", () => {
    const world = new CoreWorld({ cpus: 2 });
    expect(started(world.demand("d", 1, 5))).toEqual(["w1", "w2"]);
    expect(granted([...world.join("w1"), ...world.join("w2")])).toHaveLength(2);
    expect(world.state.free["cpus"]).toBe(0);
  });

  it("counts fractions to a ten-thousandth", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.demand("d", 0.3333, 4);
    for (const id of ["w1", "w2", "w3"]) world.join(id);
    expect(world.state.leases.size).toBe(3);
    expect(world.state.free["cpus"]).toBe(1);
  });

  it("says at once what exists when a wish can never be granted", () => {
    const world = new CoreWorld({ cpus: 2, gpus: 1 });
    expect(sent(world.demand("d", 8, 1))).toEqual([
      { type: "unschedulable", to: "d", shape: "cpus=8", needs: { cpus: 8 }, has: { cpus: 2, gpus: 1 } },
    ]);
  });

  it("gives a blocked worker's CPU to a nested task", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.demand("d", 1, 1);
    world.join("w1");
    expect(granted(world.demand("w1", 1, 1, 1))).toEqual([]);
    expect(started(world.block("w1"))).toEqual(["w2"]);
    expect(granted(world.join("w2"))).toEqual(["w1:w2"]);
    world.block("w1", false);
    expect(world.state.free["cpus"]).toBe(-10_000);
  });

  it("grants nothing while unblocked workers use more than there is", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.demand("d", 1, 2);
    world.join("w1");
    world.block("w1");
    world.join("w2");
    world.block("w1", false);
    expect(world.state.free["cpus"]).toBe(-10_000);
    world.demand("d", 1, 3);
    expect(world.state.leases.size).toBe(2);
  });

  it("serves deeper wishes first", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.demand("d", 1, 1);
    world.join("w1");
    world.demand("d", 1, 3);
    world.demand("w1", 1, 1, 1);
    world.join("w2");
    expect(granted(world.giveBack("d", "l1"))).toEqual(["w1:w1"]);
  });

  it("tells the holder of a lease that its worker died, and gives the CPU back", () => {
    const world = new CoreWorld();
    world.demand("d", 1, 1);
    world.join("w1");
    const messages = sent(world.die("w1"));
    expect(messages.filter(({ type }) => type === "worker-died")).toMatchObject([{ to: "d", workerId: "w1" }]);
    expect(world.state.free["cpus"]).toBe(20_000);
  });

  it("ends the workers of a client that is gone", () => {
    const world = new CoreWorld();
    world.demand("d", 1, 1);
    world.join("w1");
    world.demand("w1", 1, 1, 1);
    world.join("w2");
    expect(stopped(world.die("w1"))).toEqual(["w2"]);
  });

  it("asks the client with most leases for one back when another has waited", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.demand("d", 1, 10);
    world.join("w1");
    world.join("w2");
    world.apply({ type: "client-joined", clientId: "w9" as never, kind: "worker" });
    world.demand("w9", 1, 1);
    world.nowMs += 200;
    const messages = sent(world.apply({ type: "ticked", atMs: world.nowMs }));
    expect(messages).toEqual([{ type: "reclaim", to: "d", count: 1 }]);
  });

  it("keeps what is freed for a large wish that has waited long", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.demand("d", 1, 2);
    world.join("w1");
    world.join("w2");
    world.demand("d", 2, 1);
    world.nowMs += 3_000;
    world.demand("d", 1, 9);
    expect(granted(world.giveBack("d", "l1"))).toEqual([]);
    expect(granted(world.giveBack("d", "l2"))).toEqual(["d:w2"]);
    expect(world.state.free["cpus"]).toBe(0);
  });

  it("keeps nothing for a wish that tasks cannot make room for", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.askActor("d.A0", { resources: { cpus: 10_000 } });
    world.join("w1");
    world.demand("d", 2, 1);
    world.nowMs += 3_000;
    world.demand("d", 1, 1);
    expect(granted(world.join("w2"))).toEqual(["d:w2"]);
  });

  it("gives up when processes keep dying at their start", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.demand("d", 1, 1);
    world.die("w1");
    world.die("w2");
    expect(sent(world.die("w3"))).toMatchObject([{ type: "unschedulable", to: "d" }]);
  });

  it("tells waiting actors that no process starts, and tries again for whoever comes later", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.askActor("d.A1", { resources: { cpus: 10_000 } });
    world.watch("d.A1");
    world.die("w1");
    world.die("w2");
    expect(sent(world.die("w3"))).toMatchObject([
      { type: "actor-state", state: { state: "dead", death: { reason: "unschedulable" } } },
    ]);
    expect(started(world.demand("d", 1, 1))).toEqual(["w4"]);
    world.join("w4");
    expect(world.state.leases.size).toBe(1);
  });

  it("stops spare idle workers after a while, but keeps one per CPU", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.apply({ type: "workers-wanted", count: 3 });
    for (const id of ["w1", "w2", "w3"]) world.join(id);
    expect(stopped(world.apply({ type: "ticked", atMs: world.nowMs + 1_000 }))).toEqual([]);
    expect(stopped(world.apply({ type: "ticked", atMs: world.nowMs + 10_000 }))).toHaveLength(2);
  });

  it("a wish to cancel goes to the process that submitted the task, if it is there", () => {
    const world = new CoreWorld();
    const ask = (id: string): unknown[] =>
      sent(world.apply({ type: "object-cancel-asked", objectId: id as ObjectId, isForced: true, isRecursive: false }));
    expect(ask("d.5.1")).toEqual([
      { type: "cancel-call", to: "d", objectId: "d.5.1", isForced: true, isRecursive: false },
    ]);
    expect(ask("w9.5")).toEqual([]);
  });
});
