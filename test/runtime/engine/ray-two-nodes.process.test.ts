/** The engine on a cluster of two nodes that wants no token. The cluster is this file's own. */
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  actor,
  cancel,
  cluster,
  get,
  init,
  kill,
  listNodes,
  listTasks,
  listWorkers,
  type ObjectRef,
  shutdown,
  task,
} from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RayEngine } from "../../../runtime/src/engine/ray/ray-engine.ts";
import { engineContract } from "../../contract/engine.ts";
import { failure } from "../../support/api-world.ts";
import { type RayCluster, startOpenPair } from "../../support/ray-cluster.ts";
import { onRay } from "../../support/ray-contract.ts";
import { nodesOf } from "../../support/ray-dashboard.ts";
import { startMobula } from "../cli/mobula.ts";

const SOON = { timeout: 30_000 };

let ray: RayCluster;
let folder: string;
beforeAll(async () => {
  ray = await startOpenPair();
  process.env["MOBULA_STATE_DIR"] = ray.stateFolder;
  folder = await mkdtemp(join(tmpdir(), "ray-pair-"));
  await init({ address: ray.address });
  await vi.waitUntil(async () => (await cluster()).resources["cpus"]?.total === 2, SOON);
});
afterAll(async () => {
  await shutdown();
  delete process.env["MOBULA_STATE_DIR"];
  await ray.stop();
  await rm(folder, { recursive: true, force: true });
});

