/** Every way in which user code can end, or spoil, the process it runs in. */
import { closeSync } from "node:fs";
import { actor, cancel, get, task } from "mobula";
import { describe, expect, it } from "vitest";
import { useOwnCluster } from "../../support/own-cluster.ts";
import { expectSoundCluster, failureOf } from "../../support/sound-cluster.ts";

useOwnCluster({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2 });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const forever = (): Promise<never> => new Promise<never>(() => {});
const recurse = (n: number): number => recurse(n + 1) + 1;

const ends: { what: string; run: () => unknown; code: string; message: RegExp }[] = [
  { what: "process.exit(0)", run: () => process.exit(0), code: "WORKER_CRASHED", message: /exit code 0/ },
  { what: "process.exit(3)", run: () => process.exit(3), code: "WORKER_CRASHED", message: /exit code 3/ },
  { what: "process.abort()", run: () => process.abort(), code: "WORKER_CRASHED", message: /signal SIGABRT/ },
  {
    what: "SIGKILL",
    run: () => {
      process.kill(process.pid, "SIGKILL");
      return forever();
    },
    code: "WORKER_CRASHED",
    message: /signal SIGKILL/,
  },
  {
    what: "SIGTERM",
    run: () => {
      process.kill(process.pid, "SIGTERM");
      return forever();
    },
    code: "WORKER_CRASHED",
    message: /signal SIGTERM/,
  },
  {
    what: "an error thrown in a timer",
    run: () => {
      setTimeout(() => {
        throw new RangeError("nobody catches this");
      }, 1);
      return forever();
    },
    code: "WORKER_CRASHED",
    message: /RangeError: nobody catches this/,
  },
  {
    what: "an endless recursion",
    run: () => recurse(0),
    code: "TASK_FAILED",
    message: /RangeError: Maximum call stack size exceeded/,
  },
];

describe("a task that ends by", () => {
  it.each(ends)("$what fails with $code, and the cluster goes on", async ({ run, code, message }) => {
    const failure = await failureOf(task(run, { name: "ends", retries: 0 })());
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    await expectSoundCluster();
  });

  it("throwing something that cannot be looked at fails all the same", async () => {
    const throwProxy = task(
      () => {
        const refuse = (): never => {
          throw new Error("no");
        };
        throw new Proxy(new Error("p"), { get: refuse, ownKeys: refuse, getPrototypeOf: refuse, has: refuse });
      },
      { name: "throwProxy", retries: 0 },
    );
    expect(await failureOf(throwProxy())).toMatchObject({ code: "TASK_FAILED" });
    await expectSoundCluster();
  });

  const crashes = ends.filter(({ code }) => code === "WORKER_CRASHED");
  it.each(crashes)("$what in an actor's method fails its calls with ACTOR_DIED", async ({ run, message }) => {
    const Fragile = actor(
      class Fragile {
        end(): unknown {
          return run();
        }
        ping(): number {
          return 1;
        }
      },
    );
    const fragile = new Fragile();
    const end = fragile.end();
    const behind = fragile.ping();
    expect(await failureOf(end)).toMatchObject({ code: "ACTOR_DIED", message: expect.stringMatching(message) });
    expect(await failureOf(behind)).toMatchObject({ code: "ACTOR_DIED" });
    expect(await failureOf(fragile.ping())).toMatchObject({ code: "ACTOR_DIED" });
    await expectSoundCluster();
  });

  it.each(crashes)("$what in an actor with maxRestarts is answered by its successor", async ({ run }) => {
    const Sturdy = actor(
      class Sturdy {
        n = 0;
        end(): unknown {
          return run();
        }
        add(): number {
          return ++this.n;
        }
      },
      { maxRestarts: 1 },
    );
    const sturdy = new Sturdy();
    expect(await sturdy.add()).toBe(1);
    expect(await failureOf(sturdy.end())).toMatchObject({ code: "ACTOR_UNAVAILABLE" });
    // Its state is gone, the actor is not.
    expect(await sturdy.add()).toBe(1);
    expect(await failureOf(sturdy.end())).toMatchObject({ code: "ACTOR_DIED" });
    expect(await failureOf(sturdy.add())).toMatchObject({ code: "ACTOR_DIED" });
    await expectSoundCluster();
  });

  it("an unhandled rejection goes on: other code in its process does not fail for it", async () => {
    const careless = task(() => {
      void Promise.reject(new Error("nobody looks"));
      return "done";
    });
    expect(await careless()).toBe("done");
    await expectSoundCluster();
  });
});

