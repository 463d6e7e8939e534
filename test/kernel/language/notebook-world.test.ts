import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NameKind } from "../../../kernel/src/language/cell/top-level-names.ts";
import { type CellRecord, NotebookWorld } from "../../../kernel/src/language/notebook-world.ts";

function record(
  version: number,
  names: Readonly<Record<string, NameKind>>,
  more: Partial<CellRecord> = {},
): CellRecord {
  return {
    version,
    names: Object.entries(names).map(([name, kind]) => ({ name, kind })),
    dependencies: [],
    isAugmenting: false,
    code: "",
    ...more,
  };
}

function run(world: NotebookWorld, cell: CellRecord): void {
  world.add(cell);
  world.commit(
    cell.version,
    cell.names.map(({ name }) => name),
  );
}

describe("NotebookWorld", () => {
  test("the newest committed declaration of a name is the live one", () => {
    const world = new NotebookWorld();
    run(world, record(1, { a: "const", crypto: "let" }));
    world.add(record(2, { a: "function" }));
    expect(world.find("a")).toEqual({ name: "a", kind: "const", version: 1, globalName: "a" });
    world.commit(2, ["a"]);
    expect(world.find("a")).toMatchObject({ kind: "function", version: 2 });
    expect(world.find("crypto")).toMatchObject({ globalName: "ǃcrypto" });
  });

  test("a running cell lends its names, and keeps those that got a value", () => {
    const world = new NotebookWorld();
    run(world, record(1, { a: "const", b: "const" }));
    world.add(record(2, { a: "let", b: "let", T: "type" }, { cellId: "running" }));
    const before = world.revision;
    world.lend(2);
    expect(world.revision).not.toBe(before);
    expect(world.find("a")).toMatchObject({ version: 2, kind: "let" });
    expect(world.visibleNames().map(({ name, version }) => `${name}${version}`)).toEqual(["a2", "b2", "T2"]);
    expect(world.visibleNames("running").map(({ name, version }) => `${name}${version}`)).toEqual(["a1", "b1"]);
    world.commit(2, ["b"]);
    expect(world.visibleNames().map(({ name, version }) => `${name}${version}`)).toEqual(["a1", "b2", "T2"]);
  });

  test("what is not known, or has ended, lends nothing", () => {
    const world = new NotebookWorld();
    run(world, record(1, { a: "const" }));
    world.lend(1);
    world.lend(9);
    expect(world.visibleNames().map(({ version }) => version)).toEqual([1]);
  });

  test("a version is committed once", () => {
    const world = new NotebookWorld();
    run(world, record(1, { a: "const" }));
    run(world, record(2, { a: "let" }));
    world.commit(1, ["a"]);
    world.commit(99, ["z"]);
    expect(world.find("a")).toMatchObject({ version: 2 });
  });

  test("modules are kept while a live name needs them, directly or through another module", () => {
    const world = new NotebookWorld();
    run(world, record(1, { A: "class" }, { cellId: "x" }));
    run(world, record(2, { a: "const" }, { cellId: "y", dependencies: [1] }));
    run(world, record(3, { A: "class" }, { cellId: "x" }));
    expect([1, 2, 3].map((version) => world.isKept(version))).toEqual([true, true, true]);
    world.forget(["y"]);
    expect([1, 2, 3].map((version) => world.isKept(version))).toEqual([false, false, true]);
  });

  test("cells that are never committed do not pile up", () => {
    const world = new NotebookWorld();
    for (let version = 1; version <= 1000; version++) world.add(record(version, { a: "const" }));
    const kept = Array.from({ length: 1000 }, (_, index) => index + 1).filter((version) => world.isKept(version));
    expect(kept.length).toBeLessThan(100);
    expect(kept.at(-1)).toBe(1000);
  });

  test("whatever runs in whatever order, each name belongs to the last cell that declared it and still stands", () => {
    const names = ["a", "b", "c"] as const;
    const action = fc.oneof(
      fc.record({
        type: fc.constant("run" as const),
        cell: fc.constantFrom("x", "y", "z"),
        names: fc.subarray([...names]),
      }),
      fc.record({ type: fc.constant("forget" as const), cell: fc.constantFrom("x", "y", "z") }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const world = new NotebookWorld();
        const owner = new Map<string, { cell: string; version: number }>();
        actions.forEach((step, index) => {
          for (const [name, { cell }] of owner) if (cell === step.cell) owner.delete(name);
          if (step.type === "forget") world.forget([step.cell]);
          else {
            const kinds = Object.fromEntries(step.names.map((name) => [name, "const" as const]));
            run(world, record(index + 1, kinds, { cellId: step.cell }));
            for (const name of step.names) owner.set(name, { cell: step.cell, version: index + 1 });
          }
          for (const name of names) expect(world.find(name)?.version).toBe(owner.get(name)?.version);
          for (const { version } of owner.values()) expect(world.isKept(version)).toBe(true);
        });
      }),
    );
  });
});
