/** `mobula logs` on a Ray cluster: lines of tasks, and lines as they come. */
import { tmpdir } from "node:os";
import { actor, cancel, init, kill, listTasks, listWorkers, py, shutdown, task } from "mobula";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type RayCluster, startRay } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";
import { type Finished, type Running, startMobula } from "../cli/mobula.ts";

/** Ray hears of some things a second later. */
const SOON = { timeout: 60_000 };

class LinePrinter {
  print(...lines: string[]): void {
    for (const line of lines) console.log(line);
  }

  complain(line: string): void {
    console.error(line);
  }
}

let ray: RayCluster;
const followers: Running[] = [];
beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  await init({ address: ray.address, token: ray.token, name: "printer" });
});
afterEach(async () => {
  for (const { child, finished } of followers.splice(0)) {
    child.kill();
    await finished;
  }
});
afterAll(async () => {
  await shutdown();
  vi.unstubAllEnvs();
  await ray.stop();
});

function start(args: readonly string[], of: RayCluster = ray): Running {
  return startMobula(tmpdir(), args, { ...process.env, MOBULA_ADDRESS: of.address, RAY_AUTH_TOKEN: of.token });
}

const logs = (...args: string[]): Promise<Finished> => start(["logs", ...args]).finished;

function follow(...args: string[]): Running {
  const running = start(["logs", ...args, "--follow"]);
  followers.push(running);
  return running;
}

/** What lines say, without time and worker. */
const said = (text: string): string[] => [...text.matchAll(/^.*?\(\w+ [\w.]+\) (.*)$/gm)].map(([, line = ""]) => line);

