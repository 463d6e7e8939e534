/** One JupyterLab process: started, watched until its address is known, and stopped with everything it started. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, EXIT_CODES, type ExitCode, usageError } from "./command.ts";
import { descendantsOf, ensureGone, signalQuietly } from "./process-tree.ts";

/** JupyterLab shuts its kernels down one after the other; each may take a moment to end its cluster. */
const STOP_TIMEOUT_MS = 20_000;
/** What kernels get to end by themselves once JupyterLab is gone. */
const LEFTOVER_GRACE_MS = 5_000;
/** How long the end of the log is waited for. */
const LOG_END_TIMEOUT_MS = 500;
/** Lines of JupyterLab's log that are kept to explain a failed start. */
const LOG_TAIL_LINES = 30;

export interface LabServerOptions {
  /** The `jupyter` program. */
  readonly jupyter: string;
  /** Arguments after `jupyter lab`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Show JupyterLab's own log. */
  readonly isVerbose: boolean;
  /** Called once, with the address that JupyterLab prints. */
  readonly onAddress: (url: string) => void;
}

/**
 * Run JupyterLab until it ends by itself or this process is told to stop (SIGINT, SIGTERM, SIGHUP). None of its processes
 * is left when this resolves. A second signal does not wait for them.
 *
 * @throws CommandError with the end of its log when it fails.
 */
export async function runLabServer(options: LabServerOptions): Promise<ExitCode> {
  // A session of its own, because Ctrl-C in a terminal goes to the whole process group, and JupyterLab would ask back.
  const child = spawn(options.jupyter, ["lab", ...options.args], {
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = followLog(child, options);
  const stop = stopOnSignals(child);
  try {
    const code = await exitCodeOf(child);
    await stop.finished();
    if (code === 0 || stop.isAsked()) return EXIT_CODES.ok;
    const tail = log.join("\n");
    throw new CommandError(EXIT_CODES.failed, `JupyterLab ended with exit code ${code}. Its last lines:\n${tail}`);
  } finally {
    stop.dispose();
  }
}

/** @throws CommandError exit code 2 when something listens on `port` already. */
export async function refuseTakenPort(port: number): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, "localhost");
    await once(probe, "listening");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const reason =
      code === "EADDRINUSE" ? "is in use; choose another one, or leave '--port' out" : `cannot be used (${code})`;
    throw usageError(`Port ${port} ${reason}.`);
  } finally {
    probe.close();
  }
}

function followLog(child: ChildProcess, { isVerbose, onAddress }: LabServerOptions): string[] {
  const tail: string[] = [];
  let isKnown = false;
  const take = (line: string): void => {
    if (tail.push(line) > LOG_TAIL_LINES) tail.shift();
    if (isVerbose) process.stderr.write(`${line}\n`);
    const url = /https?:\/\/\S+\/lab\S*/.exec(line)?.[0];
    if (url === undefined || isKnown) return;
    isKnown = true;
    onAddress(url);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream as Readable }).on("line", take);
  return tail;
}

interface StopWatch {
  isAsked(): boolean;
  /** Resolves when what JupyterLab started is gone too; at once when nobody asked to stop. */
  finished(): Promise<void>;
  dispose(): void;
}

function stopOnSignals(child: ChildProcess): StopWatch {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let stopping: Promise<void> | undefined;
  const onSignal = (): void => {
    if (stopping === undefined) stopping = stopAll(child);
    else killGroup(child);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    isAsked: () => stopping !== undefined,
    finished: () => stopping ?? Promise.resolve(),
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** SIGTERM stops JupyterLab without the question that SIGINT leads to, and it shuts its kernels down. */
async function stopAll(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  process.stderr.write("\nJupyterLab stops …\n");
  // Looked up now: once JupyterLab is gone, its kernels have another parent.
  const started = await descendantsOf(child.pid);
  const timer = setTimeout(() => killGroup(child), STOP_TIMEOUT_MS);
  signalQuietly(child.pid, "SIGTERM");
  if (!hasEnded(child)) await once(child, "exit");
  clearTimeout(timer);
  await ensureGone(started, LEFTOVER_GRACE_MS);
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && !hasEnded(child)) signalQuietly(-child.pid, "SIGKILL");
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  // `close` says that the log is read to its end; it does not come while a kernel that outlives JupyterLab holds a pipe.
  const closed = once(child, "close");
  const [code] = (await once(child, "exit")) as [number | null];
  await Promise.race([closed, sleep(LOG_END_TIMEOUT_MS)]);
  return code;
}
