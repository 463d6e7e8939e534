/** Starts and stops worker processes, reads what they print past our capture, and reports how they end. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { WorkerId } from "../protocol/ids.ts";
import type { ProcessEnd } from "../protocol/messages.ts";
import type { PreparedEnvironment } from "./environments.ts";
import { WORKER_OPTIONS_VARIABLE, type WorkerOptions } from "./options.ts";
import { programUrl } from "./program-url.ts";

const STDERR_TAIL_CHARS = 4_000;

export interface WorkerProcessHooks {
  onEnd(workerId: WorkerId, end: ProcessEnd): void;
  /** Output that bypassed `console` and `process.stdout`: of native code, or of a crash. */
  onOutput(workerId: WorkerId, pid: number, stream: "stdout" | "stderr", text: string): void;
}

export class WorkerProcesses {
  readonly #directory: string;
  readonly #children = new Map<WorkerId, ChildProcess>();
  readonly #started = new Set<WorkerId>();
  #hooks: WorkerProcessHooks | undefined;
  /** Reports for which nobody listened yet. */
  #early: ((hooks: WorkerProcessHooks) => void)[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  listen(hooks: WorkerProcessHooks): void {
    this.#hooks = hooks;
    for (const report of this.#early.splice(0)) report(hooks);
  }

  #report(report: (hooks: WorkerProcessHooks) => void): void {
    if (this.#hooks === undefined) this.#early.push(report);
    else report(this.#hooks);
  }

  /** A worker that was started ahead of being wanted is not started again. */
  start(workerId: WorkerId, prepared?: PreparedEnvironment): void {
    if (this.#started.has(workerId)) return;
    this.#started.add(workerId);
    const options: WorkerOptions = {
      workerId,
      directory: this.#directory,
      headPid: process.pid,
      ...(prepared === undefined ? {} : { prepared }),
    };
    const { envVars = {}, workingDir } = prepared?.environment ?? {};
    const env = { ...process.env, ...expanded(envVars), [WORKER_OPTIONS_VARIABLE]: JSON.stringify(options) };
    // The flag lets a worker survive the termination of a spinning task inside a timer.
    const args = ["--no-force-async-hooks-checks", "--no-deprecation", fileURLToPath(programUrl("worker/main"))];
    const place = workingDir === undefined ? {} : { cwd: workingDir };
    const child = spawn(process.execPath, args, { env, ...place, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.set(workerId, child);
    let stderrTail = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#report((hooks) => hooks.onOutput(workerId, child.pid ?? 0, "stdout", text));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARS);
      this.#report((hooks) => hooks.onOutput(workerId, child.pid ?? 0, "stderr", text));
    });
    let isOver = false;
    const end = (exitCode: number | null, signal: string | null): void => {
      if (isOver) return;
      isOver = true;
      this.#children.delete(workerId);
      const report: ProcessEnd = { pid: child.pid ?? 0, exitCode, signal, stderrTail: stderrTail.trimEnd() };
      this.#report((hooks) => hooks.onEnd(workerId, report));
    };
    child.once("error", (error) => {
      stderrTail += String(error);
      end(null, "not started");
    });
    // `close` comes after the last output; a grandchild may keep the pipes open, so `exit` sets a limit.
    child.once("exit", (code, signal) => setTimeout(end, 200, code, signal).unref());
    child.once("close", (code, signal) => end(code, signal));
  }

  stop(workerId: WorkerId): void {
    this.#children.get(workerId)?.kill("SIGKILL");
  }

  stopAll(): void {
    for (const child of this.#children.values()) child.kill("SIGKILL");
  }
}

/** Values with `${NAME}` replaced by what the variable is in this process. */
function expanded(envVars: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(envVars).map(([name, value]) => {
    return [name, value.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => process.env[variable] ?? "")] as const;
  });
  return Object.fromEntries(entries);
}
