/** Placement groups of a Ray cluster, through the public API. */
import { actor, init, type PlacementGroup, placementGroup, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Counter, failure } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray.stop();
});

const one = task(() => 1);

test("a group keeps its resources for its work, and gives them back", async () => {
  const group = await placementGroup([{ cpus: 1 }, { cpus: 1 }], { strategy: "SPREAD" });
  await group.ready();
  const outside = one();
  expect(await one.with({ placementGroup: group })()).toBe(1);
  expect(await one.with({ placementGroup: group, bundleIndex: 1, cpus: 0.5 })()).toBe(1);
  const Member = actor(Counter, { cpus: 1, placementGroup: group, bundleIndex: 0 });
  const member = new Member(2);
  expect(await member.add(3)).toBe(5);
  await group.remove();
  expect(await outside).toBe(1);
});

test("a group is found by its name, in tasks as well, until it is removed", async () => {
  const name = "Gruppe ☕";
  const group = await placementGroup([{ cpus: 0.5, memoryBytes: 1_000_000 }], { name });
  expect(await placementGroup.get(name)).toMatchObject({ id: group.id, bundles: group.bundles, strategy: "PACK" });
  const twice = await failure(placementGroup([{ cpus: 1 }], { name }));
  expect(twice).toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining(`placementGroup.get("${name}")`),
  });
  const outer = task(
    async (inside: PlacementGroup, found: string) => {
      const library = "mobula";
      const { placementGroup, task } = (await import(library)) as typeof import("mobula");
      const work = task(() => "in it", { placementGroup: inside, cpus: 0.5 });
      return [(await placementGroup.get(found))?.id, await work()];
    },
    { cpus: 0 },
  );
  expect(await outer(group, name)).toEqual([group.id, "in it"]);
  await group.remove();
  expect((await placementGroup.get(name)) === undefined).toBe(true);
  expect((await placementGroup.get("")) === undefined).toBe(true);
});

test("of two that are made at once under one name, one is made", async () => {
  const made = await Promise.allSettled([1, 2].map(() => placementGroup([{ cpus: 0.1 }], { name: "once" })));
  expect(made.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  await (await placementGroup.get("once"))?.remove();
});

test("a group waits until there is room, and a task that waits for one lends its CPU", async () => {
  const first = await placementGroup([{ cpus: 2 }]);
  const second = await placementGroup([{ cpus: 2 }]);
  await first.ready();
  expect(await second.wait({ timeoutMs: 50 })).toBe(false);
  await first.remove();
  await second.ready();
  await second.remove();
  const waits = task(async () => {
    const library = "mobula";
    const { placementGroup } = (await import(library)) as typeof import("mobula");
    const inner = await placementGroup([{ cpus: 2 }]);
    await inner.ready();
    await inner.remove();
    return "had it";
  });
  expect(await waits()).toBe("had it");
});

test("a group that is removed ends what runs in it, and is told apart from a crash", async () => {
  const group = await placementGroup([{ cpus: 1 }, { cpus: 1 }], { name: "doomed" });
  const endless = task(() => new Promise(() => {}), { name: "endless", placementGroup: group, bundleIndex: 0 });
  const Member = actor(Counter, { cpus: 1, placementGroup: group, bundleIndex: 1, maxRestarts: -1 });
  const member = new Member(0);
  expect(await member.add(1)).toBe(1);
  const dies = endless.with({ retries: 0 })();
  const crash = task(() => process.exit(3), { retries: 0, placementGroup: group, bundleIndex: 0, cpus: 0 });
  expect(await failure(crash())).toMatchObject({ code: "WORKER_CRASHED" });
  await group.remove();
  const gone = "its placement group 'doomed' was removed";
  expect(await failure(dies)).toMatchObject({
    code: "PLACEMENT_GROUP_REMOVED",
    message: expect.stringContaining(`'endless' ended: ${gone}`),
  });
  expect(await failure(member.add(1))).toMatchObject({ code: "ACTOR_DIED", message: expect.stringContaining(gone) });
  expect(await failure(endless())).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
  expect(await failure(group.ready())).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
  await group.remove();
});

test("a group that the nodes cannot have is refused with what they have", async () => {
  const spread = placementGroup([{ cpus: 1 }, { cpus: 1 }], { strategy: "STRICT_SPREAD" });
  expect((await failure(spread)).message).toBe(
    "'placement group' needs 2 cpus, but STRICT_SPREAD puts each of its 2 bundles on another node, and there is 1 node. " +
      "Ask for less, or start a cluster that has it.",
  );
  expect(await failure(placementGroup([{ cpus: 3 }], { name: "huge" }))).toMatchObject({
    code: "UNSCHEDULABLE",
    message: expect.stringContaining("'placement group huge' needs 3 cpus, but no node has more than 2 cpus"),
  });
  expect((await placementGroup.get("huge")) === undefined).toBe(true);
  const many = placementGroup(Array.from({ length: 5 }, () => ({ cpus: 1 })));
  expect((await failure(many)).message).toContain("there is 1 node with 2 cpus in all");
  expect(await failure(placementGroup([{ resources: { unicorns: 1 } }]))).toMatchObject({ code: "UNSCHEDULABLE" });
});

test("work that no bundle has room for is refused, and a group of another cluster is gone", async () => {
  await using group = await placementGroup([{ cpus: 0.5 }]);
  expect((await failure(one.with({ cpus: 1, placementGroup: group, bundleIndex: 0 })())).message).toContain(
    `'() => 1' needs 1 cpus, but bundle 0 of the placement group '${group.id}' has 0.5 cpus.`,
  );
  const elsewhere = Object.assign(Object.create(Object.getPrototypeOf(group)), group, { id: "d.G0-abc" });
  expect(await failure(one.with({ placementGroup: elsewhere })())).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
  expect(await failure(elsewhere.ready())).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
});
