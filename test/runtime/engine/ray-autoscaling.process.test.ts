/** A Ray cluster that starts nodes when work waits, and ends them when there is none. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cluster, get, init, requestResources, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RayCluster, startAutoscalingRay } from "../../support/ray-cluster.ts";
import { openPanel, type Panel } from "../../support/view-panel.ts";

/** A node is a process of Ray's with several of its own. */
const PATIENCE = { timeout: 90_000, interval: 500 };

let ray: RayCluster;
let panel: Panel;
beforeAll(async () => {
  ray = await startAutoscalingRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token });
  panel = await openPanel();
  panel.send({ op: "hello", protocol: 1, topics: ["nodes"] });
});
afterAll(async () => {
  panel?.close();
  await shutdown();
  vi.unstubAllEnvs();
  await ray?.stop();
});

const cpus = async (): Promise<number | undefined> => (await cluster()).resources["cpus"]?.total;

test("work that waits takes the cluster from one node to three, and back when it is done, and a panel shows it", async () => {
  const shown = (): string[] =>
    panel.last("nodes")?.data.map((node) => `${node.running} of ${node.resources["cpus"]?.total}`) ?? [];
  expect(await cpus()).toBe(1);
  await expect.poll(shown, PATIENCE).toEqual(["0 of 1"]);
  const done = join(ray.stateFolder, "done");
  const waits = task(
    async (path: string) => {
      const { existsSync } = await import("node:fs");
      while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 100));
      return 1;
    },
    { cpus: 1 },
  );
  const results = [waits(done), waits(done), waits(done)];
  await vi.waitUntil(async () => (await cpus()) === 3, PATIENCE);
  await vi.waitUntil(async () => (await cluster()).resources["cpus"]?.used === 3, PATIENCE);
  await expect.poll(shown, PATIENCE).toEqual(["1 of 1", "1 of 1", "1 of 1"]);
  writeFileSync(done, "");
  expect(await get(results)).toEqual([1, 1, 1]);
  await vi.waitUntil(async () => (await cpus()) === 1, PATIENCE);
  await expect.poll(shown, PATIENCE).toEqual(["0 of 1"]);
  expect(existsSync(done)).toBe(true);
}, 280_000);

test("a request for room takes the cluster to three nodes without any work, until it is taken back", async () => {
  await vi.waitUntil(async () => (await cpus()) === 1, PATIENCE);
  await requestResources({ cpus: 2, bundles: [{ cpus: 1 }] });
  await vi.waitUntil(async () => (await cpus()) === 3, PATIENCE);
  await requestResources({});
  await vi.waitUntil(async () => (await cpus()) === 1, PATIENCE);
}, 280_000);
