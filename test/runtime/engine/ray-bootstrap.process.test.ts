/** How a driver finds its session in a Ray cluster, who is turned away, and what is left when somebody goes. */
import { createServer as createHttpServer, request } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { captureFunction } from "../../../runtime/src/closure/index.ts";
import type { TaskSpec } from "../../../runtime/src/engine/engine.ts";
import { JobsApi } from "../../../runtime/src/engine/ray/jobs-api.ts";
import { RayEngine } from "../../../runtime/src/engine/ray/ray-engine.ts";
import type { RemoteOptions } from "../../../runtime/src/engine/remote/remote-engine.ts";
import { decode, encode } from "../../../runtime/src/protocol/codec.ts";
import type { ObjectId } from "../../../runtime/src/protocol/ids.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { Wire } from "../../support/remote-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";

/** Long enough for a loaded machine; what is tested takes a second or two. */
const SOON = { timeout: 30_000 };

let ray: RayCluster;
const engines: RayEngine[] = [];

beforeAll(async () => {
  ray = await sharedRay();
});
beforeEach(() => {
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  vi.stubEnv("HOME", ray.stateFolder);
});
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await ray.stop();
});

function connect(options: Partial<RemoteOptions> = {}): RayEngine {
  const engine = new RayEngine({ address: ray.address, token: ray.token, ...options });
  engines.push(engine);
  return engine;
}

type AnyFunction = (...args: never[]) => unknown;

function submit(
  engine: RayEngine,
  fn: AnyFunction,
  args: readonly unknown[] = [],
  more: Partial<TaskSpec> = {},
): ObjectId {
  const { id, payload } = captureFunction(fn);
  const call = { args: encode(args), retries: 0, depth: 0 };
  return engine.submit({ code: { id, payload }, name: "f", resources: { cpus: 10_000 }, ...call, ...more });
}

async function valueOf(engine: RayEngine, id: ObjectId): Promise<unknown> {
  await new Promise<void>((done) => void engine.whenReadable(id, done));
  return decode(engine.read(id));
}

const run = (engine: RayEngine, fn: AnyFunction): Promise<unknown> => valueOf(engine, submit(engine, fn));

/** Listens until the test is over. @param server - answers in its own way. */
async function listening(server: Server, test: (address: string) => Promise<void>): Promise<void> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    await test(`ray://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
  }
}

async function refusal(options: Partial<RemoteOptions>): Promise<Error & { code?: string }> {
  const startedMs = performance.now();
  const error = await connect(options)
    .describe()
    .then(
      () => expect.fail("it connected"),
      (reason: Error) => reason,
    );
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  return error;
}

const failed = (message: RegExp): object => ({ code: "CONNECTION_FAILED", message: expect.stringMatching(message) });

test("a wrong address is told in a sentence with the fix", async () => {
  let closed = "";
  await listening(createServer(), async (address) => {
    closed = address;
  });
  expect(await refusal({ address: closed })).toMatchObject(
    failed(/nothing listens there: start the head with 'ray start --head'/),
  );
  expect(await refusal({ address: "ray://no-such-machine.invalid" })).toMatchObject(failed(/no machine has that name/));
  await listening(
    createHttpServer((_, response) => response.end("hello")),
    async (address) => {
      expect(await refusal({ address })).toMatchObject(failed(/no Ray dashboard.*8265/));
    },
  );
  const silent = createServer((socket) => socket.end("220 mail\r\n"));
  await listening(silent, async (address) => {
    expect(await refusal({ address })).toMatchObject(failed(/does not speak HTTP/));
  });
});

test("a missing and a wrong token are told apart, with where the token is", async () => {
  vi.stubEnv("RAY_AUTH_TOKEN", "");
  const { address } = ray;
  const missing = new RayEngine({ address });
  engines.push(missing);
  await expect(missing.describe()).rejects.toMatchObject(failed(/wants a token: .*\.ray\/auth_token.*RAY_AUTH_TOKEN/));
  expect(await refusal({ token: "b".repeat(64) })).toMatchObject(failed(/refuses the token/));
});

test("the token comes from the environment, as for Ray's own tools", async () => {
  vi.stubEnv("RAY_AUTH_TOKEN", ray.token);
  const engine = new RayEngine({ address: ray.address });
  engines.push(engine);
  expect((await engine.describe()).engine).toBe("ray");
});

test("a Ray that is too old is named with the version that is needed", async () => {
  const old = createHttpServer((_, response) => response.end(JSON.stringify({ ray_version: "2.57.1" })));
  await listening(old, async (address) => {
    expect(await refusal({ address })).toMatchObject(failed(/it runs Ray 2\.57\.1: .* needs Ray 2\.58\.0 or newer/));
  });
});

const sessions = (): number => ray.processes().filter(({ command }) => / mobula_ray\.session /.test(command)).length;
const hubs = (): number =>
  ray.processes().filter(({ command }) => /^\S*python -m mobula_ray\.hub /.test(command)).length;
const children = (): number => ray.processes().filter(({ command }) => /ray-worker\/main\.js/.test(command)).length;

test("drivers of one user share a hub and have sessions of their own, which end with them", async () => {
  const [first, second] = [connect(), connect()];
  expect(await Promise.all([run(first, () => 1), run(second, () => 2)])).toEqual([1, 2]);
  expect({ hubs: hubs(), sessions: sessions() }).toMatchObject({ sessions: 2 });
  expect((await first.describe()).id).toBe((await second.describe()).id);
  const before = hubs();
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  await expect.poll(() => [sessions(), children()], SOON).toEqual([0, 0]);
  expect(hubs()).toBe(before);
});

test("a session whose driver is gone without a word ends after the lease, and its work with it", async () => {
  const wire = new Wire(`http://127.0.0.1:${await hubPort()}`);
  vi.stubEnv("MOBULA_RAY_HUB", (await wire.listen()).replace("mobula://", ""));
  const engine = connect({ leaseMs: 500 });
  submit(engine, () => new Promise(() => {}));
  await expect.poll(children, SOON).toBe(1);
  wire.setDown(true);
  await expect.poll(() => [sessions(), children()], SOON).toEqual([0, 0]);
  expect((await engine.closed)?.message).toMatch(/was lost for more than 0\.5 s/);
  wire.close();
});

