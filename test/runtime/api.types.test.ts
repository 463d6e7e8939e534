import {
  type ActorHandle,
  actor,
  context,
  get,
  init,
  listNodes,
  type ObjectRef,
  type PlacementGroup,
  placementGroup,
  put,
  type ResultStream,
  type SchedulingStrategy,
  type Task,
  task,
  wait,
} from "mobula";
import { expectTypeOf, it } from "vitest";

class Counter {
  n: number;
  constructor(start: number) {
    this.n = start;
  }
  add(k: number): number {
    return k;
  }
  async load(path: string): Promise<Uint8Array> {
    return Buffer.from(path);
  }
  *items(): Generator<string> {
    yield "a";
  }
}

class Restarted {
  restore(about: { readonly restarts: number }): number {
    return about.restarts;
  }
  again(): void {}
}

// Checked by the compiler; nothing here runs a cluster.
it("tasks, actors and values have the types of what they wrap", () => {
  const area = task((w: number, h: number) => w * h);
  expectTypeOf(area).toEqualTypeOf<Task<[w: number, h: number], number>>();
  expectTypeOf<ReturnType<typeof area>>().toEqualTypeOf<ObjectRef<number>>();
  expectTypeOf(area).parameter(0).toEqualTypeOf<number | ObjectRef<number>>();
  const load = task(async (path: string) => path.length);
  expectTypeOf<ReturnType<typeof load>>().toEqualTypeOf<ObjectRef<number>>();
  const words = task(async function* (text: string) {
    yield text;
  });
  expectTypeOf<ReturnType<typeof words>>().toEqualTypeOf<ResultStream<string>>();

  const both = task((n: number): [number, string] => [n, String(n)], { numReturns: 2 });
  expectTypeOf(both).returns.toEqualTypeOf<[ObjectRef<number>, ObjectRef<string>]>();
  const later = task(async (n: number): Promise<[number, Uint8Array]> => [n, new Uint8Array(n)], { numReturns: 2 });
  expectTypeOf(later).returns.toEqualTypeOf<[ObjectRef<number>, ObjectRef<Uint8Array>]>();
  const parts = task((): string[] => ["a", "b", "c"], { numReturns: 3, retries: 1 });
  expectTypeOf(parts).returns.toEqualTypeOf<[ObjectRef<string>, ObjectRef<string>, ObjectRef<string>]>();
  expectTypeOf(task((n: number) => n, { numReturns: 0 })).returns.toEqualTypeOf<[]>();

  const Counters = actor(Counter);
  type Handle = InstanceType<typeof Counters>;
  expectTypeOf<Handle>().toEqualTypeOf<ActorHandle<Counter>>();
  expectTypeOf<ReturnType<Handle["add"]>>().toEqualTypeOf<ObjectRef<number>>();
  expectTypeOf<ReturnType<Handle["load"]>>().toEqualTypeOf<ObjectRef<Uint8Array>>();
  expectTypeOf<ReturnType<ReturnType<Handle["add"]["with"]>>>().toEqualTypeOf<ObjectRef<number>>();
  void actor(Counter, { concurrencyGroups: { io: { maxConcurrency: 2, methods: ["load", "items"] } } });
  void actor(Restarted, { onRestart: "restore" }).with({ onRestart: "again" });
  expectTypeOf<ReturnType<Handle["items"]>>().toEqualTypeOf<ResultStream<string>>();

  expectTypeOf(put<number[]>).returns.toEqualTypeOf<ObjectRef<number[]>>();
  expectTypeOf<Awaited<ReturnType<typeof wait<number>>>>().toEqualTypeOf<
    [ready: ObjectRef<number>[], rest: ObjectRef<number>[]]
  >();
  const pair = (a: ObjectRef<number>, b: ObjectRef<string>): Promise<[number, string]> => get([a, b]);
  expectTypeOf(pair).returns.toEqualTypeOf<Promise<[number, string]>>();
});

it("refs take the handlers that promises take", () => {
  const handled = (ref: ObjectRef<number>): Promise<number | string>[] => [
    ref.catch((error: Error) => error.message),
    ref.then(
      (value) => value,
      (error: Error) => error.name,
    ),
  ];
  expectTypeOf(handled).toBeFunction();
});

