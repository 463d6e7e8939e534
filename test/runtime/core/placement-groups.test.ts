import { describe, expect, it } from "vitest";
import { listPlacementGroups } from "../../../runtime/src/core/placement-groups.ts";
import type { ActorId } from "../../../runtime/src/protocol/ids.ts";
import { CoreWorld, granted, sent, started, stopped } from "./core-world.ts";

describe("placement groups", () => {
  it("take their bundles from the node, and work in them from the bundles only", () => {
    const world = new CoreWorld({ cpus: 2 });
    expect(sent(world.askGroup("d.G0", [{ cpus: 1 }, { cpus: 1 }]))).toMatchObject([{ type: "group-registered" }]);
    expect(world.state.free["cpus"]).toBe(0);
    expect(started(world.demand("d", 1, 1))).toEqual([]);
    expect(started(world.want("d", { cpus: 1 }, { group: "d.G0", bundleIndex: 1, count: 2 }))).toEqual(["w1"]);
    expect(granted(world.join("w1"))).toEqual(["d:w1"]);
    const [first, second] = world.state.placementGroups.get("d.G0" as never)?.pools ?? [];
    expect([first?.free["cpus"], second?.free["cpus"]]).toEqual([10_000, 0]);
  });

  it("use any bundle that has room when none is named", () => {
    const world = new CoreWorld({ cpus: 4 });
    world.askGroup("d.G0", [{ cpus: 1 }, { cpus: 2 }]);
    expect(started(world.want("d", { cpus: 1 }, { group: "d.G0", count: 5 }))).toHaveLength(3);
  });

  it("are reserved all at once or not at all, and wait until there is room", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.demand("d", 1, 1);
    world.join("w1");
    world.askGroup("d.G0", [{ cpus: 1 }, { cpus: 1 }]);
    expect(sent(world.watchGroup("d.G0"))).toMatchObject([{ type: "group-state", state: "pending" }]);
    expect(world.state.free["cpus"]).toBe(10_000);
    world.want("d", { cpus: 1 }, { group: "d.G0" });
    world.demand("d", 1, 0);
    const effects = world.giveBack("d", "l1");
    expect(sent(effects).filter(({ type }) => type === "group-state")).toMatchObject([{ state: "created" }]);
    // Who waited for the group gets its worker in the same step.
    expect(granted(effects)).toEqual(["d:w1"]);
  });

  it("do not starve behind small tasks", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.demand("d", 1, 9);
    world.join("w1");
    world.join("w2");
    world.nowMs += 1_000;
    world.askGroup("d.G0", [{ cpus: 2 }]);
    world.demand("d", 1, 2);
    world.nowMs += 3_000;
    world.demand("w2", 1, 9, 0);
    expect(granted(world.giveBack("d", "l1"))).toEqual([]);
    world.demand("d", 1, 0);
    world.giveBack("d", "l2");
    expect(listPlacementGroups(world.state)).toMatchObject([{ state: "created" }]);
  });

  it("ask their own client for the workers it keeps busy", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.demand("d", 1, 5);
    world.join("w1");
    world.askGroup("d.G0", [{ cpus: 1 }]);
    world.nowMs += 200;
    expect(sent(world.tick())).toEqual([{ type: "reclaim", to: "d", count: 1 }]);
  });

  it("are refused at once when they can never be placed", () => {
    const world = new CoreWorld({ cpus: 2, gpus: 1 });
    const has = { cpus: 2, gpus: 1 };
    expect(sent(world.askGroup("d.G0", [{ cpus: 2 }, { cpus: 1 }]))).toEqual([
      { type: "group-refused", to: "d", requestId: 1, reason: "unschedulable", needs: { cpus: 3 }, has },
    ]);
    const spread = sent(world.askGroup("d.G1", [{ cpus: 1 }, { cpus: 1 }], { strategy: "STRICT_SPREAD" }));
    expect(spread).toMatchObject([
      { reason: "unschedulable", explanation: expect.stringContaining("there is 1 node") },
    ]);
    expect(sent(world.askGroup("d.G2", [{ cpus: 1 }], { strategy: "STRICT_SPREAD" }))).toMatchObject([
      { type: "group-registered" },
    ]);
    expect(world.state.placementGroups.size).toBe(1);
  });

  it("have each name once, and are found by it", () => {
    const world = new CoreWorld();
    world.askGroup("d.G0", [{ cpus: 1 }], { name: "train" });
    expect(sent(world.askGroup("d.G1", [{ cpus: 1 }], { name: "train" }))).toMatchObject([{ reason: "name-taken" }]);
    const seek = { type: "group-sought", clientId: "d" as never, requestId: 5 } as const;
    expect(sent(world.apply({ ...seek, name: "train" }))).toMatchObject([{ description: { groupId: "d.G0" } }]);
    expect(sent(world.apply({ ...seek, name: "other" }))).toEqual([{ type: "group-found", to: "d", requestId: 5 }]);
  });

  it("refuse work that no bundle has room for", () => {
    const world = new CoreWorld({ cpus: 4 });
    world.askGroup("d.G0", [{ cpus: 1 }, { cpus: 2 }], { name: "train" });
    expect(sent(world.want("d", { cpus: 3 }, { group: "d.G0" }))).toMatchObject([
      { type: "unschedulable", explanation: "no bundle of placement group 'train' has room for it" },
    ]);
    expect(sent(world.want("d", { cpus: 2 }, { group: "d.G0", bundleIndex: 0 }))).toMatchObject([
      { type: "unschedulable", explanation: "bundle 0 of placement group 'train' has room for it" },
    ]);
    expect(sent(world.want("d", { cpus: 1 }, { group: "gone" }))).toMatchObject([
      { type: "group-state", groupId: "gone", state: "removed" },
    ]);
    const actor = { resources: { cpus: 30_000 }, placement: { groupId: "d.G0" as never } };
    expect(sent(world.askActor("d.A0", actor))).toMatchObject([{ type: "actor-refused", reason: "unschedulable" }]);
  });

  it("give back what is free at once when removed, and the rest as their processes end", () => {
    const world = new CoreWorld({ cpus: 3 });
    world.askGroup("d.G0", [{ cpus: 1 }, { cpus: 1 }, { cpus: 1 }]);
    world.watchGroup("d.G0");
    world.want("d", { cpus: 1 }, { group: "d.G0", bundleIndex: 0 });
    world.join("w1");
    world.askActor("d.A0", { resources: { cpus: 10_000 }, placement: { groupId: "d.G0" as never, bundleIndex: 1 } });
    world.watch("d.A0");
    world.join("w2");
    world.apply({ type: "actor-ready", actorId: "d.A0" as ActorId, workerId: "w2" as never, atMs: 1 });
    const effects = world.removeGroup("d.G0");
    expect(sent(effects)[0]).toMatchObject({ type: "group-state", state: "removed" });
    expect(sent(effects).filter(({ type }) => type === "actor-state")).toMatchObject([
      { state: { death: { reason: "group-removed", message: "its placement group 'd.G0' was removed" } } },
    ]);
    expect(stopped(effects).sort()).toEqual(["w1", "w2"]);
    expect(world.state.free["cpus"]).toBe(10_000);
    world.die("w1");
    world.die("w2");
    expect(world.state.free["cpus"]).toBe(30_000);
  });

  it("end with their job unless they are detached", () => {
    const world = new CoreWorld({ cpus: 4 });
    world.joinDriver("d2");
    world.demand("d2", 1, 1);
    world.join("w1");
    world.askGroup("w1.G0", [{ cpus: 1 }], { client: "w1" });
    world.askGroup("d2.G1", [{ cpus: 1 }], { client: "d2", isDetached: true });
    // A group that a task made is its job's: it stays when the task's process ends.
    world.die("w1");
    expect(listPlacementGroups(world.state).map(({ id, job }) => [id, job])).toEqual([
      ["w1.G0", "d2"],
      ["d2.G1", "d2"],
    ]);
    world.leave("d2");
    expect(listPlacementGroups(world.state).map(({ id }) => id)).toEqual(["d2.G1"]);
  });

  it("lend the CPUs of a blocked worker inside the bundle", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.askGroup("d.G0", [{ cpus: 1 }]);
    world.want("d", { cpus: 1 }, { group: "d.G0" });
    world.join("w1");
    world.want("w1", { cpus: 1 }, { group: "d.G0", depth: 1 });
    world.block("w1");
    expect(granted(world.join("w2"))).toEqual(["w1:w2"]);
    expect(world.state.free["cpus"]).toBe(0);
  });

  it("show what is used of each bundle, and which GPUs it has", () => {
    const world = new CoreWorld({ cpus: 2, gpus: 2 }, { gpuIds: ["7", "9"] });
    world.askGroup("d.G0", [{ cpus: 1, gpus: 1 }, { gpus: 0.5 }], { name: "g" });
    world.want("d", { cpus: 0.25, gpus: 0.5 }, { group: "d.G0", bundleIndex: 0 });
    expect(sent(world.join("w1"))).toMatchObject([{ grant: { gpuIds: ["7"] } }]);
    expect(listPlacementGroups(world.state)).toEqual([
      {
        id: "d.G0",
        name: "g",
        strategy: "PACK",
        state: "created",
        isDetached: false,
        job: "d",
        bundles: [
          { resources: { cpus: { used: 0.25, total: 1 }, gpus: { used: 0.5, total: 1 } }, gpuIds: ["7"] },
          { resources: { gpus: { used: 0, total: 0.5 } }, gpuIds: ["9"] },
        ],
      },
    ]);
  });
});
