/**
 * Twenty thousand tasks that depend on each other, and actors, while workers are killed at random: every result is the
 * one that a plain computation gives. `MOBULA_CHAOS_SEED` repeats the choices of a run, though not its timing.
 */
import { actor, cluster, get, type ObjectRef, task } from "mobula";
import { currentRuntime } from "mobula/internal";
import { expect, it, onTestFailed } from "vitest";
import { eventually } from "../../support/driver-program.ts";
import { useOwnCluster } from "../../support/own-cluster.ts";
import { randomNumbers } from "../../support/random-numbers.ts";
import { collectGarbage, expectNothingHeld, expectSoundCluster } from "../../support/sound-cluster.ts";

const TASKS = 20_000;
const LARGE_NUMBERS = 16_000;
useOwnCluster({ cpus: 2, objectStoreBytes: 1024 ** 3 });

type Value = number | Float64Array;
type Kind = "small" | "large" | "nested" | "slow";
interface Plan {
  readonly kind: Kind;
  readonly salt: number;
  readonly parents: readonly number[];
}

/** Depends on every parent and on their order. */
function mix(salt: number, isLarge: boolean, ...parents: Value[]): Value {
  let sum = salt;
  for (const parent of parents) {
    const part = typeof parent === "number" ? parent : parent.length + (parent.at(-1) ?? 0);
    sum = (Math.imul(sum, 31) + part) | 0;
  }
  return isLarge ? new Float64Array(16_000).fill(sum) : sum;
}

const mixTask = task(mix, { name: "mix", retries: 200 });
const slowTask = task(
  async (salt: number, ...parents: Value[]) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return mix(salt, false, ...parents);
  },
  { name: "slow", retries: 200 },
);
const nestedTask = task(
  async (salt: number, ...parents: Value[]): Promise<Value> => {
    const inner = mixTask(salt, true, ...parents);
    return await mixTask(salt, false, inner);
  },
  { name: "nested", retries: 200 },
);

function planOf(random: () => number, index: number): Plan {
  const dice = random();
  const kind = dice < 0.03 ? "large" : dice < 0.05 ? "nested" : dice < 0.1 ? "slow" : "small";
  const count = Math.min(index, Math.floor(random() * 4));
  // Mostly recent ones, so that the graph is deep; sometimes any, so that values live long.
  const reach = random() < 0.8 ? Math.min(index, 300) : index;
  const parents = Array.from({ length: count }, () => index - 1 - Math.floor(random() * reach));
  return { kind, salt: Math.floor(random() * 1e6), parents };
}

function plainly({ kind, salt, parents }: Plan, values: readonly Value[]): Value {
  const inputs = parents.map((parent) => values[parent] as Value);
  if (kind === "nested") return mix(salt, false, mix(salt, true, ...inputs));
  return mix(salt, kind === "large", ...inputs);
}

function submitted({ kind, salt, parents }: Plan, refs: readonly ObjectRef<Value>[]): ObjectRef<Value> {
  const inputs = parents.map((parent) => refs[parent] as ObjectRef<Value>);
  if (kind === "nested") return nestedTask(salt, ...inputs);
  if (kind === "slow") return slowTask(salt, ...inputs);
  return mixTask(salt, kind === "large", ...inputs);
}

/**
 * Kill a random worker again and again: each time after so many calls more (at random), and a moment. By time alone a slow
 * machine would kill faster than it starts workers.
 *
 * @param atMost - workers to kill. An actor that dies again and again is restarted after pauses that double up to 10 s.
 * @returns the way to stop; it tells how many workers were killed and how many calls repeated.
 */
function killWorkers(
  random: () => number,
  everyCalls: number,
  atMost = 1_000,
): () => { killed: number; retried: number } {
  const count = { killed: 0, retried: 0 };
  let calls = everyCalls;
  let isOver = false;
  const kill = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 20 * random()));
    const workers = (await cluster()).workers.filter(({ pid }) => pid > 0);
    const victim = workers[Math.floor(random() * workers.length)];
    if (victim === undefined || isOver || count.killed >= atMost) return;
    process.kill(victim.pid, "SIGKILL");
    count.killed++;
  };
  const stop = currentRuntime().engine.observe({
    submitted: () => {},
    ended: (_, __, outcome) => {
      if (outcome === "retried") count.retried++;
      else if (--calls === 0) {
        calls = 1 + Math.floor(2 * everyCalls * random());
        // It may have ended by itself.
        kill().catch(() => {});
      }
    },
    output: () => {},
  });
  return () => {
    isOver = true;
    stop();
    return count;
  };
}

