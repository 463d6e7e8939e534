/** The cluster this process is connected to: started by `init`, or by the first use. */
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { type LocalOptions, startLocalEngine } from "../engine/local/start-head.ts";
import { UnsupportedError } from "../errors.ts";
import { attachNotebook } from "../notebook/attach.ts";
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
  /** `local` (default), or the address of a running cluster. Default: the environment variable MOBULA_ADDRESS. */
  readonly address?: string;
  /** What `cluster()` calls it. */
  readonly name?: string;
  /** What the processes of tasks and actors are like, unless they say otherwise. */
  readonly runtimeEnv?: RuntimeEnv;
}

interface Connected {
  readonly runtime: Runtime;
  readonly options: string;
  detach(): void;
}

/** One per process, also when this package is loaded twice. */
const KEY: unique symbol = Symbol.for("mobula.runtime");
const holder = globalThis as { [KEY]?: Connected };

/**
 * Connect to a cluster; starts one on this machine unless an address is given. Optional: the first use does it with the
 * defaults. Calling it again with the same options changes nothing.
 *
 * @throws UnsupportedError for addresses this version cannot connect to
 * @throws Error when this process is connected with other options: call `shutdown()` first
 */
export async function init(options: InitOptions = {}): Promise<void> {
  const connected = holder[KEY];
  if (connected === undefined) {
    connect(options);
    await currentRuntime().engine.describe();
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

function canonical(options: InitOptions): string {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function connect(options: InitOptions): Connected {
  const address = options.address ?? process.env["MOBULA_ADDRESS"] ?? "local";
  if (address !== "local") {
    throw new UnsupportedError(
      `The cluster address '${address}'`,
      "This version runs on the local machine: leave out address, or unset MOBULA_ADDRESS.",
    );
  }
  const { cpus, gpus, memoryBytes, resources, objectStoreBytes, name } = options;
  checkResourceNames(resources);
  const environment = environmentFrom(options.runtimeEnv, undefined);
  const local: LocalOptions = {
    ...(cpus === undefined ? {} : { cpus }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(resources === undefined ? {} : { resources }),
    ...(objectStoreBytes === undefined ? {} : { objectStoreBytes }),
    ...(name === undefined ? {} : { name }),
    // Processes of the default environment would wait for nothing.
    ...(environment === undefined ? {} : { prestart: 0 }),
  };
  const engine: LocalEngine = startLocalEngine(local);
  const runtime = new Runtime(engine, undefined, environment);
  const connected: Connected = { runtime, options: canonical(options), detach: attachNotebook(engine) };
  holder[KEY] = connected;
  // A cluster that ended on its own is forgotten: the next use starts a new one.
  void engine.closed.then(() => {
    if (holder[KEY] !== connected) return;
    connected.detach();
    delete holder[KEY];
  });
  return connected;
}

/** The runtime of this process; connects with the defaults when there is none. */
export function currentRuntime(): Runtime {
  return (holder[KEY] ?? connect({})).runtime;
}

/** For a worker, which is part of a cluster from its start. */
export function adoptRuntime(runtime: Runtime): void {
  holder[KEY] = { runtime, options: "{}", detach: () => {} };
}

/** End the cluster of this process: its tasks, actors and objects are gone. The next use starts a new one. */
export async function shutdown(): Promise<void> {
  const connected = holder[KEY];
  if (connected === undefined) return;
  delete holder[KEY];
  connected.detach();
  await connected.runtime.engine.close();
}
