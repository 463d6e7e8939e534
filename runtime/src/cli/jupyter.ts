/** The program `jupyter`: where it is, and which data directories it searches. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { messageOf } from "../jobs/job-error.ts";
import { CommandError, EXIT_CODES, usageError } from "./command.ts";

/** How long `jupyter --paths` may take on a machine that is busy and has Python's files not cached. */
const PATHS_TIMEOUT_MS = 60_000;

/**
 * The path of the `jupyter` program: the given one, or the first one in `folders`.
 *
 * @throws CommandError when there is none.
 */
export async function findJupyter(
  given: string | undefined,
  folders: readonly string[] = programFolders(),
): Promise<string> {
  if (given !== undefined) {
    if (await isExecutable(given)) return resolve(given);
    throw usageError(`The option '--jupyter' names '${given}', and there is no such program.`);
  }
  const program = process.platform === "win32" ? "jupyter.exe" : "jupyter";
  for (const folder of folders) if (await isExecutable(join(folder, program))) return join(folder, program);
  throw new CommandError(
    EXIT_CODES.failed,
    "There is no 'jupyter' here; install it with 'python3 -m venv .venv && .venv/bin/pip install jupyterlab', or name it with --jupyter PATH.",
  );
}

/**
 * The directories where this Jupyter looks for kernels and extensions, first one first.
 *
 * @throws CommandError when the program does not answer.
 */
export async function dataDirectoriesOf(jupyter: string): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(jupyter, ["--paths", "--json"], { timeout: PATHS_TIMEOUT_MS });
    const paths = JSON.parse(stdout) as { data?: unknown };
    return Array.isArray(paths.data) ? paths.data.map(String) : [];
  } catch (cause) {
    throw new CommandError(EXIT_CODES.failed, `'${jupyter}' does not work: ${messageOf(cause)}.`, { cause });
  }
}

/** Virtual environments in the current folder and in the workspace, then PATH. */
function programFolders(): string[] {
  const bin = process.platform === "win32" ? "Scripts" : "bin";
  const environments = [process.cwd(), workspaceRoot()].map((root) => join(root, ".venv", bin));
  return [...environments, ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")];
}

/** The folder that holds `runtime/`: in a clone, the workspace, where the set-up makes its virtual environment. */
function workspaceRoot(): string {
  return dirname(fileURLToPath(new URL("../..", import.meta.url)));
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
