/**
 * The id of the task that the main thread runs, readable by the control thread while the main thread spins.
 *
 * A cell of shared memory: a sequence number that is odd during a change, a length, and the id's characters.
 */
const MAX_ID_BYTES = 240;
const HEADER_BYTES = 8;

export class TaskCell {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #text: Buffer;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + MAX_ID_BYTES)) {
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, 2);
    this.#text = Buffer.from(buffer, HEADER_BYTES, MAX_ID_BYTES);
  }

  /** Main thread only. */
  set(taskId: string): void {
    Atomics.add(this.#header, 0, 1);
    this.#header[1] = this.#text.write(taskId, 0, MAX_ID_BYTES, "latin1");
    Atomics.add(this.#header, 0, 1);
  }

  /** Main thread only. */
  clear(): void {
    Atomics.add(this.#header, 0, 1);
    this.#header[1] = 0;
    Atomics.add(this.#header, 0, 1);
  }

  /** Does the main thread run this task, as far as one can see from another thread? */
  isRunning(taskId: string): boolean {
    const before = Atomics.load(this.#header, 0);
    const current = this.#text.toString("latin1", 0, this.#header[1]);
    return before % 2 === 0 && Atomics.load(this.#header, 0) === before && current === taskId;
  }
}
