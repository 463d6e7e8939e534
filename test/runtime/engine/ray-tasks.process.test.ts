/** What a program does on a Ray cluster through the public API. */
import {
  cancel,
  cluster,
  context,
  get,
  hasCode,
  init,
  listTasks,
  type ObjectRef,
  put,
  shutdown,
  task,
  wait,
} from "mobula";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { failure, sleep } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

const SOON = { timeout: 30_000 };

let ray: RayCluster;
let printed = "";
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  vi.stubEnv("RAY_AUTH_TOKEN", ray.token);
  vi.stubEnv("MOBULA_FOLD_LINES", "0");
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  }
  await init({ address: ray.address });
});
beforeEach(() => {
  printed = "";
});
afterAll(async () => {
  await shutdown();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await ray.stop();
});

const double = (n: number): number => n * 2;
const add = task((a: number, b: number) => a + double(b), { cpus: 1 });

test("a task takes values and refs, and uses helpers of the program", async () => {
  const a = add(1, 2);
  const b = add(a, put(10));
  expect(await get([a, b])).toEqual([5, 25]);
  expect((await cluster()).resources["cpus"]?.total).toBe(2);
});

test("large arrays go there and back, and Ray gives their memory back", async () => {
  const scaled = task((xs: Float64Array, by: number) => xs.map((x) => x * by));
  for (let round = 0; round < 12; round++) {
    using array = put(new Float64Array(1_000_000).fill(round));
    using result = scaled(array, 2);
    expect((await result)[999_999]).toBe(round * 2);
  }
});

test("refs inside values stay refs, wherever they go", async () => {
  const inner = add(20, 1);
  const wrap = task(async (box: { ref: ObjectRef<number> }) => ({ again: box.ref, value: await box.ref }));
  const { again, value } = await wrap({ ref: inner });
  expect([await again, value]).toEqual([22, 22]);
  const captured = put({ weight: 7 });
  const uses = task(async (n: number) => (await captured).weight * n);
  expect(await uses(6)).toBe(42);
  const makes = task(() => ({ made: put(new Uint8Array(100_000).fill(9)) }));
  const { made } = await makes();
  expect((await made)[99_999]).toBe(9);
});

test("tasks that wait for tasks lend their CPU, so that nesting does not deadlock", async () => {
  const outer = task(async (n: number) => {
    // The test runner would spell a literal name as a path of this machine.
    const name = "mobula";
    const { get, task } = (await import(name)) as typeof import("mobula");
    const inner = task((m: number) => m * 2);
    return (await get([inner(n), inner(n + 1)])).join();
  });
  expect(await get([1, 2, 3, 4].map((n) => outer(n)))).toEqual(["2,4", "4,6", "6,8", "8,10"]);
});

test("an error of user code arrives with its class, its cause, and the user's lines first", async () => {
  const parse = task(function parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new RangeError("bad text", { cause });
    }
  });
  const error = await failure(parse("{"));
  expect(error).toMatchObject({ code: "TASK_FAILED", message: "Task 'parse' failed: RangeError: bad text" });
  expect(error.cause).toBeInstanceOf(RangeError);
  expect(error.cause.cause).toMatchObject({ name: "SyntaxError" });
  expect(error.stack?.split("\n")[1]).toMatch(/at parse .*ray-tasks\.process\.test/);
  expect(error.stack).not.toMatch(/ray-worker/);
  const after = await failure(add(parse("{") as ObjectRef<number>, 1));
  expect(after.message).toBe("Task 'parse' failed: RangeError: bad text");
});

test("a task whose process ends runs again, and sees its attempt", async () => {
  const once = task(() => (context().attempt === 0 ? process.exit(3) : context().attempt), { retries: 2 });
  expect(await once()).toBe(1);
  const never = task(() => process.kill(process.pid, "SIGKILL"), { name: "never", retries: 1 });
  expect(await failure(never())).toMatchObject({
    code: "WORKER_CRASHED",
    message: expect.stringMatching(/The worker that ran 'never' ended: signal SIGKILL/),
  });
});

