/**
 * How readers and the head agree on regions without a message: two tables of words that processes share.
 *
 * `slots` has one word per region: its version once it is written, minus its version while it is being written, 0 when
 * nothing is there; a spare has minus its version and one high bit. The head writes it; the writer of a region turns minus
 * into plus, and who has a spare takes the bit away. `pins-<client>` has one word per
 * region for one process: how often it has the region mapped. Only that process writes it.
 *
 * The rule that makes this safe: a reader pins first and looks at the slot afterwards; the head empties the slot first
 * and looks at the pins afterwards. Whatever the order in which these four happen, at least one of the two sees the
 * other: the reader finds the region gone, or the head finds it in use and puts the slot back.
 */
import { closeSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { NOTHING_THERE, type RegionTag, SPARE_BIT } from "../core/slots.ts";
import { mapShared } from "./memory-map.ts";

const WORD_BYTES = 4;
/** Words are made as zeros page by page: a hole in a full mount would end the process that touches it. */
const PAGE_WORDS = 4096 / WORD_BYTES;
const PINS_PREFIX = "pins-";

/** The table of slots; the head makes it, everybody maps it. */
export class SlotWords {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  static create(directory: string, count: number): SlotWords {
    const fd = openSync(join(directory, "slots"), "wx+", 0o600);
    const bytes = (count + 1) * WORD_BYTES;
    try {
      writeSync(fd, new Uint8Array(bytes));
      return new SlotWords(new Int32Array(mapShared(fd, bytes)));
    } finally {
      closeSync(fd);
    }
  }

  static open(directory: string, count: number): SlotWords {
    const fd = openSync(join(directory, "slots"), "r+");
    try {
      return new SlotWords(new Int32Array(mapShared(fd, (count + 1) * WORD_BYTES)));
    } finally {
      closeSync(fd);
    }
  }

  /** How often memory was given back to the system, in the word behind the last slot. */
  get discards(): number {
    return Atomics.load(this.#words, this.#words.length - 1);
  }

  countDiscard(): void {
    Atomics.add(this.#words, this.#words.length - 1, 1);
  }

  /** The region is somebody's to write. */
  open(tag: RegionTag): void {
    Atomics.store(this.#words, tag.slot, -tag.version);
  }

  /** The region is somebody's to claim. */
  offer(tag: RegionTag): void {
    Atomics.store(this.#words, tag.slot, -(tag.version | SPARE_BIT));
  }

  /** Make an offered region one's own to write. Returns false when the head has taken it back. */
  claim(tag: RegionTag): boolean {
    const offered = -(tag.version | SPARE_BIT);
    return Atomics.compareExchange(this.#words, tag.slot, offered, -tag.version) === offered;
  }

  /** Take back what was offered. Returns false when it is claimed. */
  revoke(tag: RegionTag): boolean {
    const offered = -(tag.version | SPARE_BIT);
    return Atomics.compareExchange(this.#words, tag.slot, offered, NOTHING_THERE) === offered;
  }

  /** The region is written, and may be read. */
  publish(tag: RegionTag): void {
    Atomics.store(this.#words, tag.slot, tag.version);
  }

  /** Nobody may begin to read it. */
  empty(tag: RegionTag): void {
    Atomics.store(this.#words, tag.slot, NOTHING_THERE);
  }

  isReadable(tag: RegionTag): boolean {
    return Atomics.load(this.#words, tag.slot) === tag.version;
  }
}

/** Where one process notes what it has mapped. */
export class Pins {
  readonly #words: Int32Array;
  readonly #prepare: (page: number) => void;
  readonly #pages = new Set<number>();

  /** @param prepare - make the words of a page usable. @throws when there is no room for them */
  constructor(words: Int32Array, prepare: (page: number) => void = () => {}) {
    this.#words = words;
    this.#prepare = prepare;
  }

  static create(directory: string, clientId: string, count: number): Pins {
    const fd = openSync(join(directory, PINS_PREFIX + clientId), "w+", 0o600);
    const zeros = new Uint8Array(PAGE_WORDS * WORD_BYTES);
    return new Pins(new Int32Array(mapShared(fd, count * WORD_BYTES)), (page) => {
      writeSync(fd, zeros, 0, zeros.length, page * zeros.length);
    });
  }

  /**
   * Keep a region where it is, if it still is there. The caller must not look at the region otherwise.
   *
   * @throws when the mount has no room to note it
   */
  tryPin(slots: Pick<SlotWords, "isReadable">, tag: RegionTag): boolean {
    const page = Math.floor(tag.slot / PAGE_WORDS);
    if (!this.#pages.has(page)) {
      this.#prepare(page);
      this.#pages.add(page);
    }
    Atomics.add(this.#words, tag.slot, 1);
    if (slots.isReadable(tag)) return true;
    this.unpin(tag);
    return false;
  }

  unpin(tag: RegionTag): void {
    Atomics.sub(this.#words, tag.slot, 1);
  }
}

/**
 * The head's view of everybody's pins. Read with system calls: the head must never touch a page that a process has not
 * made yet.
 */
export class PinReader {
  readonly #directory: string;
  readonly #fds = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Processes come and go: look who has a table now. Costs a directory listing. */
  refresh(): void {
    const names = new Set(readdirSync(this.#directory).filter((name) => name.startsWith(PINS_PREFIX)));
    for (const [name, fd] of this.#fds) {
      if (names.has(name)) continue;
      closeSync(fd);
      this.#fds.delete(name);
    }
    for (const name of names) {
      if (!this.#fds.has(name)) this.#fds.set(name, openSync(join(this.#directory, name), "r"));
    }
  }

  /** @param clientId - of one process only. Default: of all. */
  pinnedSlots(clientId?: string): Set<number> {
    const pinned = new Set<number>();
    const words = new Int32Array(PAGE_WORDS);
    for (const [name, fd] of this.#fds) {
      if (clientId !== undefined && name !== PINS_PREFIX + clientId) continue;
      for (let first = 0; ; first += PAGE_WORDS) {
        const count = readSync(fd, words, 0, words.byteLength, first * WORD_BYTES) / WORD_BYTES;
        for (let index = 0; index < count; index++) if (words[index] !== 0) pinned.add(first + index);
        if (count < PAGE_WORDS) break;
      }
    }
    return pinned;
  }

  isPinned({ slot }: RegionTag): boolean {
    const word = new Int32Array(1);
    for (const fd of this.#fds.values()) {
      // Beyond the table's end nothing was ever pinned.
      if (readSync(fd, word, 0, WORD_BYTES, slot * WORD_BYTES) === WORD_BYTES && word[0] !== 0) return true;
    }
    return false;
  }

  /** The process is gone. */
  forget(clientId: string): void {
    const name = PINS_PREFIX + clientId;
    const fd = this.#fds.get(name);
    if (fd !== undefined) closeSync(fd);
    this.#fds.delete(name);
    rmSync(join(this.#directory, name), { force: true });
  }

  close(): void {
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }
}

/**
 * Take a region from its readers, if nobody has it mapped. Afterwards nobody reads it, and nobody begins to.
 *
 * @returns false when a process has it mapped: then it stays where it is.
 */
export function retract(
  slots: Pick<SlotWords, "empty" | "publish">,
  pins: { refresh(): void; isPinned(tag: RegionTag): boolean },
  tag: RegionTag,
): boolean {
  slots.empty(tag);
  // A process may have made its table just now: the list has to be younger than the empty slot.
  pins.refresh();
  if (!pins.isPinned(tag)) return true;
  slots.publish(tag);
  return false;
}
