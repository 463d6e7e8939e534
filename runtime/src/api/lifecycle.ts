/** The cluster this process is connected to: started by `init`, or by the first use. */
import type { Engine } from "../engine/engine.ts";
import { joinLocalEngine } from "../engine/local/join-head.ts";
import { type LocalOptions, startLocalEngine } from "../engine/local/start-head.ts";
import { isRayAddress } from "../engine/ray/ray-address.ts";
import { RayEngine } from "../engine/ray/ray-engine.ts";
import { isRemoteAddress } from "../engine/remote/remote-address.ts";
import { RemoteEngine, type RemoteOptions } from "../engine/remote/remote-engine.ts";
import { UnsupportedError } from "../errors.ts";
import { findCluster } from "../node/find-cluster.ts";
import { attachNotebook } from "../notebook/attach.ts";
import { notebookHost } from "../notebook/host.ts";
import { checkResourceNames } from "./resources.ts";
import { Runtime } from "./runtime.ts";
import { environmentFrom, type RuntimeEnv } from "./runtime-env.ts";

/** What `init` takes. */
export interface InitOptions {
  /** Slots for tasks. Default: the CPUs this process may use. */
  readonly cpus?: number;
  /** GPU slots. Default: NVIDIA devices that this process sees. */
  readonly gpus?: number;
  /** Memory that tasks may ask for with `memoryBytes`. Default: 70 % of the machine's. */
  readonly memoryBytes?: number;
  /** Other resources by name, for the option `resources` of tasks and actors. */
  readonly resources?: Readonly<Record<string, number>>;
  /** Room for large objects. Default: 30 % of the memory, at most what the shared-memory mount has. */
  readonly objectStoreBytes?: number;
  /**
   * Existing folder for large objects that find no room in the object store: they wait there, in a folder of the
   * cluster's own, until somebody reads them. Default: the temporary directory.
   */
  readonly spillDirectory?: string;
  /** Bytes that these may take; 0: nothing is spilled. Default: half of what the disk has free at the start. */
  readonly spillBytes?: number;
  /**
   * Part of the memory that may be in use (of the machine, or of this process's control group where that has less) before
   * worker processes are ended, the youngest tasks first; see OutOfMemoryError. Default 0.95; at 1, none is ended.
   */
  readonly memoryThreshold?: number;
  /** What the processes of the cluster may use together, beside what the machine sets. Default: no limit of their own. */
  readonly memoryLimitBytes?: number;
  /**
   * `local` (default): a cluster of this process's own. `auto`: the one that `mobula start` has started; a name, or the
   * path of a file: that one among several. `mobula://host:port`: one on another machine; `mobulas://` through a proxy that
   * adds TLS. `ray://host:8265`: a Ray cluster, by the port of its dashboard. Default: the environment variable
   * MOBULA_ADDRESS.
   */
  readonly address?: string;
  /**
   * What a cluster on another machine wants to see. Default: the environment variable MOBULA_TOKEN; for a Ray cluster the
   * places where Ray's own tools look: RAY_AUTH_TOKEN, the file that RAY_AUTH_TOKEN_PATH names, `~/.ray/auth_token`.
   */
  readonly token?: string;
  /** How long a cluster on another machine keeps this driver's work while the connection is lost. Default 60 000. */
  readonly leaseMs?: number;
  /** What `cluster()` calls it; in a cluster with several drivers, what this one is called. */
  readonly name?: string;
  /** What the processes of tasks and actors are like, unless they say otherwise. */
  readonly runtimeEnv?: RuntimeEnv;
  /** Where names of actors are looked for, unless a call says otherwise. Default `default`. */
  readonly namespace?: string;
}

interface Connected {
  readonly runtime: Runtime;
  readonly options: string;
  detach(): void;
}

/** One per process, also when this package is loaded twice. */
const KEY: unique symbol = Symbol.for("mobula.runtime");
/** How it was connected before its cluster ended on its own: the next use connects to the same place. */
const LOST: unique symbol = Symbol.for("mobula.lost");
const holder = globalThis as { [KEY]?: Connected; [LOST]?: InitOptions };

/**
 * Connect to a cluster; starts one on this machine unless an address is given. Optional: the first use does it with the
 * defaults. Calling it again with the same options changes nothing.
 *
 * @throws ConnectionFailedError when no cluster is at the address
 * @throws UnsupportedError for addresses this version cannot connect to, and for sizes of a cluster that runs already
 * @throws Error when this process is connected with other options: call `shutdown()` first
 */
