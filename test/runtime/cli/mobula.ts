/** Starts the command `mobula` the way a user does. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../runtime/dist/cli/main.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves with the output so far, as soon as it matches. */
  waitFor(pattern: RegExp): Promise<string>;
}

/** Start `mobula` with these arguments in `folder`. */
export function startMobula(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      written[name] += text;
    });
  }
  const finished = once(child, "close").then(([code]) => ({ code: code as number | null, ...written }));
  const waitFor = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(written.stdout + written.stderr)) {
      if (child.exitCode !== null)
        throw new Error(`mobula ended without ${pattern}:\n${written.stdout}${written.stderr}`);
      await sleep(20);
    }
    return written.stdout + written.stderr;
  };
  return { child, finished, waitFor };
}

/** Run `mobula` to its end. */
export function mobula(folder: string, ...args: readonly string[]): Promise<Finished> {
  return startMobula(folder, args).finished;
}