test("an error is tried again where retryOn says so, and what waits for the result gets the last one", async () => {
  const flaky = task(
    (path: string) => {
      const fs = process.getBuiltinModule("node:fs");
      fs.appendFileSync(path, "x");
      const count = fs.readFileSync(path, "utf8").length;
      if (count < 3) throw new RangeError(`run ${count}`);
      return count;
    },
    { retries: 5, retryOn: (error) => error instanceof RangeError },
  );
  const path = `${ray.stateFolder}/flaky`;
  const result = flaky(path);
  expect(await add(result, 0)).toBe(3);
  const stubborn = flaky.with({ retryOn: [TypeError] });
  expect((await failure(stubborn(`${path}2`))).message).toMatch(/run 1/);
});

test("a task is cancelled while it waits, while it awaits, and while it spins", async () => {
  const spin = task(() => {
    for (;;);
  });
  const waits = task(
    () => new Promise<void>((_, reject) => context().signal.addEventListener("abort", () => reject())),
  );
  const refs = [spin(), waits(), spin()];
  await sleep(1_500);
  for (const ref of refs) cancel(ref);
  for (const ref of refs) expect(await failure(ref)).toMatchObject({ code: "TASK_CANCELLED" });
  expect(await add(1, 1)).toBe(3);
});

test("timeoutMs ends a task that takes too long", async () => {
  const slow = task(() => new Promise(() => {}), { name: "slow", timeoutMs: 300 });
  expect((await failure(slow())).message).toBe("Task 'slow' was cancelled: it ran longer than 300 ms (timeoutMs).");
});

test("wait tells what is there, and get gives up in time", async () => {
  const quick = add(1, 1);
  const slow = task(() => new Promise((resolve) => setTimeout(resolve, 60_000)))();
  const [ready, rest] = await wait([slow, quick]);
  expect([ready, rest]).toEqual([[quick], [slow]]);
  expect(hasCode(await failure(get(slow, { timeoutMs: 50 })), "GET_TIMEOUT")).toBe(true);
  cancel(slow);
});

test("several results are several objects", async () => {
  const split = task((text: string): [string, string] => [text.slice(0, 1), text.slice(1)], { numReturns: 2 });
  const [head, tail] = split("ray");
  expect(await get([head, tail])).toEqual(["r", "ay"]);
});

test("what a task prints appears at the driver, with the task's name", async () => {
  const speak = task(
    () => {
      console.log("hello\nfrom Ray");
      console.error("a warning");
    },
    { name: "speak" },
  );
  await speak();
  await expect.poll(() => printed, SOON).toMatch(/\(speak \d+\) hello\n\(speak \d+\) from Ray\n/);
  await expect.poll(() => printed, SOON).toMatch(/\(speak \d+\) a warning\n/);
});

test("a task that no node has room for waits, and the driver is told", async () => {
  const big = task(() => 1, { name: "big", cpus: 64 });
  const ref = big();
  await expect.poll(() => printed, SOON).toMatch(/Task 'big' wants 64 cpus, which no node of the Ray cluster has\./);
  cancel(ref);
  expect(await failure(ref)).toMatchObject({ code: "TASK_CANCELLED" });
});

test("tasks are listed, with how they ended", async () => {
  const bad = task(
    () => {
      throw new RangeError("no\nmore");
    },
    { name: "listed bad", cpus: 0.5 },
  );
  const slow = task(() => new Promise(() => {}), { name: "listed slow" });
  const [open, failed] = [slow(), bad()];
  const late = add.with({ name: "listed late" })(open as ObjectRef<number>, 1);
  await failure(failed);
  const listed = async (name: string): Promise<unknown> => (await listTasks({ name })).items[0];
  await expect.poll(() => listed("listed slow"), SOON).toMatchObject({ state: "RUNNING", attempt: 0 });
  await expect.poll(() => listed("listed late"), SOON).toMatchObject({ state: "PENDING_ARGS" });
  await expect
    .poll(() => listed("listed bad"), SOON)
    .toMatchObject({ state: "FAILED", errorType: "RangeError", error: "no", resources: { cpus: 0.5 } });
  cancel(open);
  await failure(late);
  expect((await listTasks({ limit: 1 })).truncated).toBe(true);
});
