/** Remote drivers as a whole: what they can do, what a bad network does to them, and how they end. */

import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Runtime } from "../../../runtime/src/api/runtime.ts";
import { captureFunction } from "../../../runtime/src/closure/index.ts";
import type { Engine, TaskSpec } from "../../../runtime/src/engine/engine.ts";
import { RemoteEngine, type RemoteOptions } from "../../../runtime/src/engine/remote/remote-engine.ts";
import { decode, encode } from "../../../runtime/src/protocol/codec.ts";
import type { ObjectId } from "../../../runtime/src/protocol/ids.ts";
import type { ActorDescription } from "../../../runtime/src/protocol/messages.ts";
import { eventually, firstLine, startProgram } from "../../support/driver-program.ts";
import { isRunning } from "../../support/processes.ts";
import { type RemoteCluster, startRemoteCluster, Wire } from "../../support/remote-cluster.ts";

let cluster: RemoteCluster;
beforeAll(async () => {
  cluster = await startRemoteCluster("--object-store-memory", "600MiB");
});
afterAll(async () => {
  await cluster.stop();
});

type AnyFunction = Parameters<typeof captureFunction>[0];

function spec(fn: AnyFunction, args: readonly unknown[] = [], more: Partial<TaskSpec> = {}): TaskSpec {
  const { id, payload } = captureFunction(fn);
  return {
    code: { id, payload },
    name: "f",
    args: encode(args),
    resources: { cpus: 10_000 },
    retries: 0,
    depth: 0,
    ...more,
  };
}

async function valueOf(engine: Engine, id: ObjectId): Promise<unknown> {
  await new Promise<void>((resolve) => void engine.whenReadable(id, () => resolve()));
  return decode(await engine.read(id));
}

function driver(options: Partial<RemoteOptions> = {}): RemoteEngine {
  const engine = new RemoteEngine({ address: cluster.address, token: cluster.token, ...options });
  onTestFinished(() => engine.close());
  return engine;
}

/** A driver whose connection can be cut. */
async function wired(options: Partial<RemoteOptions> = {}): Promise<{ engine: RemoteEngine; wire: Wire }> {
  const wire = new Wire(cluster.url);
  onTestFinished(() => wire.close());
  return { wire, engine: driver({ address: await wire.listen(), ...options }) };
}

function newCounter(engine: Engine): ActorDescription {
  const counter = class Counter {
    n = 0;
    add(): number {
      return ++this.n;
    }
  };
  const { id, payload } = captureFunction(counter);
  return engine.createActor({
    code: { id, payload },
    className: "Counter",
    args: encode([]),
    resources: {},
    isGetIfExists: false,
    maxConcurrency: 1,
    maxRestarts: 0,
    maxTaskRetries: 0,
    methods: ["add"],
    streamMethods: [],
    depth: 0,
  });
}

function add(engine: Engine, { actorId }: ActorDescription): ObjectId {
  return engine.callActor({ actorId, method: "add", name: "Counter.add", args: encode([]), retries: 0, depth: 0 });
}

async function jobOf(
  engine: RemoteEngine | { clientId: string },
): Promise<{ state: string; host: string } | undefined> {
  const headers = { authorization: `Bearer ${cluster.token}` };
  const answer = await fetch(`${cluster.url}/api/v1/jobs?limit=1000`, { headers });
  const { items, jobs } = (await answer.json()) as { items?: { id: string }[]; jobs?: { jobId: string }[] };
  return (items ?? jobs ?? []).find((job) => Object.values(job).includes(engine.clientId)) as never;
}