const spins: { what: string; run: () => unknown }[] = [
  {
    what: "spins",
    run: () => {
      for (;;);
    },
  },
  { what: "waits for nothing", run: forever },
  {
    what: "spins after an await",
    run: async () => {
      await Promise.resolve();
      for (;;);
    },
  },
  {
    what: "catches everything and spins on",
    run: async () => {
      for (;;) {
        try {
          await new Promise((resolve) => setTimeout(resolve, 5));
          for (const until = Date.now() + 20; Date.now() < until; );
        } catch {}
      }
    },
  },
];

describe("a task that never ends and", () => {
  it.each(spins)("$what is ended by its time limit", async ({ run }) => {
    const failure = await failureOf(task(run, { name: "endless", retries: 0, timeoutMs: 200 })());
    expect(failure).toMatchObject({ code: "TASK_CANCELLED", message: expect.stringMatching(/longer than 200 ms/) });
    await expectSoundCluster();
  });

  it.each(spins)("$what is ended by cancel(), and no task beside it is harmed", async ({ run }) => {
    const endless = task(run, { name: "endless", retries: 0 });
    const refs = [endless(), endless()];
    // They wait for the places of the two; a place that is given up with its process costs them nothing.
    const slow = task(async (k: number) => (await new Promise((resolve) => setTimeout(resolve, 30)), k), {
      name: "behind",
      retries: 0,
    });
    const behind = Array.from({ length: 20 }, (_, n) => slow(n));
    await sleep(300);
    for (const ref of refs) cancel(ref);
    for (const ref of refs) expect(await failureOf(ref)).toMatchObject({ code: "TASK_CANCELLED" });
    expect(await get(behind)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    await expectSoundCluster();
  });
});

const spoils: { what: string; run: () => unknown }[] = [
  {
    what: "ends process.stdout and process.stderr",
    run: () => {
      process.stdout.end();
      process.stderr.end();
      process.stdout.write("after the end");
      console.log("after the end");
    },
  },
  {
    what: "destroys its standard streams",
    run: () => {
      process.stdin.destroy();
      process.stdout.destroy();
      process.stderr.destroy();
    },
  },
  {
    what: "closes the standard descriptors",
    run: () => {
      for (const fd of [0, 1, 2]) closeSync(fd);
    },
  },
  {
    what: "removes all listeners of its process",
    run: () => {
      process.removeAllListeners();
    },
  },
  {
    what: "replaces globals",
    run: () => {
      Object.assign(globalThis, { setTimeout: undefined, Promise: undefined, Map: undefined, performance: undefined });
    },
  },
  { what: "changes to a folder that goes away", run: () => process.chdir("/proc/self/task") },
];

describe("a process in which a task", () => {
  it.each(spoils)("$what still does its work, or is replaced", async ({ run }) => {
    const spoil = task(
      () => {
        run();
        return "done";
      },
      { name: "spoil" },
    );
    const outcomes = await Promise.allSettled([spoil(), spoil(), spoil()].map((ref) => ref.then((value) => value)));
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") expect(outcome.value).toBe("done");
      else expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/TASK_FAILED|WORKER_CRASHED/) });
    }
    await expectSoundCluster();
  });

  it("destroys the connections to its callers is replaced, and they hear of it", async () => {
    const cut = task(
      () => {
        const inside = process as unknown as { _getActiveHandles(): { destroy?(): void }[] };
        for (const handle of inside._getActiveHandles()) handle.destroy?.();
        return new Promise<never>(() => {});
      },
      { name: "cut", retries: 0 },
    );
    expect(await failureOf(cut())).toMatchObject({ code: "WORKER_CRASHED" });
    await expectSoundCluster();
  });
});
