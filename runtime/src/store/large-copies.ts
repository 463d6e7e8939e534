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
    if (this.#job === undefined) {
      this.#start();
      copyTo(to, bytes);
      return;
    }
    this.#source = bytes;
    this.#job.run(to, addressOf(bytes), bytes.byteLength);
    this.#source = undefined;
  }

  /** Who writes large arrays again and again has the second thread from the moment that it is ready. */
  #start(): void {
    if (this.#thread !== undefined) return;
    const job = new CopyJob();
    const thread = new Worker(programUrl("store/copy-thread"), { workerData: job.buffer, execArgv: [] });
    thread.once("message", () => {
      this.#job = job;
    });
    // Without it, copies are slower.
    thread.on("error", () => {
      this.#job = undefined;
    });
    thread.unref();
    this.#thread = thread;
  }

  close(): void {
    this.#job?.finish();
    this.#job = undefined;
    void this.#thread?.terminate();
    this.#thread = undefined;
  }
}
