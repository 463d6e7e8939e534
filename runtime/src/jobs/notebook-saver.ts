/** Keeps a running notebook's file close to what the run has produced. */
import type { Notebook } from "./notebook.ts";
import { writeNotebook } from "./notebook-file.ts";

/** While a cell produces output, the file is at most about this old. */
const SAVE_INTERVAL_MS = 1000;
/** A save may take at most this share of the time; a large notebook is saved less often. */
const MAX_SAVE_SHARE = 0.1;

/** Saves one notebook, one write at a time. */
export class NotebookSaver {
  readonly #path: string;
  readonly #notebook: Notebook;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isQueued = false;
  #isClosed = false;
  #lastDurationMs = 0;

  /** @param onError - hears of a save in the background that failed; the next one tries again. */
  constructor(path: string, notebook: Notebook, onError: (error: unknown) => void) {
    this.#path = path;
    this.#notebook = notebook;
    this.#onError = onError;
  }

  /** The notebook changed; it is saved soon. */
  saveSoon(): void {
    if (this.#isClosed) return;
    const waitMs = Math.max(SAVE_INTERVAL_MS, this.#lastDurationMs / MAX_SAVE_SHARE);
    this.#timer ??= setTimeout(() => this.saveInBackground(), waitMs);
  }

  /** Save as soon as the write that runs now is over. */
  saveInBackground(): void {
    if (this.#isQueued || this.#isClosed) return;
    this.#isQueued = true;
    this.#clearTimer();
    this.#running = this.#running.then(() => this.#write()).catch(this.#onError);
  }

  /** Save a last time: what a kernel sends while it shuts down must not start a write that the end of the process cuts. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.save();
  }

  /** Save now, and wait for it. */
  async save(): Promise<void> {
    this.#clearTimer();
    await this.#running;
    await this.#write();
  }

  async #write(): Promise<void> {
    this.#isQueued = false;
    const startMs = performance.now();
    await writeNotebook(this.#path, this.#notebook);
    this.#lastDurationMs = performance.now() - startMs;
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
