/** Spilled objects: one file each, laid out as a region is, in a directory that ends with the cluster. */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { arenaPrefix, buffersOf } from "./arena.ts";
import { mapFile } from "./memory-map.ts";
import { processStamp } from "./process-stamp.ts";

const CHUNK_BYTES = 4 * 1024 ** 2;
/** Part of the free disk that files may take unless somebody says otherwise. */
const DISK_SHARE = 0.5;
/** `statfs` says this of a file system in memory. */
const TMPFS = 0x0102_1994;

/** A part of an arena, by the arena's file. */
export interface ArenaPart {
  readonly arena: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Where files go by default: the temporary directory, unless that is memory, too. */
export function spillRoot(): string {
  for (const folder of [tmpdir(), "/var/tmp"]) {
    try {
      if (statfsSync(folder).type !== TMPFS) return folder;
    } catch {
      // no such folder
    }
  }
  return tmpdir();
}

/** A cluster's own directory below `root`. Named so that it is swept with arenas when everybody was killed. */
export function spillDirectoryOf(root: string, clusterId: string): string {
  return join(root, `${arenaPrefix()}${clusterId}-spill`);
}

/** Half of what the disk has free; 0 where there is no such folder. */
export function defaultSpillBytes(root: string): number {
  try {
    const { bavail, bsize } = statfsSync(root);
    return Math.floor(bavail * bsize * DISK_SHARE);
  } catch {
    return 0;
  }
}

/** @throws what the file system says, e.g. ENOENT when its parent is missing */
export function makeSpillDirectory(directory: string, ownerPid: number): void {
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, "owner"), JSON.stringify(processStamp(ownerPid)), { mode: 0o600 });
}

/**
 * Copy a part of the arena to a new file.
 *
 * @returns its checksum.
 * @throws what the file system says, e.g. ENOSPC; no file is left then.
 */
export function writeSpillFile(path: string, part: ArenaPart): number {
  const from = openSync(part.arena, "r");
  try {
    const to = openSync(path, "wx", 0o600);
    try {
      return copy(from, part.offset, part.sizeBytes, (chunk, position) => writeAll(to, chunk, position));
    } catch (error) {
      unlinkSync(path);
      throw error;
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

/**
 * Read a file, and write it to a part of the arena when there is one.
 *
 * @returns what is wrong with the file, or undefined when it is whole.
 * @throws what the arena's file system says
 */
export function readSpillFile(
  path: string,
  expected: { sizeBytes: number; checksum: number },
  to?: ArenaPart,
): string | undefined {
  let from: number;
  try {
    from = openSync(path, "r");
  } catch (error) {
    return `its spill file cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
  const target = to === undefined ? undefined : openSync(to.arena, "r+");
  try {
    if (fstatSync(from).size !== expected.sizeBytes) return "its spill file is not complete";
    const checksum = copy(from, 0, expected.sizeBytes, (chunk, position) => {
      if (to !== undefined && target !== undefined) writeAll(target, chunk, to.offset + position);
    });
    return checksum === expected.checksum ? undefined : "its spill file is damaged";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
    return "its spill file cannot be read (EIO)";
  } finally {
    closeSync(from);
    if (target !== undefined) closeSync(target);
  }
}

/**
 * The buffers of a spilled object, mapped from its file; they outlive the file.
 *
 * @throws ENOENT when the file is gone, RangeError when it is not complete: a mapping beyond its end would end the process.
 */
export function mapSpillFile(
  path: string,
  { sizeBytes, lengths }: { readonly sizeBytes: number; readonly lengths: readonly number[] },
  onRelease?: () => void,
): Uint8Array[] {
  const fd = openSync(path, "r");
  try {
    if (fstatSync(fd).size < sizeBytes) throw new RangeError("its spill file is not complete");
    return buffersOf(mapFile(fd, 0, sizeBytes, onRelease), lengths);
  } finally {
    closeSync(fd);
  }
}

export function deleteSpillFile(path: string): void {
  rmSync(path, { force: true });
}

/** Why a file could not be written, for people. */
export function describeDisk(error: unknown, directory: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return `the disk of ${directory} is full`;
  if (code === "ENOENT" || code === "ENOTDIR") return `the folder for ${directory} is missing`;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return `${directory} cannot be written (${code})`;
  return `${directory}: ${message}`;
}

function copy(
  from: number,
  offset: number,
  sizeBytes: number,
  put: (chunk: Uint8Array, position: number) => void,
): number {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes));
  let checksum = 0;
  for (let done = 0; done < sizeBytes; ) {
    const count = readSync(from, buffer, 0, Math.min(buffer.length, sizeBytes - done), offset + done);
    if (count === 0) throw Object.assign(new Error("the file ended early"), { code: "EIO" });
    const chunk = buffer.subarray(0, count);
    checksum = crc32(chunk, checksum);
    put(chunk, done);
    done += count;
  }
  return checksum;
}

function writeAll(fd: number, chunk: Uint8Array, position: number): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done, chunk.length - done, position + done);
}
