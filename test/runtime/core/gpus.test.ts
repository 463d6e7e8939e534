import { describe, expect, it } from "vitest";
import { CoreWorld, granted, sent, started } from "./core-world.ts";

const gpusOf = (effects: Parameters<typeof sent>[0]): unknown[] =>
  sent(effects).flatMap((message) => (message.type === "lease-granted" ? [message.grant.gpuIds] : []));

describe("GPUs", () => {
  it("are given out by their ids, and return", () => {
    const world = new CoreWorld({ cpus: 4, gpus: 2 }, { gpuIds: ["3", "GPU-5"] });
    world.want("d", { gpus: 1 }, { count: 3 });
    expect([...gpusOf(world.join("w1")), ...gpusOf(world.join("w2"))]).toEqual([["3"], ["GPU-5"]]);
    expect(world.state.free["gpus"]).toBe(0);
    expect(gpusOf(world.giveBack("d", "l1"))).toEqual([["3"]]);
  });

  it("are shared by fractions, the fullest first", () => {
    const world = new CoreWorld({ cpus: 4, gpus: 2 });
    world.want("d", { gpus: 0.5 }, { count: 3 });
    const shown = ["w1", "w2", "w3"].flatMap((id) => gpusOf(world.join(id)));
    expect(shown).toEqual([["0"], ["0"], ["1"]]);
  });

  it("are whole for those who want whole ones, however the halves add up", () => {
    const world = new CoreWorld({ cpus: 8, gpus: 2 });
    world.want("d", { gpus: 0.6 }, { count: 2 });
    world.join("w1");
    world.join("w2");
    // 0.8 is free, 0.4 on each.
    expect(started(world.want("d", { gpus: 0.8 }))).toEqual([]);
    world.want("d", { gpus: 0.8 }, { count: 0 });
    world.want("d", { gpus: 0.6 }, { count: 1 });
    world.giveBack("d", "l1");
    expect(gpusOf(world.want("d", { gpus: 1 }))).toEqual([["0"]]);
  });

  it("come with a process that has seen the same ones, or none", () => {
    const world = new CoreWorld({ cpus: 4, gpus: 2 });
    world.want("d", { gpus: 1 });
    world.join("w1");
    world.want("d", { gpus: 1 }, { count: 0 });
    world.giveBack("d", "l1");
    // It may have opened GPU 0: work without a GPU goes elsewhere.
    expect(started(world.demand("d", 1, 1))).toEqual(["w2"]);
    expect(granted(world.want("d", { gpus: 1 }))).toEqual(["d:w1"]);
    expect(granted(world.want("d", { gpus: 1 }, { count: 2 }))).toEqual([]);
  });

  it("stay with a process that waits, while its CPU is lent", () => {
    const world = new CoreWorld({ cpus: 1, gpus: 1, memoryBytes: 1_000 });
    world.want("d", { cpus: 1, gpus: 1, memoryBytes: 600 });
    world.join("w1");
    world.block("w1");
    expect(world.state.free).toEqual({ cpus: 10_000, gpus: 0, memoryBytes: 400 });
  });

  it("are given to actors in their order to start", () => {
    const world = new CoreWorld({ cpus: 1, gpus: 2 });
    world.askActor("d.A0", { resources: { gpus: 20_000 } });
    expect(sent(world.join("w1"))).toMatchObject([{ type: "become-actor", gpuIds: ["0", "1"] }]);
  });

  it("that exist in part hold no whole one", () => {
    const world = new CoreWorld({ cpus: 1, gpus: 1.5 });
    expect(sent(world.want("d", { gpus: 1.5 }))).toEqual([]);
    expect(sent(world.want("d", { gpus: 2 }))).toMatchObject([{ type: "unschedulable" }]);
  });
});