describe("a remote driver", () => {
  it("takes and gives any value: none, empty, beyond ASCII, large, with arrays of all sizes", async () => {
    const engine = driver();
    const values: unknown[] = [
      undefined,
      null,
      "",
      [],
      new Map(),
      new Uint8Array(0),
      "größer als 山 🏔",
      "x".repeat(3_000_000),
      new Float64Array(4_000).fill(0.5),
      { a: new Uint8Array(40_000).fill(7), b: new Float32Array(70_000).fill(2), c: [1n, new Date(0)] },
    ];
    const same = spec((value: unknown) => value);
    for (const value of values) {
      expect(await valueOf(engine, engine.put(encode(value)))).toEqual(value);
      expect(await valueOf(engine, engine.submit({ ...same, args: encode([value]) }))).toEqual(value);
    }
  });

  it("puts and gets 100 MB unchanged", async () => {
    const engine = driver();
    await engine.describe();
    const array = new Float64Array(12_500_000).map((_, index) => index);
    const startedMs = performance.now();
    const id = engine.put(encode(array));
    await new Promise<void>((resolve) => void engine.whenSettled(id, () => resolve()));
    const storedMs = performance.now();
    const back = (await valueOf(engine, id)) as Float64Array;
    const readMs = performance.now();
    expect(Buffer.compare(Buffer.from(back.buffer), Buffer.from(array.buffer))).toBe(0);
    const rate = (ms: number): string => `${Math.round(100_000 / ms)} MB/s`;
    console.log(`put ${rate(storedMs - startedMs)}, get ${rate(readMs - storedMs)}`);
  });

  it("sees each value as it was stored, whatever readers do with theirs", async () => {
    const engine = driver();
    for (const length of [1_000, 100_000]) {
      const array = new Float64Array(length).fill(1);
      const id = engine.put(encode(array));
      array.fill(2);
      const readers = (await Promise.all([valueOf(engine, id), valueOf(engine, id)])) as Float64Array[];
      for (const reader of readers) {
        expect(reader[0]).toBe(1);
        reader.fill(3);
      }
      expect(((await valueOf(engine, id)) as Float64Array)[0]).toBe(1);
    }
  });

  it("uses an object before its bytes have arrived, in the order of its calls", async () => {
    const engine = driver();
    const counter = newCounter(engine);
    const large = engine.put(encode(new Uint8Array(30_000_000).fill(3)));
    const length = engine.submit(
      spec((bytes: Uint8Array) => bytes.length, [undefined], { refs: [{ index: 0, id: large }] }),
    );
    const first = add(engine, counter);
    // Its arguments are large: the next call must wait for them.
    const { actorId } = counter;
    const args = encode([new Uint8Array(20_000_000)]);
    const second = engine.callActor({ actorId, method: "add", name: "add", args, retries: 0, depth: 0 });
    const third = add(engine, counter);
    expect(await valueOf(engine, length)).toBe(30_000_000);
    expect(await Promise.all([first, second, third].map((id) => valueOf(engine, id)))).toEqual([1, 2, 3]);
  });

  it("asks its own functions whether to run a task again", async () => {
    const engine = driver();
    const seen: string[] = [];
    const shouldRetry: TaskSpec["shouldRetry"] = ({ error, classNames }) => {
      seen.push(`${classNames[0]}: ${(error as Error).message}`);
      return seen.length < 3;
    };
    const fails = spec(
      () => {
        throw new RangeError("not yet");
      },
      [],
      { retries: 5, shouldRetry },
    );
    await expect(valueOf(engine, engine.submit(fails))).rejects.toMatchObject({ code: "TASK_FAILED" });
    expect(seen).toEqual(["RangeError: not yet", "RangeError: not yet", "RangeError: not yet"]);
  });

  it("hears of its calls and what they print", async () => {
    const engine = driver();
    const execution = { messageId: "m1", executionCount: 1 };
    const heard: string[] = [];
    engine.observe({
      submitted: (cell, name) => void heard.push(`submitted ${cell?.messageId} ${name}`),
      ended: (cell, name, outcome) => void heard.push(`${outcome} ${cell?.messageId} ${name}`),
      output: ({ text, execution: cell }) => void heard.push(`${cell?.messageId} printed ${text.trim()}`),
    });
    await valueOf(engine, engine.submit(spec(() => console.log("hello"), [], { execution, name: "prints" })));
    await expect
      .poll(() => [...heard].sort())
      .toEqual(["finished m1 prints", "m1 printed hello", "submitted m1 prints"]);
    const waits = [1, 2].map(() => engine.submit(spec(() => new Promise(() => {}), [], { execution })));
    await expect.poll(() => engine.runningOf("m1"), { timeout: 5_000 }).toBe(2);
    engine.cancelExecution("m1", "the cell was interrupted");
    for (const id of waits) await expect(valueOf(engine, id)).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });

  it("gives back what it held: values, what is inside them, actors", async () => {
    const engine = driver();
    const runtime = new Runtime(engine);
    const counts = async (): Promise<unknown> => {
      const { objectStore, actors } = await engine.describe();
      return { bytes: objectStore.usedBytes, living: actors.filter(({ state }) => state === "alive").length };
    };
    const before = await counts();
    const inner = runtime.put(new Uint8Array(1_000_000));
    const outer = runtime.put({ inner, list: [inner] });
    inner[Symbol.dispose]();
    const { inner: again } = await outer;
    expect((await again).length).toBe(1_000_000);
    outer[Symbol.dispose]();
    expect((await again).length).toBe(1_000_000);
    again[Symbol.dispose]();
    const counter = newCounter(engine);
    expect(await valueOf(engine, add(engine, counter))).toBe(1);
    engine.unuse(counter.actorId);
    await expect.poll(counts, { timeout: 10_000 }).toEqual(before);
  });

  it("serves the panel of its machine, and removes the socket at its end", async () => {
    const engine = driver();
    const { viewAddress = "" } = engine;
    await engine.describe();
    expect(await eventually(() => existsSync(viewAddress), 5_000)).toBe(true);
    const panel = connect(viewAddress);
    const lines: string[] = [];
    createInterface({ input: panel }).on("line", (line) => void lines.push(line));
    panel.write(`${JSON.stringify({ type: "comm-open", commId: "1", target: "mobula.cluster.v1", data: {} })}\n`);
    panel.write(
      `${JSON.stringify({ type: "comm-message", data: { op: "hello", protocol: 1, topics: ["resources"] } })}\n`,
    );
    await expect.poll(() => lines.join("\n"), { timeout: 5_000 }).toMatch(/"op":"welcome"[^]*"op":"snapshot"/);
    const closed = once(panel, "close");
    await engine.close();
    await closed;
    expect(existsSync(dirname(viewAddress))).toBe(false);
  });

  it("shares the cluster with other drivers, remote and local", async () => {
    const [one, two] = [driver({ name: "one" }), driver({ name: "two" })];
    const joined = firstLine(startProgram("joins", cluster.folder));
    const area = spec((a: number, b: number) => a * b, [6, 7]);
    const results = [one, two].flatMap((engine) => [1, 2, 3].map(() => valueOf(engine, engine.submit(area))));
    expect(await Promise.all(results)).toEqual([42, 42, 42, 42, 42, 42]);
    expect(JSON.parse(await joined)).toMatchObject({ sum: 4_950 });
    expect((await jobOf(one))?.state).toBe("running");
    expect((await jobOf(two))?.state).toBe("running");
  });
});

