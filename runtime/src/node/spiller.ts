/** The head's way to the disk: orders for the spill thread, which is started with the first. */
import { rmSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { CoreEvent } from "../core/state.ts";
import { describeDisk, makeSpillDirectory } from "../store/spill-files.ts";
import { programUrl } from "./program-url.ts";

export interface SpillThreadData {
  /** The arena's file. */
  readonly arena: string;
  readonly directory: string;
}

export type SpillOrder =
  | { readonly type: "spill"; readonly file: string; readonly offset: number; readonly sizeBytes: number }
  /** Compare with the checksum, and copy to the arena when `offset` is there. */
  | {
      readonly type: "read";
      readonly file: string;
      readonly sizeBytes: number;
      readonly checksum: number;
      readonly offset?: number;
    }
  | { readonly type: "delete"; readonly file: string };

export type FromSpillThread =
  | {
      readonly type: "spilled";
      readonly file: string;
      readonly outcome: Extract<CoreEvent, { type: "spill-ended" }>["outcome"];
    }
  | {
      readonly type: "read";
      readonly file: string;
      readonly outcome: Extract<CoreEvent, { type: "file-read" }>["outcome"];
    };

export class Spiller {
  readonly directory: string;
  readonly #arena: string;
  readonly #onAnswer: (answer: FromSpillThread) => void;
  #thread: Worker | undefined;
  #isMade = false;

  constructor(data: SpillThreadData, onAnswer: (answer: FromSpillThread) => void) {
    this.directory = data.directory;
    this.#arena = data.arena;
    this.#onAnswer = onAnswer;
  }

  order(order: SpillOrder): void {
    if (order.type === "spill" && !this.#isMade) {
      try {
        makeSpillDirectory(this.directory, process.pid);
        this.#isMade = true;
      } catch (error) {
        const outcome = { isOk: false, problem: describeDisk(error, this.directory) } as const;
        queueMicrotask(() => this.#onAnswer({ type: "spilled", file: order.file, outcome }));
        return;
      }
    }
    this.#thread ??= this.#start();
    this.#thread.postMessage(order);
  }

  #start(): Worker {
    const workerData: SpillThreadData = { arena: this.#arena, directory: this.directory };
    const thread = new Worker(programUrl("node/spill-thread"), { workerData, execArgv: [] });
    thread.on("message", this.#onAnswer);
    // The head cannot keep its word to those who wait for a file: that is the end of it, with a report.
    thread.on("error", (error) => {
      throw error;
    });
    return thread;
  }

  /** The cluster ends: no file stays. */
  close(): void {
    void this.#thread?.terminate();
    // A file that the thread makes meanwhile is one more to remove.
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 5 });
  }
}
