/**
 * npm packages of a runtimeEnv: installed once into a folder of the user's cache, named by what is asked for.
 *
 * A folder appears complete or not at all: it is filled under another name and renamed. The lock only spares work.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RuntimeEnvError } from "../errors.ts";
import { isSameProcess, type ProcessStamp, processStamp } from "../store/process-stamp.ts";

const LOOK_AGAIN_MS = 100;
const STILL_BUSY_MS = 5_000;
/** A lock without its owner is about to be written, or its owner was killed before it could. */
const WRITTEN_WITHIN_MS = 5_000;
/** npm tries a registry that does not answer twice as often, with long pauses; who waits in a cell rather hears of it. */
const FETCH_RETRIES = 1;
const WORDS_CHARS = 2_000;

export interface PackagesRequest {
  /** As npm takes them: `left-pad@^1.3.0`, `file:/home/me/pkg.tgz`. */
  readonly specs: readonly string[];
  /** Equal keys are equal packages. */
  readonly key: string;
  /** The folder that holds those of all keys. */
  readonly root: string;
  readonly timeoutMs: number;
  /** Aborts when nobody wants them any more. */
  readonly signal: AbortSignal;
  /** How it goes, in whole lines. */
  onText(text: string): void;
}

/** Where the packages are, and what they are called. */
export interface InstalledPackages {
  readonly folder: string;
  /** Those that were asked for; what they need lies beside them. */
  readonly names: readonly string[];
}

/**
 * Install packages, or find them installed.
 *
 * @throws RuntimeEnvError with npm's words
 */
export async function installPackages(request: PackagesRequest): Promise<InstalledPackages> {
  const { root, key } = request;
  const { platform, arch, versions } = process;
  const folder = join(root, `${key}-${platform}-${arch}-${versions.modules}`);
  const deadlineMs = Date.now() + request.timeoutMs;
  let isTold = false;
  while (!existsSync(folder)) {
    if (request.signal.aborted) throw new RuntimeEnvError("Nobody waits for its packages any more.");
    await mkdir(root, { recursive: true });
    const unlock = await lock(`${folder}.lock`);
    if (unlock !== undefined) {
      try {
        if (!existsSync(folder)) await install(request, folder, deadlineMs);
      } finally {
        await unlock();
      }
      break;
    }
    if (!isTold) request.onText(`Another process is installing ${request.specs.join(", ")}\n`);
    isTold = true;
    if (Date.now() > deadlineMs) throw tooLong(request);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  return { folder, names: await namesIn(folder) };
}

function tooLong({ specs, timeoutMs }: PackagesRequest): RuntimeEnvError {
  return new RuntimeEnvError(
    `Installing ${specs.join(", ")} took longer than ${timeoutMs} ms. Set a larger setupTimeoutMs, or check the ` +
      "connection to the registry.",
  );
}

async function namesIn(folder: string): Promise<string[]> {
  const { dependencies = {} } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  return Object.keys(dependencies);
}

/** Take the lock; undefined while a living process has it. The result gives it back. */
async function lock(file: string): Promise<(() => Promise<void>) | undefined> {
  try {
    await writeFile(file, JSON.stringify(processStamp(process.pid)), { flag: "wx" });
    return () => rm(file, { force: true });
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  }
  if (await isAbandoned(file)) await rm(file, { force: true });
  return undefined;
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const text = await readFile(file, "utf8");
    if (text !== "") return !isSameProcess(JSON.parse(text) as ProcessStamp);
    return Date.now() - (await stat(file)).mtimeMs > WRITTEN_WITHIN_MS;
  } catch {
    // Given back meanwhile.
    return false;
  }
}

async function install(request: PackagesRequest, folder: string, deadlineMs: number): Promise<void> {
  const { specs } = request;
  await removeLeftovers(folder);
  const fresh = `${folder}.${process.pid}.part`;
  await mkdir(fresh, { recursive: true });
  request.onText(`Installing ${specs.join(", ")}\n`);
  const startMs = Date.now();
  const timer = setInterval(() => {
    request.onText(`Still installing, ${Math.round((Date.now() - startMs) / 1000)} s\n`);
  }, STILL_BUSY_MS);
  try {
    await writeFile(join(fresh, "package.json"), '{ "private": true }\n');
    await runNpm(request, fresh, deadlineMs);
    await rename(fresh, folder).catch((error: unknown) => {
      // Somebody was faster, with the same packages.
      if (!existsSync(folder)) throw error;
    });
    request.onText(`Installed in ${((Date.now() - startMs) / 1000).toFixed(1)} s\n`);
  } finally {
    clearInterval(timer);
    await rm(fresh, { recursive: true, force: true });
  }
}

/** What installations left that were killed. */
async function removeLeftovers(folder: string): Promise<void> {
  const prefix = `${basename(folder)}.`;
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(prefix) && name.endsWith(".part")) {
      await rm(join(dirname(folder), name), { recursive: true, force: true });
    }
  }
}

async function runNpm(
  { specs, signal, ...request }: PackagesRequest,
  folder: string,
  deadlineMs: number,
): Promise<void> {
  const { NpmMissingError, runNpm: run } = await import("@mobula/kernel/npm");
  // Error level also when this program was started by an `npm --silent`.
  const options = ["--loglevel=error", "--install-links", `--fetch-retries=${FETCH_RETRIES}`];
  const late = AbortSignal.timeout(Math.max(0, deadlineMs - Date.now()));
  let words = "";
  const exitCode = await run({
    args: ["install", ...options, "--", ...specs],
    directory: folder,
    signal: AbortSignal.any([signal, late]),
    onText: (text, stream) => {
      if (stream === "stderr") words += text;
    },
  }).catch((error: unknown) => {
    throw error instanceof NpmMissingError ? new RuntimeEnvError(error.message, { cause: error.cause }) : error;
  });
  if (exitCode === 0) return;
  if (late.aborted) throw tooLong({ specs, signal, ...request });
  throw new RuntimeEnvError(`npm could not install ${specs.join(", ")}:\n${npmError(words)}`);
}

/** What npm says of its failure, without hints at its own logs. */
function npmError(words: string): string {
  const lines = words
    .split("\n")
    .filter((line) => /^npm (error|ERR!)/.test(line))
    .map((line) => line.replace(/^npm (error|ERR!) ?/, ""))
    .filter((line) => line !== "" && !line.includes("complete log of this run") && !line.includes("-debug-0.log"));
  const said = lines.length > 0 ? lines.join("\n") : words.trim();
  return said.length > WORDS_CHARS ? `${said.slice(0, WORDS_CHARS)}…` : said;
}
