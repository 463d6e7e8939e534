/** Starts a kernel's process, connects to it, and makes sure that it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CHANNELS,
  type Channel,
  CONNECTION_FOLDER_PREFIX,
  type Connection,
  formatConnection,
} from "../protocol/connection-file.ts";
import { KernelDiedError } from "./errors.ts";
import { KernelClient } from "./kernel-client.ts";

export interface StartKernelOptions {
  /** Program and arguments, as in a kernelspec; `{connection_file}` stands for the path of the connection file. */
  readonly command: readonly string[];
  /** Working directory: where the notebook lies. Default: the current one. */
  readonly directory?: string;
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** `ipc` needs no ports, `tcp` works everywhere. Default: `ipc`, on Windows `tcp`. */
  readonly transport?: "ipc" | "tcp";
  /** Time until the kernel must answer. Default: 30 000. */
  readonly startTimeoutMs?: number;
  /** Hears what the kernel's process itself prints (not the output of cells). */
  readonly onLog?: (text: string) => void;
}

export interface KernelExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** How much of the process's last words goes into an error message. */
const LOG_TAIL_CHARS = 4000;

/** The path of a unix socket has room for 103 characters on macOS, 107 on Linux. */
const MAX_SOCKET_PATH = 100;

/**
 * Start a kernel and wait until it answers.
 *
 * @throws KernelDiedError when it ends or does not answer in time; nothing of it is left then.
 */
export async function startKernel(options: StartKernelOptions): Promise<RunningKernel> {
  const folder = await mkdtemp(join(tmpdir(), CONNECTION_FOLDER_PREFIX));
  const socketPrefix = join(folder, "channel");
  const isIpc = (options.transport ?? defaultTransport(socketPrefix)) === "ipc";
  const connection: Connection = {
    transport: isIpc ? "ipc" : "tcp",
    ip: isIpc ? socketPrefix : "127.0.0.1",
    ports: isIpc ? { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 5 } : await freePorts(),
    key: randomBytes(32).toString("hex"),
  };
  const connectionFile = join(folder, "connection.json");
  await writeFile(connectionFile, formatConnection(connection), { mode: 0o600 });
  const kernel = new RunningKernel(spawnKernel(options, connectionFile), {
    connection,
    connectionFile,
    folder,
    options,
  });
  try {
    await kernel.client.waitUntilReady(options.startTimeoutMs ?? 30_000);
    return kernel;
  } catch (error) {
    await kernel.kill();
    throw error;
  }
}

/** A kernel that this process started. */
export class RunningKernel {
  readonly client: KernelClient;
  /** For further clients. */
  readonly connection: Connection;
  readonly connectionFile: string;
  /** Resolves when the process has ended. */
  readonly exited: Promise<KernelExit>;
  private readonly child: ChildProcess;
  private readonly folder: string;
  private logTail = "";

  /** Use `startKernel`. */
  constructor(
    child: ChildProcess,
    parts: { connection: Connection; connectionFile: string; folder: string; options: StartKernelOptions },
  ) {
    this.child = child;
    this.connection = parts.connection;
    this.connectionFile = parts.connectionFile;
    this.folder = parts.folder;
    this.client = new KernelClient(parts.connection);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.logTail = (this.logTail + text).slice(-LOG_TAIL_CHARS);
        parts.options.onLog?.(text);
      });
    }
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.client.markDead(new KernelDiedError(`The kernel could not be started: ${error.message}`));
        resolve({ code: null, signal: null });
      });
      // `close`, not `exit`: the last words belong to the message.
      child.once("close", (code, signal) => {
        this.client.markDead(new KernelDiedError(describeExit({ code, signal }, this.logTail)));
        resolve({ code, signal });
      });
    });
  }

  /** `undefined` when the process could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Another client of the same kernel, ready to use; close it when done. */
  async connect(): Promise<KernelClient> {
    const client = new KernelClient(this.connection);
    await client.waitUntilReady();
    return client;
  }

  /** Ask the kernel to end; after `timeoutMs` (default 5000) end it by force. Resolves when the process is gone. */
  async shutdown(options: { timeoutMs?: number } = {}): Promise<void> {
    this.client.requestShutdown().catch(() => {}); // a kernel that cannot answer is killed below
    await this.exitWithin(options.timeoutMs ?? 5000);
    await this.kill();
  }

  /** End the process by force, gently first. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.hasExited()) {
      this.child.kill("SIGTERM");
      if (!(await this.exitWithin(1000))) this.killGroup();
    }
    await this.exited;
    this.client.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  private hasExited(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async exitWithin(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const isGone = await Promise.race([this.exited.then(() => true), timeout]);
    clearTimeout(timer);
    return isGone;
  }

  private killGroup(): void {
    try {
      process.kill(-(this.child.pid as number), "SIGKILL");
    } catch {
      this.child.kill("SIGKILL"); // no process groups here
    }
  }
}

function spawnKernel(options: StartKernelOptions, connectionFile: string): ChildProcess {
  const [program = "", ...args] = options.command.map((word) => word.replaceAll("{connection_file}", connectionFile));
  return spawn(program, args, {
    cwd: options.directory ?? process.cwd(),
    // The kernel ends itself when the process of this id is gone.
    env: { ...(options.env ?? process.env), JPY_PARENT_PID: String(process.pid) },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: Ctrl-C in the terminal is for this program, which then decides about its kernels.
    detached: true,
  });
}

function defaultTransport(socketPrefix: string): "ipc" | "tcp" {
  return process.platform === "win32" || socketPrefix.length > MAX_SOCKET_PATH ? "tcp" : "ipc";
}

/** Ports nobody listens on now. Another program may take one before the kernel does; `ipc` has no such gap. */
async function freePorts(): Promise<Record<Channel, number>> {
  const servers = await Promise.all(CHANNELS.map(() => listenAnywhere()));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Object.fromEntries(CHANNELS.map((channel, index) => [channel, ports[index]])) as Record<Channel, number>;
}

function listenAnywhere(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function describeExit({ code, signal }: KernelExit, logTail: string): string {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
  const tail = logTail.trim();
  return tail === "" ? `The kernel ended ${how}.` : `The kernel ended ${how}:\n${tail}`;
}
