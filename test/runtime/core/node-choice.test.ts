import { describe, expect, it } from "vitest";
import { hasLabels, isLabelName, labelCondition, misfit } from "../../../runtime/src/core/node-choice.ts";
import { placedShapeOf } from "../../../runtime/src/core/resources.ts";
import { CoreWorld, sent, started } from "./core-world.ts";

describe("label conditions", () => {
  it("are a value, several, or what it must not be", () => {
    expect(labelCondition("a")).toEqual({ isNot: false, values: ["a"] });
    expect(labelCondition("!a_1.b-2")).toEqual({ isNot: true, values: ["a_1.b-2"] });
    expect(labelCondition("in(a,b, c)")).toEqual({ isNot: false, values: ["a", "b", "c"] });
    expect(labelCondition("!in(a)")).toEqual({ isNot: true, values: ["a"] });
    expect(labelCondition("in")).toEqual({ isNot: false, values: ["in"] });
  });

  it("are no other text", () => {
    for (const text of [
      "",
      "!",
      "a b",
      "in()",
      "in(a",
      "in(a,)",
      "in(a,  b)",
      "(a)",
      "!!a",
      "not(a)",
      "-a",
      "a-",
      "ä",
    ]) {
      expect(labelCondition(text), text).toBeUndefined();
    }
    expect(labelCondition("a".repeat(63))).toBeDefined();
    expect(labelCondition("a".repeat(64))).toBeUndefined();
  });

  it("hold for nodes with such a value; the negative ones also for nodes without the label", () => {
    const labels = { zone: "a", "ray.io/node-id": "n1" };
    for (const text of ["a", "in(b,a)", "!b", "!in(b,c)"]) expect(hasLabels(labels, { zone: text }), text).toBe(true);
    for (const text of ["b", "in(b,c)", "!a", "!in(a,b)"]) expect(hasLabels(labels, { zone: text }), text).toBe(false);
    expect(hasLabels(labels, { disk: "ssd" })).toBe(false);
    expect(hasLabels(labels, { disk: "!ssd" })).toBe(true);
    expect(hasLabels(labels, { constructor: "!ssd" })).toBe(true);
    expect(hasLabels(labels, { zone: "a", disk: "ssd" })).toBe(false);
  });

  it("belong to labels whose names may have a prefix", () => {
    for (const name of ["zone", "ray.io/node-id", "a.b-c/d_e"]) expect(isLabelName(name), name).toBe(true);
    for (const name of ["", "a b", "/a", "a/", "a..b/c", "a".repeat(64)]) expect(isLabelName(name), name).toBe(false);
  });
});

describe("the only node", () => {
  const node = { id: "n1", labels: { "ray.io/node-id": "n1" } };

  it("is a fit for its own id, its labels, and for what may run elsewhere", () => {
    expect(misfit(node, undefined)).toBeUndefined();
    expect(misfit(node, { isSpread: true })).toBeUndefined();
    expect(misfit(node, { node: { id: "n1", isSoft: false } })).toBeUndefined();
    expect(misfit(node, { node: { id: "n2", isSoft: true } })).toBeUndefined();
    expect(misfit(node, { labels: { "ray.io/node-id": "n1", zone: "!b" } })).toBeUndefined();
  });

  it("is none for another's id and labels, and says why", () => {
    expect(misfit(node, { node: { id: "n2", isSoft: false } })?.explanation).toBe("there is no node 'n2'");
    expect(misfit(node, { node: { id: "n2", isSoft: true }, labels: { zone: "b" } })?.explanation).toBe(
      "no node has the labels zone=b; there are ray.io/node-id=n1",
    );
  });

  it("refuses tasks and actors that cannot run there, and runs the others", () => {
    const world = new CoreWorld({ cpus: 2 }, { node });
    const elsewhere = { node: { id: "n2", isSoft: false } };
    const because = { explanation: "there is no node 'n2'", advice: expect.stringContaining("listNodes()") };
    expect(sent(world.want("d", { cpus: 1 }, { scheduling: elsewhere }))).toMatchObject([
      { type: "unschedulable", to: "d", ...because },
    ]);
    expect(sent(world.askActor("d.A0", { scheduling: elsewhere }))).toMatchObject([
      { type: "actor-refused", reason: "unschedulable", ...because },
    ]);
    expect(started(world.want("d", { cpus: 1 }, { scheduling: { node: { id: "n1", isSoft: false } } }))).toEqual([
      "w1",
    ]);
  });

  it("keeps work apart that asks for different nodes", () => {
    const shapes = [undefined, { isSpread: true }, { node: { id: "n1", isSoft: true } }, { labels: { zone: "b" } }];
    expect(new Set(shapes.map((each) => placedShapeOf({}, undefined, undefined, each))).size).toBe(4);
  });
});
