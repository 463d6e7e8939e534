/** A Ray cluster of one node on loopback, with ports and folders of its own, and nothing left of it in the end. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { autoscalingHead } from "./ray-autoscaling.ts";

/** The environment that `npm test` makes, with Ray in it. */
const VENV = process.env["MOBULA_TEST_VENV"] ?? resolve(import.meta.dirname, "../../.venv");
/** Paths of Ray's sockets are long, and may have 107 characters. */
const SHORT_TMP = "/tmp";
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const TOKEN = "a".repeat(64);

type Amounts = Readonly<Record<string, number>>;

export interface RayCluster {
  /** `ray://127.0.0.1:port`. */
  readonly address: string;
  /** Of the dashboard. */
  readonly port: number;
  readonly token: string;
  /** Of this cluster's drivers: MOBULA_STATE_DIR. */
  readonly stateFolder: string;
  /** Start another node on this machine, with one CPU and these resources and labels. */
  addNode(name: string, resources: Amounts, labels?: Readonly<Record<string, string>>): RayNode;
  /** Kill Ray's own processes of the head; what it had started ends by itself. */
  crash(): void;
  /** Ends everything, and waits until nothing of it runs; of a shared one, only until no driver has anything there. */
  stop(): Promise<void>;
  /** Processes of the cluster that run now, by what they were started with. */
  processes(): { readonly pid: number; readonly command: string }[];
}

/** Where a cluster is, for other processes. */
export interface RayPlace {
  readonly folder: string;
  /** Of the dashboard. */
  readonly port: number;
  /** Of the head's own store, which other nodes connect to. */
  readonly gcsPort: number;
  /** For the processes of the cluster. */
  readonly env: Readonly<Record<string, string>>;
}

/** Another node of a cluster. */
export interface RayNode {
  /** Kill its raylet; what that had started ends by itself. */
  crash(): void;
  /** Of what runs on it. */
  pids(): number[];
}

/** A cluster for one file. @param env - for the processes of the cluster. */
export async function startRay(env: Readonly<Record<string, string>> = {}): Promise<RayCluster> {
  return rayAt(await launchRay(env));
}

/** A cluster of two nodes with one CPU each, which wants no token. The second has the label `zone=b`. */
export async function startOpenPair(): Promise<RayCluster> {
  const cluster = rayAt(await launchRay({ RAY_AUTH_MODE: "disabled" }, () => ({ args: ["--num-cpus=1"], env: {} })));
  cluster.addNode("second", { second: 1 }, { zone: "b" });
  return cluster;
}

/** A cluster of one CPU that grows by nodes of one when work waits for them, to three, and shrinks again. */
export async function startAutoscalingRay(): Promise<RayCluster> {
  return rayAt(await launchRay({}, autoscalingHead));
}

/** @param more - what else `ray start` is told */
export async function launchRay(
  env: Readonly<Record<string, string>> = {},
  more: typeof autoscalingHead = () => ({ args: ["--num-cpus=2"], env: {} }),
): Promise<RayPlace> {
  const folder = mkdtempSync(join(SHORT_TMP, "ray-test-"));
  const [gcs, dashboard, client] = await freePorts(3);
  writeFileSync(join(folder, "token"), TOKEN, { mode: 0o600 });
  const { args, env: moreEnv } = more(folder, gcs as number);
  const head = ray(
    folder,
    [
      ...["--head", "--include-dashboard=true", ...args],
      ...[`--port=${gcs}`, `--dashboard-port=${dashboard}`, `--ray-client-server-port=${client}`],
      ...[`--temp-dir=${join(folder, "r")}`, "--disable-usage-stats"],
    ],
    { ...env, ...moreEnv },
  );
  const place = { folder, port: dashboard as number, gcsPort: gcs as number, env };
  try {
    await untilAnswers(place.port, head);
  } catch (error) {
    await rayAt(place).stop();
    throw error;
  }
  head.unref();
  return place;
}

