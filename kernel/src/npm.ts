/** Runs npm: the one that came with this Node.js, or else the one on the PATH. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface NpmRun {
  /** What stands behind `npm` on a command line. */
  readonly args: readonly string[];
  readonly directory: string;
  /** Ends npm, and what it has started. */
  readonly signal: AbortSignal;
  /** What it prints, as it comes. */
  readonly onText?: (text: string, stream: "stdout" | "stderr") => void;
}

/** npm cannot be started; the message says what to do. */
export class NpmMissingError extends Error {
  override readonly name = "NpmMissingError";
  readonly code = "NPM_MISSING";
}

/** Set by an npm for what it runs; they would tell ours to work elsewhere. */
const FOREIGN_VARIABLE = /^npm_(lifecycle|package|command|node_execpath|config_(local_prefix|prefix|global|loglevel))/i;
/** Nobody reads these in a notebook or a log. */
const QUIET = { npm_config_audit: "false", npm_config_fund: "false", npm_config_update_notifier: "false" };

/**
 * Run npm to its end.
 *
 * @returns its exit code; null when it was killed.
 * @throws NpmMissingError
 */
export async function runNpm({ args, directory, signal, onText }: NpmRun): Promise<number | null> {
  if (signal.aborted) return null;
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN_VARIABLE.test(name));
  const [command, ...first] = npmCommand();
  const child = spawn(command, [...first, ...args], {
    cwd: directory,
    env: { ...Object.fromEntries(kept), ...QUIET },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own: what npm starts ends with it.
    detached: true,
  });
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => onText?.(text, stream));
  }
  const stop = (): void => endGroup(child);
  signal.addEventListener("abort", stop, { once: true });
  process.once("exit", stop);
  try {
    return await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
  } catch (error) {
    throw new NpmMissingError("npm cannot be started: install it, or put it on the PATH.", { cause: error });
  } finally {
    signal.removeEventListener("abort", stop);
    process.off("exit", stop);
  }
}

/**
 * The version of a package that imports from a directory would find.
 *
 * @returns undefined when there is none.
 */
export function installedVersion(name: string, directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    try {
      const manifest = readFileSync(join(at, "node_modules", name, "package.json"), "utf8");
      return (JSON.parse(manifest) as { version?: string }).version ?? "";
    } catch {
      if (dirname(at) === at) return undefined;
    }
  }
}

function npmCommand(): [string, ...string[]] {
  const script = join(dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js");
  return existsSync(script) ? [process.execPath, script] : ["npm"];
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
