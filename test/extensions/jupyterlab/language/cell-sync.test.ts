import { expect, test } from "vitest";
import { CellSync } from "../../../../extensions/jupyterlab/src/language/cell-sync.ts";

const A = { id: "a", code: "1" };
const B = { id: "b", code: "2" };

test("the first message has all cells, later ones what changed", () => {
  const sync = new CellSync();
  expect(sync.update([A, B])).toEqual({ type: "cells", revision: 1, order: ["a", "b"], changed: [A, B] });
  expect(sync.update([A, B])).toBeUndefined();
  const edited = { id: "b", code: "3" };
  expect(sync.update([A, edited])).toEqual({ type: "cells", revision: 2, order: ["a", "b"], changed: [edited] });
});

test("moved and deleted cells are a change of the order alone", () => {
  const sync = new CellSync();
  sync.update([A, B]);
  expect(sync.update([B, A])).toMatchObject({ order: ["b", "a"], changed: [] });
  expect(sync.update([B])).toMatchObject({ order: ["b"], changed: [] });
  expect(sync.update([B, A])).toMatchObject({ order: ["b", "a"], changed: [A] });
});

test("a cell that was typed in is sent again even with its old text, because its marks are gone", () => {
  const sync = new CellSync();
  sync.update([A]);
  sync.touch("a");
  expect(sync.update([A])).toMatchObject({ revision: 2, changed: [A] });
  expect(sync.update([A])).toBeUndefined();
});

test("an answer counts if it speaks of the text that the cell has", () => {
  const sync = new CellSync();
  sync.update([A, B]);
  expect(sync.isCurrent(A, 1)).toBe(true);
  expect(sync.isCurrent({ id: "a", code: "edited" }, 1)).toBe(false);
  sync.update([{ id: "a", code: "edited" }, B]);
  expect(sync.isCurrent({ id: "a", code: "edited" }, 1)).toBe(false);
  expect(sync.isCurrent({ id: "a", code: "edited" }, 2)).toBe(true);
  expect(sync.isCurrent(B, 1)).toBe(true);
  sync.touch("b");
  expect(sync.isCurrent(B, 2)).toBe(false);
  expect(sync.isCurrent({ id: "unknown", code: "" }, 2)).toBe(false);
});

test("a new kernel is told everything", () => {
  const sync = new CellSync();
  sync.update([A]);
  sync.reset();
  expect(sync.isCurrent(A, 1)).toBe(false);
  expect(sync.update([A])).toMatchObject({ order: ["a"], changed: [A] });
});
