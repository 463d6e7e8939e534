/** Looks at the memory in use a few times a second, before the system's out-of-memory killer would choose at random. */

import type { WatchedWorker } from "../core/memory.ts";
import type { WorkerId } from "../protocol/ids.ts";
import { type MemoryReading, memoryReadings, privateBytesOf, privateBytesOfFamily } from "./memory-readings.ts";

const EVERY_MS = 250;
/** Looks between two comparisons with what tasks said they need. */
const LOOKS_PER_COMPARISON = 4;
/** Declared memory is a guide: a process, and V8 between two collections, needs some beside. */
const FAR_BEYOND = 2;
const PROCESS_BYTES = 128 * 1024 ** 2;

export interface MemoryWatchOptions {
  /** Part of the memory that may be in use, 0–1. */
  readonly threshold: number;
  /** What the cluster's processes may use together. Default: no limit of their own. */
  readonly limitBytes?: number;
}

export interface WorkerMemory {
  readonly workerId: WorkerId;
  readonly privateBytes: number;
}

export interface MemoryWatchHooks {
  workers(): readonly WatchedWorker[];
  onShort(
    shortage: Omit<MemoryReading, "what"> & { readonly what: MemoryReading["what"] | "the cluster" },
    workers: readonly WorkerMemory[],
  ): void;
  /** A worker has far more than what it runs declared. */
  onBeyondDeclared(worker: WatchedWorker, privateBytes: number): void;
}

/** Ends with `close`. */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #hooks: MemoryWatchHooks;
  readonly #timer: NodeJS.Timeout;
  #looks = 0;

  constructor(options: MemoryWatchOptions, hooks: MemoryWatchHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#timer = setInterval(() => this.#look(), EVERY_MS).unref();
  }

  #look(): void {
    const { threshold, limitBytes } = this.#options;
    const shortage = memoryReadings().find(({ usedBytes, totalBytes }) => usedBytes > threshold * totalBytes);
    if (shortage !== undefined) this.#hooks.onShort(shortage, this.#measure());
    else if (limitBytes !== undefined) this.#compareWithLimit(limitBytes);
    if (this.#looks++ % LOOKS_PER_COMPARISON === 0) this.#compareWithDeclared();
  }

  #measure(): WorkerMemory[] {
    return this.#hooks.workers().map(({ workerId, pid }) => ({ workerId, privateBytes: privateBytesOfFamily(pid) }));
  }

  #compareWithLimit(totalBytes: number): void {
    const workers = this.#measure();
    const usedBytes = workers.reduce((sum, { privateBytes }) => sum + privateBytes, privateBytesOf(process.pid));
    if (usedBytes > this.#options.threshold * totalBytes) {
      this.#hooks.onShort({ what: "the cluster", usedBytes, totalBytes }, workers);
    }
  }

  #compareWithDeclared(): void {
    for (const worker of this.#hooks.workers()) {
      if (worker.declaredBytes === undefined) continue;
      const privateBytes = privateBytesOfFamily(worker.pid);
      if (privateBytes > FAR_BEYOND * worker.declaredBytes + PROCESS_BYTES) {
        this.#hooks.onBeyondDeclared(worker, privateBytes);
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
