import {
  actor,
  cancel,
  cluster,
  context,
  get,
  hasCode,
  init,
  kill,
  ObjectRef,
  put,
  shutdown,
  task,
  wait,
} from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstLine, startProgram } from "../support/driver-program.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(() => init({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2, resources: { licence: 1 } }));
afterAll(() => shutdown());

type Failure = Error & { readonly code: string; readonly cause: Error };

async function failure(promise: PromiseLike<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    return error as Failure;
  }
  throw new Error("it did not fail");
}

class Counter {
  n: number;
  constructor(start = 0) {
    this.n = start;
  }
  add(k: number): number {
    this.n += k;
    return this.n;
  }
  pid(): number {
    return process.pid;
  }
  exit(): void {
    process.exit(7);
  }
  fail(): never {
    throw new RangeError("out of range");
  }
  *upTo(end: number): Generator<number> {
    for (let i = 0; i < end; i++) yield i;
  }
}

class Sleeper {
  readonly log: string[] = [];
  async nap(ms: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  }
  note(text: string): void {
    this.log.push(text);
  }
  notes(): string[] {
    return this.log;
  }
}

const CounterActor = actor(Counter);
const SleeperActor = actor(Sleeper);

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
      await new Promise((resolve) => setTimeout(resolve, 200));
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

describe("objects", () => {
  it("put and get small and large values", async () => {
    expect(await put({ a: [1, 2] })).toEqual({ a: [1, 2] });
    const large = new Float64Array(1e6).fill(3);
    const ref = put(large);
    large[0] = 9;
    const back = await ref;
    expect(back[0]).toBe(3);
    expect(back.length).toBe(1e6);
  });

  it("are seen by tasks without a copy, and a task's writes stay its own", async () => {
    const ref = put(new Float64Array(2e6).fill(1));
    const sum = task((values: Float64Array) => {
      const total = values.reduce((a, b) => a + b, 0);
      values[0] = 5;
      return total;
    });
    expect(await get([sum(ref), sum(ref)])).toEqual([2e6, 2e6]);
    const { objectStore } = await cluster();
    expect(objectStore.usedBytes).toBeLessThan(3 * 16e6);
  });

  it("come back large from tasks", async () => {
    const make = task((n: number) => new Float32Array(n).fill(2));
    const made = await make(5e6);
    expect([made.length, made.at(-1)]).toEqual([5e6, 2]);
  });

  it("travel as refs inside values, there and back", async () => {
    const inner = put(new Uint8Array(500_000).fill(4));
    const open = task(async (box: { ref: PromiseLike<Uint8Array> }) => (await box.ref)[9]);
    expect(await open({ ref: inner })).toBe(4);
    const wrap = task((value: PromiseLike<Uint8Array>[]) => ({ again: value[0] }));
    const { again } = await wrap([inner]);
    expect((await again)?.length).toBe(500_000);
  });

  it("can be waited for before they are there, in any process", async () => {
    const slow = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return 7;
    });
    const open = task(async (box: { ref: PromiseLike<number> }) => (await box.ref) + 1);
    expect(await open({ ref: slow() })).toBe(8);
  });

  it("give their memory back when they are disposed", async () => {
    await sleep(500);
    const before = (await cluster()).objectStore.usedBytes;
    for (let round = 0; round < 10; round++) {
      const ref = put(new Float64Array(5e6));
      ref[Symbol.dispose]();
      await sleep(1);
    }
    await sleep(100);
    expect((await cluster()).objectStore.usedBytes).toBeLessThanOrEqual(before);
  });

  it("say with numbers that the store is full", () => {
    expect(() => put(new Uint8Array(300 * 1024 ** 2))).toThrow(/no room for 300 MiB/);
  });

  it("wait gives those that are there, and the rest", async () => {
    const nap = task(async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    });
    const refs = [nap(600), nap(1)];
    const [ready, rest] = await wait(refs, { count: 1 });
    expect([ready, rest]).toEqual([[refs[1]], [refs[0]]]);
    expect((await wait(rest, { timeoutMs: 10 }))[0]).toEqual([]);
    expect((await failure(get(refs[0] as (typeof refs)[0], { timeoutMs: 10 }))).code).toBe("GET_TIMEOUT");
    await get(refs);
  });
});

