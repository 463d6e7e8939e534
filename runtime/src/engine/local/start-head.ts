/** Starts the head process of an embedded cluster. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, statfsSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EngineClosedError } from "../../errors.ts";
import { gpusToGive } from "../../node/gpu-ids.ts";
import { type HeadOptions, headEnvironment, socketRoot, viewAddress } from "../../node/options.ts";
import { programUrl } from "../../node/program-url.ts";
import { DRIVER_ID } from "../../protocol/ids.ts";
import { sharedMemoryMount } from "../../store/index.ts";
import { HeadLink } from "./head-link.ts";
import { LocalEngine } from "./local-engine.ts";

/** Part of the memory that objects may take, and that tasks may ask for as `memoryBytes`. */
const STORE_SHARE = 0.3;
const MEMORY_SHARE = 0.7;
/** Part of the memory in use from which on processes are ended. */
const MEMORY_THRESHOLD = 0.95;
/** About what a worker process takes before it has done anything. */
const WORKER_BYTES = 64 * 1024 ** 2;
const LEAST_MAX_WORKERS = 64;

export interface LocalOptions {
  /** Slots for tasks. Default: the CPUs this process may use. */
  readonly cpus?: number;
  readonly gpus?: number;
  readonly memoryBytes?: number;
  readonly resources?: Readonly<Record<string, number>>;
  readonly objectStoreBytes?: number;
  readonly spillDirectory?: string;
  readonly spillBytes?: number;
  readonly memoryThreshold?: number;
  readonly memoryLimitBytes?: number;
  /** Workers to start at once. Default: one per CPU. */
  readonly prestart?: number;
  readonly name?: string;
}

/** What a new head is told, with the defaults for this machine. Makes the folder of its sockets. */
export function planHead(options: LocalOptions): HeadOptions {
  const directory = mkdtempSync(join(socketRoot(), "mobula-"));
  const cpus = options.cpus ?? availableParallelism();
  const { gpus, gpuIds } = gpusToGive(options.gpus);
  const resources: Record<string, number> = {
    ...options.resources,
    cpus,
    gpus,
    memoryBytes: options.memoryBytes ?? Math.floor(totalmem() * MEMORY_SHARE),
  };
  return {
    clusterId: randomBytes(6).toString("hex"),
    directory,
    resources,
    objectStoreBytes: options.objectStoreBytes ?? defaultStoreBytes(),
    ...(options.spillDirectory === undefined ? {} : { spillDirectory: resolve(options.spillDirectory) }),
    ...(options.spillBytes === undefined ? {} : { spillBytes: options.spillBytes }),
    memory: {
      threshold: options.memoryThreshold ?? MEMORY_THRESHOLD,
      ...(options.memoryLimitBytes === undefined ? {} : { limitBytes: options.memoryLimitBytes }),
    },
    gpuIds,
    prestart: options.prestart ?? Math.max(1, Math.ceil(cpus)),
    maxWorkers: Math.max(LEAST_MAX_WORKERS, 4 * Math.ceil(cpus), Math.floor(totalmem() / WORKER_BYTES)),
    ...(options.name === undefined ? {} : { name: options.name }),
  };
}

/** Start a cluster that ends with this process. Returns at once; calls wait until it is up. */
export function startLocalEngine(options: LocalOptions): LocalEngine {
  const head = planHead(options);
  const { directory } = head;
  const child = spawn(process.execPath, [fileURLToPath(programUrl("node/head"))], {
    env: headEnvironment(head),
    stdio: ["pipe", "ignore", "pipe"],
    // In a process group of its own it outlives a killed terminal for the moment it needs to clean up.
    detached: true,
  });
  const link = new HeadLink("driver", DRIVER_ID, directory, { driverName: options.name });
  const engine = new LocalEngine(link, DRIVER_ID, viewAddress(directory));
  let headProblem = "";
  unrefChild(child, (text) => {
    headProblem = (headProblem + text).slice(-2_000);
  });
  const headGone = (): void => {
    const reason = headProblem === "" ? "its head process ended" : `its head process ended:\n${headProblem}`;
    void engine.end(new EngineClosedError(reason));
  };
  child.once("error", (error) => {
    headProblem = String(error);
    headGone();
  });
  child.once("exit", headGone);
  link.listen({
    onMessage: (message) => engine.receive(message),
    onTimedOut: () => {},
    onTerminated: () => {},
    // The process's end says why; it may be reported a little later.
    onClosed: () => void setTimeout(headGone, 100),
  });
  return engine;
}

function unrefChild(child: ChildProcess, onError: (text: string) => void): void {
  child.unref();
  // Standard input stays open as long as this process lives: that is how the head knows.
  const { stdin, stderr } = child as {
    stdin: { unref?(): void; on(name: "error", listener: () => void): void } | null;
  } & ChildProcess;
  stdin?.unref?.();
  stdin?.on("error", () => {});
  stderr?.setEncoding("utf8").on("data", onError);
  (stderr as { unref?(): void } | null)?.unref?.();
}

function defaultStoreBytes(): number {
  const wanted = totalmem() * STORE_SHARE;
  try {
    const { bavail, bsize } = statfsSync(sharedMemoryMount());
    // A tiny mount, as containers have it, is passed over for files.
    const available = bavail * bsize;
    return Math.floor(available >= MIN_MOUNT_BYTES ? Math.min(wanted, available * 0.9) : wanted);
  } catch {
    return Math.floor(wanted);
  }
}

/** Smaller shared-memory mounts are not worth using; the arena falls back to files then. */
const MIN_MOUNT_BYTES = 1024 ** 3;
