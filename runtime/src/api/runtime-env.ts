/** `runtimeEnv`: what the processes of tasks and actors are like. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { nearestName } from "../nearest-name.ts";
import type { WireEnvironment } from "../protocol/messages.ts";

/**
 * What the worker processes of a task or actor have beside what the driver has. Work of different environments never
 * shares a process. Given to `init`, it holds for all tasks and actors; each of them may replace single fields, and what
 * a task starts itself has the task's.
 */
export interface RuntimeEnv {
  /** Variables of `process.env`, added to those of the cluster. `${NAME}` in a value stands for what NAME is there. */
  readonly envVars?: Readonly<Record<string, string>>;
  /**
   * The folder that processes run in. Relative imports are looked for there first, at the place where they are below
   * the driver's working directory.
   */
  readonly workingDir?: string;
  /**
   * npm packages, as `["left-pad@1.3.0"]` or `{ "left-pad": "^1.3.0" }`; also `file:` and addresses. They are installed
   * once per machine, into the user's cache, and found by imports and `require` in the task, before others of the same
   * name. A version that is left open is the newest one of the day it was installed.
   */
  readonly npm?: readonly string[] | Readonly<Record<string, string>>;
  /** How long installing may take. Default 600 000. */
  readonly setupTimeoutMs?: number;
}

const FIELDS: readonly (keyof RuntimeEnv)[] = ["envVars", "workingDir", "npm", "setupTimeoutMs"];

/**
 * The environment that `runtimeEnv` makes of `base`; `base` itself when it changes nothing.
 *
 * @throws TypeError, RangeError for what it cannot be
 */
export function environmentFrom(
  runtimeEnv: RuntimeEnv | undefined,
  base: WireEnvironment | undefined,
): WireEnvironment | undefined {
  if (runtimeEnv === undefined) return base;
  checkFields(runtimeEnv);
  const { envVars, workingDir, npm, setupTimeoutMs } = runtimeEnv;
  const timeout = setupTimeoutMs ?? base?.setupTimeoutMs;
  const place =
    workingDir === undefined
      ? { workingDir: base?.workingDir, baseDir: base?.baseDir }
      : { workingDir: resolve(workingDir), baseDir: process.cwd() };
  const packages = npm === undefined ? base?.npm : packagesOf(npm);
  const merged = {
    envVars: { ...base?.envVars, ...checkedVariables(envVars ?? {}) },
    ...(place.workingDir === undefined ? {} : { workingDir: place.workingDir }),
    ...(place.baseDir === undefined ? {} : { baseDir: place.baseDir }),
    ...(packages === undefined || packages.specs.length === 0 ? {} : { npm: packages }),
  };
  if (Object.keys(merged.envVars).length === 0 && Object.keys(merged).length === 1) return undefined;
  const names = Object.entries(merged.envVars).sort(([a], [b]) => (a < b ? -1 : 1));
  const id = digestOf(JSON.stringify([names, merged.workingDir, merged.baseDir, merged.npm?.key]));
  return { id, ...merged, ...(timeout === undefined ? {} : { setupTimeoutMs: timeout }) };
}

function checkFields(runtimeEnv: RuntimeEnv): void {
  if (typeof runtimeEnv !== "object" || runtimeEnv === null || Array.isArray(runtimeEnv)) {
    throw new TypeError("runtimeEnv is an object, such as { envVars: { NAME: 'value' } }");
  }
  for (const name of Object.keys(runtimeEnv)) {
    if ((FIELDS as readonly string[]).includes(name)) continue;
    const near = nearestName(name, FIELDS);
    throw new TypeError(
      `runtimeEnv has no field '${name}'${near === undefined ? "" : ` (did you mean '${near}'?)`}: it has ${FIELDS.join(", ")}`,
    );
  }
  const { setupTimeoutMs, workingDir } = runtimeEnv;
  if (setupTimeoutMs !== undefined && !(setupTimeoutMs > 0)) {
    throw new RangeError(`setupTimeoutMs must be more than 0, not ${setupTimeoutMs}`);
  }
  if (workingDir !== undefined && (typeof workingDir !== "string" || workingDir === "")) {
    throw new TypeError("workingDir is the path of a folder");
  }
}

function checkedVariables(envVars: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(envVars)) {
    if (name === "" || /[=\0]/.test(name)) throw new TypeError(`'${name}' cannot be the name of a variable in envVars`);
    if (typeof value !== "string") {
      throw new TypeError(`envVars.${name} must be a string, not ${typeof value}: write "${String(value)}"`);
    }
    if (value.includes("\0")) throw new TypeError(`envVars.${name} has a NUL in it, which no variable can have`);
  }
  return envVars;
}

function packagesOf(npm: NonNullable<RuntimeEnv["npm"]>): { readonly specs: readonly string[]; readonly key: string } {
  const list = Array.isArray(npm)
    ? (npm as readonly string[])
    : Object.entries(npm as Readonly<Record<string, string>>).map(([name, version]) => `${name}@${version}`);
  for (const spec of list) {
    if (typeof spec === "string" && spec.trim() !== "" && !spec.startsWith("-")) continue;
    throw new TypeError(`npm takes packages such as "left-pad@1.3.0", not ${JSON.stringify(spec)}`);
  }
  const specs = [...new Set(list.map((spec) => absolute(spec.trim())))].sort();
  return { specs, key: digestOf(JSON.stringify(specs.map((spec) => [spec, contentOf(spec)]))) };
}

/** A spec that names a file: an optional `name@`, and the path, with or without `file:`. */
const LOCAL = /^((?:@[^/@]+\/)?[^/@:]+@)?(?:file:(?:\/\/(?=\/))?(.+)|((?:\.{0,2}\/|\.{1,2}$).*))$/;

/** The cluster installs from another folder. */
function absolute(spec: string): string {
  const path = localPath(spec);
  return path === undefined || isAbsolute(path) ? spec : `${LOCAL.exec(spec)?.[1] ?? ""}file:${resolve(path)}`;
}

function localPath(spec: string): string | undefined {
  const match = LOCAL.exec(spec);
  return match?.[2] ?? match?.[3];
}

/** A package that lies in a file or folder is another one when that has changed. */
function contentOf(spec: string): string {
  const path = localPath(spec);
  if (path === undefined) return "";
  try {
    return statSync(path).isDirectory() ? digestOf(JSON.stringify(entriesIn(path))) : digestOf(readFileSync(path));
  } catch {
    // npm will say what is wrong with it.
    return "";
  }
}

const NOT_OF_THE_PACKAGE = new Set(["node_modules", ".git"]);

function entriesIn(folder: string): readonly unknown[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !NOT_OF_THE_PACKAGE.has(name))
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return [entry.name, entriesIn(path)];
      const { size, mtimeMs } = statSync(path);
      return [entry.name, size, mtimeMs];
    });
}

function digestOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 20);
}
