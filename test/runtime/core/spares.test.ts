import { describe, expect, it } from "vitest";
import { PAGE, StoreWorld } from "./store-world.ts";

function sparesOf(world: StoreWorld, owner = "d"): number {
  return [...world.core.state.store.spares.values()].filter((spare) => spare.owner === owner).length;
}

/** A process that stored a page `count` times, each time asking. */
function storing(count: number): StoreWorld {
  const world = new StoreWorld({ capacityBytes: 256 * PAGE });
  for (let index = 0; index < count; index++) world.put(`d.${index}`, 1);
  return world;
}

describe("spare regions", () => {
  it("are given to a process that stores values of one size again, and more when they were too few", () => {
    expect(sparesOf(storing(1))).toBe(0);
    expect(sparesOf(storing(2))).toBe(2);
    expect(sparesOf(storing(5))).toBe(16);
  });

  it("are taken back when the process stores values of another size", () => {
    const world = storing(3);
    world.put("d.large", 3);
    expect(sparesOf(world)).toBe(0);
  });

  it("are taken back when the process stores nothing for a while", () => {
    const world = storing(3);
    world.tick(1_900);
    expect(sparesOf(world)).toBeGreaterThan(0);
    world.tick(200);
    expect(sparesOf(world)).toBe(0);
  });

  it("are filled up again as they are used, and never take more than an eighth of the store", () => {
    const world = storing(8);
    for (let index = 0; index < 100; index++) {
      expect(world.store(`d.s${index}`, "d", "d")).toBe(true);
      world.arrive();
      expect(sparesOf(world) * PAGE).toBeLessThanOrEqual((256 * PAGE) / 8);
    }
    expect(world.core.state.objects.size).toBe(108);
  });

  it("are room for others who ask, unless their owner was quicker", () => {
    const world = new StoreWorld({ capacityBytes: 16 * PAGE, spillLimitBytes: 0 });
    for (let index = 0; index < 3; index++) world.put(`d.${index}`, 1);
    expect(sparesOf(world)).toBe(2);
    // Claimed and written, and the head has not heard of it.
    expect(world.store("d.mine", "d", "d")).toBe(true);
    world.perform(world.core.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" }));
    world.ask("d.large", 11, { writer: "w1" });
    expect(world.placeOf("d.large")).toBe("writing");
    world.arrive();
    expect(world.placeOf("d.mine")).toBe("arena");
    expect(world.contentOf(world.told.get("d.mine") as never)).toBe("d.mine");
  });

  it("hold nothing when what was stored is released before the head hears of it", () => {
    const world = storing(3);
    world.store("d.short", "d", "d");
    world.perform(world.core.release("d", "d.short"));
    world.arrive();
    expect(world.placeOf("d.short")).toBeUndefined();
    expect(world.core.state.objects.size).toBe(3);
  });

  it("that were claimed and not written are free again", () => {
    const world = storing(2);
    const before = world.core.state.store.allocator.usedBytes;
    world.store("d.never", "d", "d", true);
    world.arrive();
    expect(world.core.state.store.allocator.usedBytes).toBe(before - PAGE);
  });

  it("refuse what does not fit them", () => {
    const world = storing(2);
    const [spare] = world.core.state.store.spares.values();
    if (spare === undefined) throw new Error("no spare");
    const { slot, version } = spare.region;
    const stored = { type: "spare-stored", owner: "d", objectId: "d.huge", holder: "d", atMs: 0 } as never as object;
    world.perform(world.core.apply({ ...stored, tag: { slot, version }, lengths: [9 * PAGE] } as never));
    expect(world.placeOf("d.huge")).toBeUndefined();
    expect(world.core.state.store.spares.get(slot)?.region.version).not.toBe(version);
  });
});
