/** Writes the kernelspec, by which front ends find this kernel. */
import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NotebookLanguageName } from "./core/kernel-info.ts";

/** Where the kernelspec goes. */
export type InstallTarget =
  /** The user's Jupyter data directory. */
  | { readonly type: "user" }
  /** `<directory>/share/jupyter`, as in a Python environment. */
  | { readonly type: "prefix"; readonly directory: string }
  /** A Jupyter data directory itself, one that `JUPYTER_PATH` names for example. */
  | { readonly type: "data-dir"; readonly directory: string };

export interface InstallOptions {
  /** Default: the user's directory. */
  readonly target?: InstallTarget;
  /** What its notebooks are in; types are not checked in `javascript`. Default: `typescript`. */
  readonly language?: NotebookLanguageName;
  /** Name of the kernelspec; letters, digits, `.`, `-`, `_`. Default: `mobula`; in JavaScript `mobula-javascript`. */
  readonly name?: string;
  /** Shown in the launcher. Default: `TypeScript (Mobula)` or `JavaScript (Mobula)`. */
  readonly displayName?: string;
  /** Program that runs the kernel. Default: the Node.js that runs this. */
  readonly nodePath?: string;
  /** Default: the `main.js` of this package. */
  readonly mainPath?: string;
}

/** The kernelspec cannot be written as asked; the message is one sentence for the user. */
export class InstallError extends Error {
  override readonly name = "InstallError";
  readonly code = "INSTALL_FAILED";
}

const DEFAULTS = {
  typescript: { name: "mobula", displayName: "TypeScript (Mobula)", args: [] },
  javascript: { name: "mobula-javascript", displayName: "JavaScript (Mobula)", args: ["--language", "javascript"] },
} as const;
const RESOURCES = fileURLToPath(new URL("../resources", import.meta.url));
const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const LOGOS = ["logo-32x32.png", "logo-64x64.png", "logo-svg.svg"];

/**
 * Write the kernelspec, replacing an earlier one of the same name. A reader sees the old one or the new one, never half.
 *
 * @returns the directory of the kernelspec.
 * @throws InstallError
 */
export async function installKernelspec(options: InstallOptions = {}): Promise<string> {
  const name = options.name ?? DEFAULTS[options.language ?? "typescript"].name;
  if (!/^[\w.-]+$/.test(name)) {
    throw new InstallError(`The kernel name "${name}" may only have letters, digits, ".", "-" and "_".`);
  }
  const kernels = join(dataDirectory(options.target ?? { type: "user" }), "kernels");
  const directory = join(kernels, name.toLowerCase());
  try {
    // A sibling, so that the rename stays on one file system; Jupyter does not take its name for a kernel's.
    const staging = join(kernels, `.installing-${randomUUID()}`);
    await mkdir(staging, { recursive: true });
    try {
      await writeKernelspec(staging, options);
      await replaceDirectory(staging, directory);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  } catch (error) {
    throw new InstallError(`Cannot install the kernel to ${directory}: ${(error as Error).message}`);
  }
  return directory;
}

/** Jupyter's data directory of a target. */
export function dataDirectory(target: InstallTarget): string {
  if (target.type === "data-dir") return target.directory;
  if (target.type === "prefix") return join(target.directory, "share", "jupyter");
  const { JUPYTER_DATA_DIR, XDG_DATA_HOME, APPDATA } = process.env;
  if (JUPYTER_DATA_DIR) return JUPYTER_DATA_DIR;
  if (process.platform === "darwin") return join(homedir(), "Library", "Jupyter");
  if (process.platform === "win32" && APPDATA) return join(APPDATA, "jupyter");
  return join(XDG_DATA_HOME || join(homedir(), ".local", "share"), "jupyter");
}

async function writeKernelspec(directory: string, options: InstallOptions): Promise<void> {
  const { language = "typescript" } = options;
  const { displayName, args } = DEFAULTS[language];
  const values: Record<string, string> = {
    "{node}": options.nodePath ?? process.execPath,
    "{main}": options.mainPath ?? MAIN,
    "{display_name}": options.displayName ?? displayName,
    "{language}": language,
  };
  const template = JSON.parse(await readFile(join(RESOURCES, "kernel.json"), "utf8")) as { argv: string[] };
  template.argv.push(...args);
  const spec = JSON.stringify(template, (_key, value: unknown) => values[String(value)] ?? value, 2);
  await writeFile(join(directory, "kernel.json"), `${spec}\n`);
  for (const logo of LOGOS) await copyFile(join(RESOURCES, logo), join(directory, logo));
}

/** Put `staging` where `directory` is. */
async function replaceDirectory(staging: string, directory: string): Promise<void> {
  const old = `${staging}.old`;
  const hadOld = await rename(directory, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
  await rename(staging, directory);
  if (hadOld) await rm(old, { recursive: true, force: true });
}
