/**
 * Folds lines that several workers print alike: the first is shown at once, the others are counted and told of together.
 * What one worker repeats on its own is shown as it comes.
 */
import type { FromWorker } from "../protocol/messages.ts";

type Output = Extract<FromWorker, { type: "output" }>;

/** Equal lines of this time are one. */
const WINDOW_MS = 1_000;
/** Different lines remembered; a flood of them folds nothing anyway. */
const MAX_LINES = 10_000;

interface Repeated {
  readonly output: Output;
  readonly line: string;
  readonly sinceMs: number;
  readonly pids: Set<number>;
  held: number;
}

export interface RepeatedLinesHooks {
  show(output: Output): void;
  now(): number;
  /** Call back later; need not keep the process alive. */
  later(callback: () => void, delayMs: number): void;
}

export class RepeatedLines {
  readonly #hooks: RepeatedLinesHooks;
  /** By cell, stream and text, oldest first. */
  readonly #recent = new Map<string, Repeated>();
  #isPlanned = false;

  constructor(hooks: RepeatedLinesHooks) {
    this.#hooks = hooks;
  }

  add(output: Output): void {
    const lines = output.text.split("\n");
    // What stands behind the last line break is no line yet.
    const rest = lines.pop() ?? "";
    const shown = lines.filter((line) => this.#isShown(output, line));
    const text = shown.map((line) => `${line}\n`).join("") + rest;
    if (text !== "") this.#hooks.show(text === output.text ? output : { ...output, text });
  }

  #isShown(output: Output, line: string): boolean {
    if (line.trim() === "") return true;
    const key = `${output.execution?.messageId ?? ""} ${output.stream} ${line}`;
    const known = this.#recent.get(key);
    if (known === undefined) {
      if (this.#recent.size >= MAX_LINES) this.flush();
      const sinceMs = this.#hooks.now();
      this.#recent.set(key, { output, line, sinceMs, pids: new Set([output.pid]), held: 0 });
      this.#plan();
      return true;
    }
    known.pids.add(output.pid);
    if (known.pids.size === 1) return true;
    known.held++;
    return false;
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#hooks.later(() => this.#expire(), WINDOW_MS);
  }

  #expire(): void {
    this.#isPlanned = false;
    const before = this.#hooks.now() - WINDOW_MS;
    for (const [key, repeated] of this.#recent) {
      if (repeated.sinceMs > before) break;
      this.#recent.delete(key);
      this.#tell(repeated);
    }
    if (this.#recent.size > 0) this.#plan();
  }

  #tell({ output, line, held, pids }: Repeated): void {
    if (held === 0) return;
    // One line in place of one line saves nothing.
    const note = held === 1 ? "" : ` [repeated ${held}× across ${pids.size} workers]`;
    this.#hooks.show({ ...output, text: `${line}${note}\n` });
  }

  /** Tell of all that is held back. */
  flush(): void {
    const all = [...this.#recent.values()];
    this.#recent.clear();
    for (const repeated of all) this.#tell(repeated);
  }
}
