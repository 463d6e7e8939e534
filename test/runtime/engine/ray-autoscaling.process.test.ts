/** A Ray cluster that starts nodes when work waits, and ends them when there is none. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cluster, get, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RayCluster, startAutoscalingRay } from "../../support/ray-cluster.ts";

/** A node is a process of Ray's with several of its own. */
const PATIENCE = { timeout: 90_000, interval: 500 };

let ray: RayCluster;
beforeAll(async () => {
  ray = await startAutoscalingRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray?.stop();
});

test("work that waits takes the cluster from one node to three, and back when it is done", async () => {
  const cpus = async (): Promise<number | undefined> => (await cluster()).resources["cpus"]?.total;
  expect(await cpus()).toBe(1);
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
  writeFileSync(done, "");
  expect(await get(results)).toEqual([1, 1, 1]);
  await vi.waitUntil(async () => (await cpus()) === 1, PATIENCE);
  expect(existsSync(done)).toBe(true);
}, 280_000);
