/** What a panel is told of a Ray cluster, by the thread that holds the driver's wire. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { actor, get, init, kill, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { TaskGroupView } from "../../../runtime/src/protocol/cluster-view.ts";
import { Counter, Sleeper } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";
import { openPanel, type Panel, viewAddress } from "../../support/view-panel.ts";

/** The dashboard is asked every second, and hears of some things a second or more later. */
const SOON = { timeout: 60_000, interval: 100 };

let ray: RayCluster;
let panel: Panel;
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token, name: "watched" });
  panel = await openPanel();
});
afterAll(async () => {
  panel?.close();
  await shutdown();
  vi.unstubAllEnvs();
  await ray?.stop();
});

const group = (name: string): TaskGroupView | undefined =>
  panel.last("tasks")?.data.find((each) => each.function === name);
const runningOnNodes = (): number | undefined => panel.last("nodes")?.data.reduce((sum, node) => sum + node.running, 0);

test("a panel is welcomed with the version of Ray, and sees its node and what that has", async () => {
  panel.send({ op: "hello", protocol: 1, topics: ["resources", "workers", "nodes", "tasks", "actors"] });
  await vi.waitUntil(() => panel.last("actors") !== undefined, SOON);
  const cluster = { engine: "ray", id: expect.stringMatching(/\S/), version: expect.stringMatching(/^\d+\.\d+\.\d+/) };
  expect(panel.replies[0]).toMatchObject({ op: "welcome", protocol: 1, cluster });
  await expect
    .poll(() => panel.last("nodes")?.data, SOON)
    .toMatchObject([
      {
        isHead: true,
        resources: { cpus: { total: 2 } },
        cpuPercent: expect.any(Number),
        memory: { usedBytes: expect.any(Number), totalBytes: expect.any(Number) },
      },
    ]);
  const resources = panel.last("resources")?.data;
  expect(resources?.cpus.total).toBe(2);
  expect(resources?.objectStore.capacityBytes).toBeGreaterThan(0);
  expect(resources?.memory.totalBytes).toBeGreaterThan(resources?.memory.usedBytes as number);
  expect(panel.last("workers")).toBeUndefined();
});

test("what runs and what waits is told apart, by function and by node", async () => {
  const endless = task(() => new Promise<number>(() => {}), { name: "endless", cpus: 1 });
  const refs = [endless(), endless(), endless()];
  const outcomes = Promise.allSettled(refs);
  await expect.poll(() => group("endless"), SOON).toMatchObject({ queued: 1, running: 2, finished: 0 });
  expect(runningOnNodes()).toBe(2);
  await expect.poll(() => panel.last("resources")?.data.cpus.used, SOON).toBe(2);
  panel.send({ op: "cancel-tasks", id: 5, function: "endless" });
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(panel.replies).toContainEqual({ op: "ack", id: 5 });
  await expect.poll(() => group("endless"), SOON).toMatchObject({ queued: 0, running: 0, cancelled: 3 });
  await expect.poll(runningOnNodes, SOON).toBe(0);
});

test("calls that travel together are counted one by one", async () => {
  const square = task((x: number) => x * x, { name: "square" });
  expect(await get(Array.from({ length: 500 }, (_, x) => square(x)))).toHaveLength(500);
  await expect.poll(() => group("square"), SOON).toMatchObject({ queued: 0, running: 0, finished: 500, failed: 0 });
});

test("a method that runs is counted as its actor's", async () => {
  const sleeper = new (actor(Sleeper, { cpus: 0.5 }))();
  const slept = sleeper.nap(600_000);
  await expect.poll(() => group("Sleeper.nap"), SOON).toMatchObject({ queued: 0, running: 1 });
  kill(sleeper);
  await expect(slept).rejects.toMatchObject({ code: "ACTOR_DIED" });
  await expect.poll(() => group("Sleeper.nap"), SOON).toMatchObject({ queued: 0, running: 0, failed: 1 });
});

test("actors are shown while they live, and of this driver also when they are dead", async () => {
  const counter = new (actor(Counter, { name: "watched", cpus: 0.5 }))(1);
  expect(await counter.add(1)).toBe(2);
  const shown = () => panel.last("actors")?.data.find(({ name }) => name === "watched");
  await expect.poll(shown, SOON).toMatchObject({ class: "Counter", state: "alive", pid: expect.any(Number) });
  kill(counter);
  await expect.poll(shown, SOON).toMatchObject({ class: "Counter", state: "dead" });
});

test("another protocol is refused in words, and pings are answered", async () => {
  panel.send({ op: "hello", protocol: 99, topics: [] });
  panel.send({ op: "ping" });
  await vi.waitUntil(() => panel.replies.some(({ op }) => op === "pong"), SOON);
  expect(panel.replies.find(({ op }) => op === "refused")).toMatchObject({
    reason: expect.stringMatching(/protocol 1/),
  });
});

test("the socket and its folder go with the driver", async () => {
  const address = viewAddress();
  expect(existsSync(address)).toBe(true);
  await shutdown();
  await vi.waitUntil(() => !existsSync(dirname(address)), SOON);
});
