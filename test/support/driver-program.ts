/** Driver programs in processes of their own, for tests of what they leave behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** Killed when the test is over. @param name - a file of test/runtime/programs, without extension. */
export function startProgram(name: string, ...args: string[]): ChildProcess {
  return startProgramWith({}, name, ...args);
}

/** @param env - beside what this process has. */
export function startProgramWith(env: Readonly<Record<string, string>>, name: string, ...args: string[]): ChildProcess {
  const file = fileURLToPath(new URL(`../runtime/programs/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  child.stderr.pipe(process.stderr);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** The first line a program prints. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the program ended (${code}) and printed nothing`)));
    if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", resolve);
  });
}

/** Wait until `isTrue`, at most so long. Returns whether it came. */
export async function eventually(isTrue: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await isTrue()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return isTrue();
}