/** `ray start` that ends with its node. */
function ray(folder: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  // Any ports that are free.
  const ports = ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"];
  const place = ["--node-ip-address=127.0.0.1", "--object-store-memory=80000000"];
  return spawn(join(VENV, "bin", "ray"), ["start", "--block", ...args, ...ports, ...place], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore"],
    env: {
      ...process.env,
      // As in an environment that was activated: jobs start `python`.
      PATH: [join(VENV, "bin"), process.env["PATH"]].join(delimiter),
      MOBULA_RAY_TEST: folder,
      RAY_AUTH_MODE: "token",
      RAY_AUTH_TOKEN_PATH: join(folder, "token"),
      // Jobs on the head are drivers of the same user.
      MOBULA_STATE_DIR: join(folder, "state"),
      ...env,
    },
  });
}

export function rayAt({ folder, port, gcsPort, env }: RayPlace): RayCluster {
  const processes = (): { pid: number; command: string }[] => marked(`MOBULA_RAY_TEST=${folder}`);
  const crash = (): void => {
    const own = /gcs_server|raylet|dashboard|monitor|ray start|ray::|_private|agent/;
    for (const { pid, command } of processes()) if (own.test(command) && !/mobula/.test(command)) kill(pid);
  };
  const stop = async (): Promise<void> => {
    await end(processes);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const addNode = (name: string, resources: Amounts, labels: Readonly<Record<string, string>> = {}): RayNode => {
    const mark = `${folder}/${name}`;
    const args = [`--address=127.0.0.1:${gcsPort}`, "--num-cpus=1", `--resources=${JSON.stringify(resources)}`];
    const pairs = Object.entries(labels).map((pair) => pair.join("="));
    if (pairs.length > 0) args.push(`--labels=${pairs.join(",")}`);
    ray(folder, args, { ...env, MOBULA_RAY_NODE: mark }).unref();
    const running = (): { pid: number; command: string }[] => marked(`MOBULA_RAY_NODE=${mark}`);
    const raylets = (): { pid: number }[] => running().filter(({ command }) => /\/raylet /.test(command));
    return { crash: () => raylets().forEach(({ pid }) => kill(pid)), pids: () => running().map(({ pid }) => pid) };
  };
  const address = `ray://127.0.0.1:${port}`;
  return { addNode, address, port, token: TOKEN, stateFolder: join(folder, "state"), crash, stop, processes };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(async (server) => {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return (server.address() as AddressInfo).port;
  });
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return found;
}

async function untilAnswers(port: number, head: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  while (!(await answers(port))) {
    if (head.exitCode !== null) throw new Error(`ray start ended with exit code ${head.exitCode}`);
    if (Date.now() > deadline) throw new Error("the Ray head did not start in time");
    await sleep(200);
  }
}

/** Also the part of the dashboard that takes jobs. */
function answers(port: number): Promise<boolean> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return new Promise((done) => {
    const request = get({ host: "127.0.0.1", port, path: "/api/jobs/", headers, agent: false }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.setTimeout(5_000, () => request.destroy());
    request.once("error", () => done(false));
  });
}

/**
 * Ray's own processes, and all that they started: with `mark` in their environment, or, as some overwrite theirs with a title,
 * with an open file in the cluster's folder.
 */
function marked(mark: string): { pid: number; command: string }[] {
  const folder = `${mark.slice(mark.indexOf("=") + 1)}/`;
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const isMarked = readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(mark);
      if (!isMarked && !opens(Number(name), folder)) continue;
      const command = readFileSync(`/proc/${name}/cmdline`, "latin1").replaceAll("\0", " ");
      found.push({ pid: Number(name), command });
    } catch {
      // It ended meanwhile, or is not ours.
    }
  }
  return found;
}

function opens(pid: number, folder: string): boolean {
  const files = readdirSync(`/proc/${pid}/fd`);
  return files.some((file) => readlinkSync(`/proc/${pid}/fd/${file}`).startsWith(folder));
}

async function end(processes: () => { pid: number }[]): Promise<void> {
  const deadline = Date.now() + STOP_WITHIN_MS;
  for (let left = processes(); left.length > 0 && Date.now() < deadline; left = processes()) {
    for (const { pid } of left) kill(pid);
    await sleep(100);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
