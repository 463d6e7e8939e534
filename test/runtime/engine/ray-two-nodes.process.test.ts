/** The engine on a cluster of two nodes that wants no token. The cluster is this file's own. */
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cluster, get, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RayEngine } from "../../../runtime/src/engine/ray/ray-engine.ts";
import { engineContract } from "../../contract/engine.ts";
import { type RayCluster, startOpenPair } from "../../support/ray-cluster.ts";
import { onRay } from "../../support/ray-contract.ts";
import { nodesOf } from "../../support/ray-dashboard.ts";

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

engineContract("ray, two nodes without a token", { create: () => new RayEngine({ address: ray.address }), ...onRay });
