import fc from "fast-check";
import { actor, cancel, cluster, context, exitActor, get, init, kill, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Counter, failure, sleep } from "../support/api-world.ts";
import { eventually } from "../support/driver-program.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 128 * 1024 ** 2, namespace: "here" }));
afterAll(() => shutdown());

const CounterActor = actor(Counter);

/** Two kinds of methods: slow reads, and writes. */
class Disk {
  readonly log: string[] = [];
  async read(name: string, ms: number): Promise<string> {
    this.log.push(`> ${name}`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.log.push(`< ${name}`);
    return name;
  }
  write(name: string): number {
    return this.log.push(name);
  }
  lines(): string[] {
    return this.log;
  }
}

describe("namespaces", () => {
  it("keep names apart; the driver's is the default, also in tasks", async () => {
    const mine = new (CounterActor.with({ name: "n" }))(1);
    const theirs = new (CounterActor.with({ name: "n", namespace: "there" }))(100);
    await get([mine.add(0), theirs.add(0)]);
    expect(await (await actor.get<Counter>("n"))?.add(0)).toBe(1);
    expect(await (await actor.get<Counter>("n", { namespace: "there" }))?.add(0)).toBe(100);
    expect(await actor.list()).toEqual(["n"]);
    expect(await actor.list({ namespace: "there" })).toEqual(["n"]);
    expect(await actor.list({ namespace: "nowhere" })).toEqual([]);
    const look = task(async () => {
      const { actor: actors, context: about } = await import("mobula");
      return [about().namespace, await actors.list(), await (await actors.get<Counter>("n"))?.add(0)];
    });
    expect(await look()).toEqual(["here", ["n"], 1]);
    kill(mine);
    kill(theirs);
    expect(await eventually(async () => (await actor.list()).length === 0, 3_000)).toBe(true);
  });

  it("let several ask at once for one actor with getIfExists, and get the same", async () => {
    const One = CounterActor.with({ name: "single", getIfExists: true });
    const ask = task(async () => {
      const one = new One(0);
      await one.add(1);
      return await one.pid();
    });
    const here = [new One(0), new One(0)];
    const pids = await get([...here.map((one) => one.pid()), ask(), ask(), ask()]);
    expect(new Set(pids).size).toBe(1);
    expect(await here[0]?.add(0)).toBe(3);
    kill(here[0] as object);
  });

  it("need a name for actors that outlive their driver", async () => {
    expect(() => actor(Counter, { lifetime: "detached" })).toThrow(/needs a name/);
    const lasting = new (CounterActor.with({ name: "lasting", lifetime: "detached" }))(1);
    expect(await lasting.add(1)).toBe(2);
    kill(lasting);
  });
});

describe("a call's own options", () => {
  it("are its time limit, name, signal and retries", async () => {
    const disk = new (actor(Disk))();
    const late = await failure(disk.read.with({ timeoutMs: 100, name: "slow read" })("a", 5_000));
    expect(late.code).toBe("TASK_CANCELLED");
    expect(late.message).toMatch(/'slow read'.*100 ms/);
    const controller = new AbortController();
    const ref = disk.read.with({ signal: controller.signal })("b", 5_000);
    const waits = disk.read.with({ signal: controller.signal })("c", 5_000);
    await sleep(100);
    controller.abort();
    for (const each of [ref, waits]) expect((await failure(each)).code).toBe("TASK_CANCELLED");
    expect(() => disk.read.with({ signal: controller.signal })("d", 1)).toThrow(/abort/);
    expect(await disk.write("still alive")).toBeGreaterThan(0);
    const counter = new CounterActor();
    const Flaky = actor(
      class Flaky {
        async count(runs: { add(k: number): PromiseLike<number> }): Promise<number> {
          const run = await runs.add(1);
          if (run < 3) throw new RangeError(`run ${run}`);
          return run;
        }
      },
    );
    const flaky = new Flaky();
    expect(await flaky.count.with({ maxTaskRetries: 5, retryOn: [RangeError] })(counter)).toBe(3);
  });

  it("cancel one call and leave the actor alive, also when its code does not listen", async () => {
    for (const maxConcurrency of [1, 10]) {
      const Stubborn = actor(
        class Stubborn {
          state = "kept";
          async run(): Promise<void> {
            for (;;) await new Promise((resolve) => setTimeout(resolve, 10));
          }
          get(): string {
            return this.state;
          }
        },
        { maxConcurrency },
      );
      const stubborn = new Stubborn();
      expect(await stubborn.get()).toBe("kept");
      const ref = stubborn.run();
      await sleep(50);
      cancel(ref);
      expect((await failure(ref)).code).toBe("TASK_CANCELLED");
      expect(await stubborn.get()).toBe("kept");
    }
  });

  it("cancel a call that spins, in an actor that does one thing at a time", async () => {
    const Spinner = actor(
      class Spinner {
        state = "kept";
        spin(): void {
          for (;;);
        }
        get(): string {
          return this.state;
        }
      },
    );
    const spinner = new Spinner();
    expect(await spinner.get()).toBe("kept");
    const spins = spinner.spin();
    await sleep(50);
    cancel(spins);
    expect((await failure(spins)).code).toBe("TASK_CANCELLED");
    expect(await spinner.get()).toBe("kept");
  });

  it("queue behind a call that waits for a task, in an actor that does one thing at a time", async () => {
    const Asker = actor(
      class Asker {
        async ask(n: number): Promise<number> {
          const slow = task(async (k: number) => {
            await new Promise((resolve) => setTimeout(resolve, 100));
            return k;
          });
          return await slow(n);
        }
      },
      { maxConcurrency: 1 },
    );
    const asker = new Asker();
    expect(await get([1, 2, 3].map((n) => asker.ask(n)))).toEqual([1, 2, 3]);
  });
});

describe("concurrency groups", () => {
  it("do not wait for each other, and keep the order inside", async () => {
    const Disks = actor(Disk, {
      maxConcurrency: 1,
      concurrencyGroups: { io: { maxConcurrency: 2, methods: ["read"] } },
    });
    const disk = new Disks();
    await disk.lines();
    const reads = ["a", "b", "c"].map((name) => disk.read(name, 300));
    const late = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return "late";
    });
    const held = disk.read(late(), 1);
    await disk.write("w");
    expect([...(await disk.lines())].sort()).toEqual(["> a", "> b", "w"]);
    await get([...reads, held]);
    const lines = await disk.lines();
    expect(lines.filter((line) => line.startsWith(">"))).toEqual(["> a", "> b", "> c", "> late"]);
  });