describe("a connection that is cut", () => {
  it("in the middle of 1000 submissions loses none and runs none twice", async () => {
    const { engine, wire } = await wired();
    const counter = newCounter(engine);
    expect(await valueOf(engine, add(engine, counter))).toBe(1);
    const before = wire.sentBytes;
    const calls: ObjectId[] = [];
    let cuts = 0;
    for (let batch = 0; batch < 20; batch++) {
      for (let call = 0; call < 50; call++) calls.push(add(engine, counter));
      await sleep(2);
      if (batch % 6 !== 2) continue;
      // Each cut meets a connection in use.
      await expect.poll(() => wire.connections, { timeout: 10_000 }).toBeGreaterThan(cuts);
      wire.cut();
      cuts++;
    }
    const results = await Promise.all(calls.map((id) => valueOf(engine, id)));
    expect(results).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 2));
    expect(await valueOf(engine, add(engine, counter))).toBe(1_002);
    expect(wire.connections).toBe(cuts + 1);
    expect(wire.sentBytes).toBeGreaterThan(before);
  });

  it("in the middle of a large value goes on where it was", async () => {
    const { engine, wire } = await wired();
    const array = new Float64Array(5_000_000).map((_, index) => index);
    const id = engine.put(encode(array));
    await expect.poll(() => wire.sentBytes).toBeGreaterThan(5_000_000);
    wire.cut();
    const back = valueOf(engine, id);
    await sleep(300);
    wire.cut();
    expect(Buffer.compare(Buffer.from(((await back) as Float64Array).buffer), Buffer.from(array.buffer))).toBe(0);
  });

  it("keeps its work while it is away, and streams go on", async () => {
    const { engine, wire } = await wired();
    const count = function* (n: number): Generator<number> {
      for (let i = 0; i < n; i++) yield i;
    };
    const stream = engine.submitStream(spec(count, [100]));
    const got: unknown[] = [];
    for (let id = await stream.next(); id !== undefined; id = await stream.next()) {
      got.push(await valueOf(engine, id));
      if (got.length === 30) {
        wire.setDown(true);
        setTimeout(() => wire.setDown(false), 500);
      }
    }
    expect(got).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  it("is noticed when the other side falls silent", async () => {
    const { engine, wire } = await wired({ heartbeatMs: 300 });
    expect(await valueOf(engine, engine.submit(spec(() => 1)))).toBe(1);
    wire.freeze();
    expect(await valueOf(engine, engine.submit(spec(() => 2)))).toBe(2);
    expect(wire.connections).toBeGreaterThan(1);
  });

  it("for longer than the lease ends the session and its job, and the refs say so", async () => {
    const { engine, wire } = await wired({ leaseMs: 500 });
    await engine.describe();
    const waits = engine.submit(spec(() => new Promise(() => {})));
    wire.setDown(true);
    await expect(valueOf(engine, waits)).rejects.toThrow(/was lost for more than 0\.5 s \(leaseMs\)/);
    await expect.poll(async () => (await jobOf(engine))?.state, { timeout: 10_000 }).toBe("ended");
    expect(() => engine.submit(spec(() => 1))).toThrow(/leaseMs/);
  });
});

