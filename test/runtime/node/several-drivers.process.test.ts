import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { ViewReply } from "../../../runtime/src/protocol/cluster-view.ts";
import { encodeFrame } from "../../../runtime/src/protocol/frames.ts";
import { PROTOCOL_VERSION } from "../../../runtime/src/protocol/messages.ts";
import type { ActorRow, JobRow, StateList } from "../../../runtime/src/protocol/state.ts";
import { eventually } from "../../support/driver-program.ts";
import { isRunning } from "../../support/processes.ts";
import { type Driver, type DriverReport, remainsOf, StandingWorld } from "../../support/standing-cluster.ts";

const isLinux = process.platform === "linux";

function jobsOf(world: StandingWorld): Promise<StateList<JobRow>> {
  return world.ask("/api/v1/jobs");
}

async function livingActors(world: StandingWorld): Promise<(number | undefined)[]> {
  const { items } = await world.ask<StateList<ActorRow>>("/api/v1/actors");
  return items.filter(({ state }) => state.toLowerCase() === "alive").map(({ pid }) => pid);
}

describe.runIf(isLinux)("two drivers of one cluster", () => {
  it.each(["exit", "shutdown", "SIGKILL"])(
    "one that ends (%s) takes its tasks, actors and objects along; the other goes on",
    async (how) => {
      const world = new StandingWorld();
      const cluster = await world.cluster();
      const stays = await world.driver("stay");
      const ends = await world.driver(how === "SIGKILL" ? "stay" : how);
      if (how === "SIGKILL") ends.child.kill("SIGKILL");
      const { actorPid, taskPid, clientId } = ends.report;
      expect(await eventually(() => !isRunning(actorPid) && !isRunning(taskPid), 5_000)).toBe(true);
      expect(isRunning(stays.report.actorPid) && isRunning(stays.report.taskPid)).toBe(true);
      expect(await livingActors(world)).toEqual([stays.report.actorPid]);
      const { items } = await jobsOf(world);
      expect(items.map(({ id, state }) => [id, state])).toEqual([
        [clientId, "ended"],
        [stays.report.clientId, "running"],
      ]);
      // Its object is gone, the other's is there.
      const freed = async (): Promise<boolean> =>
        (await world.ask<{ objectStore: { objects: number } }>("/api/v1/cluster")).objectStore.objects === 1;
      expect(await eventually(freed, 5_000)).toBe(true);
      expect(isRunning(cluster.head.pid)).toBe(true);
    },
  );

  it("have ids of their own, and the names that they gave themselves", async () => {
    const world = new StandingWorld();
    await world.cluster();
    const [one, two] = [await world.driver("stay"), await world.driver("spin")];
    for (const { report } of [one, two]) expect(report.clientId).toMatch(/^d[0-9a-z]{6,}$/);
    expect(one.report.clientId).not.toBe(two.report.clientId);
    const { items } = await jobsOf(world);
    expect(items.map(({ name, pid }) => [name, pid])).toEqual([
      ["spin", two.report.pid],
      ["stay", one.report.pid],
    ]);
  });

  it("see the output of their own work only", async () => {
    const world = new StandingWorld();
    await world.cluster();
    const [one, two] = [await world.driver("print"), await world.driver("print")];
    const outputs = [one, two].map(({ lines }) => lines);
    const hello = ({ report }: { report: DriverReport }): string => `hello of ${report.pid}`;
    const said = (lines: readonly string[] | undefined): string => lines?.join("\n") ?? "";
    const heard = (): boolean => said(outputs[0]).includes(hello(one)) && said(outputs[1]).includes(hello(two));
    expect(await eventually(heard, 5_000)).toBe(true);
    expect(said(outputs[0])).not.toContain(hello(two));
    expect(said(outputs[1])).not.toContain(hello(one));
  });

  it("share the CPUs evenly while both have work", async () => {
    const world = new StandingWorld();
    await world.cluster();
    const one = await world.driver("share");
    // The first has all there is by now.
    await eventually(() => one.lines.length > 3, 10_000);
    const two = await world.driver("share");
    const doneOf = ({ lines }: Driver): number => (JSON.parse(lines.at(-1) ?? '{"done":0}') as { done: number }).done;
    await eventually(() => doneOf(two) > 50, 20_000);
    const before = [doneOf(one), doneOf(two)];
    await eventually(() => doneOf(two) - (before[1] ?? 0) >= 200, 30_000);
    const first = doneOf(one) - (before[0] ?? 0);
    const second = doneOf(two) - (before[1] ?? 0);
    expect(first / (first + second)).toBeGreaterThan(0.25);
    expect(first / (first + second)).toBeLessThan(0.75);
  });

  it("have panels that show and cancel their own tasks", async () => {
    const world = new StandingWorld();
    await world.cluster();
    const [one, two] = [await world.driver("stay"), await world.driver("stay")];
    const replies: ViewReply[] = [];
    const socket = connect(one.report.viewAddress);
    createInterface({ input: socket }).on("line", (line) =>
      replies.push((JSON.parse(line) as { data: ViewReply }).data),
    );
    const send = (data: object): void => void socket.write(`${JSON.stringify({ type: "comm-message", data })}\n`);
    send({ op: "hello", protocol: 1, topics: ["tasks", "actors"] });
    const jobs = (): unknown[] =>
      replies.flatMap((reply) =>
        reply.op === "snapshot" && reply.topic === "tasks"
          ? (reply.data as readonly { job?: string; function: string }[]).map(({ job }) => job)
          : [],
      );
    expect(await eventually(() => jobs().length > 0, 5_000)).toBe(true);
    expect(new Set(jobs())).toEqual(new Set([one.report.clientId]));
    send({ op: "cancel-tasks", id: 1, function: "sleeper" });
    expect(await eventually(() => replies.some(({ op }) => op === "ack"), 3_000)).toBe(true);
    const running = async (): Promise<string[]> => {
      const { items } = await world.ask<StateList<{ name: string; job: string }>>("/api/v1/tasks?state=RUNNING");
      return items.filter(({ name }) => name === "sleeper").map(({ job }) => job);
    };
    expect(await eventually(async () => (await running()).length === 1, 5_000)).toBe(true);
    expect(await running()).toEqual([two.report.clientId]);
    socket.destroy();
  });
});