test("a connection that is cut while calls are on their way is taken up again: nothing is lost, nothing done twice", async () => {
  const wire = new Wire(`http://127.0.0.1:${await hubPort()}`);
  vi.stubEnv("MOBULA_RAY_HUB", (await wire.listen()).replace("mobula://", ""));
  const engine = connect();
  await engine.describe();
  const ids = Array.from({ length: 100 }, (_, index) => submit(engine, (n: number) => n * 2, [index]));
  const large = engine.put(encode(new Float64Array(1_000_000).fill(3)));
  wire.cut();
  const values = await Promise.all(ids.map((id) => valueOf(engine, id)));
  expect(values).toEqual(ids.map((_, index) => index * 2));
  wire.cut();
  expect(((await valueOf(engine, large)) as Float64Array).at(-1)).toBe(3);
  expect(wire.connections).toBeGreaterThan(1);
  // While it can still say that it ends.
  await engine.close();
  wire.close();
});

test("the hub turns away who has no secret, web pages, and who belongs to no session", async () => {
  const port = await hubPort();
  const ask = (headers: Record<string, string>): Promise<number> =>
    new Promise((done, failed) => {
      const sent = request({ host: "127.0.0.1", port, path: "/remote", headers, agent: false }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      });
      sent.once("error", failed);
      sent.end();
    });
  expect(await ask({})).toBe(401);
  expect(await ask({ authorization: `Bearer ${"0".repeat(64)}` })).toBe(401);
  expect(await ask({ origin: "http://evil.example" })).toBe(403);
});

test("another user has a hub of their own, which ends when nobody needs it", async () => {
  await run(connect(), () => 1);
  const before = hubs();
  vi.stubEnv("MOBULA_STATE_DIR", join(ray.stateFolder, "another"));
  vi.stubEnv("MOBULA_RAY_HUB_IDLE_MS", "500");
  const other = connect();
  expect(await run(other, () => 2)).toBe(2);
  expect(hubs()).toBe(before + 1);
  await other.close();
  await expect.poll(hubs, SOON).toBe(before);
});

test("a machine without Node says what to install", async () => {
  const environment = { id: "no-node", envVars: { MOBULA_NODE: "/bin/false" } };
  const engine = connect();
  const problem = valueOf(
    engine,
    submit(engine, () => 1, [], { environment }),
  );
  await expect(problem).rejects.toMatchObject({ code: "RUNTIME_ENV_SETUP" });
  await expect(problem).rejects.toThrow(/has no Node 20\.19 or newer.*\/bin\/false.*Install Node.*MOBULA_NODE/);
});

let foundPort: Promise<number> | undefined;

/** Of this user's hub. */
function hubPort(): Promise<number> {
  foundPort ??= findHubPort();
  return foundPort;
}

async function findHubPort(): Promise<number> {
  await connect().describe();
  await engines.pop()?.close();
  const { port, token, address } = ray;
  const api = new JobsApi({ address, host: "127.0.0.1", port, token });
  const ids = await jobIds(port, token);
  const logs = await Promise.all(ids.map((id) => api.logs(id)));
  return Number(/MOBULA_HUB \{"port": (\d+)\}/.exec(logs.join("\n"))?.[1]);
}

function jobIds(port: number, token: string): Promise<string[]> {
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((done, failed) => {
    const sent = request({ host: "127.0.0.1", port, path: "/api/jobs/", headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("end", () => {
        const jobs = JSON.parse(text) as { submission_id: string | null }[];
        done(jobs.flatMap(({ submission_id: id }) => (id === null ? [] : [id])));
      });
    });
    sent.once("error", failed);
    sent.end();
  });
}
