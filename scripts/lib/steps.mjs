// Steps of the set-up: each has a name, a reason to be skipped, and a time. Plain Node, no packages: this runs first.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** What steps note and make, apart from what others look for elsewhere. */
export const SETUP = join(ROOT, ".setup");
/** Other kernels, which tests and benchmarks compare with; a folder each. */
export const PEERS = join(SETUP, "peers");

/** A failure that the user can act on: printed as one sentence, without a stack. */
export class SetupError extends Error {}

/**
 * Run `work` unless it ran before with the same `inputs`, every path of `outputs` is still there, and `isDone` says so.
 *
 * @param {string} name shown, and the name of the stamp file
 * @param {{ inputs?: string, outputs?: string[], isDone?: () => boolean | Promise<boolean>, work: () => Promise<void> | void }} options
 *   without `inputs` the step runs every time
 */
export async function step(name, { inputs, outputs = [], isDone = () => true, work }) {
  const stamp = join(SETUP, `${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}.stamp`);
  const done = inputs !== undefined && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs;
  if (done && outputs.every((path) => existsSync(path)) && (await isDone())) {
    console.log(`  ✓ ${name} (up to date)`);
    return false;
  }
  console.log(`  … ${name}`);
  const start = performance.now();
  rmSync(stamp, { force: true });
  await work();
  if (inputs !== undefined) {
    mkdirSync(SETUP, { recursive: true });
    writeFileSync(stamp, inputs);
  }
  console.log(`  ✓ ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  return true;
}

/** Hash of the texts and of all files under the folders; folders that tools make are left out. */
export function fingerprint({ texts = [], paths = [] }) {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\0");
  for (const path of paths) addFiles(hash, join(ROOT, path));
  return hash.digest("hex");
}

const GENERATED = new Set(["node_modules", "dist", "lib", "labextension", ".venv", ".git", "__pycache__"]);

function addFiles(hash, path) {
  if (!existsSync(path)) return;
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) {
      if (!GENERATED.has(name) && !name.endsWith(".tsbuildinfo")) addFiles(hash, join(path, name));
    }
    return;
  }
  hash.update(relative(ROOT, path)).update("\0").update(readFileSync(path)).update("\0");
}

/**
 * Run a program and wait for it. Its output is kept back and shown only when it fails, unless `show` is set.
 *
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, { cwd = ROOT, env = process.env, show = false, failure, onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
    });
    let output = "";
    const keep = (chunk) => {
      output += chunk;
      onOutput?.(String(chunk));
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("error", (error) => reject(new SetupError(`Cannot run ${command}: ${error.message}.`)));
    child.on("close", (code, signal) => {
      if (code !== 0 && failure) {
        if (output) console.error(output.split("\n").slice(-40).join("\n"));
        reject(new SetupError(failure));
      } else {
        resolve({ code: code ?? (signal ? 128 : 1), output });
      }
    });
  });
}

/** Run `main`, and turn what it throws into one sentence and exit code 1. */
export async function runScript(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n  ✗ ${error.message}`);
    process.exitCode = 1;
  }
}
