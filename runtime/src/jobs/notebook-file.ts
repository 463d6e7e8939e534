/** Notebooks on disk: found or refused with one sentence, and written so that a reader never meets half a file. */
import { randomBytes } from "node:crypto";
import { constants, rmSync, type Stats } from "node:fs";
import { access, chmod, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { JobError, messageOf, systemCodeOf } from "./job-error.ts";
import { type Notebook, parseNotebook, serializeNotebook } from "./notebook.ts";

/** @throws JobError `NOTEBOOK_UNREADABLE` when the file is missing, unreadable or not a notebook. */
export async function readNotebook(path: string): Promise<Notebook> {
  return parseNotebook(await readText(path), path);
}

/**
 * Replace the file at `path` in one step: the text goes to a new file beside it, which then takes its name. Readers see
 * the old or the new notebook, and of two writers at the same time the last one wins.
 *
 * @throws JobError `OUTPUT_UNWRITABLE`; nothing is left beside the file then.
 */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  const target = await followLink(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  const removeTemporary = (): void => rmSync(temporary, { force: true });
  // A process that is told to stop at once leaves no half file either.
  process.once("exit", removeTemporary);
  try {
    await writeFile(temporary, serializeNotebook(notebook), { flag: "wx" });
    const mode = await modeOf(target);
    if (mode !== undefined) await chmod(temporary, mode);
    await rename(temporary, target);
  } catch (error) {
    // Best effort: when the disk fails, the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => {});
    throw new JobError("OUTPUT_UNWRITABLE", `Cannot write '${path}': ${messageOf(error)}.`, { cause: error });
  } finally {
    process.off("exit", removeTemporary);
  }
}

/**
 * Find out before anything runs whether a notebook can be written to `path`.
 *
 * @throws JobError `OUTPUT_UNWRITABLE`, saying what stands in the way.
 */
export async function checkWritable(path: string): Promise<void> {
  const refuse = (reason: string): JobError => new JobError("OUTPUT_UNWRITABLE", `Cannot write '${path}': ${reason}.`);
  const target = await followLink(path);
  const folder = dirname(target);
  const folderInfo = await statOf(folder);
  if (folderInfo === undefined) throw refuse(`the folder '${folder}' does not exist; create it first`);
  if (!folderInfo.isDirectory()) throw refuse(`'${folder}' is not a folder`);
  if ((await statOf(target))?.isDirectory()) throw refuse("it is a folder; name a file in it");
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    // Only a real file tells about read-only mounts and full disks, and `access` says yes to everything for root.
    const probe = join(folder, `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
    await writeFile(probe, "", { flag: "wx" });
    await rm(probe, { force: true });
  } catch (error) {
    throw refuse(`the folder '${folder}' is not writable (${systemCodeOf(error) ?? messageOf(error)})`);
  }
}

/** Whether two paths lead to one existing file. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([statOf(a), statOf(b)]);
  if (first === undefined || second === undefined) return resolve(a) === resolve(b);
  return first.dev === second.dev && first.ino === second.ino;
}

function unreadable(message: string, cause: unknown): JobError {
  return new JobError("NOTEBOOK_UNREADABLE", message, { cause });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw unreadable(`There is no notebook '${path}'.`, error);
    if (code === "EISDIR") throw unreadable(`'${path}' is a folder, not a notebook.`, error);
    if (code === "EACCES") throw unreadable(`'${path}' cannot be read: permission denied.`, error);
    throw unreadable(`'${path}' cannot be read: ${messageOf(error)}.`, error);
  }
}

/** A symbolic link keeps pointing where it points: the file behind it is replaced. */
async function followLink(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return resolve(path);
  }
}

async function modeOf(path: string): Promise<number | undefined> {
  const info = await statOf(path);
  return info === undefined ? undefined : info.mode & 0o777;
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}
