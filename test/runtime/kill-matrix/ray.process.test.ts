/** What ends on a Ray cluster, and what that means for the others. The cluster is this file's own. */
import { init, shutdown, task } from "mobula";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { failure } from "../../support/api-world.ts";
import { type RayCluster, startRay } from "../../support/ray-cluster.ts";

/** Long enough for a loaded machine; what is tested takes a second or two. */
const SOON = { timeout: 30_000 };

let ray: RayCluster;

beforeAll(async () => {
  ray = await startRay();
});
beforeEach(async () => {
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token });
});
afterEach(async () => {
  await shutdown();
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await ray.stop();
});

const children = (): number => ray.processes().filter(({ command }) => /ray-worker\/main\.js/.test(command)).length;

// The last one: the cluster is gone after it.
test("a head that ends is told within seconds, and nothing of it stays", async () => {
  const endless = task(() => new Promise(() => {}))();
  await expect.poll(children, SOON).toBeGreaterThan(0);
  ray.crash();
  expect(await failure(endless)).toMatchObject({
    code: "ENGINE_CLOSED",
    message: expect.stringMatching(/the head of ray:.* has ended/),
  });
  await shutdown();
  expect(await failure(init({ address: ray.address, token: ray.token }))).toMatchObject({
    code: "CONNECTION_FAILED",
    message: expect.stringMatching(/nothing listens there/),
  });
  await expect.poll(() => ray.processes(), SOON).toEqual([]);
});
