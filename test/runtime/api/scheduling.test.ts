import { actor, task } from "mobula";
import { expect, it } from "vitest";
import { schedulingOf } from "../../../runtime/src/api/scheduling.ts";

const problemOf = (options: object): string => {
  try {
    schedulingOf(options);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return "";
};

it("strategies and labels go to the engine, the usual ones as nothing", () => {
  expect(schedulingOf({})).toEqual({});
  expect(schedulingOf({ schedulingStrategy: "default", labelSelector: {} })).toEqual({});
  expect(schedulingOf({ schedulingStrategy: "default", labelSelector: { zone: "in(a, b)", disk: "!hdd" } })).toEqual({
    scheduling: { labels: { zone: "in(a,b)", disk: "!hdd" } },
  });
  expect(schedulingOf({ schedulingStrategy: "spread" })).toEqual({ scheduling: { isSpread: true } });
  expect(schedulingOf({ schedulingStrategy: { nodeId: "n" } })).toEqual({
    scheduling: { node: { id: "n", isSoft: false } },
  });
  expect(schedulingOf({ schedulingStrategy: { nodeId: "n", soft: true }, labelSelector: { zone: "!in(a)" } })).toEqual({
    scheduling: { node: { id: "n", isSoft: true }, labels: { zone: "!in(a)" } },
  });
});

it("a strategy that there is not is refused with the nearest one", () => {
  expect(problemOf({ schedulingStrategy: "SPREAD" })).toBe(
    'schedulingStrategy is "default", "spread" or { nodeId }, not "SPREAD" (did you mean \'spread\'?)',
  );
  expect(problemOf({ schedulingStrategy: 7 })).toMatch(/not 7$/);
  expect(problemOf({ schedulingStrategy: null })).toMatch(/not null$/);
  expect(problemOf({ schedulingStrategy: { nodeID: "n" } })).toBe(
    "schedulingStrategy has no 'nodeID' (did you mean 'nodeId'?): it takes nodeId and soft",
  );
  expect(problemOf({ schedulingStrategy: { soft: true } })).toMatch(/nodeId is the id of a node.*, not undefined$/);
  expect(problemOf({ schedulingStrategy: { nodeId: "n", soft: 1 } })).toMatch(/soft is true or false, not 1$/);
});

it("a strategy beside a placement group is refused, as in Ray", () => {
  expect(problemOf({ schedulingStrategy: "spread", placementGroup: {} })).toMatch(/exclude each other/);
  expect(schedulingOf({ labelSelector: { zone: "a" }, placementGroup: {} })).toEqual({
    scheduling: { labels: { zone: "a" } },
  });
});

it("selectors that cannot be read are refused where they are written", () => {
  expect(problemOf({ labelSelector: ["a"] })).toMatch(/is an object such as/);
  expect(problemOf({ labelSelector: { zone: "in(a" } })).toBe(
    'labelSelector.zone is a value, "!value", "in(a,b)" or "!in(a,b)", not "in(a"; ' +
      "values have letters, digits and - _ . within, 63 at most",
  );
  expect(problemOf({ labelSelector: { zone: 1 } })).toMatch(/not 1;/);
  expect(problemOf({ labelSelector: { "zo ne": "a" } })).toMatch(/'zo ne' cannot be the name of a label/);
  expect(() => task(() => 1, { labelSelector: { zone: "" } })).toThrow(/labelSelector\.zone/);
  expect(() => task(() => 1).with({ schedulingStrategy: "spraed" as never })).toThrow(/did you mean 'spread'/);
  expect(() => actor(Map, { schedulingStrategy: { nodeId: "" } })).toThrow(/nodeId/);
});
