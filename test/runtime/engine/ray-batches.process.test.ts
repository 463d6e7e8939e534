/** Short calls, which travel to the workers of a Ray cluster together: each of them is still a call of its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cancel, get, init, listTasks, type ObjectRef, shutdown, task, wait } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { failure } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

const SOON = { timeout: 30_000 };
const COUNT = 400;

let ray: RayCluster;
let folder: string;
beforeAll(async () => {
  ray = await sharedRay();
  folder = mkdtempSync(join(tmpdir(), "ray-batches-"));
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  vi.stubEnv("RAY_AUTH_TOKEN", ray.token);
  await init({ address: ray.address });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  await ray.stop();
});

/** Calls of a function that is known to be short. */
async function many<Result>(one: (n: number) => ObjectRef<Result>): Promise<ObjectRef<Result>[]> {
  for (let n = -8; n < 0; n++) await one(n);
  return Array.from({ length: COUNT }, (_, n) => one(n));
}

const numbers = Array.from({ length: COUNT }, (_, n) => n);

test("many calls are few tasks of Ray's, and each gives its own result", async () => {
  const square = task((n: number) => n * n, { name: "square", cpus: 1 });
  let known = 0;
  // On a machine that is busy otherwise a call may take long, and then goes alone.
  await vi.waitFor(
    async () => {
      expect(await get(await many(square))).toEqual(numbers.map((n) => n * n));
      const before = known;
      known = await finishedTasks("square");
      expect(known - before).toBeGreaterThan(8);
      expect(known - before).toBeLessThan(COUNT / 2);
    },
    { timeout: 100_000, interval: 1_000 },
  );
});

/** How many there are, when Ray has seen the end of all. */
async function finishedTasks(name: string): Promise<number> {
  return await vi.waitFor(async () => {
    const { items: rows } = await listTasks({ name, limit: 10_000 });
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every(({ state }) => state === "FINISHED")).toBe(true);
    return rows.length;
  }, SOON);
}

test("results are refs like others: arguments of calls, parts of values, large, and released", async () => {
  const fill = task((n: number) => new Float64Array(n % 50 === 0 ? 20_000 : 4).fill(n), { name: "fill", cpus: 1 });
  const sum = task(
    (xs: Float64Array, more: { inside: ObjectRef<Float64Array> }) => Number(xs[0]) + more.inside.toString().length,
    {
      name: "sum",
      cpus: 1,
    },
  );
  const refs = await many(fill);
  const first = refs[100] as ObjectRef<Float64Array>;
  const total = await sum(first, { inside: refs[101] as ObjectRef<Float64Array> });
  expect(total).toBeGreaterThan(100);
  const arrays = await get(refs);
  expect(arrays.map((xs) => [xs.length, xs[0]])).toEqual(numbers.map((n) => [n % 50 === 0 ? 20_000 : 4, n]));
});

test("a call that throws fails alone", async () => {
  const picky = task(
    (n: number) => {
      if (n % 100 === 7) throw new RangeError(`not ${n}`);
      return n;
    },
    { name: "picky", cpus: 1 },
  );
  const refs = await many(picky);
  const got = await Promise.all(refs.map((ref) => ref.then(String, (error: Error) => String(error.cause))));
  expect(got).toEqual(numbers.map((n) => (n % 100 === 7 ? `RangeError: not ${n}` : String(n))));
});

test("a call that ends its process costs one of its own retries, and the others nothing", async () => {
  const crumbling = task(
    async (n: number, marker: string) => {
      const fs = await import("node:fs");
      if (n >= 0) fs.appendFileSync(`${marker}-runs`, `${n}\n`);
      if (n === 250 && !fs.existsSync(marker)) {
        fs.writeFileSync(marker, "");
        process.exit(3);
      }
      return n;
    },
    { name: "crumbling", cpus: 1, retries: 1 },
  );
  const marker = join(folder, "crumbled");
  const refs = await many((n) => crumbling(n, marker));
  expect(await get(refs)).toEqual(numbers);
  const runs = readFileSync(`${marker}-runs`, "utf8").trim().split("\n").map(Number);
  expect(runs.filter((n) => n === 250)).toHaveLength(2);
  expect(new Set(runs).size).toBe(COUNT);
  const fatal = task((n: number) => (n === 250 ? process.exit(4) : n), { name: "fatal", cpus: 1, retries: 1 });
  const ends = await Promise.all((await many(fatal)).map((ref) => ref.then(String, (error: Error) => error.name)));
  expect(ends).toEqual(numbers.map((n) => (n === 250 ? "WorkerCrashedError" : String(n))));
});

test("a call that waits for others does not hold them up", async () => {
  const gate = join(folder, "gate");
  const waits = task(
    async (n: number, path: string) => {
      const fs = await import("node:fs");
      if (n !== 50) return n;
      while (!fs.existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
      return n;
    },
    { name: "waits", cpus: 1 },
  );
  const refs = await many((n) => waits(n, gate));
  const [others] = await wait(refs, { count: COUNT - 1, timeoutMs: 60_000 });
  expect(others).toHaveLength(COUNT - 1);
  expect(existsSync(gate)).toBe(false);
  writeFileSync(gate, "");
  expect(await get(refs)).toEqual(numbers);
});

test("a call is cancelled alone, also one that spins", async () => {
  const begun = join(folder, "begun");
  const spins = task(
    async (n: number, path: string) => {
      const fs = await import("node:fs");
      if (n === 60) fs.writeFileSync(path, "");
      if (n === 60) for (;;);
      return n;
    },
    { name: "spins", cpus: 1 },
  );
  const refs = await many((n) => spins(n, begun));
  await vi.waitFor(() => expect(existsSync(begun)).toBe(true), SOON);
  cancel(refs[60] as ObjectRef<number>);
  cancel(refs[300] as ObjectRef<number>);
  const ends = await Promise.all(
    refs.map((ref, n) => (n === 60 ? failure(ref).then((error) => error.code) : n === 300 ? ref.catch(() => n) : ref)),
  );
  expect(ends).toEqual(numbers.map((n) => (n === 60 ? "TASK_CANCELLED" : n)));
  expect(await spins(1, begun)).toBe(1);
});

test("calls without retries are tasks by themselves: a worker that is killed fails one call only", async () => {
  const careful = task((n: number) => n, { name: "careful", cpus: 1, retries: 0 });
  for (let n = 0; n < 8; n++) await careful(n);
  expect(await get(numbers.slice(0, 40).map((n) => careful(n)))).toEqual(numbers.slice(0, 40));
  await vi.waitFor(async () => {
    expect((await listTasks({ name: "careful", limit: 10_000 })).items).toHaveLength(48);
  }, SOON);
});
