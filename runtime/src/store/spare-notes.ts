/**
 * What processes have stored in spare regions, one record per slot. A process tells the head after its readers; these notes
 * are for the head when the process ends in between.
 */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RegionTag } from "../core/slots.ts";

const NAME = "notes";
const NOTE_BYTES = 256;

/** An object as a process stores it. */
export interface StoredNote {
  readonly objectId: string;
  readonly lengths: readonly number[];
  /** Who keeps it. */
  readonly holder: string;
}

export class SpareNotes {
  readonly #file: string;
  readonly #buffer: Buffer = Buffer.alloc(NOTE_BYTES);
  #fd: number | undefined;

  constructor(directory: string) {
    this.#file = join(directory, NAME);
  }

  /** Once for all processes. */
  static create(directory: string): void {
    writeFileSync(join(directory, NAME), "", { mode: 0o600, flag: "wx" });
  }

  /** Returns false when the note is too long, or the mount has no room for it. */
  write({ slot, version }: RegionTag, { objectId, lengths, holder }: StoredNote): boolean {
    const text = JSON.stringify([version, objectId, lengths, holder]);
    if (Buffer.byteLength(text) > NOTE_BYTES) return false;
    this.#buffer.fill(0).write(text);
    try {
      this.#fd ??= openSync(this.#file, "r+");
      return writeSync(this.#fd, this.#buffer, 0, NOTE_BYTES, slot * NOTE_BYTES) === NOTE_BYTES;
    } catch {
      return false;
    }
  }

  /** @returns undefined when there is no note of that time. */
  read({ slot, version }: RegionTag): StoredNote | undefined {
    try {
      this.#fd ??= openSync(this.#file, "r+");
      if (readSync(this.#fd, this.#buffer, 0, NOTE_BYTES, slot * NOTE_BYTES) === 0) return undefined;
      const end = this.#buffer.indexOf(0);
      const [noted, objectId, lengths, holder] = JSON.parse(
        this.#buffer.toString("utf8", 0, end < 0 ? NOTE_BYTES : end),
      ) as [number, string, number[], string];
      return noted === version ? { objectId, lengths, holder } : undefined;
    } catch {
      return undefined;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
