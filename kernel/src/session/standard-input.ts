/**
 * `process.stdin` of a cell: what it reads, the user types into the front end, a line at a time. Nobody is asked before
 * something listens, so that a library that only looks at the stream causes no question.
 */
import { Readable } from "node:stream";
import type { CellInput } from "./cell-input.ts";
import { currentContext, type ExecutionContext } from "./execution-context.ts";

export function installStandardInput(cellInput: CellInput): void {
  const stdin = new CellStandardInput(cellInput);
  Object.defineProperty(process, "stdin", { configurable: true, enumerable: true, get: () => stdin });
}

class CellStandardInput extends Readable {
  readonly fd = 0;
  readonly #input: CellInput;
  #isWanted = false;
  #isAsking = false;
  /** The cell that listens. */
  #listener: ExecutionContext | undefined;

  constructor(input: CellInput) {
    super({ encoding: "utf8", autoDestroy: false });
    this.#input = input;
  }

  /** @throws InputUnavailableError at once, where the author of the cell sees it: a later error of a stream is lost. */
  override resume(): this {
    this.#listener = this.#input.requireCell("process.stdin");
    super.resume();
    this.#askSoon();
    return this;
  }

  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    if (event === "readable") this.#listener = this.#input.requireCell("process.stdin");
    return super.on(event, listener as (...args: unknown[]) => void);
  }

  override _read(): void {
    this.#isWanted = true;
    this.#askSoon();
  }

  /** Later, because a reader that has its line often stops listening a moment after. */
  #askSoon(): void {
    setImmediate(() => {
      const isHeard = this.readableFlowing === true || this.listenerCount("readable") > 0;
      if (this.#isWanted && isHeard && !this.#isAsking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      if (this.#input.requireCell("process.stdin").isInterrupted) return this.#forgetReaders();
      const line = await this.#input.askLater("process.stdin", { prompt: "", isPassword: false });
      if (line === null) return this.#endReaders();
      this.#isWanted = false; // Until the stream calls `_read` again.
      this.push(`${line}\n`);
    } catch {
      // The cell was stopped or has ended. Who listens now may be the next one, which asks for itself.
      if (this.#listener === currentContext()) this.#forgetReaders();
    } finally {
      this.#isAsking = false;
    }
  }

  /** The stream itself goes on: another cell may read it. */
  #endReaders(): void {
    this.emit("end");
    this.#forgetReaders();
  }

  #forgetReaders(): void {
    for (const event of ["data", "end", "keypress"]) this.removeAllListeners(event);
    if (this.listenerCount("readable") > 0) this.removeAllListeners("readable");
    this.pause();
  }
}
