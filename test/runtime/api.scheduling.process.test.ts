import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  actor,
  cluster,
  context,
  get,
  init,
  kill,
  listNodes,
  placementGroup,
  requestResources,
  shutdown,
  task,
} from "mobula";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Counter, failure } from "../support/api-world.ts";
import { eventually } from "../support/driver-program.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "scheduling-test-")));
const visible = process.env["CUDA_VISIBLE_DEVICES"];

beforeAll(async () => {
  process.env["CUDA_VISIBLE_DEVICES"] = "4,GPU-7";
  await init({ cpus: 2, gpus: 2, resources: { accelerator: 2 }, objectStoreBytes: 64 * 1024 ** 2 });
});
afterAll(async () => {
  await shutdown();
  if (visible === undefined) delete process.env["CUDA_VISIBLE_DEVICES"];
  else process.env["CUDA_VISIBLE_DEVICES"] = visible;
  rmSync(folder, { recursive: true, force: true });
});

const freeCpus = async (): Promise<number> => {
  const { cpus } = (await cluster()).resources;
  return (cpus?.total ?? 0) - (cpus?.used ?? 0);
};
const allFree = (): Promise<boolean> => eventually(async () => (await freeCpus()) === 2, 5_000);

describe("runtimeEnv", () => {
  it("gives a task's process variables, whatever they hold", async () => {
    const envVars = { GREETING: "grüß dich 🌍", EMPTY: "", PATH: "/first:${PATH}" };
    const read = task(() => [process.env["GREETING"], process.env["EMPTY"], process.env["PATH"], process.pid] as const);
    const [greeting, empty, path, pid] = await read.with({ runtimeEnv: { envVars } })();
    expect([greeting, empty, path]).toEqual(["grüß dich 🌍", "", `/first:${process.env["PATH"]}`]);
    const [none, , , other] = await read();
    expect(none).toBeUndefined();
    expect(other).not.toBe(pid);
  });

  it("of no content is no other environment", async () => {
    const pid = task(() => process.pid);
    const pids = await get(Array.from({ length: 4 }, () => pid()));
    expect(pids).toContain(await pid.with({ runtimeEnv: {} })());
  });

  it("is inherited by what a task starts, field by field", async () => {
    const inner = task(() => [process.env["A"], process.env["B"], process.cwd()]);
    const outer = task(async () => await inner.with({ runtimeEnv: { envVars: { B: "inner" } } })());
    const runtimeEnv = { envVars: { A: "outer", B: "outer" }, workingDir: folder };
    expect(await outer.with({ runtimeEnv })()).toEqual(["outer", "inner", folder]);
  });

  it("gives an actor its folder, and keeps it over restarts", async () => {
    const Place = actor(
      class {
        where(): string {
          return process.cwd();
        }
        die(): void {
          process.exit(1);
        }
      },
      { runtimeEnv: { workingDir: folder }, maxRestarts: 1, maxTaskRetries: 0 },
    );
    const place = new Place();
    expect(await place.where()).toBe(folder);
    await failure(place.die());
    expect(await place.where()).toBe(folder);
  });

  it("takes relative imports from its folder", async () => {
    writeFileSync(join(folder, "place-of-work.mjs"), "export const place = 'there';");
    const load = task(async (specifier: string) => ((await import(specifier)) as { place: string }).place);
    const here = join(process.cwd(), "place-of-work.mjs");
    expect(await load.with({ runtimeEnv: { workingDir: folder } })(here)).toBe("there");
    expect((await failure(load(here))).message).toMatch(/Cannot find|cannot be found/);
  });

  it("that cannot be is an error that says why", async () => {
    const one = task(() => 1);
    const nowhere = join(folder, "nowhere");
    expect(await failure(one.with({ runtimeEnv: { workingDir: nowhere } })())).toMatchObject({
      code: "RUNTIME_ENV_SETUP",
      message: expect.stringContaining(`workingDir '${nowhere}' does not exist`),
    });
    const flags = { envVars: { NODE_OPTIONS: "--no-such-flag" } };
    expect(await failure(one.with({ runtimeEnv: flags })())).toMatchObject({
      code: "RUNTIME_ENV_SETUP",
      message: expect.stringContaining("--no-such-flag"),
    });
    const Dead = actor(
      class {
        m(): number {
          return 1;
        }
      },
      { runtimeEnv: { workingDir: nowhere } },
    );
    expect((await failure(new Dead().m())).cause).toMatchObject({ code: "RUNTIME_ENV_SETUP" });
    expect(() => one.with({ runtimeEnv: { envvars: {} } as object })()).toThrow(/did you mean 'envVars'/);
    expect(() => one.with({ runtimeEnv: { envVars: { A: 1 as never } } })()).toThrow(/must be a string/);
    expect(await one()).toBe(1);
  });
});

