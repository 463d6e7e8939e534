import { describe, expect, it } from "vitest";
import type { WorkerId } from "../../../runtime/src/protocol/ids.ts";
import { CoreWorld, sent, stopped } from "./core-world.ts";

const MEBIBYTE = 1024 ** 2;

/** Workers w1, w2 … of a cluster with as many CPUs, leased by the driver; each with what it runs. */
function worldOf(...runs: { readonly name: string; readonly isLastChance?: true; readonly atMs: number }[]): CoreWorld {
  const world = new CoreWorld({ cpus: runs.length + 2 });
  world.demand("d", 1, runs.length);
  for (const [index, { name, atMs, ...rest }] of runs.entries()) {
    const workerId = `w${index + 1}`;
    world.join(workerId);
    const clientId = workerId as never;
    world.apply({ type: "work-reported", clientId, groups: [], actors: [], running: name, ...rest, atMs });
  }
  return world;
}

function runShort(world: CoreWorld, megabytes: Record<string, number>): ReturnType<CoreWorld["apply"]> {
  const workers = Object.entries(megabytes).map(([workerId, size]) => {
    return { workerId: workerId as WorkerId, privateBytes: size * MEBIBYTE };
  });
  const memory = { what: "the machine", usedBytes: 960 * MEBIBYTE, totalBytes: 1000 * MEBIBYTE } as const;
  return world.apply({ type: "memory-short", ...memory, threshold: 0.95, workers });
}

describe("when memory runs short", () => {
  it("the youngest task that is run again ends first, and its caller is told by how much", () => {
    const world = worldOf(
      { name: "old", atMs: 10 },
      { name: "young", atMs: 20 },
      { name: "youngest", atMs: 30, isLastChance: true },
    );
    expect(stopped(runShort(world, { w1: 300, w2: 200, w3: 400 }))).toEqual(["w2"]);
    expect(sent(world.die("w2"))).toMatchObject([
      {
        type: "worker-died",
        workerId: "w2",
        end: {
          reason: "memory",
          memory: {
            processBytes: 200 * MEBIBYTE,
            largest: [
              { name: "youngest", bytes: 400 * MEBIBYTE },
              { name: "old", bytes: 300 * MEBIBYTE },
              { name: "young", bytes: 200 * MEBIBYTE },
            ],
          },
        },
      },
    ]);
  });

  it("one process ends at a time: the next when the first is gone and that was not enough", () => {
    const world = worldOf({ name: "a", atMs: 10 }, { name: "b", atMs: 20 });
    expect(stopped(runShort(world, { w1: 300, w2: 200 }))).toEqual(["w2"]);
    expect(runShort(world, { w1: 300, w2: 200 })).toEqual([]);
    world.die("w2");
    expect(stopped(runShort(world, { w1: 300 }))).toEqual(["w1"]);
  });

  it("idle processes with much go before all tasks, tasks that would fail before actors, restartable actors before others", () => {
    const world = worldOf({ name: "last", atMs: 10, isLastChance: true });
    for (const [id, maxRestarts] of [
      ["d.A1", 0],
      ["d.A2", 2],
    ] as const) {
      world.askActor(id, { maxRestarts, resources: { cpus: 10_000 } });
    }
    world.join("w2");
    world.join("w3");
    world.apply({ type: "actor-ready", actorId: "d.A1" as never, workerId: "w2" as never, atMs: 20 });
    world.apply({ type: "actor-ready", actorId: "d.A2" as never, workerId: "w3" as never, atMs: 20 });
    world.apply({ type: "workers-wanted", count: 2 });
    world.join("w4");
    world.join("w5");
    const all = { w1: 300, w2: 300, w3: 300, w4: 10, w5: 500 };
    const order: string[] = [];
    for (let round = 0; round < 4; round++) {
      const [victim = "nobody"] = stopped(runShort(world, all));
      order.push(victim);
      world.die(victim);
    }
    expect(order).toEqual(["w5", "w1", "w3", "w2"]);
  });

  it("an actor that dies of it says so to those who call it", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.askActor("d.A1");
    world.watch("d.A1");
    world.join("w1");
    runShort(world, { w1: 300 });
    expect(sent(world.die("w1"))).toMatchObject([
      { type: "actor-state", state: { state: "dead", death: { error: { code: "OUT_OF_MEMORY" } } } },
    ]);
  });

  it("a task that has little goes on, though it would be run again", () => {
    const world = worldOf({ name: "large", atMs: 10, isLastChance: true }, { name: "small", atMs: 20 });
    expect(stopped(runShort(world, { w1: 900, w2: 30 }))).toEqual(["w1"]);
  });

  it("nothing ends where nothing would help", () => {
    expect(runShort(new CoreWorld({ cpus: 1 }), {})).toEqual([]);
  });
});
