/**
 * A few words of memory that the session's main thread and its guardian share, because messages do not reach a thread
 * that spins.
 *
 * `Runtime.terminateExecution` can strike between any two steps of the main thread. A frame that is half written would
 * garble every later one, so writing and terminating exclude each other.
 */
const WRITER = 0;
const INTERRUPTS_SEEN = 1;
const TERMINATION_POSTED = 2;
const PARENT_LOST = 3;
const INPUT_ANSWERS = 4;
const AWAITED_INPUT = 5;
const INSPECTED = 6;
const DEBUGGING = 7;
const INTERRUPTS_DUE = 8;
const WORDS = 9;

const FREE = 0;
const WRITING = 1;
const TERMINATING = 2;

export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Main thread: run `write` while no termination can strike. It spins, never sleeps: see {@link awaitTermination}. */
  writing(write: () => void): void {
    while (Atomics.compareExchange(this.#words, WRITER, FREE, WRITING) !== FREE);
    try {
      write();
    } finally {
      Atomics.store(this.#words, WRITER, FREE);
    }
  }

  /** Guardian: run `write` unless the main thread is writing, which waits meanwhile. @returns whether it has run */
  tryWriting(write: () => void): boolean {
    if (Atomics.compareExchange(this.#words, WRITER, FREE, WRITING) !== FREE) return false;
    try {
      write();
    } finally {
      Atomics.store(this.#words, WRITER, FREE);
    }
    return true;
  }

  /** Guardian: try to keep the main thread from beginning a frame. */
  tryBeginTermination(): boolean {
    return Atomics.compareExchange(this.#words, WRITER, FREE, TERMINATING) === FREE;
  }

  endTermination(): void {
    Atomics.store(this.#words, TERMINATION_POSTED, 0);
    Atomics.store(this.#words, WRITER, FREE);
  }

  terminationPosted(): void {
    Atomics.store(this.#words, TERMINATION_POSTED, 1);
  }

  /**
   * Main thread, inside an inspector evaluation: return when the guardian has posted the termination, so that both are
   * dispatched in one go. Not `Atomics.wait`: the evaluation may interrupt a cell that is inside one, and V8 cannot nest
   * them.
   */
  awaitTermination(): void {
    const deadline = Date.now() + 1000;
    while (Atomics.load(this.#words, TERMINATION_POSTED) === 0 && Date.now() < deadline);
  }

  /** Guardian: it sends the main thread an interrupt. */
  interruptPosted(): void {
    Atomics.add(this.#words, INTERRUPTS_DUE, 1);
  }

  /** Main thread: it reads one. */
  interruptRead(): void {
    Atomics.sub(this.#words, INTERRUPTS_DUE, 1);
  }

  /** An interrupt is on its way to the main thread. */
  get isInterruptDue(): boolean {
    return Atomics.load(this.#words, INTERRUPTS_DUE) > 0;
  }

  /** Main thread: an interrupt has arrived, its event loop turns. */
  sawInterrupt(): void {
    Atomics.add(this.#words, INTERRUPTS_SEEN, 1);
  }

  get interruptsSeen(): number {
    return Atomics.load(this.#words, INTERRUPTS_SEEN);
  }

  /** Main thread: from now on it sleeps until question `id` is answered; 0: it does not. */
  set awaitedInput(id: number) {
    Atomics.store(this.#words, AWAITED_INPUT, id);
  }

  get awaitedInput(): number {
    return Atomics.load(this.#words, AWAITED_INPUT);
  }

  /** How many answers the guardian has posted. */
  get inputAnswers(): number {
    return Atomics.load(this.#words, INPUT_ANSWERS);
  }

  /** Main thread: sleep until there are more answers than `seen`. */
  awaitInputAnswer(seen: number): void {
    Atomics.wait(this.#words, INPUT_ANSWERS, seen);
  }

  /** Guardian: an answer has been posted. */
  inputAnswered(): void {
    Atomics.add(this.#words, INPUT_ANSWERS, 1);
    Atomics.notify(this.#words, INPUT_ANSWERS);
  }

  /** Guardian: the kernel is gone. */
  loseParent(): void {
    Atomics.store(this.#words, PARENT_LOST, 1);
  }

  /** Guardian: the debugger has a session with V8's inspector, which would hold up the exit of the process. */
  setInspected(isInspected: boolean): void {
    Atomics.store(this.#words, INSPECTED, isInspected ? 1 : 0);
  }

  /** Main thread: wait, spinning so that the inspector can interrupt, until the debugger's session is over. */
  awaitDisconnection(timeoutMs: number): void {
    const deadline = Date.now() + timeoutMs;
    while (this.isInspected && Date.now() < deadline);
  }

  get isInspected(): boolean {
    return Atomics.load(this.#words, INSPECTED) === 1;
  }

  /** Guardian: breakpoints and pauses are possible. */
  setDebugging(isDebugging: boolean): void {
    Atomics.store(this.#words, DEBUGGING, isDebugging ? 1 : 0);
  }

  get isDebugging(): boolean {
    return Atomics.load(this.#words, DEBUGGING) === 1;
  }

  get isParentLost(): boolean {
    return Atomics.load(this.#words, PARENT_LOST) === 1;
  }
}