describe("runtimeEnv of init", () => {
  it("holds for all tasks, which may replace single fields", async () => {
    const script = `
      import { init, shutdown, task } from "mobula";
      await init({ cpus: 1, runtimeEnv: { envVars: { A: "init", B: "init" } } });
      const read = task(() => [process.env.A, process.env.B]);
      console.log(JSON.stringify([await read(), await read.with({ runtimeEnv: { envVars: { B: "task" } } })()]));
      await shutdown();`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    expect(JSON.parse(stdout)).toEqual([
      ["init", "init"],
      ["init", "task"],
    ]);
  });
});

describe("GPUs", () => {
  class Model {
    gpus(): [ids: readonly string[], variable: string | undefined] {
      return [context().gpuIds, process.env["CUDA_VISIBLE_DEVICES"]];
    }
  }
  const noneUsed = (): Promise<boolean> =>
    eventually(async () => (await cluster()).resources["gpus"]?.used === 0, 5_000);

  it("are shown to tasks by the ids that the driver sees", async () => {
    const which = task(() => [context().gpuIds, process.env["CUDA_VISIBLE_DEVICES"]]);
    expect(await which.with({ gpus: 2 })()).toEqual([["4", "GPU-7"], "4,GPU-7"]);
    expect(await which()).toEqual([[], "4,GPU-7"]);
    expect(await noneUsed()).toBe(true);
  });

  it("are given to actors, and return when these end", async () => {
    const Whole = actor(Model, { gpus: 1 });
    const models = [new Whole(), new Whole()];
    const seen = await Promise.all(models.map((model) => model.gpus()));
    expect(seen.map(([, variable]) => variable)).toEqual(expect.arrayContaining(["4", "GPU-7"]));
    for (const [ids, variable] of seen) expect(ids).toEqual([variable]);
    for (const model of models) kill(model);
    expect(await noneUsed()).toBe(true);
  });

  it("are shared by those who want parts", async () => {
    const Half = actor(Model, { gpus: 0.5 });
    const models = [new Half(), new Half()];
    const [first, second] = await Promise.all(models.map((model) => model.gpus()));
    expect(first?.[0]).toHaveLength(1);
    expect(second).toEqual(first);
    for (const model of models) kill(model);
    expect(await noneUsed()).toBe(true);
  });
});

describe("resources", () => {
  it("that nobody has are refused with the name that was meant", async () => {
    const error = await failure(task(() => 1, { resources: { acelerator: 1 } })());
    expect(error).toMatchObject({ code: "UNSCHEDULABLE", message: expect.stringContaining("'accelerator'") });
  });

  it("with an option of their own are not taken as others", () => {
    expect(() => task(() => 1, { resources: { cpus: 2 } })).toThrow(/use the option cpus/);
  });

  it("cannot grow on one machine, and a request for more says so", async () => {
    const error = await failure(requestResources({ cpus: 64 }));
    expect(error).toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("one machine, which cannot grow"),
    });
    expect(await failure(requestResources({ bundles: [{ cpus: 1 }, {}] }))).toMatchObject({
      message: expect.stringMatching(/^Bundle 1 is empty/),
    });
    expect(await failure(requestResources({ cpus: 0.5 }))).toMatchObject({ name: "RangeError" });
  });
});

