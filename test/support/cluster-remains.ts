/** What a cluster leaves behind: processes, sockets, shared memory. Each world has a temporary directory of its own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { eventually } from "./driver-program.ts";
import { isRunning } from "./processes.ts";

/** A folder for everything a cluster makes outside of shared memory; also the mark by which its processes are found. */
export class OwnTemporaryFolder {
  readonly path: string;
  readonly #arenas = new Set<string>();

  constructor() {
    // Short: the paths of unix sockets are.
    this.path = mkdtempSync(join(tmpdir(), "km-"));
  }

  /** Environment for the driver program. */
  get env(): Record<string, string> {
    return { TMPDIR: this.path };
  }

  /** Shared memory lies elsewhere: say where. */
  expectArena(directory: string): void {
    expect(existsSync(directory)).toBe(true);
    this.#arenas.add(directory);
  }

  /** Processes that were started with this folder, and their children. */
  processes(): number[] {
    const mark = `TMPDIR=${this.path}\0`;
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid && environmentOf(pid).includes(mark) && isRunning(pid));
  }

  remains(): unknown[] {
    return [...this.processes(), ...readdirSync(this.path), ...[...this.#arenas].filter((path) => existsSync(path))];
  }

  /** Nothing is left soon. */
  async expectEmpty(): Promise<void> {
    await this.#expect([]);
  }

  /** Nothing but this process is left soon: the driver. */
  async expectOnly(pid: number): Promise<void> {
    await this.#expect([pid]);
  }

  async #expect(left: readonly unknown[]): Promise<void> {
    await eventually(() => this.remains().length <= left.length, 5_000);
    expect(this.remains()).toEqual(left);
  }

  remove(): void {
    for (const pid of this.processes()) process.kill(pid, "SIGKILL");
    rmSync(this.path, { recursive: true, force: true });
  }
}

function environmentOf(pid: number): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`;
  } catch {
    return ""; // gone, or another user's
  }
}