/** One number for a value: large ones are not kept. */
const digest = (value: Value): string =>
  typeof value === "number" ? String(value) : `${value.length} × ${value[0]}, ${value.at(-1)}`;

function announceSeed(): number {
  const seed = Number(process.env["MOBULA_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  onTestFailed(() => console.error(`the choices of this run: MOBULA_CHAOS_SEED=${seed}`));
  return seed;
}

it("every task of a graph has the right result, however many workers are killed", async () => {
  const random = randomNumbers(announceSeed());
  const run = async (): Promise<{ wanted: string[]; got: string[]; killed: number; retried: number }> => {
    const plans: Plan[] = [];
    const values: Value[] = [];
    const refs: ObjectRef<Value>[] = [];
    const stop = killWorkers(random, 500);
    const chance = randomNumbers(Math.floor(random() * 2 ** 31));
    while (plans.length < TASKS) {
      const plan = planOf(chance, plans.length);
      values.push(plainly(plan, values));
      refs.push(submitted(plan, refs));
      plans.push(plan);
      // Not all at once: workers that die early should find work again later.
      if (plans.length % 2_000 === 0) await refs[plans.length - 1_500];
    }
    const got: string[] = [];
    for (const ref of refs) {
      got.push(digest(await ref));
    }
    const counts = stop();
    for (const ref of refs) ref[Symbol.dispose]();
    return { wanted: values.map(digest), got, ...counts };
  };
  const { wanted, got, killed, retried } = await run();
  expect(got).toEqual(wanted);
  expect(killed).toBeGreaterThan(5);
  expect(retried).toBeGreaterThan(0);
  // A killed worker had at most one call running.
  expect(retried).toBeLessThanOrEqual(killed);
  await expectSoundCluster();
  await expectNothingHeld();
});

it("actors that may restart answer every repeated call, however often their processes are killed", async () => {
  const random = randomNumbers(announceSeed());
  const Mixer = actor(
    class Mixer {
      calls = 0;
      mix(salt: number, isLarge: boolean, value: Value): Value {
        this.calls++;
        const part = typeof value === "number" ? value : (value.at(-1) ?? 0);
        const sum = (Math.imul(salt, 31) + part) | 0;
        return isLarge ? new Float64Array(16_000).fill(sum) : sum;
      }
    },
    { maxRestarts: 10_000, maxTaskRetries: -1, cpus: 0 },
  );
  const run = async (): Promise<[string[], string[]]> => {
    const mixers = [new Mixer(), new Mixer(), new Mixer()];
    const stop = killWorkers(random, 120, 12);
    const wanted: string[] = [];
    const refs: ObjectRef<Value>[] = [];
    const last: { ref: ObjectRef<Value> | undefined; value: Value }[] = mixers.map(() => ({
      ref: undefined,
      value: 0,
    }));
    for (let n = 0; n < 3_000; n++) {
      const which = Math.floor(random() * mixers.length);
      const from = last[Math.floor(random() * mixers.length)] as (typeof last)[0];
      const isLarge = random() < 0.03;
      const salt = Math.floor(random() * 1e6);
      const mixer = mixers[which] as InstanceType<typeof Mixer>;
      const ref = mixer.mix(salt, isLarge, from.ref ?? 0);
      const part = typeof from.value === "number" ? from.value : (from.value.at(-1) ?? 0);
      const sum = (Math.imul(salt, 31) + part) | 0;
      const value = isLarge ? new Float64Array(LARGE_NUMBERS).fill(sum) : sum;
      last[which] = { ref, value };
      refs.push(ref);
      wanted.push(digest(value));
      if (n % 300 === 299) await refs[n - 250];
    }
    const got = (await get(refs)).map(digest);
    expect(stop().killed).toBeGreaterThan(3);
    for (const ref of refs) ref[Symbol.dispose]();
    return [wanted, got];
  };
  const [wanted, got] = await run();
  expect(got).toEqual(wanted);
  collectGarbage();
  await eventually(async () => (await cluster()).actors.every(({ state }) => state === "dead"), 5_000);
  await expectSoundCluster();
  await expectNothingHeld();
});
