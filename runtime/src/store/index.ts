/** The shared memory of a node: one file, mapped by every process. */

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

export { RegionAllocator, regionBytes } from "./regions.ts";

/** The file behind a node's large objects. Safe to open in many processes; who may write where is the allocator's word. */
export declare class Arena {
  /** Pass to `open` in other processes, and to users in messages. */
  readonly directory: string;
  readonly capacityBytes: number;
  /** Why files are used in place of shared memory, and what to do about it; undefined when shared memory is in use. */
  readonly hint: string | undefined;

  /** Make directory (mode 0700) and file (mode 0600). */
  static create(options: ArenaOptions): Arena;
  /** Open an arena that another process created. */
  static open(directory: string): Arena;

  /**
   * Copy `buffers` into a region. Blocks for about 0.3 ms per MB.
   *
   * @throws ObjectStoreFullError when the mount is full.
   */
  write(region: Region, buffers: readonly Uint8Array[]): void;

  /**
   * The buffers of a region, without a copy. Writes to them stay in this process.
   *
   * @param onRelease - called once when every array made from them is collected: the moment to unpin the region.
   */
  map(region: Region, onRelease?: () => void): Uint8Array[];

  /** Give the memory of a freed region back to the system. Call only when no process has it mapped. */
  discard(region: Region): void;

  /** Close the file. Mappings stay valid. */
  close(): void;

  /** Remove file and directory. The creator calls it; mappings of others stay valid until they are collected. */
  unlink(): void;
}

/** Remove arenas whose owner process is gone. Returns the removed directories. */
export declare function sweepStaleArenas(mount?: string): string[];
