/**
 * Several machines on one: namespaces of Linux, each with a host name, a network address, ports, a home folder and shared
 * memory of its own. So commands run with the names and ports that the manual gives, beside anything else on this machine.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";

const HOLDER = resolve(import.meta.dirname, "machines.sh");
const VENV = process.env["MOBULA_TEST_VENV"] ?? resolve(import.meta.dirname, "../../.venv");
const NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child"];

/** Whether this user may have namespaces, and the tools for them are there. */
export const canHaveMachines: boolean =
  spawnSync("unshare", [...NAMESPACES, "sh", "-c", "mount -t proc proc /proc && ip link add lan type bridge"])
    .status === 0;

export interface Finished {
  readonly code: number | null;
  /** Both streams, as they came. */
  readonly output: string;
}

export class Machines {
  readonly #holder: ChildProcess;
  readonly #folder: string;
  /** Of the holder. */
  readonly #pid: string;
  /** By machine, as the holder sees them. */
  readonly #pids: ReadonlyMap<string, string>;
  readonly #started = new Set<ChildProcess>();

  private constructor(holder: ChildProcess, folder: string, [pid = "", ...machines]: readonly string[]) {
    this.#holder = holder;
    this.#folder = folder;
    this.#pid = pid;
    this.#pids = new Map(machines.map((word) => word.split("=") as [string, string]));
  }

  /** @param names - one that begins with `!` is connected to none of the others. */
  static async start(...names: readonly string[]): Promise<Machines> {
    // Short, because Ray's sockets lie in it.
    const folder = mkdtempSync("/tmp/lan-");
    const holder = spawn("unshare", [...NAMESPACES, HOLDER, folder, ...names], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await Promise.race([
      once(createInterface({ input: holder.stdout as NodeJS.ReadableStream }), "line"),
      once(holder, "exit").then(([code]) => Promise.reject(new Error(`machines.sh ended with ${code}`))),
    ])) as [string];
    return new Machines(holder, folder, line.split(" "));
  }

  /** The home folder of a machine, as this process and all machines see it. */
  homeOf(machine: string): string {
    return join(this.#folder, machine);
  }

  /** A line of a shell, as a user of that machine types it in the home folder. */
  start(machine: string, line: string): ChildProcess {
    const inHolder = ["--target", this.#pid, "--mount", "--pid", "--"];
    const inMachine = ["nsenter", "--target", this.#pids.get(machine) ?? "", "--net", "--uts", "--mount", "--pid"];
    const home = this.homeOf(machine);
    const child = spawn("nsenter", [...inHolder, ...inMachine, `--wd=${home}`, "--", "bash", "-c", line], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: [join(home, "bin"), join(VENV, "bin"), dirname(process.execPath), "/usr/sbin:/usr/bin:/sbin:/bin"].join(
          delimiter,
        ),
        HOME: home,
        RAY_TMPDIR: home,
        LANG: "C.UTF-8",
      },
    });
    this.#started.add(child);
    child.once("exit", () => this.#started.delete(child));
    return child;
  }

  /** The same, to its end. */
  async run(machine: string, line: string): Promise<Finished> {
    const child = this.start(machine, line);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    // Not the end of its streams: what it leaves running in the background may hold them.
    const [code] = (await once(child, "exit")) as [number | null];
    return { code, output };
  }

  /** All that runs on them ends, and their files go. */
  async stop(): Promise<void> {
    const ended = this.#holder.exitCode === null ? once(this.#holder, "exit") : undefined;
    this.#holder.stdin?.end();
    // These are outside; one that somebody has stopped would never take what it has inside.
    for (const child of this.#started) child.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
