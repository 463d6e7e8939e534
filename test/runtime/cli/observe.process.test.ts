import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StateList, TaskRow, Timeline } from "../../../runtime/src/protocol/state.ts";
import { type DriverProgram, startDriver } from "../../support/observed-driver.ts";
import { startMobula } from "./mobula.ts";

let program: DriverProgram;
let folder: string;

/** Clusters of this folder alone are found. */
async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return startMobula(folder, args, { ...process.env, TMPDIR: folder }).finished;
}

async function json<Answer>(...args: string[]): Promise<Answer> {
  const { stdout, stderr } = await run(...args, "--json");
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Answer;
}

function useProgram(name: string, ready: string): void {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "observed-"));
    program = await startDriver(name, ready, { TMPDIR: folder });
  });
  afterAll(async () => {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}

describe("a cluster whose driver and workers all spin", () => {
  useProgram("busy-driver", "spins");

  it("lists what runs, and says what it cannot know", async () => {
    const { items, notes } = await json<StateList<TaskRow>>("list", "tasks");
    const running = items.filter(({ state }) => state === "RUNNING");
    expect(running.map(({ name, job }) => ({ name, job }))).toEqual([
      { name: "spinning", job: "d" },
      { name: "spinning", job: "d" },
    ]);
    expect(items.find(({ name }) => name === "quick")).toMatchObject({ state: "FINISHED" });
    expect(notes).toContain("driver d is busy: what it has queued is not listed");
  });

  it("shows the code that its workers are in, and lets them go on", async () => {
    const first = await run("stack");
    expect(first.stdout).toMatch(
      /^w\d+ \(pid \d+\): 'spinning' for [^\n]+, task d\.\d+\n {4}at spinning \(file:[^\n]+busy-driver\.mjs:9:\d+\)$/m,
    );
    expect(first.stdout).not.toContain("executor");
    const { stdout } = await run("summary", "tasks");
    expect(stdout).toMatch(/^spinning +3 +2 +0/m);
    expect((await run("stack", "w99")).stderr).toMatch(/^mobula: The worker 'w99' is not supported here\. There are w/);
  });

  it("writes a timeline", async () => {
    const path = join(folder, "trace.json");
    const { code, stdout } = await run("timeline", "-o", path);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `3 runs in ${path}; open it in https://ui.perfetto.dev\n` });
    const { traceEvents } = JSON.parse(readFileSync(path, "utf8")) as Timeline;
    expect(traceEvents.filter(({ ph, name }) => ph === "X" && name === "spinning")).toHaveLength(2);
  });

  it("is told apart from others by id, name, pid or folder, and nothing else", async () => {
    expect((await run("list", "jobs", "--address", "busy")).stdout).toMatch(/^d +busy +running/m);
    const { code, stderr } = await run("list", "jobs", "--address", "nobody");
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("No cluster is called 'nobody'"),
    });
  });
});

describe("what workers print", () => {
  useProgram("observed-output", "printed");

  it("is kept with the task that printed it, also of nested tasks and calls that overlap", async () => {
    const { stdout } = await run("logs", "d", "--tail", "10000", "--json");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { text: string; name: string; task: string; stream: string });
    const of = (text: string): unknown => {
      const line = lines.find((each) => each.text === text);
      return { name: line?.name, stream: line?.stream, owner: line?.task?.split(".")[0]?.[0] };
    };
    expect(of("of outer")).toEqual({ name: "outer", stream: "stdout", owner: "d" });
    expect(of("of inner")).toEqual({ name: "inner", stream: "stdout", owner: "w" });
    expect(of("of busy")).toMatchObject({ name: "busy" });
    expect(of("left behind")).toMatchObject({ name: "leaves" });
    expect(of("left behind further")).toMatchObject({ name: "leaves" });
    const say = lines.filter(({ name }) => name === "Talker.say");
    expect(say.map(({ text, stream }) => `${text} ${stream}`).toSorted()).toEqual([
      "quick begins stdout",
      "quick ends stderr",
      "slow begins stdout",
      "slow ends stderr",
    ]);
    const tasks = new Map<string, string[]>();
    for (const { task, text } of say) tasks.set(task, [...(tasks.get(task) ?? []), text]);
    expect([...tasks.values()].map((texts) => texts.join()).toSorted()).toEqual([
      "quick begins,quick ends",
      "slow begins,slow ends",
    ]);
    expect(lines.filter(({ name, text }) => name === "flood" && text.startsWith("line "))).toHaveLength(5_000);
  });

  it("is listed by worker and found by actor", async () => {
    expect((await run("logs")).stdout).toMatch(/^WORKER +PID +STATE +SIZE/);
    const talker = await run("logs", "talker");
    expect(talker.stdout).toMatch(/\(w\d+ Talker\.say\) ! quick ends/);
    expect((await run("logs", "nobody")).stderr).toContain("The actor 'nobody'");
  });

  it("is followed until the cluster ends", async () => {
    const following = startMobula(folder, ["logs", "--follow", "--tail", "1"], { ...process.env, TMPDIR: folder });
    await following.waitFor(/(of inner[^]*){3}/);
    await program.stop();
    expect(await following.finished).toMatchObject({ code: 0, stderr: "The cluster has ended.\n" });
    expect(await run("list", "tasks")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^mobula: No cluster runs/),
    });
  });
});

describe("a standing cluster", () => {
  it("is found by its name, its file or its address, whatever the folder for temporary files", async () => {
    const home = mkdtempSync(join(tmpdir(), "observed-"));
    const env = { ...process.env, MOBULA_STATE_DIR: home, TMPDIR: home };
    const mobula = (more: NodeJS.ProcessEnv, ...args: string[]): Promise<{ code: number | null; stdout: string }> =>
      startMobula(home, args, { ...env, ...more }).finished;
    try {
      expect((await mobula({}, "start", "--name", "seen", "--cpus", "1")).code).toBe(0);
      const file = join(home, "seen.json");
      const { url, token } = JSON.parse(readFileSync(file, "utf8")) as { url: string; token: string };
      const elsewhere = mkdtempSync(join(home, "tmp-"));
      for (const address of ["seen", file, url.replace("http", "mobula")]) {
        const more = { TMPDIR: elsewhere, MOBULA_TOKEN: token };
        const { stdout } = await mobula(more, "list", "workers", "--address", address, "--json");
        expect(JSON.parse(stdout)).toMatchObject({ truncated: false });
      }
    } finally {
      await mobula({}, "stop", "--name", "seen");
      rmSync(home, { recursive: true, force: true });
    }
  });
});
