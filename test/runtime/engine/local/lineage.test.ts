import { describe, expect, it } from "vitest";
import type { Call } from "../../../../runtime/src/engine/local/calls.ts";
import { Lineage } from "../../../../runtime/src/engine/local/lineage.ts";
import type { ObjectTable } from "../../../../runtime/src/engine/local/object-table.ts";
import type { ObjectId, TaskId } from "../../../../runtime/src/protocol/ids.ts";
import type { WireResult, WireValue } from "../../../../runtime/src/protocol/messages.ts";

const stored: WireValue = {
  bytes: new Uint8Array(0),
  region: { offset: 0, lengths: [200_000], slot: 0, version: 1 },
  owner: "d.0#0" as ObjectId,
};

/** The objects of a process, as far as the lineage looks at them. */
class World {
  readonly uses = new Map<string, number>();
  readonly started: Call[] = [];
  readonly published: [string, WireResult][] = [];
  readonly lineage: Lineage;
  readonly #values = new Map<string, WireValue>();
  #gone: (id: ObjectId, isPublished: boolean) => void = () => {};

  constructor() {
    const objects = {
      onKeptGone: (listener: (id: ObjectId, isPublished: boolean) => void) => {
        this.#gone = listener;
      },
      keepMark: (id: ObjectId) => this.#values.has(id),
      has: (id: ObjectId) => this.#values.has(id),
      peek: (id: ObjectId) => this.#values.get(id),
      use: (id: string) => this.uses.set(id, (this.uses.get(id) ?? 0) + 1),
      unuse: (id: string) => this.uses.set(id, (this.uses.get(id) ?? 0) - 1),
      create: (id: string) => this.uses.set(id, 1),
      settle: () => {},
      fail: () => {},
      publishInside: () => {},
      replace: (id: string, value: WireValue) => this.#values.set(id, value),
    } as unknown as ObjectTable;
    this.lineage = new Lineage(objects, {
      start: (call) => this.started.push(call),
      publish: (id, result) => this.published.push([id, result]),
    });
  }

  /** A task has ended and left a stored result. */
  finish(number: number, refs: number[] = [], { argBytes = 0, retriesLeft = 3 } = {}): void {
    const taskId = `d.${number}` as TaskId;
    this.#values.set(taskId, stored);
    const call = {
      taskId,
      args: { bytes: new Uint8Array(argBytes) },
      refs: refs.map((ref, index) => ({ index, id: `d.${ref}` as ObjectId })),
      retriesLeft,
      attempt: 0,
      returns: undefined,
      stream: undefined,
      work: { kind: "task" },
    } as unknown as Call;
    this.lineage.keep(call, [stored]);
  }

  dispose(number: number, isPublished = false): void {
    this.#values.delete(`d.${number}`);
    this.#gone(`d.${number}` as ObjectId, isPublished);
  }

  lose(number: number): void {
    this.lineage.rebuild(`d.${number}#0w1` as ObjectId, "its file is gone");
  }
}

describe("what is kept of finished tasks", () => {
  it("goes with the last use of their results", () => {
    const world = new World();
    world.finish(1);
    expect(world.lineage.keptBytes).toBeGreaterThan(0);
    world.dispose(1);
    expect(world.lineage.keptBytes).toBe(0);
  });

  it("stays as long as a later task may need their results again, however long the chain", () => {
    const world = new World();
    world.finish(0);
    for (let number = 1; number <= 20_000; number++) {
      world.finish(number, [number - 1]);
      world.dispose(number - 1);
    }
    const all = world.lineage.keptBytes;
    expect(all).toBeGreaterThan(20_000 * 100);
    world.dispose(20_000);
    expect(world.lineage.keptBytes).toBe(0);
  });

  it("stays when others may use their results", () => {
    const world = new World();
    world.finish(1);
    world.dispose(1, true);
    world.lose(1);
    expect(world.started).toMatchObject([{ taskId: "d.1", attempt: 1, retriesLeft: 2 }]);
  });

  it("is bounded: the oldest are forgotten first, and their loss says so", () => {
    const world = new World();
    for (let number = 0; number < 100; number++) world.finish(number, [], { argBytes: 1024 ** 2 });
    expect(world.lineage.keptBytes).toBeLessThanOrEqual(64 * 1024 ** 2);
    world.lose(0);
    expect(world.published).toMatchObject([["d.0#0w1", { ok: false, lost: expect.stringContaining("not known") }]]);
    world.lose(99);
    expect(world.started).toHaveLength(1);
  });
});

describe("a lost result", () => {
  it("is made once for all who ask, and all are told", () => {
    const world = new World();
    world.finish(1);
    world.lose(1);
    world.lineage.rebuild("d.1#0w2" as ObjectId, "its file is gone");
    expect(world.started).toHaveLength(1);
    world.lineage.rebuilt(world.started[0] as Call, [stored]);
    expect(world.published.map(([id, { ok }]) => [id, ok])).toEqual([
      ["d.1#0w1", true],
      ["d.1#0w2", true],
    ]);
  });

  it("takes inputs along that are gone", () => {
    const world = new World();
    world.finish(1);
    world.finish(2, [1]);
    world.dispose(1);
    world.lose(2);
    expect(world.started.map(({ taskId }) => taskId)).toEqual(["d.1", "d.2"]);
  });

  it("uses up a retry each time, until there is none", () => {
    const world = new World();
    world.finish(1, [], { retriesLeft: 2 });
    for (let round = 0; round < 3; round++) {
      world.lose(1);
      const call = world.started[round];
      if (call !== undefined) world.lineage.rebuilt(call, [stored]);
    }
    expect(world.started.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(world.published.at(-1)).toMatchObject(["d.1#0w1", { lost: expect.stringContaining("retries") }]);
  });
});
