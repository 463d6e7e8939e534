/** What ends on a Ray cluster, and what that means for the others. The cluster is this file's own. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { actor, cluster, context, get, init, type ObjectRef, put, shutdown, task, wait } from "mobula";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { Counter, failure } from "../../support/api-world.ts";
import { type RayCluster, startRay } from "../../support/ray-cluster.ts";
import { dashboard, nodesOf } from "../../support/ray-dashboard.ts";
import { type OurProcess, ourProcesses } from "../../support/ray-processes.ts";
import { Wire } from "../../support/remote-cluster.ts";

/** Long enough for a loaded machine; what is tested takes a second or two. */
const SOON = { timeout: 30_000 };
/** What is promised. */
const ALL_GONE = { timeout: 10_000, interval: 100 };

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

const pidsOf = (program: RegExp): number[] =>
  ray.processes().flatMap(({ pid, command }) => (program.test(command) ? [pid] : []));
const SESSION = / mobula_ray\.session /;
const HUB = /^\S*python -m mobula_ray\.hub /;
const CHILD = /ray-worker\/main\.js/;
const children = (): number => pidsOf(CHILD).length;

function killAll(program: RegExp): void {
  const pids = pidsOf(program);
  expect(pids).not.toEqual([]);
  for (const pid of pids) process.kill(pid, "SIGKILL");
}

/** Of these processes, those that still run. */
function left(processes: readonly OurProcess[]): OurProcess[] {
  const running = new Set(ray.processes().map(({ pid }) => pid));
  return processes.filter(({ pid }) => running.has(pid));
}

const kindsOf = (processes: readonly OurProcess[]): string[] => processes.map(({ kind }) => kind).sort();

const linesIn = (path: string): string[] => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);

/** Notes its processes, and ends only when it runs for the second time. */
const noting = task(
  async (path: string) => {
    const { appendFileSync } = process.getBuiltinModule("node:fs");
    appendFileSync(path, `${process.pid} ${process.ppid}\n`);
    if (context().attempt === 0) await new Promise(() => {});
    return context().attempt;
  },
  { name: "noting", retries: 1 },
);

test.each([
  ["Node process", 0],
  ["Ray worker", 1],
])("a task whose %s is killed runs again, or says so", async (what, index) => {
  const paths = [1, 2].map((number) => join(ray.stateFolder, `${what} ${number}`)) as [string, string];
  const [again, once] = [noting(paths[0]), noting.with({ retries: 0 })(paths[1])];
  await expect.poll(() => paths.map((path) => linesIn(path).length), SOON).toEqual([1, 1]);
  const pids = paths.map((path) => (linesIn(path)[0] as string).split(" ").map(Number));
  for (const each of pids) process.kill(each[index] as number, "SIGKILL");
  expect(await failure(once)).toMatchObject({ code: "WORKER_CRASHED" });
  expect(await again).toBe(1);
  expect(paths.map((path) => linesIn(path).length)).toEqual([2, 1]);
  // A Ray worker stays without its Node process, and starts another; that ends with its worker.
  const gone = pids.flatMap(([node, shim]): OurProcess[] => [
    { pid: node as number, kind: "node" },
    ...(index === 1 ? [{ pid: shim as number, kind: "shim" as const }] : []),
  ]);
  await expect.poll(() => left(gone), ALL_GONE).toEqual([]);
});

test("a session that is killed is told at once, takes its work along, and leaves detached actors", async () => {
  const Kept = actor(Counter, { name: "kept", lifetime: "detached" });
  expect(await new Kept(1).add(1)).toBe(2);
  const endless = task(() => new Promise(() => {}))();
  // A small one stays with its driver.
  const value = put(new Uint8Array(1_000_000));
  await expect.poll(children, SOON).toBe(2);
  const before = ourProcesses(ray);
  killAll(SESSION);
  expect(await failure(endless)).toMatchObject({ code: "ENGINE_CLOSED" });
  expect(await failure(value)).toMatchObject({ code: "ENGINE_CLOSED" });
  // The detached actor, and the hub, which serves others too.
  await expect.poll(() => kindsOf(left(before)), ALL_GONE).toEqual(["hub", "node", "shim"]);
  await shutdown();
  await init({ address: ray.address, token: ray.token });
  const found = await actor.get<Counter>("kept");
  expect(await found?.add(1)).toBe(3);
});

test("a hub that is killed takes its sessions along, and the next driver starts another", async () => {
  const endless = task(() => new Promise(() => {}))();
  await expect.poll(children, SOON).toBe(2);
  const before = ourProcesses(ray);
  killAll(HUB);
  expect(await failure(endless)).toMatchObject({ code: "ENGINE_CLOSED" });
  // The detached actor.
  await expect.poll(() => kindsOf(left(before)), ALL_GONE).toEqual(["node", "shim"]);
  await shutdown();
  await init({ address: ray.address, token: ray.token });
  expect(await task(() => 5)()).toBe(5);
  // A detached actor belongs to nobody.
  expect(await (await actor.get<Counter>("kept"))?.add(1)).toBe(4);
});