it("placement groups and environments are options of tasks and actors", () => {
  const used = async (): Promise<void> => {
    await init({ runtimeEnv: { envVars: { A: "1" }, npm: ["left-pad@1"] } });
    const group = await placementGroup([{ cpus: 1 }, { gpus: 0.5, resources: { tpu: 1 } }], { strategy: "SPREAD" });
    expectTypeOf(group).toEqualTypeOf<PlacementGroup>();
    expectTypeOf(await group.wait({ timeoutMs: 10 })).toEqualTypeOf<boolean>();
    expectTypeOf(await placementGroup.get("g")).toEqualTypeOf<PlacementGroup | undefined>();
    task(() => 1, { placementGroup: group, bundleIndex: 1, runtimeEnv: { npm: { "left-pad": "^1.3.0" } } });
    actor(Counter, { placementGroup: group, runtimeEnv: { workingDir: "/tmp" } });
    expectTypeOf(context().gpuIds).toEqualTypeOf<readonly string[]>();
    task(() => 1, { schedulingStrategy: "spread", labelSelector: { zone: "in(a,b)" } });
    const near: SchedulingStrategy = { nodeId: (await listNodes()).items[0]?.id ?? "", soft: true };
    actor(Counter, { schedulingStrategy: near });
    // @ts-expect-error a node is named by its id
    task(() => 1, { schedulingStrategy: { soft: true } });
    // @ts-expect-error Ray's own spelling
    task(() => 1, { schedulingStrategy: "SPREAD" });
    // @ts-expect-error values of labels are strings
    actor(Counter, { labelSelector: { zone: 1 } });
    // @ts-expect-error there is no such strategy
    void placementGroup([{ cpus: 1 }], { strategy: "TIGHT" });
    // @ts-expect-error a bundle has no such field
    void placementGroup([{ cpu: 1 }]);
    // @ts-expect-error variables are strings
    task(() => 1, { runtimeEnv: { envVars: { A: 1 } } });
    // @ts-expect-error no such field
    task(() => 1, { runtimeEnv: { pip: ["numpy"] } });
  };
  expectTypeOf(used).toBeFunction();
});

it("wrong arguments, methods and options are red", () => {
  const wrong = (): void => {
    const area = task((w: number, h: number) => w * h);
    // @ts-expect-error a string is no width
    area("2", 3);
    // @ts-expect-error a ref to a string is neither
    area(put("2"), 3);
    // @ts-expect-error one argument is missing
    area(2);
    // @ts-expect-error no such option
    task(() => 1, { cpu: 1 });
    // @ts-expect-error a pair is not three values
    task((n: number): [number, string] => [n, String(n)], { numReturns: 3 });
    // @ts-expect-error a number is no array
    task((n: number) => n, { numReturns: 1 });
    // @ts-expect-error decided when the task is made: the types of its results hang on it
    area.with({ numReturns: 2 });
    const Counters = actor(Counter);
    // @ts-expect-error the constructor takes a number
    void new Counters("x");
    const counter = new Counters(1);
    // @ts-expect-error no such method
    counter.subtract(1);
    // @ts-expect-error no such option of a call
    counter.add.with({ retries: 1 })(1);
    // @ts-expect-error a string is no number, also with options
    counter.add.with({ timeoutMs: 1 })("1");
    // @ts-expect-error a group of a method that the class does not have
    actor(Counter, { concurrencyGroups: { io: { maxConcurrency: 1, methods: ["laod"] } } });
    // @ts-expect-error a method that cannot take what onRestart gives
    actor(Counter, { onRestart: "add" });
    // @ts-expect-error the actor's option is maxTaskRetries
    actor(Counter, { retries: 1 });
    // @ts-expect-error `detached` is the only lifetime
    actor(Counter, { lifetime: "forever" });
    // @ts-expect-error properties stay with the actor
    counter.n.toFixed();
  };
  expectTypeOf(wrong).toBeFunction();
});
