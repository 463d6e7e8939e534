/** Actors on a Ray cluster, through the public API. */
import { actor, exitActor, get, init, kill, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Counter, failure, Sleeper } from "../../support/api-world.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

const SOON = { timeout: 30_000 };

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token });
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray.stop();
});

const children = (): number => ray.processes().filter(({ command }) => /ray-worker\/main\.js/.test(command)).length;

const CounterActor = actor(Counter);
const SleeperActor = actor(Sleeper);

test("an actor keeps its state, its calls their order, also when an argument is late", async () => {
  const counter = new CounterActor(10);
  const refs = Array.from({ length: 100 }, () => counter.add(1));
  expect(await get(refs)).toEqual(Array.from({ length: 100 }, (_, index) => 11 + index));
  const late = task(() => new Promise<number>((resolve) => setTimeout(resolve, 200, 1000)));
  const first = counter.add(late());
  const second = counter.add(1);
  expect(await get([first, second])).toEqual([1110, 1111]);
});

test("async methods interleave", async () => {
  const sleeper = new SleeperActor();
  await sleeper.nap(1);
  const startedMs = performance.now();
  await get([sleeper.nap(1_000), sleeper.nap(1_000), sleeper.nap(1_000)]);
  expect(performance.now() - startedMs).toBeLessThan(2_900);
});

test("a handle goes with a task, and is called from there", async () => {
  const counter = new CounterActor(1);
  const bump = task(async (c: typeof counter, by: number) => await c.add(by));
  expect(await bump(counter, 4)).toBe(5);
  const captured = task(async () => await counter.add(10));
  expect(await captured()).toBe(15);
});

test("an actor with a name is found by another call, and its name is free when it is dead", async () => {
  const Named = CounterActor.with({ name: "tally" });
  const first = new Named(1);
  await first.add(1);
  const found = await actor.get<Counter>("tally");
  expect(await found?.add(1)).toBe(3);
  expect((await failure(new Named(0).add(1))).message).toContain("tally");
  const same = new (Named.with({ getIfExists: true }))(100);
  expect(await same.add(1)).toBe(4);
  kill(first);
  expect(await failure(first.add(1))).toMatchObject({ code: "ACTOR_DIED" });
  expect(await actor.get("tally")).toBeUndefined();
});

test("what its methods throw, and what its constructor throws, reaches the caller", async () => {
  expect((await failure(new CounterActor().fail())).message).toBe(
    "Task 'Counter.fail' failed: RangeError: out of range",
  );
  const Broken = actor(
    class Broken {
      constructor() {
        throw new RangeError("no luck");
      }
      ask(): number {
        return 1;
      }
    },
  );
  const error = await failure(new Broken().ask());
  expect(error).toMatchObject({ code: "ACTOR_DIED", message: expect.stringMatching(/constructor failed.*no luck/) });
  expect(error.cause).toBeInstanceOf(RangeError);
});

test("an actor ends with its last handle, or when it says so itself", async () => {
  await expect.poll(children, SOON).toBeLessThan(20);
  const Leaving = actor(
    class Leaving {
      pid(): number {
        return process.pid;
      }
      leave(): string {
        exitActor();
        return "bye";
      }
    },
  );
  const leaving = new Leaving();
  const pid = await leaving.pid();
  expect(await leaving.leave()).toBe("bye");
  expect(await failure(leaving.pid())).toMatchObject({ code: "ACTOR_DIED" });
  await expect.poll(() => ray.processes().some((each) => each.pid === pid), SOON).toBe(false);
});