describe("the end of", () => {
  it("a driver ends its session and its job at once", async () => {
    const engine = driver();
    await engine.describe();
    await engine.close();
    await expect.poll(async () => (await jobOf(engine))?.state, { timeout: 5_000 }).toBe("ended");
  });

  it.each(["exit", "end"])("a program without shutdown() (%s) ends its session at once", async (how) => {
    const program = startProgram("remote", cluster.address, cluster.token, how);
    const { clientId } = JSON.parse(await firstLine(program)) as { clientId: string };
    await expect.poll(async () => (await jobOf({ clientId }))?.state, { timeout: 10_000 }).toBe("ended");
  });

  it("a killed driver ends its session and what it ran within the lease", async () => {
    const program = startProgram("remote", cluster.address, cluster.token, "stay", "1000");
    const report = JSON.parse(await firstLine(program)) as { clientId: string; actorPid: number };
    expect((await jobOf(report))?.state).toBe("running");
    program.kill("SIGKILL");
    await expect.poll(async () => (await jobOf(report))?.state, { timeout: 10_000 }).toBe("ended");
    expect(await eventually(() => !isRunning(report.actorPid), 5_000)).toBe(true);
  });

  it("a killed session fails the refs of its driver with the reason", async () => {
    const engine = driver();
    await engine.describe();
    const waits = engine.submit(spec(() => new Promise(() => {})));
    await expect.poll(() => engine.state("tasks", { name: "f", state: "RUNNING" })).toBeDefined();
    process.kill(sessionPid(engine), "SIGKILL");
    await expect(valueOf(engine, waits)).rejects.toMatchObject({
      code: "ENGINE_CLOSED",
      message: expect.stringMatching(/session that ran for this driver .* has ended/),
    });
    expect(await engine.closed).toMatchObject({ code: "ENGINE_CLOSED" });
  });

  it("the cluster fails the refs of its drivers with the reason", async () => {
    const other = await startRemoteCluster();
    const engine = driver({ address: other.address, token: other.token });
    await engine.describe();
    const waits = engine.submit(spec(() => new Promise(() => {})));
    await engine.describe();
    await other.stop();
    await expect(valueOf(engine, waits)).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
  });
});