describe("a placement group", () => {
  it("keeps its resources for its work, and gives them back", async () => {
    const group = await placementGroup([{ cpus: 1 }, { cpus: 1, resources: { accelerator: 1 } }], { name: "pair" });
    expect(await group.wait({ timeoutMs: 5_000 })).toBe(true);
    expect(await freeCpus()).toBe(0);
    expect(group.bundles[1]).toEqual({ cpus: 1, resources: { accelerator: 1 } });
    const run = task((n: number) => n * 2, { placementGroup: group });
    expect(await get([run(1), run.with({ bundleIndex: 1, resources: { accelerator: 1 } })(2)])).toEqual([2, 4]);
    const listed = (await cluster()).placementGroups;
    expect(listed).toMatchObject([{ name: "pair", state: "created", strategy: "PACK" }]);
    await group.remove();
    expect(await allFree()).toBe(true);
    expect((await cluster()).placementGroups).toEqual([]);
  });

  it("travels to tasks, which run others in it", async () => {
    await using group = await placementGroup([{ cpus: 1 }]);
    const outer = task(
      async (inside: typeof group) => await task(() => "in it", { placementGroup: inside, bundleIndex: 0 })(),
      { cpus: 0 },
    );
    expect(await outer(group)).toBe("in it");
    expect((await placementGroup.get("nobody")) === undefined).toBe(true);
  });

  it("waits until there is room, and lets its task's CPU go meanwhile", async () => {
    const first = await placementGroup([{ cpus: 2 }]);
    const second = await placementGroup([{ cpus: 2 }]);
    expect(await second.wait({ timeoutMs: 50 })).toBe(false);
    await first.remove();
    await second.ready();
    await second.remove();
    const waits = task(async () => {
      const inner = await placementGroup([{ cpus: 2 }]);
      await inner.ready();
      await inner.remove();
      return "had it";
    });
    expect(await waits()).toBe("had it");
  });

  it("that is removed ends what runs in it", async () => {
    const group = await placementGroup([{ cpus: 1 }, { cpus: 1 }], { name: "doomed" });
    const endless = task(() => new Promise(() => {}), { placementGroup: group, bundleIndex: 0 });
    const running = endless();
    const Member = actor(
      class {
        m(): number {
          return 1;
        }
      },
      { cpus: 1, placementGroup: group, bundleIndex: 1, maxRestarts: -1 },
    );
    const member = new Member();
    expect(await member.m()).toBe(1);
    await group.remove();
    expect(await failure(running)).toMatchObject({
      code: "PLACEMENT_GROUP_REMOVED",
      message: expect.stringContaining("its placement group 'doomed' was removed"),
    });
    expect((await failure(member.m())).message).toContain("its placement group 'doomed' was removed");
    expect(await failure(endless())).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
    expect(await failure(group.ready())).toMatchObject({ code: "PLACEMENT_GROUP_REMOVED" });
    expect(await allFree()).toBe(true);
  });

  it("that can never be is refused at once", async () => {
    const spread = placementGroup([{ cpus: 1 }, { cpus: 1 }], { strategy: "STRICT_SPREAD" });
    expect(await failure(spread)).toMatchObject({
      code: "UNSCHEDULABLE",
      message: expect.stringContaining("there is 1 node"),
    });
    expect(await failure(placementGroup([{ cpus: 3 }]))).toMatchObject({ code: "UNSCHEDULABLE" });
    expect((await failure(placementGroup([]))).message).toMatch(/at least one bundle/);
    expect((await failure(placementGroup([{}]))).message).toMatch(/Bundle 0 is empty/);
  });

  it("refuses bundles that it has not, and work that is too large", async () => {
    await using group = await placementGroup([{ cpus: 1 }]);
    expect(() => task(() => 1, { placementGroup: group, bundleIndex: 1 })).toThrow(/from 0 to 0/);
    const large = task(() => 1, { cpus: 2, placementGroup: group });
    expect(await failure(large())).toMatchObject({ code: "UNSCHEDULABLE" });
  });
});

describe("schedulingStrategy and labelSelector", () => {
  it("run work on this machine, the only node, by its id and its labels", async () => {
    const [node] = (await listNodes()).items;
    const nodeId = node?.id ?? "";
    expect(node?.labels).toEqual({ "ray.io/node-id": nodeId });
    const here = task(() => 7, { schedulingStrategy: { nodeId }, labelSelector: { "ray.io/node-id": nodeId } });
    expect(await here()).toBe(7);
    expect(await here.with({ schedulingStrategy: "spread" })()).toBe(7);
    expect(await here.with({ schedulingStrategy: { nodeId: "gone", soft: true } })()).toBe(7);
    const Here = actor(Counter, { schedulingStrategy: { nodeId }, labelSelector: { zone: "!in(a,b)" } });
    await using counter = new Here(2);
    expect(await counter.add(3)).toBe(5);
    const outer = task(async () => await here());
    expect(await outer()).toBe(7);
  });

  it("refuse what can run on no node, also inside of tasks", async () => {
    const lost = task(() => 1, { name: "lost", schedulingStrategy: { nodeId: "gone" } });
    const message =
      "'lost' can run nowhere: there is no node 'gone'. Take an id from listNodes(), or add soft: true to let it run elsewhere.";
    expect(await failure(lost())).toMatchObject({ code: "UNSCHEDULABLE", message });
    const outer = task(async () => await lost());
    expect((await failure(outer())).message).toContain(message);
    const inZone = lost.with({ schedulingStrategy: "default", labelSelector: { zone: "in(a,b)" } });
    expect(await failure(inZone())).toMatchObject({
      code: "UNSCHEDULABLE",
      message: expect.stringContaining(
        "'lost' can run nowhere: no node has the labels zone=in(a,b); there are ray.io/",
      ),
    });
    const Nowhere = actor(Counter, { labelSelector: { zone: "a" } });
    expect(await failure(new Nowhere(0).add(1))).toMatchObject({ code: "UNSCHEDULABLE" });
  });
});
