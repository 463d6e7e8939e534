import { describe, expect, it } from "vitest";
import { spareBytes } from "../../../runtime/src/core/spares.ts";
import { CoreWorld, sent } from "./core-world.ts";

const value = { bytes: new Uint8Array([1]) };

function allocate(world: CoreWorld, id: string, holder = "d"): void {
  world.store(id, { writer: "w1", holder });
}

/** Of objects; what processes have ahead holds nothing. */
function usedBytes({ state: { store } }: CoreWorld): number {
  return store.allocator.usedBytes - spareBytes(store);
}

function worldWithWorkers(): CoreWorld {
  const world = new CoreWorld({ cpus: 2 }, { capacityBytes: 1 << 20 });
  for (const clientId of ["w1", "w2"])
    world.apply({ type: "client-joined", clientId: clientId as never, kind: "worker" });
  return world;
}

describe("the directory of objects", () => {
  it("frees a region when its last holder releases it", () => {
    const world = worldWithWorkers();
    allocate(world, "d.1");
    world.hold("w1", "d.1");
    expect(world.release("d", "d.1")).toEqual([]);
    expect(world.release("w1", "d.1")).toMatchObject([{ type: "free-region" }]);
    expect(world.state.objects.size).toBe(0);
  });

  it("gives a region back that an interrupted run stored and the same run stores again", () => {
    const world = worldWithWorkers();
    allocate(world, "d.1#0w1");
    const effects = world.askRoom("d.1#0w1", { writer: "w1", holder: "d" });
    expect(effects.filter(({ type }) => type === "free-region")).toMatchObject([{ region: { offset: 0 } }]);
    world.apply({ type: "region-sealed", objectId: "d.1#0w1" as never, slot: 1 });
    expect(world.release("d", "d.1#0w1")).toMatchObject([{ type: "free-region", region: { offset: 4096 } }]);
    expect(usedBytes(world)).toBe(0);
  });

  it("gives a region back whose writer was stopped before it was done, with the writer's next wish", () => {
    const world = worldWithWorkers();
    world.askRoom("d.1#0w1", { writer: "w1", holder: "d" });
    world.apply({ type: "objects-forgotten", clientId: "d" as never, objectIds: ["d.1#0w1" as never], atMs: 1 });
    expect(usedBytes(world)).toBe(4096);
    world.store("d.2#0w1", { writer: "w1", holder: "d" });
    expect(usedBytes(world)).toBe(4096);
  });

  it("survives a release that overtakes the hold it answers", () => {
    const world = worldWithWorkers();
    allocate(world, "d.1");
    expect(world.release("w1", "d.1")).toEqual([]);
    world.hold("w1", "d.1");
    expect(world.release("d", "d.1")).toMatchObject([{ type: "free-region" }]);
  });

  it("releases what a dead process held", () => {
    const world = worldWithWorkers();
    allocate(world, "w1.1", "w1");
    expect(world.apply({ type: "client-left", clientId: "w1" as never, atMs: 1 })).toMatchObject([
      { type: "free-region" },
    ]);
  });

  it("sends a published result to those who wait, now and later", () => {
    const world = worldWithWorkers();
    world.apply({ type: "object-published", clientId: "d" as never, objectId: "d.1" as never });
    expect(world.apply({ type: "object-sought", clientId: "w1" as never, objectId: "d.1" as never })).toEqual([]);
    const result = { ok: true, value } as const;
    const effects = world.apply({ type: "result-published", clientId: "d" as never, objectId: "d.1" as never, result });
    expect(sent(effects)).toMatchObject([{ type: "object-result", to: "w1", objectId: "d.1" }]);
    const later = world.apply({ type: "object-sought", clientId: "w2" as never, objectId: "d.1" as never });
    expect(sent(later)).toMatchObject([{ type: "object-result", to: "w2" }]);
  });

  it("keeps what is inside a published value as long as the value", () => {
    const world = worldWithWorkers();
    allocate(world, "d.2");
    world.apply({ type: "object-published", clientId: "d" as never, objectId: "d.1" as never });
    const result = { ok: true, value: { ...value, refs: ["d.2" as never] } } as const;
    world.apply({ type: "result-published", clientId: "d" as never, objectId: "d.1" as never, result });
    expect(world.release("d", "d.2")).toEqual([]);
    expect(world.release("d", "d.1")).toMatchObject([{ type: "free-region" }]);
  });

  it("tells those who wait that the maker has died", () => {
    const world = worldWithWorkers();
    world.apply({ type: "object-published", clientId: "w1" as never, objectId: "w1.1" as never });
    world.apply({ type: "object-sought", clientId: "d" as never, objectId: "w1.1" as never });
    const effects = world.apply({ type: "client-left", clientId: "w1" as never, atMs: 1 });
    expect(sent(effects)).toMatchObject([
      { type: "object-result", to: "d", result: { ok: false, lost: expect.any(String) } },
    ]);
  });

  it("answers at once for a maker that is gone already", () => {
    const world = worldWithWorkers();
    const effects = world.apply({ type: "object-sought", clientId: "d" as never, objectId: "w9.1" as never });
    expect(sent(effects)).toMatchObject([{ type: "object-result", result: { ok: false } }]);
  });
});