describe("actors", () => {
  it("keep state between calls, which run in order", async () => {
    const counter = new CounterActor(10);
    const refs = Array.from({ length: 200 }, () => counter.add(1));
    expect(await get(refs)).toEqual(Array.from({ length: 200 }, (_, i) => 11 + i));
  });

  it("keep the order when an argument is late", async () => {
    const sleeper = new SleeperActor();
    const late = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return "late";
    });
    sleeper.note(late());
    sleeper.note("after");
    expect(await sleeper.notes()).toEqual(["late", "after"]);
  });

  it("interleave async methods, unless told not to", async () => {
    const elapsed = async (type: typeof SleeperActor): Promise<number> => {
      const sleeper = new type();
      await sleeper.nap(1);
      const start = performance.now();
      await get([sleeper.nap(200), sleeper.nap(200), sleeper.nap(200)]);
      return performance.now() - start;
    };
    expect(await elapsed(SleeperActor)).toBeLessThan(550);
    expect(await elapsed(SleeperActor.with({ maxConcurrency: 1 }))).toBeGreaterThan(590);
  });

  it("throw what their methods throw", async () => {
    const error = await failure(new CounterActor().fail());
    expect(error.message).toBe("Task 'Counter.fail' failed: RangeError: out of range");
  });

  it("stream from generator methods", async () => {
    const got: number[] = [];
    for await (const item of new CounterActor().upTo(3)) got.push(item);
    expect(got).toEqual([0, 1, 2]);
  });

  it("are found by their name", async () => {
    const Named = CounterActor.with({ name: "tally" });
    const first = new Named(1);
    await first.add(1);
    const found = await actor.get<Counter>("tally");
    expect(await found?.add(1)).toBe(3);
    expect((await failure(new Named(0).add(1))).message).toContain("tally");
    const same = new (Named.with({ getIfExists: true }))(100);
    expect(await same.add(1)).toBe(4);
    kill(first);
    await failure(first.add(1));
    expect(await actor.get("tally")).toBeUndefined();
  });

  it("fail their calls when the constructor throws, with its error", async () => {
    const Broken = actor(
      class Broken {
        constructor() {
          throw new TypeError("cannot be made");
        }
        use(): number {
          return 1;
        }
      },
    );
    const error = await failure(new Broken().use());
    expect(error.code).toBe("ACTOR_DIED");
    expect(error.cause?.message).toBe("cannot be made");
  });

  it("are dead when their process ends, or start again as often as they may", async () => {
    const mortal = new CounterActor();
    const dead = await failure(mortal.exit());
    expect(dead.code).toBe("ACTOR_DIED");
    expect(dead.message).toContain("exit code 7");
    const lively = new (CounterActor.with({ maxRestarts: 1 }))(5);
    const pid = await lively.pid();
    await failure(lively.exit());
    expect(await lively.add(1)).toBe(6);
    expect(await lively.pid()).not.toBe(pid);
    await failure(lively.exit());
    expect((await failure(lively.add(1))).code).toBe("ACTOR_DIED");
  });

  it("end when no handle is left", async () => {
    const alive = async (): Promise<number> => (await cluster()).actors.filter(({ state }) => state === "alive").length;
    const before = await alive();
    const scope = async (): Promise<void> => {
      await new CounterActor().add(1);
    };
    await scope();
    const { setFlagsFromString } = await import("node:v8");
    setFlagsFromString("--expose-gc");
    const collect = (await import("node:vm")).runInNewContext("gc") as () => void;
    const deadline = Date.now() + 5_000;
    while ((await alive()) > before && Date.now() < deadline) {
      collect();
      await sleep(50);
    }
    expect(await alive()).toBeLessThanOrEqual(before);
  });
});

describe("cancel", () => {
  it("drops a task that waits, and rejects its ref", async () => {
    const nap = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    const refs = [nap(), nap(), nap()];
    cancel(refs[2] as (typeof refs)[0]);
    const outcomes = await Promise.allSettled(refs);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });

  it("aborts the signal of a task that runs", async () => {
    const listens = task(async () => {
      const holder = globalThis as Record<symbol, { runtime: { current: { signal: AbortSignal } } }>;
      const signal = holder[Symbol.for("mobula.runtime")]?.runtime.current.signal;
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    });
    const ref = listens();
    await sleep(200);
    const start = performance.now();
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    expect(performance.now() - start).toBeLessThan(450);
  });

  it("stops code that spins, and its worker lives on", async () => {
    const spin = task(() => {
      for (;;);
    });
    const pid = task(() => process.pid);
    const before = (await cluster()).workers.map((worker) => worker.pid);
    for (let round = 0; round < 3; round++) {
      const ref = spin();
      await sleep(100);
      cancel(ref);
      expect((await failure(ref)).code).toBe("TASK_CANCELLED");
    }
    expect(before).toContain(await pid());
  });

  it("ends code that goes on in the background", async () => {
    const stubborn = task(async () => {
      for (;;) await new Promise((resolve) => setTimeout(resolve, 10));
    });
    const ref = stubborn();
    await sleep(100);
    cancel(ref);
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
  });

  it("kills the process when forced, and does not retry", async () => {
    const spin = task(() => {
      for (;;);
    });
    const ref = spin();
    await sleep(200);
    cancel(ref, { force: true });
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
  });

  it("follows a signal that the task was given", async () => {
    const controller = new AbortController();
    const nap = task(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      },
      { signal: controller.signal },
    );
    const ref = nap();
    controller.abort();
    expect((await failure(ref)).code).toBe("TASK_CANCELLED");
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
