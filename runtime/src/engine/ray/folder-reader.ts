/** The folders and files of a runtimeEnv, as they travel to a Ray cluster. */
import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { basename, join } from "node:path";
import { RuntimeEnvError } from "../../errors.ts";
import { fingerprintOf } from "./package-files.ts";
import { zip } from "./zip.ts";

/** What Ray's own interface of jobs takes of a working directory. */
export const MOST_BYTES: number = 100 * 1024 ** 2;
const MOST_FILES = 20_000;
export const WORKING_DIR = "workingDir";
/** Made anew on each machine, or of no use there. */
const LEFT_OUT: ReadonlySet<string> = new Set([".git", ".ipynb_checkpoints", ".venv", "__pycache__", "node_modules"]);

export interface FolderContent {
  /** Equal hashes are equal files. */
  readonly hash: string;
  readonly archive: Uint8Array;
  /** The only one, when it was a single file. */
  readonly file?: string;
}

/** Keeps what it read: a folder is read again only when a file in it has changed. */
export class FolderReader {
  readonly #known = new Map<string, { readonly look: string; readonly content: FolderContent }>();

  /**
   * @param path - of a folder or of a single file.
   * @param what - what the user calls it, for errors.
   * @throws RuntimeEnvError when there is none, or when it is too large to travel
   */
  read(path: string, what: string): FolderContent {
    const { files, isFolder } = filesAt(path, what);
    const look = JSON.stringify(files.map(({ name, stats }) => [name, stats.size, stats.mtimeMs]));
    const known = this.#known.get(path);
    if (known?.look === look) return known.content;
    const contents = files.map(({ name, from }) => ({ path: name, bytes: readFileSync(from) }));
    const file = isFolder ? {} : { file: basename(path) };
    const content = { hash: fingerprintOf(contents), archive: zip(contents), ...file };
    this.#known.set(path, { look, content });
    return content;
  }
}

interface FoundFile {
  /** In the archive. */
  readonly name: string;
  readonly from: string;
  readonly stats: Stats;
}

function filesAt(path: string, what: string): { readonly files: readonly FoundFile[]; readonly isFolder: boolean } {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new RuntimeEnvError(`${what} '${path}' does not exist on this machine, from where it goes to the cluster.`);
  }
  if (stats.isFile() && what !== WORKING_DIR)
    return { files: [{ name: basename(path), from: path, stats }], isFolder: false };
  if (!stats.isDirectory()) throw new RuntimeEnvError(`${what} '${path}' is no folder.`);
  const found: FoundFile[] = [];
  let bytes = 0;
  for (const file of filesBelow(path, "")) {
    found.push(file);
    bytes += file.stats.size;
    if (bytes > MOST_BYTES || found.length > MOST_FILES) throw tooLarge(path, what, found, bytes);
  }
  return { files: found, isFolder: true };
}

/** In an order that is always the same. Links to files count as files; links to folders are not followed. */
function* filesBelow(root: string, below: string): Generator<FoundFile> {
  const entries = readdirSync(join(root, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (LEFT_OUT.has(entry.name)) continue;
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    const from = join(root, name);
    if (entry.isDirectory()) {
      yield* filesBelow(root, name);
      continue;
    }
    const stats = statSync(from, { throwIfNoEntry: false });
    if (stats?.isFile() === true) yield { name, from, stats };
  }
}

function tooLarge(path: string, what: string, found: readonly FoundFile[], bytes: number): RuntimeEnvError {
  const much =
    bytes > MOST_BYTES
      ? `more than ${MOST_BYTES / 1024 ** 2} MB`
      : `more than ${MOST_FILES.toLocaleString("en")} files`;
  const largest = found.reduce((a, b) => (b.stats.size > a.stats.size ? b : a));
  const megabytes = (largest.stats.size / 1024 ** 2).toFixed(1);
  return new RuntimeEnvError(
    `${what} '${path}' has ${much} (the largest is ${largest.name}, ${megabytes} MB), too much to send to the cluster: ` +
      "keep data elsewhere, or name a smaller folder.",
  );
}
