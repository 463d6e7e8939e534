/**
 * The file behind a node's large objects.
 *
 * Written with `pwrite`, which is faster than a copy into a new mapping and answers a full mount with ENOSPC where a mapping
 * would end the process with SIGBUS; through a mapping where one is kept (see `WriteMappings`). Small regions are copied to
 * their readers. Large ones are read through private mappings: no copy, and a user who writes into an array changes a page
 * of that process alone.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alignUp, BUFFER_ALIGNMENT, regionBytes } from "../core/regions.ts";
import { type RegionTag, slotsOf } from "../core/slots.ts";
import { ObjectStoreFullError } from "../errors.ts";
import { LargeCopies } from "./large-copies.ts";
import { mapFile, punchHole } from "./memory-map.ts";
import { isSameProcess, processStamp } from "./process-stamp.ts";
import { PinReader, Pins, retract, SlotWords } from "./region-words.ts";
import { SpareNotes, type StoredNote } from "./spare-notes.ts";
import { WriteMappings } from "./write-mappings.ts";

/** Where an object's buffers lie in the arena. Plain data: it crosses wires. */
export interface Region {
  /** Bytes from the start of the arena; a multiple of 4096. */
  readonly offset: number;
  /** Byte lengths of the buffers, in order. Each starts at the next multiple of 64. */
  readonly lengths: readonly number[];
}

/** A region as it was at one time; what it holds then is read through `tryMap`. */
export type TaggedRegion = Region & RegionTag;

export interface ArenaOptions {
  /** Names the directory: `mobula-<uid>-<clusterId>`. */
  readonly clusterId: string;
  readonly capacityBytes: number;
  /** Shared-memory mount. Default `/dev/shm`, or what MOBULA_SHARED_MEMORY names, where it is large enough, else the temporary directory. */
  readonly mount?: string;
  /** Process whose death makes the arena stale. Default this process. */
  readonly ownerPid?: number;
}

interface ArenaFacts {
  readonly capacityBytes: number;
  readonly hint?: string;
}

/** Names another mount in memory than the usual one. */
const MOUNT_VARIABLE = "MOBULA_SHARED_MEMORY";
/** A smaller mount is not worth it: containers often have 64 MB. */
const SMALLEST_MOUNT_BYTES = 256 * 1024 * 1024;
/** `writeSync` and `readSync` take at most 2 GiB at once. */
const IO_BYTES = 1 << 30;
/** Regions of this size or more are mapped when they are read. */
const MAPPED_BYTES: number = 4 * 1024 ** 2;

/** Safe to open in many processes; who may write where is the allocator's word. */
export class Arena {
  /** Pass to `open` in other processes, and to users in messages. */
  readonly directory: string;
  readonly capacityBytes: number;
  /** Why files are used in place of shared memory, and what to do about it; undefined when shared memory is in use. */
  readonly hint: string | undefined;
  /** The file with the regions. */
  get file(): string {
    return join(this.directory, "arena");
  }

  readonly #slots: SlotWords;
  readonly #pinReader: PinReader;
  #pins: Pins | undefined;
  readonly #notes: SpareNotes;
  readonly #writeMappings = new WriteMappings();
  readonly #copies = new LargeCopies();
  #fd: number | undefined;

