import { actor, cluster, context, get, hasCode, init, ObjectRef, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Counter, failure, sleep } from "../support/api-world.ts";
import { firstLine, startProgram } from "../support/driver-program.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2, resources: { licence: 1 } }));
afterAll(() => shutdown());

const CounterActor = actor(Counter);

describe("tasks", () => {
  it("give a ref at once, which awaits to the value", async () => {
    const area = task((w: number, h: number) => w * h, { cpus: 1 });
    const a = area(2, 3);
    const b = area.with({ retries: 0 })(a, 10);
    expect(await b).toBe(60);
    expect(await get([a, b])).toEqual([6, 60]);
  });

  it("run in other processes, in parallel", async () => {
    const where = task(async () => {
      // Long enough for the second worker to start: it does when the first one is there.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return process.pid;
    });
    const pids = await get([where(), where()]);
    expect(new Set([...pids, process.pid]).size).toBe(3);
  });

  it("carry maps, dates and errors as themselves", async () => {
    const echo = task((value: unknown) => value);
    const value = new Map<unknown, unknown>([[new Date(0), new Set([1n])]]);
    expect(await echo(value)).toEqual(value);
  });

  it("import the package that their worker itself runs on", async () => {
    const meets = task(async () => {
      const mobula = await import("mobula");
      const never = mobula.task(() => new Promise(() => {}), { cpus: 0 })();
      const error: unknown = await mobula.get(never, { timeoutMs: 10 }).catch((thrown: unknown) => thrown);
      mobula.cancel(never);
      return [never instanceof mobula.ObjectRef, error instanceof mobula.GetTimeoutError];
    });
    expect(await meets()).toEqual([true, true]);
  });

  it("without a name go by how their text begins", async () => {
    const failing = task((): number => JSON.parse("{ this is certainly not JSON"));
    expect((await failure(failing())).message).toMatch(/^Task '\(\) => JSON\.parse\("\{ this is cert…' failed/);
  });

  it("throw the user's error, whose lines come first", async () => {
    const boom = task(function boom() {
      throw new TypeError("of the user");
    });
    const error = await failure(boom());
    expect(error.message).toBe("Task 'boom' failed: TypeError: of the user");
    expect(error.code).toBe("TASK_FAILED");
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.stack?.split("\n")[1]).toMatch(/at boom .*api\.process\.test\.ts/);
    expect(error.stack).not.toMatch(/executor/);
  });

  it("pass an argument's failure on", async () => {
    const first = task(
      () => {
        throw new Error("at the start");
      },
      { name: "first" },
    );
    const second = task((value: unknown) => value);
    expect((await failure(second(first()))).message).toContain("'first' failed");
  });

  it("that need more than there is fail at once, saying what exists", async () => {
    const error = await failure(task(() => 1, { cpus: 64, name: "huge" })());
    expect(error.code).toBe("UNSCHEDULABLE");
    expect(error.message).toMatch(/'huge' needs 64 cpus.*2 cpus/);
  });

  it("hold resources that the cluster was given", async () => {
    const busy = task(
      async (ms: number) => {
        const start = Date.now();
        await new Promise((resolve) => setTimeout(resolve, ms));
        return [start, Date.now()] as const;
      },
      { resources: { licence: 1 }, cpus: 0.5 },
    );
    const [a, b] = await get([busy(150), busy(150)]);
    expect(Math.min(a[1], b[1])).toBeLessThanOrEqual(Math.max(a[0], b[0]));
  });

  it("nest deeper than there are CPUs", async () => {
    const child = startProgram("nested");
    expect(JSON.parse(await firstLine(child))).toEqual({ chain: 8, tree: 21 });
  });

  it("are retried when their worker is killed", async () => {
    const counter = new CounterActor();
    const fragile = task(async (runs: { add(k: number): PromiseLike<number> }) => {
      if ((await runs.add(1)) < 3) process.kill(process.pid, "SIGKILL");
      return "survived";
    });
    expect(await fragile(counter)).toBe("survived");
    expect(await counter.add(0)).toBe(3);
  });

  it("fail with exit code and last words when retries are used up", async () => {
    const quits = task(
      () => {
        process.stderr.write("last words\n");
        process.exit(3);
      },
      { retries: 0, name: "quits" },
    );
    const error = await failure(quits());
    expect(error.code).toBe("WORKER_CRASHED");
    expect(error.message).toContain("exit code 3");
  });

  it("are retried for errors that retryOn names", async () => {
    const counter = new CounterActor();
    const flaky = task(
      async (runs: { add(k: number): PromiseLike<number> }) => {
        const run = await runs.add(1);
        if (run < 3) throw new RangeError(`run ${run}`);
        return run;
      },
      { retryOn: [RangeError] },
    );
    expect(await flaky(counter)).toBe(3);
    expect(hasCode(await failure(flaky.with({ retries: 0 })(new CounterActor())), "TASK_FAILED")).toBe(true);
  });

  it("stop when their time is over, also while they spin", async () => {
    const spin = task(
      () => {
        for (;;);
      },
      { timeoutMs: 200, name: "spin" },
    );
    const error = await failure(spin());
    expect(error.code).toBe("TASK_CANCELLED");
    expect(error.message).toContain("200 ms");
  });

  it("know their context", async () => {
    const where = task(
      () => {
        const runtime = (globalThis as Record<symbol, { runtime: { current: { name: string } } }>)[
          Symbol.for("mobula.runtime")
        ];
        return runtime?.runtime.current.name;
      },
      { name: "named" },
    );
    expect(await where()).toBe("named");
    expect(context().kind).toBe("driver");
  });
});

