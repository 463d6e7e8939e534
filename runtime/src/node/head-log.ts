/** What the head has to tell about itself: refused peers, failures. The last lines stay in memory. */

/** Lines kept. */
const KEPT_LINES = 1_000;
/** Longer lines are cut: a peer may have chosen what they say. */
const MAX_LINE = 2_000;

export class HeadLog {
  readonly #lines: string[] = [];
  readonly #sink: ((line: string) => void) | undefined;

  /** @param sink - gets every line, with its end; the file of a standing cluster. */
  constructor(sink?: (line: string) => void) {
    this.#sink = sink;
  }

  write(text: string): void {
    const line = `${new Date().toISOString()} ${text.slice(0, MAX_LINE)}`;
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#sink?.(`${line}\n`);
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }
}
