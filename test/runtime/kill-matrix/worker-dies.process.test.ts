/** Workers that are killed from outside, or by one of the tasks they were given, at the worst moment. */
import { actor, cluster, get, type ObjectRef, task, wait } from "mobula";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/driver-program.ts";
import { useOwnCluster } from "../../support/own-cluster.ts";
import { expectNothingHeld, expectSoundCluster, failureOf } from "../../support/sound-cluster.ts";

useOwnCluster({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2 });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function runningPid(): Promise<number> {
  let pid: number | undefined;
  await eventually(async () => {
    pid = (await cluster()).workers.find(({ state }) => state === "running" || state === "blocked")?.pid;
    return pid !== undefined;
  }, 5_000);
  if (pid === undefined) throw new Error("no worker runs anything");
  return pid;
}

describe("a process that ends under many short tasks", () => {
  const quick = task(
    (n: number) => {
      if (n === -1) process.exit(3);
      if (n === -2) {
        setTimeout(() => {
          throw new RangeError("late");
        });
        return new Promise<number>(() => {});
      }
      return n;
    },
    { name: "quick", retries: 0 },
  );

  it.each([
    ["exits", -1, /exit code 3/],
    ["throws in a timer", -2, /RangeError: late/],
  ] as const)("fails the one that %s, and none that were done or had not begun", async (_, culprit, message) => {
    for (let round = 0; round < 6; round++) {
      await get(Array.from({ length: 60 }, (_, n) => quick(n)));
      const good = Array.from({ length: 40 }, (_, n) => n + 1);
      const refs = [...good.slice(0, 10), culprit, ...good.slice(10)].map((n) => quick(n));
      const [bad] = refs.splice(10, 1) as [ObjectRef<number>];
      expect(await failureOf(bad)).toMatchObject({ code: "WORKER_CRASHED", message: expect.stringMatching(message) });
      expect(await get(refs)).toEqual(good);
    }
    await expectSoundCluster();
  });

  it("is an actor's: calls that were done have their results, those behind go to its successor or fail", async () => {
    const Log = actor(
      class Log {
        n = 0;
        add(): number {
          return ++this.n;
        }
        exit(): void {
          process.exit(3);
        }
      },
      { maxRestarts: 100 },
    );
    const log = new Log();
    for (let round = 0; round < 6; round++) {
      await log.add();
      const first = Array.from({ length: 10 }, () => log.add());
      const exit = log.exit();
      expect(await failureOf(exit)).toMatchObject({ code: "ACTOR_UNAVAILABLE" });
      expect(await get(first)).toEqual(Array.from({ length: 10 }, (_, n) => n + 2));
      expect(await log.add()).toBe(1);
      await log.exit().then(
        () => {},
        () => {},
      );
    }
  });
});

describe("a killed worker", () => {
  it("that streams has delivered its items, and then fails", async () => {
    const drip = task(
      async function* () {
        for (let n = 0; n < 5; n++) yield n;
        process.kill(process.pid, "SIGKILL");
        yield 5;
      },
      { name: "drip", retries: 0 },
    );
    const got: number[] = [];
    const reading = (async () => {
      for await (const n of drip()) got.push(n);
    })();
    expect(await failureOf(reading)).toMatchObject({ code: "WORKER_CRASHED" });
    expect(got).toEqual(Array.from({ length: got.length }, (_, n) => n));
    await expectSoundCluster();
  });

  it.each([8, 200_000])("that streams items of %i bytes goes on elsewhere, each item once", async (sizeBytes) => {
    const drip = task(
      async function* (size: number) {
        for (let n = 0; n < 40; n++) {
          yield new Uint8Array(size).fill(n);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
      { name: "drip", retries: 5 },
    );
    // In functions of their own: what a loop held last stays as long as its function.
    const read = async (): Promise<number[]> => {
      const got: number[] = [];
      for await (const item of drip(sizeBytes)) {
        got.push(item[0] as number);
        expect(item.length).toBe(sizeBytes);
        if (got.length === 10 || got.length === 25) process.kill(await runningPid(), "SIGKILL");
      }
      return got;
    };
    expect(await read()).toEqual(Array.from({ length: 40 }, (_, n) => n));
    await expectSoundCluster();
    await expectNothingHeld();
  });

  it("that writes large results leaves nothing of them in the store", async () => {
    const large = task(
      (n: number) => {
        const made = new Float64Array(500_000).fill(n);
        return [made, made.slice()];
      },
      { name: "large", retries: 30 },
    );
    const refs = Array.from({ length: 10 }, (_, n) => large(n));
    for (let round = 0; round < 8; round++) {
      await sleep(30 + 11 * round);
      const busy = (await cluster()).workers.find(({ state }) => state === "running");
      if (busy !== undefined) process.kill(busy.pid, "SIGKILL");
    }
    const look = async (ref: ObjectRef<Float64Array[]>): Promise<unknown> => {
      const [first, second] = await ref;
      ref[Symbol.dispose]();
      return [first?.[0], second?.[499_999]];
    };
    for (let n = 0; refs.length > 0; n++) expect(await look(refs.shift() as (typeof refs)[0])).toEqual([n, n]);
    await expectSoundCluster();
    await expectNothingHeld();
  });

  it("that owned nested tasks takes their results along: who waits for them is told", async () => {
    const Owner = actor(
      class Owner {
        start(ms: number): { ref: ObjectRef<string> } {
          const nested = task(async (delay: number) => {
            await new Promise((resolve) => setTimeout(resolve, delay));
            return "nested";
          });
          return { ref: nested(ms) };
        }
        pid(): number {
          return process.pid;
        }
      },
      { cpus: 0 },
    );
    const owner = new Owner();
    const [soon, never] = await get([owner.start(10), owner.start(60_000)]);
    expect(await soon.ref).toBe("nested");
    const waiting = never.ref.then((value) => value);
    await sleep(50);
    process.kill(await owner.pid(), "SIGKILL");
    expect(await failureOf(waiting)).toMatchObject({ code: "OBJECT_LOST", message: expect.stringMatching(/ended/) });
    await expectSoundCluster();
  });

  it("that waits for nested tasks is run again, and those of the first attempt end", async () => {
    const outer = task(
      async (depth: number): Promise<number> => {
        const { task: nestedTask } = await import("mobula");
        const inner = nestedTask(
          async (n: number) => {
            await new Promise((resolve) => setTimeout(resolve, 300));
            return n;
          },
          { name: "inner" },
        );
        return (await inner(depth)) + 1;
      },
      { name: "outer", retries: 3 },
    );
    const ref = outer(1);
    await eventually(async () => (await cluster()).workers.some(({ state }) => state === "blocked"), 5_000);
    const blocked = (await cluster()).workers.find(({ state }) => state === "blocked");
    process.kill(blocked?.pid as number, "SIGKILL");
    expect(await ref).toBe(2);
    await expectSoundCluster();
  });
});

describe("a stopped worker", () => {
  it("keeps its task waiting, and goes on when it is continued", async () => {
    const slow = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return "done";
    });
    const ref = slow();
    const pid = await runningPid();
    process.kill(pid, "SIGSTOP");
    const [ready] = await wait([ref], { timeoutMs: 500 });
    expect(ready).toEqual([]);
    process.kill(pid, "SIGCONT");
    expect(await ref).toBe("done");
    await expectSoundCluster();
  });
});