describe.runIf(isLinux)("the death of", () => {
  it("a worker costs the task a retry, and nobody else anything", async () => {
    const world = new StandingWorld();
    const cluster = await world.cluster();
    const [one, two] = [await world.driver("stay"), await world.driver("stay")];
    process.kill(one.report.actorPid, "SIGKILL");
    expect(await eventually(async () => (await livingActors(world)).length === 1, 5_000)).toBe(true);
    expect(await livingActors(world)).toEqual([two.report.actorPid]);
    expect([cluster.head.pid, one.report.pid, two.report.pid].every(isRunning)).toBe(true);
  });

  it.each([1, 2])("the head leaves nothing within 5 s, and %i drivers hear of it", async (count) => {
    const world = new StandingWorld();
    const cluster = await world.cluster();
    const drivers = [];
    for (let number = 0; number < count; number++) drivers.push(await world.driver("closed"));
    const outputs = drivers.map(({ lines }) => lines);
    const pids = await world.processes();
    process.kill(cluster.head.pid, "SIGKILL");
    expect(await remainsOf(cluster, pids, 5_000)).toEqual([]);
    await eventually(() => outputs.every((lines) => lines.length > 0), 5_000);
    for (const lines of outputs) expect(lines.join()).toContain("true The cluster connection is closed");
  });

  it("head and driver together leaves nothing within 5 s", async () => {
    const world = new StandingWorld();
    const cluster = await world.cluster();
    const { child } = await world.driver("spin");
    const pids = await world.processes();
    process.kill(cluster.head.pid, "SIGKILL");
    child.kill("SIGKILL");
    expect(await remainsOf(cluster, pids, 5_000)).toEqual([]);
  });

  it("the terminal that started it is none of its business", async () => {
    const world = new StandingWorld();
    const { head } = await world.cluster();
    const { stdout } = await promisify(execFile)("ps", ["-o", "sid=,pgid=,tty=", "-p", String(head.pid)]);
    expect(stdout.trim().split(/\s+/)).toEqual([String(head.pid), String(head.pid), "?"]);
  });
});

