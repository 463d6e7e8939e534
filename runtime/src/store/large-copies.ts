/** Copies of large buffers into the arena, by two threads once the second is there. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { programUrl } from "../node/program-url.ts";
import { CopyJob } from "./copy-job.ts";
import { type Address, addressOf, copyTo } from "./memory-map.ts";

/** Smaller ones take less than 3 ms. */
const LEAST_BYTES: number = 16 * 1024 ** 2;

export class LargeCopies {
  #thread: Worker | undefined;
  #job: CopyJob | undefined;
  /** Must not be collected while the other thread reads it, even if this one was stopped. */
  #source: Uint8Array | undefined;

  /** Copy bytes to memory that `mapForWriting` gave. */
  copy(to: Address, bytes: Uint8Array): void {
    if (this.#source !== undefined) this.#job?.finish();
    this.#source = undefined;
    if (bytes.byteLength < LEAST_BYTES || availableParallelism() === 1) {
      copyTo(to, bytes);
      return;
    }
    // While the second thread starts, the first one does the whole job.
    const job = this.#start();
    this.#source = bytes;
    job.run(to, addressOf(bytes), bytes.byteLength);
    this.#source = undefined;
  }

  #start(): CopyJob {
    if (this.#job !== undefined) return this.#job;
    this.#job = new CopyJob();
    this.#thread = new Worker(programUrl("store/copy-thread"), { workerData: this.#job.buffer, execArgv: [] });
    this.#thread.on("error", () => {}); // Without it, copies are slower.
    this.#thread.unref();
    return this.#job;
  }

  close(): void {
    this.#job?.finish();
    this.#job = undefined;
    void this.#thread?.terminate();
    this.#thread = undefined;
  }
}
