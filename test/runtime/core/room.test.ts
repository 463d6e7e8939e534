import { describe, expect, it } from "vitest";
import { sent } from "./core-world.ts";
import { StoreWorld } from "./store-world.ts";

const LIMITS = { capacityBytes: 8 * 4096, spillLimitBytes: 64 * 4096 };

/** Eight pages, all taken by `d.0` … `d.3` of two pages each. */
function fullWorld(limits: { capacityBytes: number; spillLimitBytes: number } = LIMITS): StoreWorld {
  const world = new StoreWorld(limits);
  world.core.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" });
  for (let index = 0; index < 4; index++) world.put(`d.${index}`, 2);
  world.messages.length = 0;
  return world;
}

describe("room in the store", () => {
  it("is given at once when there is some", () => {
    const world = new StoreWorld(LIMITS);
    world.ask("d.1", 2);
    expect(world.messages).toMatchObject([{ type: "allocated", to: "d", requestId: 1, region: { offset: 0 } }]);
  });

  it("is looked for among garbage first", () => {
    const world = fullWorld();
    world.ask("w1.1", 2, { writer: "w1" });
    expect(world.messages.map(({ type, to }) => `${type} ${to}`)).toEqual(["collect d"]);
    world.perform(world.core.release("d", "d.2"));
    expect(world.messages.at(-1)).toMatchObject({ type: "allocated", to: "w1", region: { offset: 4 * 4096 } });
    expect(world.disk).toEqual([]);
  });

  it("is made by spilling the oldest neighbours when nobody has garbage", () => {
    const world = fullWorld();
    world.ask("w1.1", 3, { writer: "w1" });
    world.collected("d");
    expect(world.disk).toMatchObject([{ type: "spill-region" }, { type: "spill-region" }]);
    expect(["d.0", "d.1", "d.2", "d.3"].map((id) => world.placeOf(id))).toEqual([
      "spilling",
      "spilling",
      "arena",
      "arena",
    ]);
    world.copyNext();
    world.copyNext();
    expect(world.messages.at(-1)).toMatchObject({ type: "allocated", to: "w1", region: { offset: 0 } });
    expect(world.core.state.store.spilledBytes).toBe(4 * 4096);
  });

  it("is made although a process does not answer", () => {
    const world = fullWorld();
    world.ask("w1.1", 2, { writer: "w1" });
    world.tick(100);
    expect(world.disk).toEqual([]);
    world.tick(200);
    expect(world.disk).toHaveLength(1);
  });

  it("is found for an object larger than any hole", () => {
    const world = fullWorld();
    for (const id of ["d.0", "d.2"]) world.perform(world.core.release("d", id));
    world.ask("w1.1", 4, { writer: "w1" });
    world.settle();
    expect(world.placeOf("w1.1")).toBe("writing");
    expect(world.placeOf("d.1")).toBe("file");
    expect(world.placeOf("d.3")).toBe("arena");
  });

  it("is not made of what somebody has mapped", () => {
    const world = fullWorld();
    const slot = world.told.get("d.0")?.slot ?? -1;
    world.pins[0]?.fill(1, slot, slot + 1);
    world.ask("w1.1", 2, { writer: "w1" });
    world.settle();
    expect(["d.0", "d.1"].map((id) => world.placeOf(id))).toEqual(["arena", "file"]);
  });

  it("goes to those who asked first", () => {
    const world = fullWorld();
    world.ask("w1.1", 6, { writer: "w1" });
    world.ask("d.9", 1);
    world.settle();
    expect(world.placeOf("w1.1")).toBe("writing");
    expect(world.placeOf("d.9")).toBe("writing");
  });

  it("is refused at once for what is larger than the store", () => {
    const world = new StoreWorld(LIMITS);
    const effects = world.core.askRoom("d.1", { pages: 9 });
    expect(effects).toMatchObject([{ type: "refuse-room", requestedBytes: 9 * 4096, capacityBytes: 8 * 4096 }]);
  });

  it("is refused with the numbers when the quota is used up", () => {
    const world = fullWorld({ ...LIMITS, spillLimitBytes: 2 * 4096 });
    expect(world.put("w1.1", 2, { writer: "w1" })).toBe(false);
    world.settle();
    world.write("w1.1");
    world.ask("w1.2", 2, { writer: "w1" });
    world.settle();
    expect(world.core.effects.at(-1)).toMatchObject({ type: "refuse-room", spilledBytes: 8192, spillLimitBytes: 8192 });
  });

  it("is refused with the disk's problem, loses nothing, and is there once the disk is", () => {
    const world = fullWorld();
    world.ask("w1.1", 2, { writer: "w1" });
    world.collected("d");
    while (world.copyNext({ problem: "no disk" }));
    for (let round = 0; round < 30; round++) {
      world.tick();
      while (world.copyNext({ problem: "no disk" }));
    }
    expect(world.core.effects.find(({ type }) => type === "refuse-room")).toMatchObject({ diskProblem: "no disk" });
    expect(world.placeOf("d.0")).toBe("arena");
    expect(world.core.state.store.spilledBytes).toBe(0);
    world.tick(5_000);
    world.ask("w1.2", 2, { writer: "w1" });
    world.settle();
    expect(world.placeOf("w1.2")).toBe("writing");
  });

  it("of a writer that dies is free again", () => {
    const world = new StoreWorld(LIMITS);
    world.core.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" });
    world.ask("d.1#0", 4, { writer: "w1", holder: "d" });
    world.perform(world.core.leave("w1"));
    expect(world.core.state.store.allocator.usedBytes).toBe(0);
    expect(world.core.state.objects.size).toBe(0);
  });

  it("stays taken while somebody writes there, though nobody wants it any more", () => {
    const world = new StoreWorld(LIMITS);
    world.core.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" });
    world.ask("d.1#0", 4, { writer: "w1", holder: "d" });
    const region = world.messages.flatMap((message) => (message.type === "allocated" ? [message.region] : []))[0];
    world.perform(world.core.release("d", "d.1#0"));
    expect(world.core.state.store.allocator.usedBytes).toBe(4 * 4096);
    world.core.apply({ type: "region-sealed", objectId: "d.1#0" as never, slot: region?.slot ?? -1 });
    expect(world.core.state.store.allocator.usedBytes).toBe(0);
  });

  it("comes from the system when the mount is smaller than the store", () => {
    const world = fullWorld();
    world.perform(world.core.release("d", "d.3"));
    const asked = { objectId: "w1.1", lengths: [4096], writer: "w1", holder: "w1", requestId: 3 } as never;
    const effects = world.core.apply({
      type: "room-asked",
      ...(asked as object),
      isMountFull: true,
      atMs: 1_000,
    } as never);
    expect(effects[0]).toEqual({ type: "discard-free" });
    expect(sent(effects)).toMatchObject([{ type: "collect" }]);
    world.core.apply({ type: "garbage-collected", clientId: "d" as never, atMs: 1_000 });
    const scanned = world.core.apply({ type: "pins-scanned", pinned: new Set(), mountFreeBytes: 0, atMs: 1_000 });
    expect(scanned).toMatchObject([{ type: "retract-region", objectId: "d.0" }]);
  });
});

