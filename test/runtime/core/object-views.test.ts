import { describe, expect, it } from "vitest";
import { listObjects } from "../../../runtime/src/core/object-views.ts";
import { CoreWorld } from "./core-world.ts";

function publish(world: CoreWorld, objectId: string): void {
  world.apply({ type: "object-published", clientId: "d" as never, objectId: objectId as never });
}

describe("the list of objects", () => {
  it("shows small values and those that are being made", () => {
    const world = new CoreWorld();
    publish(world, "d.1");
    publish(world, "d.2");
    const value = { bytes: new Uint8Array(3), buffers: [new Uint8Array(4)], refs: ["d.1" as never] };
    world.apply({
      type: "result-published",
      clientId: "d" as never,
      objectId: "d.2" as never,
      result: { ok: true, value },
    });
    expect(listObjects(world.state)).toEqual([
      { id: "d.1", owner: "d", sizeBytes: 0, state: "pending", holders: { d: 1, "in d.2": 1 }, isPinned: false },
      { id: "d.2", owner: "d", sizeBytes: 7, state: "in-memory", holders: { d: 1 }, isPinned: false },
    ]);
  });

  it("says why a lost object is lost", () => {
    const world = new CoreWorld();
    world.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" });
    world.apply({ type: "object-published", clientId: "w1" as never, objectId: "w1.1" as never });
    world.hold("d", "w1.1");
    world.apply({ type: "object-sought", clientId: "d" as never, objectId: "w1.1" as never });
    world.apply({ type: "client-left", clientId: "w1" as never, atMs: 1 });
    expect(listObjects(world.state)).toMatchObject([{ id: "w1.1", state: "lost", reason: expect.any(String) }]);
  });

  it("leaves out actors, which are counted in the same directory", () => {
    const world = new CoreWorld();
    world.askActor("d.A1");
    expect(world.state.objects.size).toBe(1);
    expect(listObjects(world.state)).toEqual([]);
  });
});
