import { actor, cluster, get, init, kill, shutdown, task } from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Counter, failure, Sleeper, sleep } from "../support/api-world.ts";

beforeAll(() => init({ cpus: 2, objectStoreBytes: 256 * 1024 ** 2 }));
afterAll(() => shutdown());

const CounterActor = actor(Counter);
const SleeperActor = actor(Sleeper);

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
