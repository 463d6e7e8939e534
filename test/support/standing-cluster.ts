/** Standing clusters and their drivers, for tests: in a folder of their own, ended when the test is over. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Discovery } from "../../runtime/src/node/discovery.ts";
import { type Finished, type Running, startMobula } from "../runtime/cli/mobula.ts";
import { eventually } from "./driver-program.ts";
import { isRunning } from "./processes.ts";

export interface DriverReport {
  readonly pid: number;
  readonly clientId: string;
  /** The actor's process and that of the running task. */
  readonly actorPid: number;
  readonly taskPid: number;
  /** Where its panels connect. */
  readonly viewAddress: string;
}

export interface Driver {
  readonly child: ChildProcess;
  readonly report: DriverReport;
  /** What it has printed since its report. */
  readonly lines: readonly string[];
}

export class StandingWorld {
  /** What MOBULA_STATE_DIR names. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "standing-"));
  readonly env: NodeJS.ProcessEnv;

  constructor() {
    this.env = { ...process.env, MOBULA_STATE_DIR: this.folder, XDG_RUNTIME_DIR: "" };
    onTestFinished(() => this.#clean());
  }

  start(args: readonly string[]): Running {
    return startMobula(tmpdir(), args, this.env);
  }

  mobula(...args: readonly string[]): Promise<Finished> {
    return this.start(args).finished;
  }

  /** `mobula start` with two CPUs. */
  async cluster(...args: readonly string[]): Promise<Discovery> {
    const { code, stderr } = await this.mobula("start", "--cpus", "2", ...args);
    if (code !== 0) throw new Error(`no cluster: ${stderr}`);
    return this.discovery(args[args.indexOf("--name") + 1] ?? "default");
  }

  discovery(name = "default"): Discovery {
    return JSON.parse(readFileSync(join(this.folder, `${name}.json`), "utf8")) as Discovery;
  }

  /** A driver that joins, has an actor and a running task, reports, and stays. @param mode - see programs/joined.mjs */
  async driver(mode = "stay"): Promise<Driver> {
    const file = fileURLToPath(new URL("../runtime/programs/joined.mjs", import.meta.url));
    const child = spawn(process.execPath, [file, mode], { env: this.env, stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    await eventually(() => lines.length > 0 || child.exitCode !== null, 20_000);
    const [first] = lines.splice(0, 1);
    if (first === undefined) throw new Error(`the driver ended (${child.exitCode}) and printed nothing`);
    return { child, lines, report: JSON.parse(first) as DriverReport };
  }

  async ask<Answer>(path: string, cluster: Discovery = this.discovery()): Promise<Answer> {
    const answer = await fetch(`${cluster.url}${path}`, { headers: { authorization: `Bearer ${cluster.token}` } });
    return (await answer.json()) as Answer;
  }

  /** Pids of the head and all its workers. */
  async processes(cluster: Discovery = this.discovery()): Promise<number[]> {
    const { workers } = await this.ask<{ workers: { pid: number }[] }>("/api/v1/cluster", cluster);
    return [cluster.head.pid, ...workers.map(({ pid }) => pid).filter((pid) => pid > 0)];
  }

  async #clean(): Promise<void> {
    await this.mobula("stop", "--force");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Which processes and files of a cluster are there after so long. */
export async function remainsOf(
  { directory, arena }: Pick<Discovery, "directory" | "arena">,
  pids: readonly number[],
  withinMs: number,
): Promise<unknown[]> {
  const left = (): unknown[] => [
    ...pids.filter(isRunning),
    ...[directory, arena].filter((path) => existsSync(path)).map((path) => `${path}: ${readdirSync(path).join(", ")}`),
  ];
  await eventually(() => left().length === 0, withinMs);
  return left();
}
