/** What a worker's main thread and its control thread know of debuggers, in shared memory: the one may stand still. */
const HELD = 0;
const INSPECTED = 1;
const WORDS = 2;

export class DebuggerFlags {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Control thread: a debugger sets its breakpoints, so no call may begin. */
  hold(isHeld: boolean): void {
    Atomics.store(this.#words, HELD, isHeld ? 1 : 0);
  }

  get isHeld(): boolean {
    return Atomics.load(this.#words, HELD) === 1;
  }

  /** Control thread: it has a session with V8's inspector, which would hold up the exit of the process. */
  setInspected(isInspected: boolean): void {
    Atomics.store(this.#words, INSPECTED, isInspected ? 1 : 0);
  }

  get isInspected(): boolean {
    return Atomics.load(this.#words, INSPECTED) === 1;
  }

  /** Main thread: wait, spinning so that the inspector can interrupt, until no debugger has a session. */
  awaitDisconnection(timeoutMs: number): void {
    const deadline = Date.now() + timeoutMs;
    while (this.isInspected && Date.now() < deadline);
  }
}
