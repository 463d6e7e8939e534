import { expect, test } from "vitest";
import {
  type ClientId,
  clientOf,
  GivenIds,
  IdMaker,
  type ObjectId,
  shownId,
} from "../../../runtime/src/protocol/ids.ts";

test("no object and no actor of a client share an id", () => {
  const ids = new IdMaker("d" as ClientId);
  const made = Array.from({ length: 5_000 }, (_, i) => (i % 3 === 0 ? ids.actorId() : ids.objectId()));
  expect(new Set<string>(made).size).toBe(made.length);
});

test("an id that was given is used once, and those made beside never collide with it", () => {
  const client = new IdMaker("dx" as ClientId);
  const ids = new GivenIds("dx" as ClientId);
  const given = client.objectId();
  ids.give(given);
  expect(ids.objectId()).toBe(given);
  const made = new Set<ObjectId>(Array.from({ length: 2_000 }, () => ids.objectId()));
  expect(Array.from({ length: 2_000 }, () => client.objectId()).filter((id) => made.has(id))).toEqual([]);
});

test("an object's id may say what made it, with none of the signs between the parts of ids", () => {
  const ids = new IdMaker("d1" as ClientId);
  expect([ids.objectId(), ids.objectId("7")]).toEqual(["d1.0", "d1.1@7"]);
  const made = ids.objectId("my prices.v2.ts:12");
  expect(made).toBe("d1.2@my%20prices%2Ev2%2Ets%3A12");
  expect(clientOf(made)).toBe("d1");
  expect(ids.objectId("a#b@c")).not.toMatch(/#|@.*@/);
  expect([shownId(made), shownId("d1.0")]).toEqual(["d1.2", "d1.0"]);
});