test("calls of a connection that is cut again and again are made once each", async () => {
  await shutdown();
  const wire = new Wire(`http://127.0.0.1:${await hubPort()}`);
  vi.stubEnv("MOBULA_RAY_HUB", (await wire.listen()).replace("mobula://", ""));
  await init({ address: ray.address, token: ray.token });
  const counter = new (actor(Counter))(0);
  expect(await counter.add(0)).toBe(0);
  const calls: ObjectRef<number>[] = [];
  for (let cuts = 0; cuts < 4; cuts++) {
    await expect.poll(() => wire.connections, SOON).toBeGreaterThan(cuts);
    for (let call = 0; call < 250; call++) calls.push(counter.add(1));
    // Some are on their way, and some answers too.
    await wait(calls, { timeoutMs: 20, count: calls.length });
    wire.cut();
  }
  expect(await get(calls)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
  expect(wire.connections).toBeGreaterThan(4);
  await shutdown();
  wire.close();
});

test("work goes to several nodes; what a lost node had is made again, or is lost", async () => {
  const node = ray.addNode("second", { second: 1 });
  const seconds = async (): Promise<number> => (await cluster()).resources["second"]?.total ?? 0;
  await expect.poll(seconds, SOON).toBe(1);
  const path = join(ray.stateFolder, "made");
  const second = { cpus: 0, resources: { second: 0.1 } };
  const make = task(
    (file: string) => {
      process.getBuiltinModule("node:fs").appendFileSync(file, "run\n");
      return new Float64Array(300_000).fill(7);
    },
    { ...second, name: "make" },
  );
  const puts = task(async () => {
    const library = "mobula";
    const { put } = (await import(library)) as typeof import("mobula");
    return { inside: put(new Float64Array(300_000).fill(8)) };
  }, second);
  const here = task(() => 1, { name: "make" });
  const large = make(path);
  expect(await here()).toBe(1);
  await wait([large]);
  const { inside } = await puts();
  await expect.poll(async () => (await nodesOf(ray, "make")).size, SOON).toBe(2);
  // Room for these is made by what has another copy elsewhere.
  const others = Array.from({ length: 12 }, (_, index) => put(new Float64Array(1_000_000).fill(index)));
  await get(others);
  const there = ourProcesses(ray).filter(({ pid }) => node.pids().includes(pid));
  expect(kindsOf(there)).toEqual(expect.arrayContaining(["node", "shim"]));
  node.crash();
  await expect.poll(() => left(there), ALL_GONE).toEqual([]);
  await expect.poll(seconds, SOON).toBe(0);
  const place = /it was stored by put\(\) in line \d+ of ray\.process\.test\.ts\. Run the task or put\(\)/;
  expect(await failure(inside)).toMatchObject({ code: "OBJECT_LOST", message: expect.stringMatching(place) });
  // The same for a task that needs it.
  expect(await failure(task((xs: Float64Array) => xs.length)(inside))).toMatchObject({
    code: "OBJECT_LOST",
    message: expect.stringMatching(place),
  });
  ray.addNode("third", { second: 1 });
  expect((await large)[299_999]).toBe(7);
  expect(linesIn(path)).toHaveLength(2);
});

async function hubPort(): Promise<number> {
  const jobs = JSON.parse(await dashboard(ray, "/api/jobs/")) as { submission_id: string | null; status: string }[];
  const running = jobs.find(({ submission_id: id, status }) => id?.startsWith("mobula-hub-") && status === "RUNNING");
  const { logs } = JSON.parse(await dashboard(ray, `/api/jobs/${running?.submission_id}/logs`)) as { logs: string };
  return Number([...logs.matchAll(/MOBULA_HUB \{"port": (\d+)\}/g)].at(-1)?.[1]);
}

// The last one: the cluster is gone after it.
test("a head that ends is told within seconds, and nothing of it stays", async () => {
  const endless = task(() => new Promise(() => {}))();
  await expect.poll(children, SOON).toBeGreaterThan(0);
  const before = ourProcesses(ray);
  ray.crash();
  expect(await failure(endless)).toMatchObject({
    code: "ENGINE_CLOSED",
    message: expect.stringMatching(/the head of ray:.* has ended/),
  });
  await expect.poll(() => left(before), ALL_GONE).toEqual([]);
  await shutdown();
  expect(await failure(init({ address: ray.address, token: ray.token }))).toMatchObject({
    code: "CONNECTION_FAILED",
    message: expect.stringMatching(/nothing listens there/),
  });
  await expect.poll(() => ray.processes(), SOON).toEqual([]);
});
