/** A driver program that several tests look at from outside. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface DriverProgram {
  /** Kill it; resolves when it is gone. */
  stop(): Promise<void>;
}

/** Start a file of test/runtime/programs; resolves when it prints the line `ready`. */
export async function startDriver(
  name: string,
  ready: string,
  env: Readonly<Record<string, string>>,
): Promise<DriverProgram> {
  const file = fileURLToPath(new URL(`../runtime/programs/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const ended = once(child, "exit");
  child.stderr.resume();
  await new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${name} ended (${code}) before it printed '${ready}'`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === ready) resolve();
    });
  });
  return {
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