describe("streams", () => {
  it("give items as they are made", async () => {
    const words = task(async function* (text: string) {
      for (const word of text.split(" ")) yield word;
    });
    const got: string[] = [];
    for await (const word of words("streams item by item")) got.push(word);
    expect(got).toEqual(["streams", "item", "by", "item"]);
  });

  it("give items as refs to those who pass them on", async () => {
    const numbers = task(function* () {
      yield 1;
      yield 2;
    });
    const double = task((n: number) => 2 * n);
    const stream = numbers();
    const doubled: number[] = [];
    for (let item = await stream.nextRef(); item.done !== true; item = await stream.nextRef()) {
      expect(item.value).toBeInstanceOf(ObjectRef);
      doubled.push(await double(item.value));
    }
    expect(doubled).toEqual([2, 4]);
    expect(await stream.nextRef()).toEqual({ done: true, value: undefined });
  });

  it("hold the task back when nobody takes items, and end it when the loop is left", async () => {
    const counter = new CounterActor();
    const endless = task(async function* (made: { add(k: number): PromiseLike<number> }) {
      for (let i = 0; ; i++) {
        await made.add(1);
        yield i;
      }
    });
    for await (const item of endless(counter)) {
      expect(item).toBe(0);
      await sleep(200);
      break;
    }
    const made = await counter.add(0);
    expect(made).toBeLessThan(30);
    await sleep(100);
    expect((await counter.add(0)) - made).toBeLessThanOrEqual(1);
  });

  it("end with the task's error after the items before it", async () => {
    const broken = task(async function* () {
      yield 1;
      throw new Error("half-way");
    });
    const got: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const item of broken()) got.push(item);
    };
    expect((await failure(loop())).message).toContain("half-way");
    expect(got).toEqual([1]);
  });
});

describe("the signal of a stream's task", () => {
  it("ends the loop with TaskCancelledError", async () => {
    const controller = new AbortController();
    const endless = task(
      async function* () {
        for (let i = 0; ; i++) yield i;
      },
      { signal: controller.signal },
    );
    const loop = async (): Promise<void> => {
      for await (const item of endless()) if (item === 5) controller.abort();
    };
    expect((await failure(loop())).code).toBe("TASK_CANCELLED");
  });
});

describe("init", () => {
  it("is idempotent, and says what to do about other options", async () => {
    await init();
    expect((await failure(init({ cpus: 9 }))).message).toMatch(/shutdown\(\)/);
  });

  it("describes the cluster", async () => {
    const state = await cluster();
    expect(state.resources["cpus"]?.total).toBe(2);
    expect(state.workers.length).toBeGreaterThan(0);
  });
});
