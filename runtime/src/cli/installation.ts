/** What Jupyter needs of us in one of its data directories: the kernelspec and the extension. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../jobs/job-error.ts";
import { kernelMain } from "../jobs/kernel-program.ts";
import { CommandError, EXIT_CODES } from "./command.ts";
import { findBuiltExtension, installExtension, isExtensionInstalled } from "./labextension.ts";

export interface Installed {
  /** Folders of the kernelspecs. */
  readonly kernelspecs: readonly string[];
  /** Folder of the extension. */
  readonly extension: string;
}

/**
 * Install kernel and extension into a Jupyter data directory.
 *
 * @throws CommandError when the extension is not built, or the directory cannot be written.
 */
export async function installInto(dataDirectory: string): Promise<Installed> {
  const built = await findBuiltExtension();
  return { kernelspecs: await installKernels(dataDirectory), extension: await installExtension(built, dataDirectory) };
}

/**
 * Install the kernel, as one for TypeScript and as one for JavaScript.
 *
 * @throws CommandError when the directory cannot be written.
 */
export async function installKernels(dataDirectory: string): Promise<string[]> {
  const { installKernelspec } = await import("@mobula/kernel");
  try {
    const target = { type: "data-dir", directory: dataDirectory } as const;
    return [
      await installKernelspec({ target, language: "typescript" }),
      await installKernelspec({ target, language: "javascript" }),
    ];
  } catch (cause) {
    throw new CommandError(EXIT_CODES.failed, messageOf(cause), { cause });
  }
}

/** The first of the directories that holds this kernel: this program with this Node.js. */
export async function findKernelIn(dataDirectories: readonly string[]): Promise<string | undefined> {
  for (const directory of dataDirectories) {
    const argv = await readKernelArgv(directory);
    // The first kernelspec of the name hides all later ones.
    if (argv !== undefined)
      return argv.includes(kernelMain()) && argv.includes(process.execPath) ? directory : undefined;
  }
  return undefined;
}

/** The first of the directories that holds this build of the extension. */
export async function findExtensionIn(built: string, dataDirectories: readonly string[]): Promise<string | undefined> {
  for (const directory of dataDirectories) if (await isExtensionInstalled(built, directory)) return directory;
  return undefined;
}

/** A Jupyter data directory of our own, for a JupyterLab that nothing was installed for. */
export function ownDataDirectory(): string {
  const { XDG_DATA_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "mobula", "jupyter");
  if (process.platform === "win32" && LOCALAPPDATA) return join(LOCALAPPDATA, "mobula", "jupyter");
  return join(XDG_DATA_HOME || join(homedir(), ".local", "share"), "mobula", "jupyter");
}

async function readKernelArgv(dataDirectory: string): Promise<readonly unknown[] | undefined> {
  try {
    const text = await readFile(join(dataDirectory, "kernels", "mobula", "kernel.json"), "utf8");
    const spec = JSON.parse(text) as { argv?: unknown };
    return Array.isArray(spec.argv) ? spec.argv : [];
  } catch {
    return undefined;
  }
}
