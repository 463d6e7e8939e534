/** What the head is told when it starts. */
import { tmpdir } from "node:os";
import type { PreparedEnvironment } from "./environments.ts";
import type { MemoryWatchOptions } from "./memory-watch.ts";

export interface HeadOptions {
  readonly clusterId: string;
  /** For sockets; exists, with mode 0700, and is removed by the head. */
  readonly directory: string;
  /** In units; `cpus`, `gpus`, `memoryBytes` and others. */
  readonly resources: Readonly<Record<string, number>>;
  readonly objectStoreBytes: number;
  /** Folder in which the cluster makes its own for spilled objects. Default: the temporary directory. */
  readonly spillDirectory?: string;
  /** Bytes that spilled objects may take; 0: nothing is spilled. Default: half of what the disk has free. */
  readonly spillBytes?: number;
  /** Workers to start at once. */
  readonly prestart: number;
  /** Ids of the GPUs to give out. Default: `0`, `1` and so on. */
  readonly gpuIds?: readonly string[];
  /** Worker processes at most. Default: no limit. */
  readonly maxWorkers?: number;
  /** When processes are ended for lack of memory. */
  readonly memory?: MemoryWatchOptions;
  /** What the driver calls itself. */
  readonly name?: string;
  /** Where the HTTP server listens. Default: a free port of the loopback address, with a token of its own. */
  readonly http?: HttpOptions;
  /** Set for a cluster that outlives its drivers. */
  readonly standing?: StandingOptions;
}

export interface StandingOptions {
  /** What it is found by. */
  readonly name: string;
  /** Where it tells how to reach it. */
  readonly discoveryFile: string;
  /** What its output and errors go to; empty when that is the terminal. */
  readonly logFile: string;
}

export interface HttpOptions {
  readonly host?: string;
  readonly port?: number;
  readonly token?: string;
  /** Names, beside its own, under which clients may address the machine. */
  readonly hostNames?: readonly string[];
}

/** Longer paths of unix sockets are refused by the system (108 bytes, less room for the file's name). */
const MAX_DIRECTORY_LENGTH = 80;

/** Where clusters make their folders, called `mobula-…`. */
export function socketRoot(): string {
  const root = tmpdir();
  return root.length <= MAX_DIRECTORY_LENGTH ? root : "/tmp";
}

const HEAD_OPTIONS_VARIABLE = "MOBULA_HEAD_OPTIONS";
/** Node reads the file at its start, which takes longer than all the rest of it. */
const EXTRA_CERTIFICATES_VARIABLE = "NODE_EXTRA_CA_CERTS";
const HEAD_CERTIFICATES_VARIABLE = "MOBULA_HEAD_EXTRA_CA_CERTS";
export const WORKER_OPTIONS_VARIABLE = "MOBULA_WORKER_OPTIONS";

/** The environment of a new head. It speaks TLS with nobody, so it starts without certificates; what it starts has them. */
export function headEnvironment(options: HeadOptions): NodeJS.ProcessEnv {
  const { [EXTRA_CERTIFICATES_VARIABLE]: certificates, ...environment } = process.env;
  if (certificates !== undefined) environment[HEAD_CERTIFICATES_VARIABLE] = certificates;
  return { ...environment, [HEAD_OPTIONS_VARIABLE]: JSON.stringify(options) };
}

/** For the head: what it was told. Its own child processes get the environment as it was. */
export function takeHeadOptions(): HeadOptions {
  const { env } = process;
  const options = JSON.parse(env[HEAD_OPTIONS_VARIABLE] ?? "{}") as HeadOptions;
  const certificates = env[HEAD_CERTIFICATES_VARIABLE];
  if (certificates !== undefined) env[EXTRA_CERTIFICATES_VARIABLE] = certificates;
  delete env[HEAD_CERTIFICATES_VARIABLE];
  // Neither workers nor what they start are heads.
  delete env[HEAD_OPTIONS_VARIABLE];
  return options;
}

/** What a worker is told when it starts. */
export interface WorkerOptions {
  readonly workerId: string;
  readonly directory: string;
  /** A worker whose parent is another process was orphaned. */
  readonly headPid: number;
  /** What sets it apart from workers of the default environment. */
  readonly prepared?: PreparedEnvironment;
}

export function headAddress(directory: string): string {
  return `${directory}/head.sock`;
}

export function viewAddress(directory: string): string {
  return `${directory}/view.sock`;
}

export function logDirectory(directory: string): string {
  return `${directory}/logs`;
}

/** What a worker captures of its own output. */
export function workerLogPath(directory: string, workerId: string): string {
  return `${logDirectory(directory)}/${workerId}.log`;
}

/** What a worker's process printed past its capture. */
export function rawLogPath(directory: string, workerId: string): string {
  return `${logDirectory(directory)}/${workerId}.raw.log`;
}

/** Where panels of one of several drivers connect. */
export function driverViewAddress(directory: string, clientId: string): string {
  return `${directory}/view-${clientId}.sock`;
}

export function workerAddress(directory: string, workerId: string): string {
  return `${directory}/${workerId}.sock`;
}