test("work for more than one node goes to both, as Ray tells it", async () => {
  // Neither ends before both have begun, and each takes all of a node.
  const meets = task(
    async (place: string, name: string) => {
      const { readdirSync, writeFileSync } = process.getBuiltinModule("node:fs");
      writeFileSync(`${place}/${name}`, "");
      while (readdirSync(place).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      return name;
    },
    { name: "meets" },
  );
  expect(await get(["a", "b"].map((name) => meets(folder, name)))).toEqual(["a", "b"]);
  expect(readdirSync(folder)).toEqual(["a", "b"]);
  await expect.poll(async () => (await nodesOf(ray, "meets")).size, SOON).toBe(2);
});

/** Where it runs: processes of the second node know its name. */
const place = (): string => (process.env["MOBULA_RAY_NODE"] === undefined ? "head" : "second");
const where = task(place, { name: "where" });

async function nodeIds(): Promise<{ readonly head: string; readonly second: string }> {
  const { items } = await listNodes();
  const [head, second] = [true, false].map((isHead) =>
    items.find((node) => node.isHead === isHead && node.state === "alive"),
  );
  return { head: head?.id ?? "", second: second?.id ?? "" };
}

test("the labels of nodes are listed", async () => {
  const { head, second } = await nodeIds();
  const { items } = await listNodes();
  expect(Object.fromEntries(items.map(({ id, labels }) => [id, labels]))).toEqual({
    [head]: { "ray.io/node-id": head },
    [second]: { "ray.io/node-id": second, zone: "b" },
  });
  expect((await cluster()).nodes.find(({ id }) => id === second)?.labels).toMatchObject({ zone: "b" });
});

test("tasks run on the node that they name, and nowhere else", async () => {
  const { head, second } = await nodeIds();
  for (const [nodeId, name] of [
    [head, "head"],
    [second, "second"],
  ] as const) {
    const there = where.with({ schedulingStrategy: { nodeId } });
    expect(new Set(await get(Array.from({ length: 6 }, () => there())))).toEqual(new Set([name]));
  }
});

test("short calls that travel together go to the nodes that they ask for", async () => {
  const { head } = await nodeIds();
  const many = async (one: () => ObjectRef<string>): Promise<Set<string>> => {
    for (let n = 0; n < 8; n++) await one();
    return new Set(await get(Array.from({ length: 200 }, () => one())));
  };
  // One function, with other options each time: none may take the way of the one before.
  const short = where.with({ name: "short", cpus: 0.5 });
  expect(await many(short.with({ labelSelector: { zone: "b" } }))).toEqual(new Set(["second"]));
  expect(await many(short.with({ schedulingStrategy: { nodeId: head } }))).toEqual(new Set(["head"]));
  expect(await many(short.with({ labelSelector: { zone: "!in(a,b)" } }))).toEqual(new Set(["head"]));
  const { items } = await listTasks({ name: "short", limit: 10_000 });
  expect(items.length).toBeLessThan(3 * 208);
});

test("a label selector chooses the nodes of tasks, of what they start, and of streams", async () => {
  const there = { labelSelector: { zone: "in(a,b)" } };
  expect(await where.with(there)()).toBe("second");
  expect(await where.with({ labelSelector: { zone: "!b" } })()).toBe("head");
  expect(await task(async () => await where.with(there)(), { cpus: 0.1, labelSelector: { zone: "!b" } })()).toBe(
    "second",
  );
  const stream = task(
    function* () {
      yield process.env["MOBULA_RAY_NODE"] === undefined ? "head" : "second";
    },
    { labelSelector: { zone: "b" } },
  );
  for await (const item of stream()) expect(item).toBe("second");
});

test("actors live on the node that they ask for", async () => {
  const { head, second } = await nodeIds();
  const Place = actor(
    class {
      where(): string {
        return place();
      }
    },
    { cpus: 0.1 },
  );
  await using byLabel = new (Place.with({ labelSelector: { zone: "b" } }))();
  await using onHead = new (Place.with({ schedulingStrategy: { nodeId: head } }))();
  await using onSecond = new (Place.with({ schedulingStrategy: { nodeId: second } }))();
  expect(await get([byLabel, onHead, onSecond].map((each) => each.where()))).toEqual(["second", "head", "second"]);
});

test("work that is spread reaches both nodes", async () => {
  // They end when both nodes have one. Together they fill no node: by default all of them would run on the head.
  const meets = task(
    async (folder: string) => {
      const { readdirSync, writeFileSync } = process.getBuiltinModule("node:fs");
      writeFileSync(`${folder}/${place()}`, "");
      while (readdirSync(folder).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    { name: "spread", cpus: 0.1, schedulingStrategy: "spread" },
  );
  const shared = await mkdtemp(join(folder, "spread-"));
  await get(Array.from({ length: 4 }, () => meets(shared)));
  const Member = actor(
    class {
      where(): string {
        return place();
      }
    },
    { cpus: 0.1, schedulingStrategy: "spread" },
  );
  const members = Array.from({ length: 4 }, () => new Member());
  expect(new Set(await get(members.map((each) => each.where())))).toEqual(new Set(["head", "second"]));
  for (const member of members) kill(member);
});

test("the code of a worker on another node is shown", async () => {
  const { second } = await nodeIds();
  function spinning(): void {
    for (const end = Date.now() + 600_000; Date.now() < end; );
  }
  const spins = task(spinning, { cpus: 0.5, schedulingStrategy: { nodeId: second } })();
  await expect.poll(async () => (await listWorkers({ running: "spinning" })).items[0]?.node, SOON).toBe(second);
  const { stdout } = await startMobula(folder, ["stack"], { ...process.env, MOBULA_ADDRESS: ray.address }).finished;
  expect(stdout).toMatch(/^\w+ \(pid \d+\): 'spinning' for [^\n]+\n {4}at spinning /m);
  cancel(spins);
  await expect(spins).rejects.toMatchObject({ code: "TASK_CANCELLED" });
}, 120_000);

test("a node that is not there ends what must run on it, and not what may run elsewhere", async () => {
  const nodeId = "ab".repeat(28);
  expect(["head", "second"]).toContain(await where.with({ schedulingStrategy: { nodeId, soft: true } })());
  const advice = "Take an id from listNodes(), or add soft: true to let it run elsewhere.";
  expect(await failure(where.with({ schedulingStrategy: { nodeId } })())).toMatchObject({
    code: "UNSCHEDULABLE",
    message: `'where' can run nowhere: there is no node '${nodeId}'. ${advice}`,
  });
  const { second } = await nodeIds();
  expect(await failure(where.with({ cpus: 2, schedulingStrategy: { nodeId: second } })())).toMatchObject({
    code: "UNSCHEDULABLE",
    message: expect.stringContaining(`node '${second}' can never give it 2 cpus. Ask for less`),
  });
});

engineContract("ray, two nodes without a token", { create: () => new RayEngine({ address: ray.address }), ...onRay });
