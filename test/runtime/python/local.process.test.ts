/** Functions and classes of Python on the local engine: how they are found, run, stopped, and what their end means. */
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cancel, get, init, kill, put, py, shutdown, task } from "mobula";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { privateBytesOf, privateBytesOfFamily } from "../../../runtime/src/node/memory-readings.ts";
import { pythonCalls } from "../../contract/python-calls.ts";
import { failure } from "../../support/api-world.ts";
import { VENV_PYTHON } from "../../support/jupyter-home.ts";
import { isRunning } from "../../support/processes.ts";
import { PYTHON_MODULES, stubPython } from "../../support/python-world.ts";

const SOON = { timeout: 30_000 };

let printed = "";
let folder: string;
beforeAll(async () => {
  stubPython();
  vi.stubEnv("MOBULA_FOLD_LINES", "0");
  folder = mkdtempSync(join(tmpdir(), "python-calls-"));
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  }
  await init({ cpus: 2 });
});
beforeEach(() => {
  printed = "";
});
afterAll(async () => {
  await shutdown();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const pid = py.task<[], number>("python_calls:pid");

/** Where a function tells that it has begun, by its process's id. */
function mark(name: string): { readonly path: string; begun(): Promise<number>; isThere(): boolean } {
  const path = join(folder, name);
  const isThere = (): boolean => existsSync(path) && readFileSync(path, "utf8") !== "";
  const begun = async (): Promise<number> => {
    await vi.waitFor(() => expect(isThere()).toBe(true), SOON);
    return Number(readFileSync(path, "utf8"));
  };
  return { path, begun, isThere };
}

describe("functions", () => {
  test("of the standard library are called by their names, with options as any task", async () => {
    expect(await py.task<[number], number>("math:sqrt")(9)).toBe(3);
    const mean = py.task<[number[]], number>("statistics:mean", { cpus: 0.5, name: "average" });
    expect(await mean.with({ retries: 0 })([1, 2, 6])).toBe(3);
    expect(await py.task<[number], number>("python_calls:Model.doubled")(4)).toBe(8);
  });

  test("may be async", async () => {
    expect(await py.task("python_calls:later")("x")).toBe("x");
  });

  test("run beside each other, each worker with a process of its own that stays", async () => {
    const naps = py.task<[number, string]>("python_calls:naps");
    const both = [mark("one"), mark("two")];
    const running = both.map(({ path }) => naps(60, path));
    const pids = await Promise.all(both.map((one) => one.begun()));
    expect(pids[0]).not.toBe(pids[1]);
    for (const ref of running) cancel(ref);
    for (const ref of running) expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    // They were interrupted, and cleaned up.
    await vi.waitFor(() => expect(both.map((one) => one.isThere())).toEqual([false, false]), SOON);
    expect(pids).toContain(await pid());
  });

  test("print as tasks do, with what goes past Python's own streams", async () => {
    await py.task<[string]>("python_calls:prints")("Grüße aus Python");
    await vi.waitFor(() => expect(printed).toContain("past it all"), SOON);
    expect(printed).toContain("Grüße aus Python");
    expect(printed).toContain("to stderr");
  });

  test("stream their items, whether async or not, and begin no more than is wanted", async () => {
    const upTo = py.task<[number], number>("python_calls:up_to", { streaming: true });
    const numbers: number[] = [];
    for await (const number of upTo(5)) numbers.push(number);
    expect(numbers).toEqual([0, 1, 2, 3, 4]);
    const letters = py.task<[string], string>("python_calls:letters", { streaming: true });
    const first: string[] = [];
    for await (const letter of letters("xyz")) {
      first.push(letter);
      if (first.length === 2) break;
    }
    expect(first).toEqual(["x", "y"]);
    const failing = py.task<[number], number>("python_calls:fails_at", { streaming: true })(1);
    const seen: number[] = [];
    const problem = await failure(
      (async () => {
        for await (const number of failing) seen.push(number);
      })(),
    );
    expect([seen, problem.message]).toEqual([[0], "Task 'fails_at' failed: RuntimeError: no more"]);
  });
});

describe("errors", () => {
  test("of Python have its type, its message and the user's lines, with Python's own traceback", async () => {
    const problem = await failure(py.task<[string]>("python_calls:raises")("not gut"));
    expect(problem).toMatchObject({ code: "TASK_FAILED", message: "Task 'raises' failed: ValueError: not gut" });
    expect(problem.stack).toMatch(/\n {4}at inner \(.*python_calls\.py:\d+:\d+\)\n {4}at raises \(.*python_calls\.py/);
    expect(problem.cause.name).toBe("ValueError");
    expect((problem.cause as unknown as { traceback: string }).traceback).toMatch(
      /^Traceback \(most recent call last\):\n.*in raises\n.*\n[^]*ValueError: not gut$/,
    );
    const chained = await failure(py.task("python_calls:chained")());
    expect((chained.cause.cause as Error).message).toContain("missing");
  });

  test.each([
    ["no_such_module_here:f", "Python has no module 'no_such_module_here'"],
    ["math:sqroot", "did you mean 'sqrt'?"],
    ["math:pi", "which cannot be called"],
  ])("%s says what is wrong", async (reference, text) => {
    expect((await failure(py.task(reference)())).message).toContain(text);
  });

  test("a name without a module is refused at once", () => {
    expect(() => py.task("sqrt")).toThrow('py.task() takes "module:name"');
    expect(() => py.actor("a b:C")).toThrow('py.actor() takes "module:name"');
  });

  test("are retried where the program says so", async () => {
    const isBlocking = (error: unknown): boolean => (error as Error).name === "BlockingIOError";
    const failsOnce = py.task<[string], string>("python_calls:fails_once", { retries: 1, retryOn: isBlocking });
    expect(await failsOnce(join(folder, "failed"))).toBe("second");
  });
});

describe("crashes", () => {
  test("of Python are crashes of the worker: reported, and retried", async () => {
    const dies = py.task<[]>("python_calls:dies", { retries: 0 });
    const problem = await failure(dies());
    expect(problem.code).toBe("WORKER_CRASHED");
    expect(problem.message).toContain("signal SIGKILL");
    const exits = py.task<[number]>("python_calls:exits", { retries: 0 });
    expect((await failure(exits(3))).message).toContain("exit code 3");
    const once = py.task<[string], number>("python_calls:dies_once", { retries: 1 });
    expect(await once(folder)).toBeGreaterThan(0);
  });

  test("in native code say where Python was", async () => {
    const segfault = py.task<[number]>("python_calls:dies", { retries: 0 });
    expect((await failure(segfault(11))).message).toMatch(/signal SIGSEGV[^]*python_calls\.py", line \d+ in dies/);
  });

  test("of the worker end its Python process", async () => {
    const both = task(async () => process.pid, { runtimeEnv: { envVars: { ALONE: "1" } } });
    const python = pid.with({ runtimeEnv: { envVars: { ALONE: "1" } } });
    const [worker, child] = await get([both(), python()]);
    process.kill(worker, "SIGKILL");
    await vi.waitFor(() => expect(isRunning(child)).toBe(false), SOON);
  });

  test("for lack of memory mean the worker whose Python process has it", async () => {
    const alone = { cpus: 2, runtimeEnv: { envVars: { ALONE: "2" } } };
    const [worker] = await get([task(async () => process.pid, alone)()]);
    expect(await py.task<[number], number>("python_calls:holds", alone)(64e6)).toBe(64e6);
    expect(privateBytesOfFamily(worker) - privateBytesOf(worker)).toBeGreaterThan(64e6);
  });

  test("code that heeds no interrupt ends with its process", async () => {
    const deaf = py.task<[string]>("python_calls:deaf");
    const place = mark("deaf");
    const ref = deaf(place.path);
    const running = await place.begun();
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    await vi.waitFor(() => expect(isRunning(running)).toBe(false), SOON);
    const late = py.task<[number]>("python_calls:naps", { timeoutMs: 200 });
    expect((await failure(late(60))).code).toBe("TASK_CANCELLED");
  });
});

describe("actors", () => {
  interface Model {
    predict(value: number): number;
    predict_later(value: number): Promise<number>;
    count(): number;
    dies(): void;
    naps(seconds: number, mark: string): void;
  }

  test("hold an object in Python, and answer by its methods", async () => {
    const Model = py.actor<Model>("python_calls:Model");
    const model = new Model(put(3), py.kwargs({ offset: 1 }));
    expect(await get([model.predict(2), model.predict_later(3)])).toEqual([7, 10]);
    expect(await model.count()).toBe(2);
    const untyped = model as unknown as { nothing(): PromiseLike<unknown> };
    expect((await failure(untyped.nothing())).message).toContain(
      "has no method 'nothing': it has count, dies, doubled",
    );
    kill(model);
  });

  test("are passed to tasks, and found by their names", async () => {
    const named = new (py.actor<Model>("python_calls:Model", { name: "the model" }))(2);
    const uses = task(async (model: typeof named, value: number) => await model.predict(value));
    expect(await uses(named, 21)).toBe(42);
    await named[Symbol.asyncDispose]();
  });

  test("whose constructor fails are dead, and say why", async () => {
    const broken = new (py.actor<Model>("python_calls:Model"))(null);
    const problem = await failure(broken.count());
    expect(problem.code).toBe("ACTOR_DIED");
    expect(problem.message).toContain("its constructor failed: no weight");
  });

  test("start again with maxRestarts, and a cancelled call is interrupted", async () => {
    const model = new (py.actor<Model>("python_calls:Model", { maxRestarts: 1, maxTaskRetries: 1 }))(1);
    await model.predict(1);
    expect((await failure(model.dies.with({ maxTaskRetries: 0 })())).code).toBe("ACTOR_UNAVAILABLE");
    expect(await model.count()).toBe(0);
    const place = mark("nap");
    const nap = model.naps(60, place.path);
    await place.begun();
    cancel(nap);
    expect((await failure(nap)).code).toBe("TASK_CANCELLED");
    expect(await model.count()).toBe(0);
    kill(model);
  });
});

pythonCalls("the local engine", () => printed);

describe("where modules and Python come from", () => {
  test("the folder of the program, and the working directory of a runtimeEnv before it", async () => {
    writeFileSync(join(folder, "beside.py"), "def where():\n    return __file__\n");
    const where = py.task<[], string>("beside:where", { runtimeEnv: { workingDir: folder } });
    expect(await where()).toBe(join(folder, "beside.py"));
  });

  test("a module that was changed is read again", async () => {
    const file = join(folder, "changing.py");
    const answer = py.task<[], number>("changing:answer", { runtimeEnv: { workingDir: folder } });
    for (const number of [1, 2]) {
      writeFileSync(file, `def answer():\n    return ${number}\n`);
      utimesSync(file, number, number);
      expect(await answer()).toBe(number);
    }
  });

  test("MOBULA_PYTHON names the interpreter; without any, the error says what to do", async () => {
    const withPython = (python: string) => ({ runtimeEnv: { envVars: { MOBULA_PYTHON: python } } });
    const sqrt = py.task<[number], number>("math:sqrt");
    expect(await sqrt.with(withPython(VENV_PYTHON))(4)).toBe(2);
    const missing = await failure(sqrt.with(withPython("/no/such/python"))(4));
    expect(missing.message).toContain("MOBULA_PYTHON names '/no/such/python', which is no program here");
    expect((await failure(sqrt.with(withPython("/bin/false"))(4))).message).toContain(
      "ended at its start (exit code 1)",
    );
    const noPath = { runtimeEnv: { envVars: { MOBULA_PYTHON: "", PATH: PYTHON_MODULES } } };
    const none = await failure(sqrt.with(noPath)(4));
    expect(none.message).toContain("Calls to Python need Python 3.10 or newer, and there is none on the PATH");
  });
});
