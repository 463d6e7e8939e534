import { expect, test } from "vitest";
import { type ClientId, GivenIds, IdMaker, type ObjectId } from "../../../runtime/src/protocol/ids.ts";

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