  it("name methods of the class, each in one group", () => {
    const groups = { io: { maxConcurrency: 1, methods: ["raed"] } } as never;
    expect(() => actor(Disk, { concurrencyGroups: groups })).toThrow(/names 'raed'; the class has the methods read/);
    const twice = { methods: ["read"], maxConcurrency: 1 } as const;
    expect(() => actor(Disk, { concurrencyGroups: { a: twice, b: twice } })).toThrow(/in two groups: 'a' and 'b'/);
  });
});

describe("maxPendingCalls", () => {
  it("refuses the call beyond, until others are over", async () => {
    const disk = new (actor(Disk, { maxPendingCalls: 2 }))();
    const calls = [disk.read("a", 100), disk.read("b", 100)];
    expect(() => disk.write("c")).toThrow(expect.objectContaining({ code: "PENDING_CALLS_LIMIT" }) as Error);
    await get(calls);
    expect(await disk.write("c")).toBe(5);
  });
});

describe("restarts", () => {
  const Recovering = actor(
    class Recovering {
      restored = "nothing";
      async restore({ restarts }: { restarts: number }): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (restarts > 2) throw new RangeError("no more");
        this.restored = `restart ${restarts}`;
      }
      read(): string {
        return this.restored;
      }
      crash(): void {
        process.exit(5);
      }
      async dieOnce(counter: { add(k: number): PromiseLike<number> }): Promise<number> {
        const run = await counter.add(1);
        if (run === 1) process.exit(5);
        return run;
      }
    },
    { maxRestarts: -1, onRestart: "restore" },
  );

  it("run onRestart before any call; a call that was lost says that the actor comes back", async () => {
    const recovering = new Recovering();
    expect(await recovering.read()).toBe("nothing");
    const lost = await failure(recovering.crash());
    expect(lost.code).toBe("ACTOR_UNAVAILABLE");
    expect(lost.message).toMatch(/Recovering.crash.*is started again/);
    expect(await recovering.read()).toBe("restart 1");
    await failure(recovering.crash());
    expect(await recovering.read()).toBe("restart 2");
    await failure(recovering.crash());
    const dead = await failure(recovering.read());
    expect([dead.code, dead.cause.message]).toEqual(["ACTOR_DIED", "no more"]);
    expect(dead.message).toContain("its onRestart method failed");
  });

  it("repeat calls that were lost, as often as maxTaskRetries says", async () => {
    const patient = new (Recovering.with({ maxTaskRetries: 2 }))();
    expect(await patient.dieOnce(new CounterActor())).toBe(2);
    const other = new Recovering();
    expect(await other.dieOnce.with({ maxTaskRetries: 1 })(new CounterActor())).toBe(2);
  });

  it("happen on kill with restart, and end with kill", async () => {
    const lively = new (CounterActor.with({ maxRestarts: 1 }))(5);
    await lively.add(1);
    kill(lively, { restart: true });
    await eventually(async () => (await lively.add(0).catch(() => -1)) === 5, 5_000);
    expect(await lively.add(0)).toBe(5);
    kill(lively);
    expect((await failure(lively.add(1))).message).toContain("it was killed");
  });
});