describe("init({ address })", () => {
  const run = async (world: StandingWorld, code: string, env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const script = `import { init, shutdown, cluster, task } from ${JSON.stringify(new URL("../../../runtime/dist/index.js", import.meta.url).href)};
      try { ${code} } catch (error) { console.log(error.code + ": " + error.message); }
      await shutdown();`;
    const child = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...world.env, ...env },
    });
    return (await child).stdout.trim();
  };

  it("joins by auto, by name, by file, and by MOBULA_ADDRESS; without address it stays on its own", async () => {
    const world = new StandingWorld();
    const { clusterId } = await world.cluster("--name", "shared");
    const show = "console.log((await cluster()).id === ID ? 'joined' : 'own');".replace(
      "ID",
      JSON.stringify(clusterId),
    );
    const file = JSON.stringify(`${world.folder}/shared.json`);
    expect(await run(world, `await init({ address: "auto" }); ${show}`)).toBe("joined");
    expect(await run(world, `await init({ address: "shared" }); ${show}`)).toBe("joined");
    expect(await run(world, `await init({ address: ${file} }); ${show}`)).toBe("joined");
    expect(await run(world, show, { MOBULA_ADDRESS: "auto" })).toBe("joined");
    expect(await run(world, `await init({ cpus: 1 }); ${show}`)).toBe("own");
    expect(await run(world, `await init({ cpus: 1, address: "local" }); ${show}`, { MOBULA_ADDRESS: "auto" })).toBe(
      "own",
    );
  });

  it("says what to do when there is nothing to join", async () => {
    const world = new StandingWorld();
    expect(await run(world, 'await init({ address: "auto" });')).toBe(
      "CONNECTION_FAILED: Cannot connect to auto: no cluster of this user runs: start one with 'mobula start', or leave out the address to have a cluster of one's own.",
    );
    expect(await run(world, 'await init({ address: "lab" });')).toBe(
      "CONNECTION_FAILED: Cannot connect to lab: no cluster of that name runs: start one with 'mobula start' --name lab.",
    );
    expect(await run(world, 'await init({ address: "http://x" });')).toMatch(/^CONNECTION_FAILED: .*http:\/\/x/);
    expect(await run(world, 'await init({ address: "ray://127.0.0.1:1" });')).toMatch(
      /^CONNECTION_FAILED: .*nothing listens there/,
    );
  });

  it("refuses a size for a cluster that runs", async () => {
    const world = new StandingWorld();
    await world.cluster();
    expect(await run(world, 'await init({ address: "auto", cpus: 4 });')).toMatch(
      /^UNSUPPORTED: The option 'cpus' for the running cluster 'auto' is not supported here\. Its size was set by/,
    );
  });

  it("does not fall back to a cluster of its own when the one it joined is gone", async () => {
    const world = new StandingWorld();
    const { head } = await world.cluster();
    const code = `await init({ address: "auto" });
      process.kill(${head.pid}, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      console.log(await task(() => 1)());`;
    expect(await run(world, code)).toMatch(/^CONNECTION_FAILED: Cannot connect to auto: no cluster of this user runs/);
  });
});

describe("what is sent to the cluster's sockets by others", () => {
  const hello = (more: object): Buffer =>
    encodeFrame([{ type: "hello", protocol: PROTOCOL_VERSION, clientId: "dx", kind: "driver", pid: 1, ...more }]);

  /** Send bytes, and wait for the end of the connection. */
  const send = async (address: string, bytes: Buffer): Promise<void> => {
    const socket = connect(address);
    socket.on("error", () => {});
    socket.resume();
    socket.write(bytes);
    await once(socket, "close");
  };

  it("is dropped and logged, and nothing else happens", async () => {
    const world = new StandingWorld();
    const { directory, arena, head } = await world.cluster();
    const { report } = await world.driver("stay");
    const cases: readonly [Buffer, RegExp][] = [
      [Buffer.from("GET / HTTP/1.1\r\n\r\n"), /dropped a peer, which sent no frames/],
      [Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0]), /A frame of 4294967295 bytes is longer/],
      [Buffer.from([0, 0, 0, 1, 0xc1]), /dropped a peer, which sent no frames/],
      [Buffer.from([0, 0, 0, 1, 0x07]), /something else than a list of messages/],
      [Buffer.from([0, 0, 0, 2, 0x91, 0x80]), /dropped a peer because of what it sent/],
      [encodeFrame([{ type: "shutdown" }]), /refused a client: The first message must be a hello/],
      [Buffer.from([0, 0, 0, 2, 0x91, 0xc0]), /dropped a peer because of what it sent/],
      [hello({ protocol: 99 }), /refused a client: The head speaks protocol \d+, the client 99/],
      [hello({ clientId: report.clientId }), /refused a client: A client is called d\w+ already/],
      [hello({ clientId: "w77", kind: "worker" }), /refused a client: Nobody called "w77" is expected as a worker/],
      [hello({ clientId: "../x" }), /refused a client: Nobody called "..\/x" is expected as a driver/],
    ];
    const log = (): string => readFileSync(`${world.folder}/default.log`, "utf8");
    let read = 0;
    for (const [bytes, pattern] of cases) {
      await send(`${directory}/head.sock`, bytes);
      expect(await eventually(() => pattern.test(log().slice(read)), 3_000), String(pattern)).toBe(true);
      read = log().length;
    }
    const worker = readdirSync(directory).find((name) => /^w\d+\.sock$/.test(name)) ?? "";
    await send(`${directory}/${worker}`, Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    expect([head.pid, report.pid, report.actorPid, report.taskPid].every(isRunning)).toBe(true);
    expect(existsSync(arena)).toBe(true);
    const { items } = await jobsOf(world);
    expect(items.map(({ id }) => id)).toEqual([report.clientId]);
  });
});
