/** The JupyterLab extension: found where it was built, copied where JupyterLab finds it. */
import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { messageOf } from "../jobs/job-error.ts";
import { CommandError, EXIT_CODES } from "./command.ts";

const EXTENSION_NAME = "@mobula/jupyterlab";

/** What JupyterLab shows about who installed an extension, and how to remove it. */
const INSTALL_INFO = {
  packageManager: "npm",
  packageName: EXTENSION_NAME,
  uninstallInstructions: "Delete this folder.",
};

/**
 * The folder with the built extension.
 *
 * @throws CommandError when the extension is not there or not built.
 */
export async function findBuiltExtension(): Promise<string> {
  let root: string;
  try {
    root = dirname(createRequire(import.meta.url).resolve(`${EXTENSION_NAME}/package.json`));
  } catch (cause) {
    const message = `The JupyterLab extension is missing; install it with 'npm install ${EXTENSION_NAME}'.`;
    throw new CommandError(EXIT_CODES.failed, message, { cause });
  }
  const built = join(root, "labextension");
  if ((await readPackage(built)) !== undefined) return built;
  throw new CommandError(
    EXIT_CODES.failed,
    "The JupyterLab extension is not built yet; run 'npm run build' in the workspace first.",
  );
}

/** Whether `dataDirectory` holds exactly this build. Its package.json names the build's files, which are named by content. */
export async function isExtensionInstalled(built: string, dataDirectory: string): Promise<boolean> {
  const installed = await readPackage(targetIn(dataDirectory));
  return installed !== undefined && installed === (await readPackage(built));
}

/**
 * Copy the built extension into a Jupyter data directory, replacing an earlier one in one step, so that a JupyterLab
 * that starts meanwhile finds the old or the new one.
 *
 * @returns where it is now.
 */
export async function installExtension(built: string, dataDirectory: string): Promise<string> {
  const target = targetIn(dataDirectory);
  const suffix = randomBytes(6).toString("hex");
  // JupyterLab passes over names that start with a dot.
  const fresh = join(dirname(target), `.jupyterlab-${suffix}.new`);
  const replaced = join(dirname(target), `.jupyterlab-${suffix}.old`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await cp(built, fresh, { recursive: true });
    await writeFile(join(fresh, "install.json"), `${JSON.stringify(INSTALL_INFO, undefined, 2)}\n`);
    const hadOne = await moveIfThere(target, replaced);
    await rename(fresh, target).catch(async (error: unknown) => {
      if (hadOne) await rename(replaced, target);
      throw error;
    });
  } catch (cause) {
    const message = `Cannot install the JupyterLab extension into '${dataDirectory}': ${messageOf(cause)}.`;
    throw new CommandError(EXIT_CODES.failed, message, { cause });
  } finally {
    for (const leftover of [fresh, replaced]) await removeLeftover(leftover);
  }
  return target;
}

function targetIn(dataDirectory: string): string {
  return join(dataDirectory, "labextensions", EXTENSION_NAME);
}

/** Best effort: when the disk fails, the first error is the one to report. */
async function removeLeftover(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}

async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function readPackage(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, "package.json"), "utf8");
  } catch {
    return undefined;
  }
}
