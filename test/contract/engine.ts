/** What every engine does: one suite, run for each of them. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { captureFunction } from "../../runtime/src/closure/index.ts";
import type { Engine, NewActorSpec, TaskSpec } from "../../runtime/src/engine/engine.ts";
import { decode, encode } from "../../runtime/src/protocol/codec.ts";
import type { ActorId, ObjectId } from "../../runtime/src/protocol/ids.ts";

export interface EngineContract {
  create(): Engine | Promise<Engine>;
  /** What this engine does not do, by the title of its test, with the reason: the test has to end with `UNSUPPORTED`. */
  readonly unsupported?: Readonly<Record<string, string>>;
  /** What holds for other engines only, by the title of its test, with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

type AnyFunction = Parameters<typeof captureFunction>[0];

export function engineContract(name: string, contract: EngineContract): void {
  const { skip = {}, unsupported = {} } = contract;
  const create = (): Engine | Promise<Engine> => contract.create();
  let engine: Engine;

  const spec = (fn: AnyFunction, args: readonly unknown[], more: Partial<TaskSpec> = {}): TaskSpec => {
    const { id, payload } = captureFunction(fn);
    const code = { id, payload };
    return { code, name: "f", args: encode(args), resources: { cpus: 10_000 }, retries: 0, depth: 0, ...more };
  };
  const settled = (id: ObjectId): Promise<void> =>
    new Promise((resolve) => void engine.whenReadable(id, () => resolve()));
  const valueOf = async (id: ObjectId): Promise<unknown> => {
    await settled(id);
    return decode(await engine.read(id));
  };
  const errorOf = async (id: ObjectId): Promise<{ code?: string; message: string }> => {
    await settled(id);
    try {
      await engine.read(id);
    } catch (error) {
      return error as Error;
    }
    throw new Error("it did not fail");
  };
  const check = (title: string, test: () => Promise<void>): void => {
    const missing = unsupported[title];
    if (title in skip) return;
    if (missing === undefined) it(title, test);
    else it(`${title} - not here: ${missing}`, () => expect(test()).rejects.toMatchObject({ code: "UNSUPPORTED" }));
  };

  describe(`engine ${name}`, () => {
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(async () => {
      await engine.close();
    });

    check("runs a task and keeps its result until it is not used any more", async () => {
      const id = engine.submit(spec((a: number, b: number) => a * b, [6, 7]));
      expect(engine.isSettled(id)).toBe(false);
      expect(await valueOf(id)).toBe(42);
      engine.unuse(id);
      expect(() => engine.read(id)).toThrow(/lost/);
    });

    check("passes results to tasks by their ids, before they are there", async () => {
      const first = engine.submit(spec(() => 20, []));
      const second = engine.submit(spec((n: number) => n + 1, [undefined], { refs: [{ index: 0, id: first }] }));
      expect(await valueOf(second)).toBe(21);
    });

    check("keeps more than fits into its store, and gives all of it back", async () => {
      const ids = Array.from({ length: 24 }, (_, tag) => engine.put(encode(new Float64Array(512 * 1024).fill(tag))));
      const first = (array: Float64Array): number | undefined => array[0];
      for (const [tag, id] of ids.entries()) {
        const read = engine.submit(spec(first, [undefined], { refs: [{ index: 0, id }] }));
        expect(await valueOf(read)).toBe(tag);
        expect(((await valueOf(id)) as Float64Array).at(-1)).toBe(tag);
        engine.unuse(read);
      }
      for (const id of ids) engine.unuse(id);
    });

    check("gives every reader memory of its own", async () => {
      for (const length of [10, 20_000, 200_000]) {
        const id = engine.put(encode(new Uint8Array(length)));
        const first = (await valueOf(id)) as Uint8Array;
        first.fill(7);
        expect((await valueOf(id)) as Uint8Array).toEqual(new Uint8Array(length));
        engine.unuse(id);
      }
    });

    check("stores values, small and large", async () => {
      const small = engine.put(encode({ a: 1 }));
      const large = engine.put(encode(new Float64Array(200_000).fill(2)));
      expect(await valueOf(small)).toEqual({ a: 1 });
      expect(((await valueOf(large)) as Float64Array).length).toBe(200_000);
    });

    check("reports what the function threw", async () => {
      const id = engine.submit(
        spec(() => {
          throw new RangeError("no");
        }, []),
      );
      expect(await errorOf(id)).toMatchObject({ code: "TASK_FAILED", message: "Task 'f' failed: RangeError: no" });
    });

    check("runs a task again when its process dies, as often as it may", async () => {
      const dies = (): boolean => process.kill(process.pid, "SIGKILL");
      expect(await errorOf(engine.submit(spec(dies, [], { retries: 1 })))).toMatchObject({ code: "WORKER_CRASHED" });
    });

    check("refuses what can never run", async () => {
      const id = engine.submit(spec(() => 1, [], { resources: { cpus: 10_000_000 } }));
      expect(await errorOf(id)).toMatchObject({ code: "UNSCHEDULABLE" });
    });

    check("cancels what waits and what runs", async () => {
      const spin = (): void => {
        for (;;);
      };
      const ids = [1, 2, 3].map(() => engine.submit(spec(spin, [])));
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const id of ids) engine.cancel(id);
      for (const id of ids) expect(await errorOf(id)).toMatchObject({ code: "TASK_CANCELLED" });
    });

    check("streams items and ends", async () => {
      const count = function* (n: number): Generator<number> {
        for (let i = 0; i < n; i++) yield i;
      };
      const stream = engine.submitStream(spec(count, [40]));
      const got: unknown[] = [];
      for (let id = await stream.next(); id !== undefined; id = await stream.next()) {
        got.push(await valueOf(id));
        engine.unuse(id);
      }
      expect(got).toEqual(Array.from({ length: 40 }, (_, i) => i));
    });

    check("gives an object for each of several results, cancelled or failed together", async () => {
      const ids = engine.submitMany(spec((n: number) => [n, "b", new Uint8Array(n)], [200_000], { numReturns: 3 }));
      expect(ids).toHaveLength(3);
      expect(await valueOf(ids[0] as ObjectId)).toBe(200_000);
      expect(((await valueOf(ids[2] as ObjectId)) as Uint8Array).length).toBe(200_000);
      for (const id of ids) engine.unuse(id);
      const wrong = engine.submitMany(spec(() => [1], [], { numReturns: 2 }));
      for (const id of wrong) expect(await errorOf(id)).toMatchObject({ code: "TASK_FAILED" });
      const waits = engine.submitMany(spec(() => new Promise(() => {}), [], { numReturns: 2 }));
      engine.cancel(waits[1] as ObjectId);
      for (const id of waits) expect(await errorOf(id)).toMatchObject({ code: "TASK_CANCELLED" });
    });

    check("holds a stream back at its window", async () => {
      const moments = function* (): Generator<number> {
        for (;;) yield Date.now();
      };
      const stream = engine.submitStream(spec(moments, [], { streamWindow: 2 }));
      await stream.next();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const takenAtMs = Date.now();
      for (let index = 1; index < 5; index++) await stream.next();
      const sixth = await valueOf((await stream.next()) as ObjectId);
      stream.close();
      expect(sixth).toBeGreaterThanOrEqual(takenAtMs);
    });

    /** An actor with a log, and the way to call it. */
    const log = (more: Partial<NewActorSpec> = {}): { id: ActorId; add: (n: number) => ObjectId } => {
      const type = class Log {
        readonly list: number[] = [];
        add(n: number): number[] {
          if (n < 0) process.exit(3);
          this.list.push(n);
          return this.list;
        }
        async wait(): Promise<void> {
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
        restored({ restarts }: { restarts: number }): void {
          this.list.push(1000 + restarts);
        }
      };
      const { id, payload } = captureFunction(type);
      const { actorId } = engine.createActor({
        code: { id, payload },
        className: "Log",
        args: encode([]),
        resources: {},
        isGetIfExists: false,
        maxConcurrency: 1,
        maxRestarts: 0,
        maxTaskRetries: 0,
        methods: ["add", "wait", "restored"],
        streamMethods: [],
        depth: 0,
        ...more,
      });
      const call = { actorId, method: "add", name: "Log.add", retries: 0, depth: 0 };
      return { id: actorId, add: (n) => engine.callActor({ ...call, args: encode([n]) }) };
    };
    const untilAlive = async (actor: { add: (n: number) => ObjectId }): Promise<void> => {
      await settled(actor.add(0));
    };

    check("hosts actors, whose calls keep their order", async () => {
      const { id, add } = log();
      const calls = [1, 2, 3].map(add);
      expect(await valueOf(calls[2] as ObjectId)).toEqual([1, 2, 3]);
      engine.killActor(id, { isRestartable: false });
      expect(await errorOf(add(4))).toMatchObject({ code: "ACTOR_DIED" });
    });

    check("finds and lists actors by name and namespace", async () => {
      const actor = log({ name: "log", namespace: "suite" });
      await untilAlive(actor);
      expect((await engine.findActor("log", "suite"))?.actorId).toBe(actor.id);
      expect(await engine.findActor("log", "default")).toBeUndefined();
      expect(await engine.listActors("suite")).toEqual(["log"]);
      engine.killActor(actor.id, { isRestartable: false });
      expect(await engine.listActors("suite")).toEqual([]);
    });

    check("restarts actors, tells them, and tells callers what was lost", async () => {
      const actor = log({ maxRestarts: 1, onRestart: "restored" });
      expect(await errorOf(actor.add(-1))).toMatchObject({ code: "ACTOR_UNAVAILABLE" });
      expect(await valueOf(actor.add(5))).toEqual([1001, 5]);
      expect(await errorOf(actor.add(-1))).toMatchObject({ code: "ACTOR_DIED" });
    });

    check("refuses calls beyond maxPendingCalls", async () => {
      const actor = log({ maxPendingCalls: 1 });
      const first = actor.add(1);
      expect(() => actor.add(2)).toThrow(/maxPendingCalls/);
      await settled(first);
      expect(await valueOf(actor.add(3))).toEqual([1, 3]);
    });

    check("runs concurrency groups beside each other", async () => {
      const groups = [{ name: "slow", maxConcurrency: 1, methods: ["wait"] }];
      const actor = log({ groups });
      await untilAlive(actor);
      const call = { actorId: actor.id, method: "wait", name: "Log.wait", retries: 0, depth: 0, args: encode([]) };
      const slow = engine.callActor(call);
      expect(await valueOf(actor.add(1))).toEqual([0, 1]);
      expect(engine.isSettled(slow)).toBe(false);
      await settled(slow);
    });

    check("ends an actor after the calls made before", async () => {
      const actor = log();
      const last = actor.add(7);
      await engine.endActor(actor.id);
      expect(await valueOf(last)).toEqual([7]);
      expect(await errorOf(actor.add(8))).toMatchObject({ code: "ACTOR_DIED" });
    });

    check("runs work of an environment in processes of its own", async () => {
      const environment = { id: "contract", envVars: { MOBULA_CONTRACT: "ä=1" } };
      const read = (): string | undefined => process.env["MOBULA_CONTRACT"];
      expect(await valueOf(engine.submit(spec(read, [], { environment })))).toBe("ä=1");
      expect(await valueOf(engine.submit(spec(read, [])))).toBeUndefined();
    });

    check("fails work whose environment cannot be set up", async () => {
      const environment = { id: "nowhere", envVars: {}, workingDir: "/nowhere/at/all" };
      const id = engine.submit(spec(() => 1, [], { environment }));
      expect(await errorOf(id)).toMatchObject({ code: "RUNTIME_ENV_SETUP" });
    });

    check("sets resources aside in placement groups, and ends what runs in one that is removed", async () => {
      const bundles = [{ cpus: 10_000 }, { cpus: 5_000 }];
      const { groupId } = await engine.createPlacementGroup({
        strategy: "PACK",
        bundles,
        name: "contract",
        isDetached: false,
        depth: 0,
      });
      expect((await engine.findPlacementGroup("contract"))?.groupId).toBe(groupId);
      expect(await engine.findPlacementGroup("another")).toBeUndefined();
      const states: string[] = [];
      const changed = new Set<() => void>();
      const stop = engine.watchPlacementGroup(groupId, (state) => {
        states.push(state);
        for (const listener of changed) listener();
      });
      const until = async (state: string): Promise<void> => {
        while (states.at(-1) !== state) await new Promise<void>((resolve) => changed.add(resolve));
      };
      await until("created");
      const placement = { groupId, bundleIndex: 1 };
      const half = { resources: { cpus: 5_000 }, placement };
      expect(await valueOf(engine.submit(spec(() => 7, [], half)))).toBe(7);
      const whole = engine.submit(spec(() => 1, [], { placement }));
      expect(await errorOf(whole)).toMatchObject({ code: "UNSCHEDULABLE" });
      const endless = engine.submit(spec(() => new Promise(() => {}), [], half));
      await engine.removePlacementGroup(groupId);
      expect(await errorOf(endless)).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
      await until("removed");
      stop();
      const late = engine.submit(spec(() => 1, [], half));
      expect(await errorOf(late)).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
      // More than any of these clusters has nodes.
      const three = [...bundles, { cpus: 5_000 }];
      const never = { strategy: "STRICT_SPREAD", bundles: three, isDetached: false, depth: 0 } as const;
      await expect(engine.createPlacementGroup(never)).rejects.toMatchObject({ code: "UNSCHEDULABLE" });
    });

    check("runs work on the node that it names, and elsewhere only where it may", async () => {
      const [node] = (await engine.describe()).nodes;
      const id = node?.id ?? "";
      const on = (scheduling: NonNullable<TaskSpec["scheduling"]>): ObjectId =>
        engine.submit(spec(() => 7, [], { scheduling }));
      expect(node?.labels).toMatchObject({ "ray.io/node-id": id });
      expect(await valueOf(on({ node: { id, isSoft: false }, labels: { "ray.io/node-id": id } }))).toBe(7);
      expect(await valueOf(on({ isSpread: true, labels: { "ray.io/node-id": "!nowhere" } }))).toBe(7);
      // The one could be an id of Ray's, the other could not.
      for (const unknown of ["ab".repeat(28), "nowhere"]) {
        const nowhere = { code: "UNSCHEDULABLE", message: expect.stringContaining(`there is no node '${unknown}'. `) };
        expect(await valueOf(on({ node: { id: unknown, isSoft: true } }))).toBe(7);
        const scheduling = { node: { id: unknown, isSoft: false } };
        expect(await errorOf(on(scheduling))).toMatchObject(nowhere);
        expect(await errorOf(log({ scheduling }).add(1))).toMatchObject(nowhere);
      }
      const actor = log({ scheduling: { node: { id, isSoft: false } } });
      expect(await valueOf(actor.add(1))).toEqual([1]);
      engine.killActor(actor.id, { isRestartable: false });
    });

    check("refuses labels that no node has", async () => {
      const scheduling = { labels: { zone: "in(a,b)" } };
      const nowhere = {
        code: "UNSCHEDULABLE",
        message: expect.stringContaining("no node has the labels zone=in(a,b)"),
      };
      expect(await errorOf(engine.submit(spec(() => 1, [], { scheduling })))).toMatchObject(nowhere);
      expect(await errorOf(log({ scheduling }).add(1))).toMatchObject(nowhere);
    });

    check("describes the cluster", async () => {
      const cluster = await engine.describe();
      expect(cluster.resources["cpus"]?.total).toBe(2);
    });

    check("lists tasks that run, wait, are over or failed, and filters them", async () => {
      const open = spec(() => new Promise((resolve) => setTimeout(resolve, 60_000, 1)), [], { name: "listed-open" });
      const first = engine.submit(open);
      const waiting = spec((n: number) => n, [undefined], { refs: [{ index: 0, id: first }], name: "listed-waiting" });
      engine.submit(waiting);
      await valueOf(engine.submit(spec(() => 1, [], { name: "listed-over" })));
      const bad = spec(
        () => {
          throw new RangeError("no\nmore");
        },
        [],
        { name: "listed-bad" },
      );
      await errorOf(engine.submit(bad));
      const stateOf = async (name: string): Promise<unknown> => (await engine.state("tasks", { name })).items[0]?.state;
      await expect.poll(() => stateOf("listed-open"), { timeout: 10_000 }).toBe("RUNNING");
      await expect.poll(() => stateOf("listed-waiting"), { timeout: 10_000 }).toBe("PENDING_ARGS");
      await expect.poll(() => stateOf("listed-over"), { timeout: 10_000 }).toBe("FINISHED");
      await expect.poll(() => stateOf("listed-bad"), { timeout: 10_000 }).toBe("FAILED");
      const failed = await engine.state("tasks", { state: "FAILED", name: "listed-bad" });
      expect(failed).toMatchObject({ total: 1, truncated: false });
      expect(failed.items[0]).toMatchObject({
        errorType: "RangeError",
        error: "no",
        attempt: 0,
        resources: { cpus: 1 },
      });
      expect((await engine.state("tasks", { limit: "1" })).truncated).toBe(true);
      engine.cancel(first);
      await settled(first);
      await expect.poll(() => stateOf("listed-open"), { timeout: 10_000 }).toBe("CANCELLED");
    });

    check("lists a task whose process died, once for each run", async () => {
      const dies = spec(() => process.kill(process.pid, "SIGKILL"), [], { retries: 1, name: "listed-dies" });
      await errorOf(engine.submit(dies));
      const runs = async (): Promise<unknown[]> => {
        const { items } = await engine.state("tasks", { name: "listed-dies" });
        return items.map(({ attempt, errorType }) => ({ attempt, errorType }));
      };
      await expect.poll(runs, { timeout: 10_000 }).toEqual(
        expect.arrayContaining([
          { attempt: 0, errorType: "WORKER_CRASHED" },
          { attempt: 1, errorType: "WORKER_CRASHED" },
        ]),
      );
    });

    check("lists objects by size and holder, workers and jobs", async () => {
      const id = engine.put(encode(new Float64Array(200_000)));
      await expect
        .poll(async () => (await engine.state("objects", { id })).items[0], { timeout: 10_000 })
        .toMatchObject({
          sizeBytes: expect.any(Number),
          state: "in-store",
          holders: { [id.slice(0, id.indexOf("."))]: 1 },
        });
      const [object] = (await engine.state("objects", { id })).items;
      expect(object?.sizeBytes).toBeGreaterThanOrEqual(1_600_000);
      engine.unuse(id);
      await valueOf(engine.submit(spec(() => 1, [])));
      expect((await engine.state("workers")).items.length).toBeGreaterThan(0);
      expect((await engine.state("jobs")).items).toMatchObject([{ state: "running", pid: process.pid }]);
      await expect(engine.state("tasks", { colour: "red" })).rejects.toMatchObject({ code: "UNSUPPORTED" });
    });

    check("shows what ran where and when", async () => {
      const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 30, 1));
      await valueOf(engine.submit(spec(pause, [], { name: "timed" })));
      const durationUs = async (): Promise<unknown> => {
        const { traceEvents } = await engine.state("timeline");
        return traceEvents.find(({ ph, name }) => ph === "X" && name === "timed")?.["dur"] ?? 0;
      };
      await expect.poll(durationUs, { timeout: 10_000 }).toBeGreaterThanOrEqual(29_000);
    });

    check("answers the same over HTTP, and gives metrics to Prometheus", async () => {
      await valueOf(engine.submit(spec(() => 1, [], { name: "counted" })));
      const { url, token } = await engine.openHttp();
      const get = (path: string): Promise<Response> =>
        fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      const tasks = await get("/api/v1/tasks?name=counted&limit=1");
      expect(await tasks.json()).toMatchObject({ items: [{ name: "counted", state: "FINISHED" }], truncated: false });
      expect((await get("/api/v1/tasks?colour=red")).status).toBe(400);
      const text = await (await get("/metrics")).text();
      expect(text).toMatch(/^mobula_tasks_ended_total\{outcome="finished"\} [1-9]\d*$/m);
      expect(text).toMatch(/^mobula_resource_total\{resource="cpus"\} 2$/m);
      expect(text).toMatch(/^mobula_object_store_capacity_bytes [1-9]\d*$/m);
      const buckets = [...text.matchAll(/^mobula_task_duration_seconds_bucket\{le="[^"]+"\} (\d+)$/gm)].map(([, n]) =>
        Number(n),
      );
      expect(buckets).toEqual(buckets.toSorted((x, y) => x - y));
      expect(text).toContain(`mobula_task_duration_seconds_count ${buckets.at(-1)}\n`);
    });

    check("shows the code that a busy worker is in", async () => {
      const spin = function spinning(): void {
        for (;;);
      };
      const id = engine.submit(spec(spin, [], { name: "spins" }));
      const functions = async (): Promise<readonly string[]> => {
        const { items } = await engine.state("stack");
        return items.flatMap(({ frames }) => frames.map((frame) => frame.function));
      };
      await expect.poll(functions, { timeout: 10_000 }).toContain("spinning");
      engine.cancel(id);
      await settled(id);
    });

    check("fails what is unfinished when it is closed, and what comes after", async () => {
      const other = await create();
      const id = other.submit(spec(() => new Promise(() => {}), []));
      const ended = new Promise<void>((resolve) => void other.whenSettled(id, () => resolve()));
      await other.close();
      await ended;
      expect(() => other.read(id)).toThrow(/closed/);
      expect(() => other.submit(spec(() => 1, []))).toThrow(/closed/);
    });
  });
}
