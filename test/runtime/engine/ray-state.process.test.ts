/** What a Ray cluster tells about itself, through the public API and the command. */
import { tmpdir } from "node:os";
import {
  actor,
  cancel,
  cluster,
  init,
  kill,
  listActors,
  listJobs,
  listNodes,
  listObjects,
  listPlacementGroups,
  listWorkers,
  placementGroup,
  put,
  shutdown,
  task,
  timeline,
} from "mobula";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Counter, failure } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";
import { type Finished, startMobula } from "../cli/mobula.ts";

/** Ray hears of some things a second later. */
const SOON = { timeout: 30_000 };

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token, name: "lister" });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray.stop();
});

async function myJob(): Promise<string> {
  const { items } = await listJobs({ name: "lister", state: "running", pid: process.pid });
  expect(items).toHaveLength(1);
  return items[0]?.id as string;
}

test("actors are listed by their classes, with their workers, and dead with the reason", async () => {
  const job = await myJob();
  const counter = new (actor(Counter, { name: "listed", cpus: 0.5 }))(1);
  expect(await counter.add(1)).toBe(2);
  const listed = async () => (await listActors({ class: "Counter", job })).items[0];
  await expect
    .poll(listed, SOON)
    .toMatchObject({ name: "listed", state: "alive", job, resources: { cpus: 0.5 }, pid: expect.any(Number) });
  const row = await listed();
  const [worker] = (await listWorkers({ actor: row?.id as string })).items;
  expect(worker).toMatchObject({ id: row?.worker, pid: row?.pid, state: "actor", running: "Counter", client: job });
  expect((await cluster()).actors).toContainEqual(expect.objectContaining({ id: row?.id, class: "Counter" }));
  expect((await listJobs({ id: job })).items[0]).toMatchObject({ actors: 1 });
  kill(counter);
  await expect.poll(listed, SOON).toMatchObject({ state: "dead", death: expect.stringMatching(/\S/) });
  expect(await listed()).not.toHaveProperty("callsPending");
});

test("workers tell which task they run, and objects who holds them", async () => {
  const job = await myJob();
  const endless = task(() => new Promise<number>(() => {}), { name: "endless", cpus: 0.5 })();
  const large = put(new Float64Array(200_000));
  expect(await task((array: Float64Array) => array.length)(large)).toBe(200_000);
  const busy = async () => (await listWorkers({ running: "endless" })).items;
  await expect.poll(busy, SOON).toMatchObject([{ state: "running", client: job, resources: { cpus: 0.5 } }]);
  const objects = (await listObjects({ job })).items;
  expect(objects[0]).toMatchObject({ state: "ready", job, holders: { [job]: 1 } });
  expect(objects[0]?.sizeBytes).toBeGreaterThanOrEqual(1_600_000);
  expect(objects.filter(({ state }) => state === "pending")).toHaveLength(1);
  cancel(endless);
  const { traceEvents } = await timeline({ job });
  expect(traceEvents.some(({ ph, name }) => ph === "X" && name === "endless")).toBe(true);
});

test("nodes tell what they have and what of it is in use; so do placement groups", async () => {
  const job = await myJob();
  const [node, ...others] = (await listNodes()).items;
  expect(others).toEqual([]);
  expect(node).toMatchObject({ state: "alive", isHead: true, resources: { cpus: 2 } });
  const group = await placementGroup([{ cpus: 0.25 }], { name: "listed" });
  const described = await cluster();
  expect(described).toMatchObject({ engine: "ray", nodes: [{ id: node?.id, used: { cpus: expect.any(Number) } }] });
  expect(described.nodes[0]?.used?.["cpus"]).toBeGreaterThanOrEqual(0.25);
  expect(Object.keys(described.resources).toSorted()).toEqual(["cpus", "memoryBytes"]);
  const [row] = (await listPlacementGroups({ name: "listed" })).items;
  expect(row).toMatchObject({ state: "created", job, bundles: [{ cpus: 0.25 }] });
  await group.remove();
  await expect.poll(async () => (await listPlacementGroups({ name: "listed" })).items[0]?.state, SOON).toBe("removed");
});

describe("the command mobula", () => {
  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> => {
    const settings = { MOBULA_ADDRESS: ray.address, RAY_AUTH_TOKEN: ray.token, ...env };
    return startMobula(tmpdir(), args, { ...process.env, ...settings }).finished;
  };

  test("shows the cluster, its lists and what its workers printed, in the tables of other clusters", async () => {
    const job = await myJob();
    const printer = new (actor(
      class Printer {
        print(): void {
          console.log("first\nsecond");
        }
      },
    ))();
    await printer.print();
    const status = await run(["status"]);
    expect(status.stdout).toMatch(/^Ray [\d.]+ at ray:\S+, for .*\n  Nodes      1\n    \S+ \(head\) cpus \S+ of 2\n/);
    expect(status.stdout).toMatch(new RegExp(`^    ${job} 'lister' process ${process.pid} on `, "m"));
    const actors = async () => (await run(["list", "actors", "--filter", `job=${job}`])).stdout;
    await expect.poll(actors, SOON).toMatch(/^\w+ +Printer +alive .* - +-/m);
    expect((await run(["list", "nodes"])).stdout).toMatch(/\(head\) +alive /);
    const printed = async () => (await run(["logs", "Printer"])).stdout;
    await expect.poll(printed, SOON).toMatch(/^\S+ \(\w+ Printer\.print\) first\n\S+ \(\w+ Printer\.print\) second\n$/);
    expect((await run(["logs", "nobody"])).stderr).toMatch(/^mobula: The actor 'nobody' is not supported here\./);
    kill(printer);
  });

  test.each([
    ["a token that is wrong", { RAY_AUTH_TOKEN: "wrong" }, /the cluster refuses the token: pass the one in/],
    ["a port of another kind", { MOBULA_ADDRESS: "ray://127.0.0.1:10001" }, /name the dashboard's, as in ray:/],
    ["a port where nobody is", { MOBULA_ADDRESS: "ray://127.0.0.1:1" }, /start the head with 'ray start --head'/],
  ])("says in one sentence what to do about %s", async (_, env, fix) => {
    for (const args of [["status"], ["list", "tasks"], ["logs"]]) {
      const { code, stdout, stderr } = await run(args, env);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^mobula: Cannot connect to ray:\S+ [^\n]+\n$/);
      expect(stderr).toMatch(fix);
    }
  });
});

test("what Ray cannot tell is refused with the reason", async () => {
  expect(await failure(listActors({ cellId: "x" }))).toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining("Ray knows no cells"),
  });
  expect(await failure(listObjects({ owner: "x" }))).toMatchObject({
    message: expect.stringContaining("Ray tells who holds an object, not who made it"),
  });
});

test("every driver is a job of its own", async () => {
  const mine = await myJob();
  await shutdown();
  await init({ address: ray.address, token: ray.token, name: "second" });
  await expect
    .poll(async () => (await listJobs({ id: mine })).items[0], SOON)
    .toMatchObject({ name: "lister", state: "ended", endedAtMs: expect.any(Number) });
  expect((await listJobs({ name: "second" })).items).toMatchObject([{ state: "running", pid: process.pid }]);
});
