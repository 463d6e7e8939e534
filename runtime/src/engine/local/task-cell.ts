/**
 * The id of the task that the main thread runs, readable by the control thread while the main thread spins.
 *
 * A cell of shared memory: a sequence number that is odd during a change, a length, the time it began, and the id's
 * characters.
 */
const MAX_ID_BYTES = 240;
const HEADER_BYTES = 16;

export class TaskCell {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #startedMs: Float64Array;
  readonly #text: Buffer;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + MAX_ID_BYTES)) {
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, 2);
    this.#startedMs = new Float64Array(buffer, 8, 1);
    this.#text = Buffer.from(buffer, HEADER_BYTES, MAX_ID_BYTES);
  }

  /** Main thread only. @param startedMs - milliseconds since 1970. */
  set(taskId: string, startedMs: number): void {
    Atomics.add(this.#header, 0, 1);
    this.#startedMs[0] = startedMs;
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
    return this.read()?.taskId === taskId;
  }

  /** What the main thread runs; undefined when nothing, or when it changes just now. */
  read(): { readonly taskId: string; readonly startedMs: number } | undefined {
    const before = Atomics.load(this.#header, 0);
    const taskId = this.#text.toString("latin1", 0, this.#header[1]);
    const startedMs = this.#startedMs[0] ?? 0;
    const isSame = before % 2 === 0 && Atomics.load(this.#header, 0) === before;
    return isSame && taskId !== "" ? { taskId, startedMs } : undefined;
  }
}
