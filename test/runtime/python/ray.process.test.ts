/** Functions and classes of Python on a Ray cluster, where they run in Ray's own workers. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cancel, get, init, kill, NdArray, put, py, shutdown, task } from "mobula";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { pythonCalls } from "../../contract/python-calls.ts";
import { failure } from "../../support/api-world.ts";
import { PYTHON_MODULES } from "../../support/python-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

const SOON = { timeout: 30_000 };

let ray: RayCluster;
let printed = "";
let folder: string;
beforeAll(async () => {
  ray = await sharedRay();
  folder = mkdtempSync(join(tmpdir(), "python-calls-"));
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  vi.stubEnv("RAY_AUTH_TOKEN", ray.token);
  vi.stubEnv("MOBULA_FOLD_LINES", "0");
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  }
  await init({ address: ray.address, runtimeEnv: { workingDir: PYTHON_MODULES } });
});
beforeEach(() => {
  printed = "";
});
afterAll(async () => {
  await shutdown();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  await ray.stop();
});

const echo = py.task("python_calls:echo");

async function begun(path: string): Promise<void> {
  await vi.waitFor(() => expect(existsSync(path) && readFileSync(path, "utf8")).toMatch(/\d/), SOON);
}

test("functions run in Python's workers, with values as on the local engine", async () => {
  expect(await py.task<[number], number>("math:sqrt", { cpus: 1, retries: 0 })(9)).toBe(3);
  const values = [
    null,
    1,
    2.5,
    2n ** 60n,
    "ä€𝒳",
    { a: [1, { b: "x" }] },
    new Map([[1, 2]]),
    new Date(5),
    new Uint8Array(9),
  ];
  expect(await echo(values)).toEqual(values);
  expect(await py.task<[Float64Array], string>("python_calls:type_of")(new Float64Array(1))).toBe("ndarray of float64");
  const given = py.task("python_calls:given");
  expect(await given(1, py.kwargs({ b: [2] }))).toEqual({ args: [1], kwargs: { b: [2] } });
});

test("tasks of both languages take each other's results as refs", async () => {
  const half = task((array: Float64Array) => array.map((x) => x / 2));
  const mean = py.task<[Float64Array], number>("python_calls:mean");
  const array = put(new Float64Array(100_000).fill(4));
  expect(await mean(half(array))).toBe(2);
  const back = half(echo(array) as never);
  expect((await back)[99_999]).toBe(2);
  const made = await py.task<[string], NdArray>("python_calls:numpy_array")("np.ones((300, 200))");
  expect([made.shape, made.data.length]).toEqual([[300, 200], 60_000]);
});

test("errors have Python's type and lines, and decide about retries", async () => {
  const problem = await failure(py.task<[string]>("python_calls:raises")("not gut"));
  expect(problem).toMatchObject({ code: "TASK_FAILED", message: "Task 'raises' failed: ValueError: not gut" });
  expect(problem.stack).toMatch(/\n {4}at inner \(.*python_calls\.py:\d+:\d+\)\n {4}at raises \(.*python_calls\.py/);
  expect((problem.cause as unknown as { traceback: string }).traceback).toMatch(/^Traceback[^]*ValueError: not gut$/);
  const isBlocking = (error: unknown): boolean => (error as Error).name === "BlockingIOError";
  const failsOnce = py.task<[string], string>("python_calls:fails_once", { retries: 1, retryOn: isBlocking });
  expect(await failsOnce(join(folder, "failed"))).toBe("second");
  expect((await failure(py.task("no_such_module_here:f")())).message).toContain("runtimeEnv: { workingDir }");
  expect((await failure(py.task<[string]>("python_calls:makes")("file"))).cause).toMatchObject({
    code: "SERIALIZATION",
    path: "result.deep[1]",
  });
});

test("a crash of Python is retried, and reported in the end", async () => {
  const once = py.task<[string], number>("python_calls:dies_once", { retries: 1 });
  expect(await once(folder)).toBeGreaterThan(0);
  expect((await failure(py.task("python_calls:dies", { retries: 0 })())).code).toBe("WORKER_CRASHED");
});

test("what it prints appears here", async () => {
  await py.task<[string]>("python_calls:prints")("Grüße aus Python");
  await vi.waitFor(() => expect(printed).toContain("Grüße aus Python"), SOON);
  await vi.waitFor(() => expect(printed).toContain("to stderr"), SOON);
});

test("a cancelled call is interrupted, one that is late too", async () => {
  const mark = join(folder, "nap");
  const nap = py.task<[number, string]>("python_calls:naps")(600, mark);
  await begun(mark);
  cancel(nap);
  expect((await failure(nap)).code).toBe("TASK_CANCELLED");
  await vi.waitFor(() => expect(existsSync(mark)).toBe(false), SOON);
  const late = py.task<[number]>("python_calls:naps", { timeoutMs: 200 });
  expect(await failure(late(600))).toMatchObject({
    code: "TASK_CANCELLED",
    message: expect.stringContaining("200 ms"),
  });
});

test("generators stream their items", async () => {
  const upTo = py.task<[number], number>("python_calls:up_to", { streaming: true });
  const numbers: number[] = [];
  for await (const number of upTo(40)) numbers.push(number);
  expect(numbers).toEqual([...Array(40).keys()]);
  const letters = py.task<[string], string>("python_calls:letters", { streaming: true });
  for await (const letter of letters("xyz")) {
    expect(letter).toBe("x");
    break;
  }
  const seen: number[] = [];
  const failing = py.task<[number], number>("python_calls:fails_at", { streaming: true })(1);
  const problem = await failure(
    (async () => {
      for await (const number of failing) seen.push(number);
    })(),
  );
  expect([seen, problem.message]).toEqual([[0], "Task 'fails_at' failed: RuntimeError: no more"]);
});

interface Model {
  predict(value: number): number;
  predict_later(value: number): Promise<number>;
  count(): number;
  dies(): void;
  naps(seconds: number, mark: string): void;
}

test("actors hold objects in Python", async () => {
  const model = new (py.actor<Model>("python_calls:Model", { name: "python model" }))(put(3), py.kwargs({ offset: 1 }));
  expect(await get([model.predict(2), model.predict_later(3)])).toEqual([7, 10]);
  const uses = task(async (given: typeof model) => await given.predict(1));
  expect(await uses(model)).toBe(4);
  const mark = join(folder, "actor-nap");
  const nap = model.naps(600, mark);
  await begun(mark);
  cancel(nap);
  expect((await failure(nap)).code).toBe("TASK_CANCELLED");
  expect(await model.count()).toBe(3);
  const untyped = model as unknown as { nothing(): PromiseLike<unknown> };
  expect((await failure(untyped.nothing())).message).toContain("has no method 'nothing'");
  kill(model);
});

pythonCalls("Ray", () => printed);

test("actors start again, and say why they cannot", async () => {
  const model = new (py.actor<Model>("python_calls:Model", { maxRestarts: 1 }))(1);
  await model.predict(1);
  expect((await failure(model.dies())).code).toBe("ACTOR_UNAVAILABLE");
  expect(await model.count()).toBe(0);
  kill(model);
  const broken = await failure(new (py.actor<Model>("python_calls:Model"))(null).count());
  expect(broken.code).toBe("ACTOR_DIED");
  expect(broken.message).toContain("its constructor failed: no weight");
});
