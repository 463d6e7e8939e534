/** Where the snapshot lies from which the language's process starts, and whether it is still one of this code. */
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What stands beside a snapshot. Written by `scripts/lib/language-snapshot.mjs`. */
interface SnapshotRecord {
  /** Time of change and size of each file that it was made of. */
  readonly files: Readonly<Record<string, readonly [modifiedMs: number, sizeBytes: number]>>;
}

/** Memory that the user gave to V8 would not reach a process that starts from a snapshot. */
const MEMORY_OPTION = /max[-_]old[-_]space[-_]size/;

/** @returns the path of a snapshot for this Node, made of the code as it is now. */
export function findSnapshot(folder: URL = new URL("../snapshot/", import.meta.url)): string | undefined {
  if (process.platform === "win32") return undefined; // nothing would end a busy process whose kernel was killed
  if (MEMORY_OPTION.test(`${process.env.NODE_OPTIONS ?? ""} ${process.execArgv.join(" ")}`)) return undefined;
  const path = fileURLToPath(new URL(`${process.version}-${process.platform}-${process.arch}.blob`, folder));
  try {
    const { files } = JSON.parse(readFileSync(`${path}.json`, "utf8")) as SnapshotRecord;
    return Object.entries(files).every(isUnchanged) ? path : undefined;
  } catch {
    return undefined; // none was made, or what it was made of has gone
  }
}

function isUnchanged([path, [modifiedMs, sizeBytes]]: [string, readonly [number, number]]): boolean {
  const { mtimeMs, size } = statSync(path);
  return mtimeMs === modifiedMs && size === sizeBytes;
}