/** The process that stands for the driver, which was the last to connect. */
function sessionPid(engine: RemoteEngine): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isSession(name));
  if (pids.length === 0) throw new Error(`no session for ${engine.clientId}`);
  return Math.max(...pids.map(Number));
}

function isSession(pid: string): boolean {
  try {
    const parent = /PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return Number(parent) === cluster.head.pid && command.includes("remote-session/main");
  } catch {
    return false; // it has ended
  }
}

describe("an address", () => {
  const failure = async (options: Partial<RemoteOptions>): Promise<{ message: string; ms: number; code?: string }> => {
    const startedMs = performance.now();
    const engine = driver(options);
    const error = await engine.describe().then(
      () => new Error("it connected"),
      (reason: Error) => reason,
    );
    return { message: error.message, code: (error as { code?: string }).code ?? "", ms: performance.now() - startedMs };
  };

  it.each([
    ["with a wrong token", { token: "wrong" }, /refuses the token: pass the one in the file/],
    ["without a token", { token: undefined as never }, /wants a token: pass the one in the file/],
    ["where nothing listens", { address: "mobula://127.0.0.1:9" }, /nothing listens there: start a cluster/],
    [
      "of no machine",
      { address: "mobula://no.such.machine.invalid:80" },
      /name of the machine|no machine has that name/,
    ],
  ])("%s fails with a sentence that says what to do", async (_what, options, message) => {
    const failed = await failure(options);
    expect(failed).toMatchObject({ code: "CONNECTION_FAILED", message: expect.stringMatching(message) });
    expect(failed.message.split("\n")).toHaveLength(1);
    expect(failed.ms).toBeLessThan(10_000);
  });

  it.each([
    [
      "that speaks no HTTP",
      (data: string) => (data === "" ? "SSH-2.0-OpenSSH_9.2\r\n" : ""),
      /speaks? no|not speak HTTP/,
    ],
    ["that ends every connection", () => undefined, /ended the connection: check host and port/],
    ["that never answers", () => "", /does not answer: something else may listen there/],
    [
      "that is another server",
      () => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      /status 200, which no Mobula cluster does/,
    ],
  ])("of something %s fails within ten seconds", async (_what, answer, message) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      const say = (data: string): void => {
        const text = answer(data);
        if (text === undefined) socket.destroy();
        else if (text !== "") socket.write(text);
      };
      if (answer("") !== "" && answer("GET") === "") say("");
      else socket.on("data", (data) => say(String(data)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const failed = await failure({ address: `mobula://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(failed).toMatchObject({ code: "CONNECTION_FAILED", message: expect.stringMatching(message) });
    expect(failed.ms).toBeLessThan(10_000);
  });

  it.each([
    "mobula://host",
    "mobula://host:0",
    "mobula://host:99999",
    "mobula://:80",
    "mobula://a b:80",
    "mobula://h:1/x",
  ])("%s is none", (address) => {
    expect(() => new RemoteEngine({ address })).toThrow(/no address of a cluster: write mobula:\/\/host:port/);
  });
});
