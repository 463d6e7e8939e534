/**
 * How programs of one user find the standing clusters of this machine: one file each, which only this user may read, for it
 * holds the token. A file whose cluster was killed is removed by the next one that looks, with all the cluster left.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, hostname } from "node:os";
import { basename, join } from "node:path";
import { sweepStaleArenas } from "../store/index.ts";
import { isSameProcess, type ProcessStamp } from "../store/process-stamp.ts";

/** What a standing cluster is called unless it was given a name. */
export const DEFAULT_CLUSTER_NAME = "default";

const SUFFIX = ".json";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** What a standing cluster tells about itself. */
export interface Discovery {
  readonly name: string;
  readonly clusterId: string;
  /** The head's process. */
  readonly head: ProcessStamp;
  /** Where its sockets lie. */
  readonly directory: string;
  /** Where its objects lie. */
  readonly arena: string;
  /** Of the HTTP server, and what its requests must carry. */
  readonly url: string;
  readonly token: string;
  readonly startedAtMs: number;
  readonly version: string;
  readonly logFile: string;
}

export function isClusterName(name: string): boolean {
  return NAME.test(name);
}

/**
 * The folder of this user's discovery files and logs, mode 0700: `$MOBULA_STATE_DIR`, else below `$XDG_RUNTIME_DIR`, else
 * below `$XDG_STATE_HOME` or `~/.local/state` one per machine, as homes may be shared.
 *
 * @throws Error when it cannot be made, or others could write into it
 */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const directory = chooseStateDirectory(env);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    requireOwn(directory);
  } catch (error) {
    throw new Error(
      `Standing clusters need a folder of your own at ${directory} (${(error as Error).message}): name another one in MOBULA_STATE_DIR.`,
      { cause: error },
    );
  }
  return directory;
}

function chooseStateDirectory(env: NodeJS.ProcessEnv): string {
  const { MOBULA_STATE_DIR: own, XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: state } = env;
  if (own) return own;
  if (runtime && existsSync(runtime)) return join(runtime, "mobula");
  return join(state || join(homedir(), ".local", "state"), "mobula", hostname());
}

/** Whoever may write there could have us send our work to a cluster of theirs. */
function requireOwn(directory: string): void {
  const { uid, mode } = lstatSync(directory);
  if (process.getuid !== undefined && uid !== process.getuid()) throw new Error("it belongs to another user");
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

export function discoveryFile(name: string, folder: string = stateDirectory()): string {
  return join(folder, `${name}${SUFFIX}`);
}

export function logFileOf(name: string, folder: string = stateDirectory()): string {
  return join(folder, `${name}.log`);
}

/**
 * Make the cluster known.
 *
 * @returns false when a cluster of that name is known already; then nothing is changed
 */
export function publishDiscovery(discovery: Discovery, file: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(discovery, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
  try {
    // Readers see the whole file or none, and of two that start at once one fails.
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The cluster that `file` tells of. One that was killed is cleaned up after, and not returned. */
export function readDiscovery(file: string): Discovery | undefined {
  let text: string;
  try {
    requireOwnFile(file);
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const discovery = parse(text);
  if (discovery === undefined) throw new Error(`${file} is no file of a cluster; remove it.`);
  if (isSameProcess(discovery.head)) return discovery;
  removeRemains(discovery, file);
  return undefined;
}

/** A file that others can write may name a cluster of theirs. */
function requireOwnFile(file: string): void {
  const { uid, mode } = lstatSync(file);
  if (process.getuid !== undefined && uid !== process.getuid()) throw new Error(`${file} belongs to another user.`);
  if ((mode & 0o022) !== 0) throw new Error(`${file} can be written by others; remove it.`);
}

function parse(text: string): Discovery | undefined {
  try {
    const { name, head, directory, arena, url, token, clusterId } = JSON.parse(text) as Partial<Discovery>;
    const words = [name, directory, arena, url, token, clusterId];
    if (words.some((word) => typeof word !== "string") || typeof head?.pid !== "number") return undefined;
    return JSON.parse(text) as Discovery;
  } catch {
    return undefined;
  }
}

/** All clusters of this user that run, by name. */
export function listClusters(folder: string = stateDirectory()): Discovery[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(SUFFIX) && isClusterName(basename(name, SUFFIX)));
  return files.sort().flatMap((name) => readDiscovery(join(folder, name)) ?? []);
}

/** Remove what a cluster that is gone has left: sockets, shared memory, its discovery file. */
export function removeRemains({ directory, arena }: Pick<Discovery, "directory" | "arena">, file: string): void {
  rmSync(directory, { recursive: true, force: true });
  rmSync(arena, { recursive: true, force: true });
  rmSync(file, { force: true });
  sweepStaleArenas();
}