describe("a spilled object", () => {
  function spilledWorld(): StoreWorld {
    const world = fullWorld();
    world.put("w1.1", 2, { writer: "w1" });
    world.settle();
    world.write("w1.1");
    return world;
  }

  it("is read from its file, after a look whether that is whole, when the store is full", () => {
    const world = spilledWorld();
    expect(world.locate("d.0")).toBeUndefined();
    world.copyNext();
    expect(world.answer()).toMatchObject({ file: "1", sizeBytes: 8192 });
    expect(world.locate("d.0")).toMatchObject({ file: "1" });
  });

  it("comes back when there is room", () => {
    const world = spilledWorld();
    world.perform(world.core.release("d", "d.2"));
    expect(world.locate("d.0")).toBeUndefined();
    world.copyNext();
    const place = world.answer();
    expect(place).toMatchObject({ region: { offset: 4 * 4096 } });
    expect(place !== undefined && "region" in place && world.contentOf(place.region)).toBe("d.0");
    expect(world.files.size).toBe(0);
    expect(world.core.state.store.spilledBytes).toBe(0);
  });

  it("takes its file with it when nobody holds it any more", () => {
    const world = spilledWorld();
    world.perform(world.core.release("d", "d.0"));
    expect(world.files.size).toBe(0);
    expect(world.core.state.store.spilledBytes).toBe(0);
  });

  it("that is dropped while it comes back leaves neither file nor region", () => {
    const world = spilledWorld();
    world.perform(world.core.release("d", "d.2"));
    world.locate("d.0");
    world.perform(world.core.release("d", "d.0"));
    world.copyNext();
    expect(world.files.size).toBe(0);
    expect(world.core.state.store.allocator.usedBytes).toBe(6 * 4096);
  });

  it("is given back to a reader that comes while it is being spilled", () => {
    const world = fullWorld();
    world.ask("w1.1", 2, { writer: "w1" });
    world.collected("d");
    expect(world.placeOf("d.0")).toBe("spilling");
    expect(world.locate("d.0")).toMatchObject({ region: { offset: 0 } });
    world.copyNext();
    expect(world.files.size).toBe(0);
    expect(world.placeOf("d.0")).toBe("arena");
  });

  it("that was put is lost with its file, and says so", () => {
    const world = spilledWorld();
    world.files.clear();
    world.locate("d.0");
    world.copyNext();
    expect(world.messages).toMatchObject([{ type: "rebuild", to: "d", objectId: "d.0", reason: "it is damaged" }]);
    const result = { ok: false, lost: "it was put" } as const;
    world.perform(
      world.core.apply({ type: "result-published", clientId: "d" as never, objectId: "d.0" as never, result }),
    );
    expect(world.answer()).toEqual({ lost: "it was put" });
  });

  it("that is lost after the process that made it has ended cannot be made again", () => {
    const world = fullWorld();
    world.core.apply({ type: "client-joined", clientId: "w2" as never, kind: "worker" });
    world.core.hold("w2", "d.0");
    world.put("w1.1", 2, { writer: "w1" });
    world.settle();
    world.core.leave("d");
    world.files.clear();
    world.locate("d.0", "w2");
    while (world.copyNext());
    expect(world.answer()).toMatchObject({ lost: expect.stringContaining("has ended") });
  });
});

describe("what a client still reads after it has left", () => {
  it("stays where it is until its process lets go", () => {
    const world = fullWorld();
    const slot = world.told.get("d.1")?.slot ?? -1;
    const left = { type: "client-left", clientId: "d", atMs: 1, mappedSlots: new Set([slot]) } as const;
    world.perform(world.core.apply(left as never));
    expect(world.placeOf("d.0")).toBeUndefined();
    expect(world.placeOf("d.1")).toBe("arena");
    world.perform(world.core.apply({ type: "mappings-ended", clientId: "d" as never }));
    expect(world.placeOf("d.1")).toBeUndefined();
  });
});
