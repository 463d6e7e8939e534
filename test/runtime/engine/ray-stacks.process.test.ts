/** `mobula stack` on a Ray cluster: in what code its workers are, also while they spin. */
import { readdirSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { actor, cancel, init, kill, listJobs, listWorkers, py, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { StackDump, StateList } from "../../../runtime/src/protocol/state.ts";
import { Counter } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";
import { type Finished, startMobula } from "../cli/mobula.ts";

/** Ray hears of some things a second later. */
const SOON = { timeout: 60_000 };

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token, name: "watcher" });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray.stop();
});

function stack(...args: string[]): Promise<Finished> {
  const env = { ...process.env, MOBULA_ADDRESS: ray.address, RAY_AUTH_TOKEN: ray.token };
  return startMobula(tmpdir(), ["stack", ...args], env).finished;
}

test("the code of a worker that spins and of one that waits, which go on", async () => {
  function spinning(): void {
    for (const end = Date.now() + 600_000; Date.now() < end; );
  }
  const spins = task(spinning, { cpus: 0.5 })();
  const counter = new (actor(Counter, { name: "resting", cpus: 0.5 }))(1);
  expect(await counter.add(1)).toBe(2);
  await expect.poll(async () => (await listWorkers({ running: "spinning" })).items.length, SOON).toBe(1);
  const { code, stdout } = await stack();
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^\w{56} \(pid \d+\): 'spinning' for [^\n]+, task \w{48}\n {4}at spinning \(file:[^\n]+ray-stacks\.process\.test\.ts:\d+:\d+\)$/m,
  );
  expect(stdout).toMatch(/^\w{56} \(pid \d+\): idle$/m);
  expect(stdout).not.toMatch(/ray-worker|runner/);
  const [busy] = (await listWorkers({ running: "spinning" })).items;
  const named = JSON.parse((await stack(String(busy?.pid), "--json")).stdout) as StateList<StackDump>;
  expect(named.items).toMatchObject([{ worker: busy?.id, state: "running", frames: [{ function: "spinning" }] }]);
  expect(await counter.add(1)).toBe(3);
  kill(counter);
  cancel(spins);
  await expect(spins).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  expect((await listJobs()).items.filter(({ name }) => /stack/.test(name ?? ""))).toEqual([]);
}, 180_000);

test("a worker that there is not, and one that runs Python, are told in one sentence", async () => {
  expect(await stack("nobody")).toMatchObject({
    code: 2,
    stderr: "mobula: The worker 'nobody' is not supported here. 'mobula list workers' lists those that run.\n",
  });
  const sleeps = py.task<[number], null>("time:sleep", {
    cpus: 0.5,
    name: "dozing",
    // A worker of its own, which no task in Node has had before.
    runtimeEnv: { envVars: { DOZING: "1" } },
  })(600);
  const row = async () => (await listWorkers({ running: "dozing" })).items[0];
  await expect.poll(row, SOON).toBeDefined();
  const { code, stderr } = await stack((await row())?.id ?? "");
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("Ray's dashboard shows those of Python"),
  });
  cancel(sleeps);
  await expect(sleeps).rejects.toMatchObject({ code: "TASK_CANCELLED" });
}, 180_000);

test("the sockets of processes that were killed are removed by the next one", async () => {
  const folder = join(dirname(ray.stateFolder), "r", "session_latest", "sockets");
  const sockets = () => readdirSync(folder).filter((name) => /^m[0-9a-f]{16}$/.test(name));
  const counter = new (actor(Counter, { cpus: 0.1 }))(1);
  await counter.add(1);
  kill(counter);
  await expect(counter.add(1)).rejects.toMatchObject({ code: "ACTOR_DIED" });
  const before = sockets();
  expect(before).not.toEqual([]);
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const name of before) utimesSync(join(folder, name), longAgo, longAgo);
  await shutdown();
  await init({ address: ray.address, token: ray.token });
  expect(await task(() => 1, { cpus: 0.1 })()).toBe(1);
  expect(sockets().filter((name) => before.includes(name))).toEqual([]);
}, 120_000);