export async function init(options: InitOptions = {}): Promise<void> {
  const connected = holder[KEY];
  if (connected === undefined) {
    connect(options);
    await currentRuntime().engine.connected();
    // Breakpoints hold from the first call on.
    await notebookHost()?.debuggerReady?.();
    return;
  }
  const wanted = canonical(options);
  if (wanted === "{}" || wanted === connected.options) return;
  const error = new Error(
    `This process is connected already, with init(${connected.options}); call shutdown() before init(${wanted}).`,
  );
  Error.captureStackTrace(error, init);
  throw error;
}

/** Without the token: errors show this, and which cluster is meant does not depend on it. */
function canonical(options: InitOptions): string {
  const entries = Object.entries(options).filter(([name, value]) => value !== undefined && name !== "token");
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function connect(options: InitOptions): Connected {
  checkResourceNames(options.resources);
  const environment = environmentFrom(options.runtimeEnv, undefined);
  const engine = connectEngine(options, environment !== undefined);
  const runtime = new Runtime(engine, undefined, environment, options.namespace);
  const connected: Connected = { runtime, options: canonical(options), detach: attachNotebook(engine) };
  holder[KEY] = connected;
  delete holder[LOST];
  // A cluster that ended on its own is forgotten: the next use connects again.
  void engine.closed.then(() => {
    if (holder[KEY] !== connected) return;
    connected.detach();
    delete holder[KEY];
    holder[LOST] = options;
  });
  return connected;
}

function connectEngine(options: InitOptions, hasEnvironment: boolean): Engine {
  const address = options.address ?? (process.env["MOBULA_ADDRESS"] || "local");
  // Processes of the default environment would wait for nothing.
  const prestart = hasEnvironment ? { prestart: 0 } : {};
  if (address === "local") return startLocalEngine({ ...localOptions(options), ...prestart });
  if (isRemoteAddress(address)) return connectRemoteEngine(options, address);
  if (isRayAddress(address)) return connectRayEngine(options, address);
  refuseOwnSize(options, address);
  const { directory, head } = findCluster(address);
  return joinLocalEngine({ directory, head, name: options.name });
}

function connectRemoteEngine(options: InitOptions, address: string): Engine {
  return new RemoteEngine(remoteOptions(options, address, options.token ?? process.env["MOBULA_TOKEN"]));
}

function connectRayEngine(options: InitOptions, address: string): Engine {
  return new RayEngine(remoteOptions(options, address, options.token));
}

function remoteOptions(options: InitOptions, address: string, token: string | undefined): RemoteOptions {
  refuseOwnSize(options, address);
  const { name, leaseMs } = options;
  return {
    address,
    ...(token === undefined ? {} : { token }),
    ...(name === undefined ? {} : { name }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
  };
}

function localOptions(options: InitOptions): LocalOptions {
  const {
    cpus,
    gpus,
    memoryBytes,
    resources,
    objectStoreBytes,
    spillDirectory,
    spillBytes,
    memoryThreshold,
    memoryLimitBytes,
    name,
  } = options;
  return {
    ...(memoryThreshold === undefined ? {} : { memoryThreshold }),
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(resources === undefined ? {} : { resources }),
    ...(objectStoreBytes === undefined ? {} : { objectStoreBytes }),
    ...(spillDirectory === undefined ? {} : { spillDirectory }),
    ...(spillBytes === undefined ? {} : { spillBytes }),
    ...(name === undefined ? {} : { name }),
  };
}

/** A cluster that runs already has the size that it was started with. */
function refuseOwnSize(options: InitOptions, address: string): void {
  const [given] = Object.entries(localOptions(options)).find(([name]) => name !== "name") ?? [];
  if (given === undefined) return;
  throw new UnsupportedError(
    `The option '${given}' for the running cluster '${address}'`,
    "Its size was set by 'mobula start': leave the option out, or leave out address to have a cluster of your own.",
  );
}

/** The runtime of this process; connects with the defaults when there is none. */
export function currentRuntime(): Runtime {
  return (holder[KEY] ?? connect(holder[LOST] ?? {})).runtime;
}

/** For a worker, which is part of a cluster from its start. */
export function adoptRuntime(runtime: Runtime): void {
  holder[KEY] = { runtime, options: "{}", detach: () => {} };
}

/**
 * End the cluster of this process, or leave the one that it has joined: its tasks, actors and objects are gone. The next
 * use connects anew.
 */
export async function shutdown(): Promise<void> {
  const connected = holder[KEY];
  delete holder[LOST];
  if (connected === undefined) return;
  delete holder[KEY];
  connected.detach();
  await connected.runtime.engine.close();
}
