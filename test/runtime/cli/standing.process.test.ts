import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/driver-program.ts";
import { isRunning } from "../../support/processes.ts";
import { remainsOf, StandingWorld } from "../../support/standing-cluster.ts";

describe("mobula start", () => {
  it("returns when the cluster is ready, and says how to join it, where its log is and how to stop it", async () => {
    const world = new StandingWorld();
    const { code, stdout } = await world.mobula(
      "start",
      "--cpus",
      "3",
      "--resources",
      '{"fpga":2}',
      "--memory",
      "1GiB",
    );
    expect(code).toBe(0);
    const cluster = world.discovery();
    expect(stdout).toContain(
      `The cluster 'default' runs: process ${cluster.head.pid}, 3 CPUs, 0 GPUs, 1 GiB for tasks.`,
    );
    for (const text of ['init({ address: "auto" })', cluster.url, join(world.folder, "default.log"), "mobula stop"]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).not.toContain(cluster.token);
    const { resources } = await world.ask<{ resources: Record<string, unknown> }>("/api/v1/cluster");
    expect(resources).toMatchObject({ cpus: { total: 3 }, fpga: { total: 2 }, memoryBytes: { total: 1024 ** 3 } });
  });

  it("keeps others out: its files are for their owner only", async () => {
    const world = new StandingWorld();
    const { directory, arena } = await world.cluster();
    const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect([world.folder, directory, arena].map(modeOf)).toEqual(["700", "700", "700"]);
    const files = [join(world.folder, "default.json"), join(world.folder, "default.log"), join(arena, "arena")];
    expect(files.map(modeOf)).toEqual(["600", "600", "600"]);
  });

  it("answers nobody without its token, and notes who tried", async () => {
    const world = new StandingWorld();
    const { url, token } = await world.cluster();
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/api/v1/jobs`, { headers })).status;
    expect(await ask({})).toBe(401);
    expect(await ask({ authorization: `Bearer ${"0".repeat(64)}` })).toBe(401);
    expect(await ask({ authorization: `Bearer ${token}`, origin: "http://evil.example" })).toBe(403);
    expect(await ask({ authorization: `Bearer ${token}` })).toBe(200);
    const log = readFileSync(join(world.folder, "default.log"), "utf8");
    expect(log.match(/refused GET "\/api\/v1\/jobs" of 127\.0\.0\.1: (UNAUTHORIZED|FOREIGN_ORIGIN)/g)).toHaveLength(3);
    expect(log).not.toContain(token);
  });

  it("refuses a second one of the same name, and allows others", async () => {
    const world = new StandingWorld();
    const first = await world.cluster();
    const second = await world.mobula("start");
    expect(second).toMatchObject({ code: 1, stdout: "" });
    expect(second.stderr).toContain(`The cluster 'default' runs already (process ${first.head.pid}, ${first.url})`);
    const other = await world.cluster("--name", "other");
    expect(other.head.pid).not.toBe(first.head.pid);
    expect((await world.mobula("stop", "--name", "other")).stdout).toBe("The cluster 'other' has ended.\n");
    expect(isRunning(first.head.pid)).toBe(true);
  });

  it("of two that start at once, one runs and the other says so", async () => {
    const world = new StandingWorld();
    const both = await Promise.all([world.mobula("start", "--cpus", "1"), world.mobula("start", "--cpus", "1")]);
    expect(new Set(both.map(({ code }) => code))).toEqual(new Set([0, 1]));
    expect(both.find(({ code }) => code === 1)?.stderr).toContain("runs already");
    const { head, logFile } = world.discovery();
    expect(isRunning(head.pid)).toBe(true);
    expect(readdirSync(world.folder).sort()).toEqual(["default.json", "default.log"]);
    expect(logFile).toBe(join(world.folder, "default.log"));
  });

  it("in the foreground it stays, and Ctrl-C stops the cluster", async () => {
    const world = new StandingWorld();
    const running = world.start(["start", "--cpus", "1", "--foreground"]);
    await running.waitFor(/stop it:/);
    const cluster = world.discovery();
    const pids = await world.processes();
    running.child.kill("SIGINT");
    expect((await running.finished).code).toBe(0);
    expect(await remainsOf(cluster, pids, 3_000)).toEqual([]);
    expect(readdirSync(world.folder)).toEqual([]);
  });

  it("says why it does not start", async () => {
    const world = new StandingWorld();
    const { port } = new URL((await world.cluster()).url);
    const { code, stderr } = await world.mobula("start", "--name", "second", "--port", port);
    expect(code).toBe(1);
    expect(stderr).toContain("The cluster did not start");
    expect(stderr).toContain("EADDRINUSE");
    expect(existsSync(join(world.folder, "second.json"))).toBe(false);
  });

  it.each([
    [["--cpus", "many"], "takes a number, as in '--cpus 2', not 'many'"],
    [["--memory", "8 elephants"], "takes a size, as in '--memory 8GiB', not '8 elephants'"],
    [["--resources", "fpga"], `takes amounts by name, as in '{"fpga":2}', not 'fpga'`],
    [["--port", "http"], "takes a number from 1 to 65535, not 'http'"],
    [["--name", "../x"], "takes letters, digits, '-' and '_', at most 63, not '../x'"],
    [["now"], "takes no 'now'"],
  ])("refuses %j", async (args, sentence) => {
    const { code, stderr } = await new StandingWorld().mobula("start", ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
  });
});

describe("mobula status", () => {
  it("says that none runs, also as JSON", async () => {
    const world = new StandingWorld();
    const words = await world.mobula("status");
    expect(words).toEqual({ code: 1, stdout: "No cluster runs; 'mobula start' starts one.\n", stderr: "" });
    expect(await world.mobula("status", "--json")).toMatchObject({ code: 1, stdout: '{\n  "clusters": []\n}\n' });
    const named = await world.mobula("status", "--name", "x");
    expect(named.stderr).toBe("mobula: No cluster of that name runs: start one with 'mobula start' --name x.\n");
  });

  it("shows resources, workers, actors and jobs, those that ended too", async () => {
    const world = new StandingWorld();
    await world.cluster();
    const { report } = await world.driver("stay");
    await world.driver("exit");
    await eventually(async () => (await world.mobula("status")).stdout.includes(" ended "), 5_000);
    const { stdout, code } = await world.mobula("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Cluster 'default': process \d+, http:\/\/127\.0\.0\.1:\d+, for \d+ s\n/);
    expect(stdout).toMatch(/\n {2}Resources {2}cpus 0\.1 of 2, /);
    expect(stdout).toMatch(/\n {2}Workers {4}\d+ \(/);
    expect(stdout).toContain(`Keeper 'keeper of ${report.pid}' alive`);
    expect(stdout).toContain(`${report.clientId} 'stay' process ${report.pid} on `);
    expect(stdout).toMatch(/\n {4}d\w+ 'exit' process \d+ on .*, ended \d+ s ago after \d+ s\n/);
    const json = await world.mobula("status", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      clusters: [{ name: "default", cluster: { engine: "local" }, jobs: [{ name: "exit" }, { name: "stay" }] }],
    });
    expect(json.stdout).not.toContain(world.discovery().token);
  });

  it("removes what a killed head has left", async () => {
    const world = new StandingWorld();
    const cluster = await world.cluster();
    const pids = await world.processes();
    process.kill(cluster.head.pid, "SIGKILL");
    expect(await remainsOf(cluster, pids, 5_000)).toEqual([]);
    expect((await world.mobula("status")).stdout).toContain("No cluster runs");
    expect(readdirSync(world.folder)).toEqual(["default.log"]);
  });

  it("does not read a file that others can write", async () => {
    const world = new StandingWorld();
    writeFileSync(join(world.folder, "default.json"), "{}", { mode: 0o666, flag: "w" });
    chmodSync(join(world.folder, "default.json"), 0o666);
    const { code, stderr } = await world.mobula("status");
    expect(code).toBe(1);
    expect(stderr).toContain("can be written by others");
    rmSync(join(world.folder, "default.json"));
  });
});

describe("mobula stop", () => {
  it("tells the drivers, and returns when every process, socket and file is gone", async () => {
    const world = new StandingWorld();
    const cluster = await world.cluster();
    const { lines, report } = await world.driver("closed");
    const pids = [...(await world.processes()), report.actorPid, report.taskPid];
    expect(await world.mobula("stop")).toMatchObject({ code: 0, stdout: "The cluster 'default' has ended.\n" });
    expect(await remainsOf(cluster, pids, 0)).toEqual([]);
    expect(readdirSync(world.folder)).toEqual(["default.log"]);
    await eventually(() => lines.length > 0, 3_000);
    expect(lines.join()).toContain("true The cluster connection is closed: the cluster was stopped.");
  });

  it("by force, too", async () => {
    const world = new StandingWorld();
    const cluster = await world.cluster();
    const { report } = await world.driver("spin");
    const pids = [...(await world.processes()), report.actorPid, report.taskPid];
    expect((await world.mobula("stop", "--force")).code).toBe(0);
    expect(await remainsOf(cluster, pids, 0)).toEqual([]);
  });

  it("has nothing to do when none runs", async () => {
    expect(await new StandingWorld().mobula("stop")).toEqual({ code: 0, stdout: "No cluster runs.\n", stderr: "" });
  });
});