describe("an actor's end", () => {
  it("by exitActor delivers what has begun, and fails the rest", async () => {
    const Worker = actor(
      class Worker {
        async last(ms: number): Promise<Uint8Array> {
          await new Promise((resolve) => setTimeout(resolve, ms));
          exitActor();
          return new Uint8Array(80_000).fill(3);
        }
        next(): number {
          return 1;
        }
      },
      { maxConcurrency: 1, maxRestarts: 3 },
    );
    const worker = new Worker();
    const last = worker.last(100);
    const queued = worker.next();
    expect((await last)[79_999]).toBe(3);
    const error = await failure(queued);
    expect([error.code, error.message]).toEqual(["ACTOR_DIED", expect.stringContaining("it exited")]);
    expect((await failure(worker.next())).message).toContain("it exited");
    expect(() => exitActor()).toThrow(/methods of actors/);
  });

  it("by await using comes after the calls made before", async () => {
    const alive = async (): Promise<number> =>
      (await cluster()).actors.filter((each) => each.class === "Disk" && each.state === "alive").length;
    const before = await alive();
    let last: PromiseLike<string> | undefined;
    let pid = 0;
    {
      await using disk = new (actor(Disk))();
      last = disk.read("x", 200);
      pid = await new CounterActor().pid();
    }
    expect(pid).toBeGreaterThan(0);
    expect(await last).toBe("x");
    const disk = new (actor(Disk))();
    await disk.write("y");
    await disk[Symbol.asyncDispose]();
    expect((await failure(disk.write("z"))).message).toContain("its handle was disposed");
    expect(await eventually(async () => (await alive()) <= before, 10_000)).toBe(true);
  });
});

describe("handles", () => {
  it("travel as arguments, inside values, and to the actor itself", async () => {
    const Node = actor(
      class Node {
        next: { visit(left: number): PromiseLike<number> } | undefined;
        link(to: { node: { visit(left: number): PromiseLike<number> } }): void {
          this.next = to.node;
        }
        async visit(left: number): Promise<number> {
          return left === 0 || this.next === undefined ? process.pid : await this.next.visit(left - 1);
        }
      },
    );
    const [a, b] = [new Node(), new Node()] as const;
    await get([a.link({ node: b }), b.link({ node: a })]);
    const [pidA, pidB] = await get([a.visit(0), b.visit(0)]);
    expect(await get([a.visit(5), a.visit(6)])).toEqual([pidB, pidA]);
    await a.link({ node: a });
    expect(await a.visit(3)).toBe(pidA);
  });

  it("are no results: a method that returns this says so", async () => {
    const Fluent = actor(
      class Fluent {
        n = 0;
        add(k: number): this {
          this.n += k;
          return this;
        }
        value(): number {
          return this.n;
        }
      },
    );
    const fluent = new Fluent();
    const error = await failure(fluent.add(1));
    expect(error.message).toMatch(/'Fluent.add' returned the actor itself/);
    expect(await fluent.value()).toBe(1);
  });
});