  private constructor(directory: string, facts: ArenaFacts, fd: number, slots: SlotWords) {
    this.directory = directory;
    this.capacityBytes = facts.capacityBytes;
    this.hint = facts.hint;
    this.#fd = fd;
    this.#slots = slots;
    this.#pinReader = new PinReader(directory);
    this.#notes = new SpareNotes(directory);
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
      SpareNotes.create(directory);
      return new Arena(directory, facts, fd, SlotWords.create(directory, slotsOf(capacityBytes)));
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Open an arena that another process created. */
  static open(directory: string): Arena {
    const facts = JSON.parse(readFileSync(join(directory, "facts"), "utf8")) as ArenaFacts;
    const slots = SlotWords.open(directory, slotsOf(facts.capacityBytes));
    return new Arena(directory, facts, openSync(join(directory, "arena"), "r+"), slots);
  }

  /** Note from now on what this process has mapped, under this name; needed for `tryMap`. */
  usePins(clientId: string): void {
    this.#pins ??= Pins.create(this.directory, clientId, slotsOf(this.capacityBytes));
  }

  /**
   * Copy `buffers` into a region. Blocks for about 0.3 ms per MB.
   *
   * @throws ObjectStoreFullError when the mount is full.
   */
  write(region: Region, buffers: readonly Uint8Array[]): void {
    for (const [index, length] of region.lengths.entries()) {
      if (buffers[index]?.byteLength === length) continue;
      throw new RangeError(`buffer ${index} does not have the length that its region was made for`);
    }
    const { offset, lengths } = region;
    const address = this.#writeMappings.addressOf(this.#openFd(), offset, regionBytes(lengths), this.#slots.discards);
    for (const [index, start] of bufferStarts(region).entries()) {
      const buffer = buffers[index] as Uint8Array;
      if (address === undefined) this.#writeAt(buffer, start);
      else this.#copies.copy(address + (start - offset), buffer);
    }
  }

  #writeAt(buffer: Uint8Array, start: number): void {
    let done = 0;
    try {
      while (done < buffer.byteLength) {
        done += writeSync(this.#openFd(), buffer, done, Math.min(IO_BYTES, buffer.byteLength - done), start + done);
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
    return buffersOf(memory, region.lengths);
  }

  /** The writer is done: whoever is told of the region may read it. */
  seal(region: TaggedRegion): void {
    this.#slots.publish(region);
  }

  /** Make a region that was offered to this process its own. Returns false when the head has taken it back. */
  claim(region: TaggedRegion): boolean {
    return this.#slots.claim(region);
  }

  /**
   * Note what a claimed region will hold: the head reads that when this process ends before it has told.
   *
   * @returns false when that could not be noted.
   */
  note(region: TaggedRegion, note: StoredNote): boolean {
    return this.#notes.write(region, note);
  }

  /** Does the region still hold what it held? Only a pin makes that last. */
  isReadable(region: TaggedRegion): boolean {
    return this.#slots.isReadable(region);
  }

  /**
   * The buffers of a region, which stays where it is as long as one of them is in use. A copy when it is small, or nothing
   * more can be mapped.
   *
   * @param onRelease - called once when every array made from them is collected
   * @returns undefined when the region holds something else by now.
   */
  tryMap(region: TaggedRegion, onRelease?: () => void): Uint8Array[] | undefined {
    if (isCopied(region)) return this.#copy(region, onRelease);
    const pins = this.#pins;
    try {
      if (pins === undefined) throw new Error("no pins are noted in this process");
      if (!pins.tryPin(this.#slots, region)) return undefined;
    } catch {
      return this.#copy(region, onRelease);
    }
    try {
      return this.map(region, () => {
        pins.unpin(region);
        onRelease?.();
      });
    } catch {
      pins.unpin(region);
      return this.#copy(region, onRelease);
    }
  }

  /** What was read counts if the region was there before and after. */
  #copy(region: TaggedRegion, onRelease?: () => void): Uint8Array[] | undefined {
    if (!this.#slots.isReadable(region)) return undefined;
    // Not from Node's pool, and not filled with zeros first.
    const bytes = Buffer.allocUnsafeSlow(regionBytes(region.lengths));
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(
        this.#openFd(),
        bytes,
        done,
        Math.min(IO_BYTES, bytes.length - done),
        region.offset + done,
      );
      if (count === 0) break;
      done += count;
    }
    if (!this.#slots.isReadable(region)) return undefined;
    onRelease?.();
    return buffersOf(bytes.buffer, region.lengths);
  }

  /** Give the memory of a part that is free back to the system. Call only when no process has it mapped. */
  discard(region: Region): void {
    this.discardRange(region.offset, region.offset + regionBytes(region.lengths));
  }

  discardRange(start: number, end: number): void {
    // First, so that no writer relies on pages that go: whoever is given the range afterwards sees the count.
    this.#slots.countDiscard();
    punchHole(this.#openFd(), start, end - start);
  }

  // ── for the head ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The region is somebody's to write. */
  open(region: TaggedRegion): void {
    this.#slots.open(region);
  }

  /** The region is a process's to claim. */
  offer(region: TaggedRegion): void {
    this.#slots.offer(region);
  }

  /** Take back what was offered. Returns false when it is claimed. */
  revoke(region: TaggedRegion): boolean {
    return this.#slots.revoke(region);
  }

  /** What a process has stored in a spare. */
  noteOf(region: TaggedRegion): StoredNote | undefined {
    return this.#notes.read(region);
  }

  /** The region holds nothing any more. */
  empty(region: TaggedRegion): void {
    this.#slots.empty(region);
  }

  /**
   * Take a region from its readers, if nobody has it mapped.
   *
   * @returns whether it was taken: nobody reads it then, and nobody begins to.
   */
  retract(region: TaggedRegion): boolean {
    return retract(this.#slots, this.#pinReader, region);
  }

  /** Slots of regions that some process has mapped now. */
  pinnedSlots(): Set<number> {
    this.#pinReader.refresh();
    return this.#pinReader.pinnedSlots();
  }

  /** Slots of regions that one process has mapped now. */
  slotsPinnedBy(clientId: string): Set<number> {
    this.#pinReader.refresh();
    return this.#pinReader.pinnedSlots(clientId);
  }

  /** A process is gone, and with it its mappings. */
  forgetPins(clientId: string): void {
    this.#pinReader.forget(clientId);
  }

  /** What the mount has left. */
  get mountFreeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  /** Close the file. Mappings stay valid. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#copies.close();
    this.#writeMappings.clear();
    this.#pinReader.close();
    this.#notes.close();
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

/**
 * Are its buffers copied when they are read, not mapped? V8 counts a mapping as memory of its own, and finds that nobody
 * uses it only when it marks the whole heap; a copy mostly goes with the young generation.
 */
export function isCopied({ lengths }: Region): boolean {
  return regionBytes(lengths) < MAPPED_BYTES;
}

/** Folders of this user's arenas begin so. */
export function arenaPrefix(): string {
  return `mobula-${process.getuid?.() ?? 0}-`;
}

/** The file system in memory where an arena lies, when it is large enough. */
export function sharedMemoryMount(): string {
  return process.env[MOUNT_VARIABLE] ?? "/dev/shm";
}

/** Where arenas and spilled objects may lie: what to sweep. */
export function arenaMounts(): readonly string[] {
  return [...new Set([sharedMemoryMount(), tmpdir(), "/var/tmp"])];
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
  const mount = sharedMemoryMount();
  let free = 0;
  try {
    const { bavail, bsize } = statfsSync(mount);
    free = bavail * bsize;
  } catch {
    // no such mount
  }
  if (free >= needed) return { folder: mount, hint: undefined };
  const megabytes = Math.floor(free / 1e6);
  const hint =
    `${mount} has ${megabytes} MB free, so large objects lie in files under ${tmpdir()}, which is slower; ` +
    "give the machine more shared memory (for a container: --shm-size=2g).";
  return { folder: tmpdir(), hint };
}

/** The buffers of a region whose bytes are these. */
export function buffersOf(memory: ArrayBufferLike, lengths: readonly number[]): Uint8Array[] {
  return bufferStarts({ offset: 0, lengths }).map((start, index) => new Uint8Array(memory, start, lengths[index] ?? 0));
}

function bufferStarts({ offset, lengths }: Region): number[] {
  let end = 0;
  return lengths.map((length) => {
    const start = alignUp(end, BUFFER_ALIGNMENT);
    end = start + length;
    return offset + start;
  });
}