test("the last lines of an actor, then what it prints, each once and in order, until Ctrl-C", async () => {
  const printer = new (actor(LinePrinter, { name: "steady", cpus: 0.1 }))();
  await printer.print("first", "zweite Zeile", "third: 日本 🦈");
  await expect.poll(async () => said((await logs("steady")).stdout), SOON).toHaveLength(3);
  const follower = follow("steady", "--tail", "2");
  await follower.waitFor(/third/);
  const numbers = Array.from({ length: 300 }, (_, index) => `line ${index}`);
  for (let index = 0; index < 300; index += 100) await printer.print(...numbers.slice(index, index + 100));
  await printer.complain("an error: ü");
  await follower.waitFor(/line 299\n/);
  const text = await follower.waitFor(/an error/);
  expect(said(text).filter((line) => !line.startsWith("!"))).toEqual(["zweite Zeile", "third: 日本 🦈", ...numbers]);
  expect(text).toMatch(/^\d\d:\d\d:\d\d \(\w+ LinePrinter\.complain\) ! an error: ü$/m);
  const [, worker = ""] = /\((\w+) /.exec(text) ?? [];
  const [byId, ...others] = said(await follow(worker, "--tail", "1").waitFor(/\n/));
  expect([byId, others]).toEqual(["! an error: ü", []]);
  follower.child.kill("SIGINT");
  await follower.finished;
  expect(follower.child.signalCode).toBe("SIGINT");
  kill(printer);
}, 120_000);

test("without a name all workers are followed, those too that start later; one that ends says its last", async () => {
  const follower = follow("--json");
  const early = new (actor(LinePrinter, { cpus: 0.1 }))();
  await early.print("early 1");
  await follower.waitFor(/early 1/);
  const late = new (actor(LinePrinter, { cpus: 0.1 }))();
  await late.print("late 1");
  await early.print("early 2");
  kill(early);
  await late.print("late 2");
  for (const text of ["late 1", "early 2", "late 2"]) await follower.waitFor(new RegExp(text));
  const lines = (await follower.waitFor(/late 2/))
    .split("\n")
    .filter((line) => /(early|late) \d/.test(line))
    .map((line) => JSON.parse(line) as { worker: string; text: string; name: string; task: string; atMs: number });
  expect(lines.map(({ text }) => text).toSorted()).toEqual(["early 1", "early 2", "late 1", "late 2"]);
  expect(new Set(lines.map(({ worker }) => worker)).size).toBe(2);
  expect(lines[0]).toMatchObject({
    name: "LinePrinter.print",
    atMs: expect.any(Number),
    task: expect.stringMatching(/\w/),
  });
  kill(late);
}, 120_000);

test("the lines of a task are told apart from those of others in the same worker", async () => {
  const speak = task((what: string) => console.log(`I am ${what}\nand said so`), { name: "speak", cpus: 2 });
  await speak("one");
  await speak("two");
  const done = async () => (await listTasks({ name: "speak" })).items.filter(({ state }) => state === "FINISHED");
  await expect.poll(async () => (await done()).length, SOON).toBe(2);
  const [second, first] = await done();
  for (const [row, what] of [
    [first, "one"],
    [second, "two"],
  ] as const) {
    await expect
      .poll(async () => said((await logs("--task", row?.id ?? "")).stdout), SOON)
      .toEqual([`I am ${what}`, "and said so"]);
  }
}, 120_000);

test("so are calls of an actor, also beside each other, and those to Python", async () => {
  class Crowd {
    async say(what: string): Promise<void> {
      for (let index = 0; index < 3; index++) {
        console.log(`${what} ${index}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
  const crowd = new (actor(Crowd, { cpus: 0.1, maxConcurrency: 4 }))();
  await Promise.all([crowd.say("left"), crowd.say("right")]);
  const calls = async () => (await listTasks({ name: "Crowd.say" })).items.filter(({ state }) => state === "FINISHED");
  await expect.poll(async () => (await calls()).length, SOON).toBe(2);
  const each = await Promise.all((await calls()).map(async ({ id }) => said((await logs("--task", id)).stdout)));
  expect(each.toSorted(([a = ""], [b = ""]) => a.localeCompare(b))).toEqual([
    ["left 0", "left 1", "left 2"],
    ["right 0", "right 1", "right 2"],
  ]);
  kill(crowd);
  await py.task<[string], null>("builtins:print", { cpus: 0.1 })("from Python: ñ");
  const row = async () => (await listTasks({ name: "print", state: "FINISHED" })).items[0]?.id ?? "none";
  await expect.poll(async () => said((await logs("--task", await row())).stdout), SOON).toEqual(["from Python: ñ"]);
}, 120_000);

test("a task is followed from before it has a worker", async () => {
  const hold = task(() => new Promise<number>(() => {}), { name: "hold", cpus: 2 })();
  const held = Promise.allSettled([hold]);
  await expect.poll(async () => (await listWorkers({ running: "hold" })).items.length, SOON).toBe(1);
  const waiting = task(() => console.log("at last"), { name: "waiting", cpus: 2 })();
  const row = async () => (await listTasks({ name: "waiting" })).items[0]?.id;
  await expect.poll(row, SOON).toBeDefined();
  const follower = follow("--task", (await row()) as string);
  cancel(hold);
  await held;
  await waiting;
  expect(said(await follower.waitFor(/at last/))).toEqual(["at last"]);
}, 120_000);

test.each([
  ["name", ["nobody"], /^mobula: The actor 'nobody' is not supported here\. 'mobula logs' lists/],
  ["task", ["--task", "f".repeat(48)], /^mobula: The task 'f{48}' is not supported here\. 'mobula list tasks' lists/],
  ["task id", ["--task", "t1"], /^mobula: The task 't1' is not supported here\. 'mobula list tasks' lists/],
])("a %s that nobody has is told at once, also when it should be followed", async (_, args, message) => {
  for (const more of [[], ["--follow"]]) {
    const { code, stdout, stderr } = await logs(...args, ...more);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  }
});

test("following begins before anybody has worked, and ends with one sentence when the cluster goes away", async () => {
  await shutdown();
  const own = await startRay();
  try {
    const follower = start(["logs", "--follow"], own);
    followers.push(follower);
    await init({ address: own.address, token: own.token });
    await task(() => console.log("the first words"), { name: "opener", cpus: 0.1 })();
    await follower.waitFor(/the first words/);
    await shutdown();
    own.crash();
    const { code, stdout, stderr } = await follower.finished;
    expect({ code, said: said(stdout) }).toEqual({ code: 1, said: ["the first words"] });
    expect(stderr).toMatch(
      /^mobula: ray:\S+ does not answer any more: the cluster has ended, or the way to it is cut\.\n$/,
    );
  } finally {
    await own.stop();
  }
}, 180_000);