describe("classes", () => {
  it("keep private fields, getters, static state and what they inherit", async () => {
    class Base {
      static made = 0;
      readonly #secret: number;
      constructor(secret: number) {
        this.#secret = secret;
        Base.made++;
      }
      get doubled(): number {
        return this.#secret * 2;
      }
      tell(): number {
        return this.#secret;
      }
    }
    class Derived extends Base {
      override tell(): number {
        return super.tell() + 1;
      }
      all(): number[] {
        return [this.tell(), this.doubled, Base.made];
      }
    }
    const derived = new (actor(Derived))(10);
    expect(await derived.all()).toEqual([11, 20, 1]);
    expect(await derived.tell()).toBe(11);
  });
});

describe("the order of calls", () => {
  it("is that of each caller, whatever is late", async () => {
    const Recorder = actor(
      class Recorder {
        readonly seen: string[] = [];
        add(caller: string, index: number, _late: unknown): void {
          this.seen.push(`${caller} ${index}`);
        }
        take(): string[] {
          return this.seen.splice(0);
        }
      },
    );
    const recorder = new Recorder();
    const late = task(async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    });
    interface Target {
      add(caller: string, index: number, late: unknown): PromiseLike<void>;
    }
    const caller = task(async (target: Target, name: string, delays: readonly number[]) => {
      const pause = (ms: number): unknown => (ms === 0 ? 0 : late(ms));
      await Promise.all(delays.map((ms, index) => target.add(name, index, pause(ms))));
    });
    const delays = fc.array(fc.constantFrom(0, 0, 1, 20), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(delays, { minLength: 1, maxLength: 3 }), async (callers) => {
        await get(callers.map((each, index) => caller.with({ cpus: 0.3 })(recorder, `c${index}`, each)));
        const seen = await recorder.take();
        for (const [index, each] of callers.entries()) {
          const own = seen.filter((line) => line.startsWith(`c${index} `));
          expect(own).toEqual(each.map((_, position) => `c${index} ${position}`));
        }
      }),
      { numRuns: 15, seed: 7 },
    );
  });
});

describe("context()", () => {
  it("tells a task where it runs, with what, and for whom", async () => {
    const about = task(
      async () => {
        const { context: here } = await import("mobula");
        const { signal: _, ...plain } = here();
        return plain;
      },
      { name: "about", cpus: 0.5 },
    );
    const seen = await about();
    expect(seen).toMatchObject({
      kind: "worker",
      name: "about",
      attempt: 0,
      isCancelled: false,
      namespace: "here",
      jobId: context().jobId,
      resources: { cpus: 0.5 },
    });
    expect(seen.taskId).toMatch(/^d/);
    expect(seen.workerId).toMatch(/^w/);
    expect(seen.node.pid).not.toBe(process.pid);
    expect(context()).toMatchObject({ kind: "driver", namespace: "here", resources: {}, node: { pid: process.pid } });
  });

  it("tells an actor its id and name, and nested work the same job", async () => {
    const Teller = actor(
      class Teller {
        async tell(): Promise<unknown> {
          const { context: here } = await import("mobula");
          const { actorId, actorName, resources, jobId } = here();
          const nested = task(async () => (await import("mobula")).context().jobId);
          return { actorId, actorName, resources, isSameJob: jobId === (await nested()) };
        }
      },
      { name: "teller", cpus: 0.25 },
    );
    const teller = new Teller();
    expect(await teller.tell()).toEqual({
      actorId: expect.stringMatching(/^d/) as string,
      actorName: "teller",
      resources: { cpus: 0.25 },
      isSameJob: true,
    });
    kill(teller);
  });
});
