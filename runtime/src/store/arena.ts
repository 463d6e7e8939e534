/**
 * The file behind a node's large objects.
 *
 * Written with `pwrite`, which is as fast as a copy into a mapping (3–4 GB/s into fresh pages) and answers a full mount with
 * ENOSPC where a mapping would end the process with SIGBUS. Read through private mappings: no copy, and a user who
 * writes into an array changes a page of that process alone.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ObjectStoreFullError } from "../errors.ts";
import { mapFile, punchHole } from "./memory-map.ts";
import { isSameProcess, processStamp } from "./process-stamp.ts";
import { alignUp, BUFFER_ALIGNMENT, regionBytes } from "./regions.ts";

/** Where an object's buffers lie in the arena. Plain data: it crosses wires. */
export interface Region {
  /** Bytes from the start of the arena; a multiple of 4096. */
  readonly offset: number;
  /** Byte lengths of the buffers, in order. Each starts at the next multiple of 64. */
  readonly lengths: readonly number[];
}

export interface ArenaOptions {
  /** Names the directory: `mobula-<uid>-<clusterId>`. */
  readonly clusterId: string;
  readonly capacityBytes: number;
  /** Shared-memory mount. Default `/dev/shm` where it is large enough, else the temporary directory. */
  readonly mount?: string;
  /** Process whose death makes the arena stale. Default this process. */
  readonly ownerPid?: number;
}

interface ArenaFacts {
  readonly capacityBytes: number;
  readonly hint?: string;
}

const SHARED_MEMORY = "/dev/shm";
/** A smaller mount is not worth it: containers often have 64 MB. */
const SMALLEST_MOUNT_BYTES = 256 * 1024 * 1024;
/** `writeSync` takes at most 2 GiB at once. */
const WRITE_BYTES = 1 << 30;

/** Safe to open in many processes; who may write where is the allocator's word. */
export class Arena {
  /** Pass to `open` in other processes, and to users in messages. */
  readonly directory: string;
  readonly capacityBytes: number;
  /** Why files are used in place of shared memory, and what to do about it; undefined when shared memory is in use. */
  readonly hint: string | undefined;
  #fd: number | undefined;

  private constructor(directory: string, facts: ArenaFacts, fd: number) {
    this.directory = directory;
    this.capacityBytes = facts.capacityBytes;
    this.hint = facts.hint;
    this.#fd = fd;
  }

  /** Make directory (mode 0700) and file (mode 0600). */
  static create({ clusterId, capacityBytes, mount, ownerPid = process.pid }: ArenaOptions): Arena {
    const { folder, hint } = mount === undefined ? chooseMount(capacityBytes) : { folder: mount, hint: undefined };
    const directory = join(folder, `${arenaPrefix()}${clusterId}`);
    const facts: ArenaFacts = { capacityBytes, ...(hint === undefined ? {} : { hint }) };
    mkdirSync(directory, { mode: 0o700 });
    try {
      writeFileSync(join(directory, "owner"), JSON.stringify(processStamp(ownerPid)), { mode: 0o600 });
      writeFileSync(join(directory, "facts"), JSON.stringify(facts), { mode: 0o600 });
      const fd = openSync(join(directory, "arena"), "wx+", 0o600);
      ftruncateSync(fd, alignUp(capacityBytes, 4096)); // sparse: pages come with the first write
      return new Arena(directory, facts, fd);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Open an arena that another process created. */
  static open(directory: string): Arena {
    const facts = JSON.parse(readFileSync(join(directory, "facts"), "utf8")) as ArenaFacts;
    return new Arena(directory, facts, openSync(join(directory, "arena"), "r+"));
  }

  /**
   * Copy `buffers` into a region. Blocks for about 0.3 ms per MB.
   *
   * @throws ObjectStoreFullError when the mount is full.
   */
  write(region: Region, buffers: readonly Uint8Array[]): void {
    for (const [index, start] of bufferStarts(region).entries()) {
      const buffer = buffers[index];
      if (buffer === undefined || buffer.byteLength !== region.lengths[index]) {
        throw new RangeError(`buffer ${index} does not have the length that its region was made for`);
      }
      this.#writeAt(buffer, start);
    }
  }

  #writeAt(buffer: Uint8Array, start: number): void {
    let done = 0;
    try {
      while (done < buffer.byteLength) {
        done += writeSync(this.#openFd(), buffer, done, Math.min(WRITE_BYTES, buffer.byteLength - done), start + done);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      const { blocks, bavail, bsize } = statfsSync(this.directory);
      throw new ObjectStoreFullError(buffer.byteLength, (blocks - bavail) * bsize, blocks * bsize, { cause: error });
    }
  }

  /**
   * The buffers of a region, without a copy. Writes to them stay in this process.
   *
   * @param onRelease - called once when every array made from them is collected: the moment to unpin the region.
   */
  map(region: Region, onRelease?: () => void): Uint8Array[] {
    const memory = mapFile(this.#openFd(), region.offset, regionBytes(region.lengths), onRelease);
    return bufferStarts(region).map(
      (start, index) => new Uint8Array(memory, start - region.offset, region.lengths[index] ?? 0),
    );
  }

  /** Give the memory of a freed region back to the system. Call only when no process has it mapped. */
  discard(region: Region): void {
    punchHole(this.#openFd(), region.offset, regionBytes(region.lengths));
  }

  /** Close the file. Mappings stay valid. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Remove file and directory. The creator calls it; mappings of others stay valid until they are collected. */
  unlink(): void {
    this.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #openFd(): number {
    if (this.#fd === undefined) throw new Error("the arena is closed");
    return this.#fd;
  }
}

/** Folders of this user's arenas begin so. */
export function arenaPrefix(): string {
  return `mobula-${process.getuid?.() ?? 0}-`;
}

/** Where arenas may lie: what to sweep. */
export function arenaMounts(): readonly string[] {
  return [SHARED_MEMORY, tmpdir()];
}

/** Was the process that owns the arena at `directory` ended? */
export function isStaleArena(directory: string): boolean {
  try {
    return !isSameProcess(JSON.parse(readFileSync(join(directory, "owner"), "utf8")));
  } catch {
    return false; // being made or removed at this moment
  }
}

function chooseMount(capacityBytes: number): { folder: string; hint: string | undefined } {
  const needed = Math.min(capacityBytes, SMALLEST_MOUNT_BYTES);
  let free = 0;
  try {
    const { bavail, bsize } = statfsSync(SHARED_MEMORY);
    free = bavail * bsize;
  } catch {
    // no such mount
  }
  if (free >= needed) return { folder: SHARED_MEMORY, hint: undefined };
  const megabytes = Math.floor(free / 1e6);
  const hint =
    `${SHARED_MEMORY} has ${megabytes} MB free, so large objects lie in files under ${tmpdir()}, which is slower; ` +
    "give the machine more shared memory (for a container: --shm-size=2g).";
  return { folder: tmpdir(), hint };
}

function bufferStarts({ offset, lengths }: Region): number[] {
  let end = 0;
  return lengths.map((length) => {
    const start = alignUp(end, BUFFER_ALIGNMENT);
    end = start + length;
    return offset + start;
  });
}
