/**
 * Questions that nobody asked, put to a language that nobody uses: V8 compiles what runs often, so a person's first
 * completion takes 6 instead of 20 ms, and those that follow 1.1 instead of 2.
 */
import type { NotebookLanguage } from "./notebook-language.ts";

/** Rounds of what a person asks for; after these, V8 has compiled most of it. About 0.2 s of CPU in all. */
const ROUNDS = 30;

/** Practice waits until nobody has asked for this time: a notebook that is run from the top is not held up. */
const QUIET_MS = 200;

/** One answer each, so that a person's question waits for one of them at most. */
export function practiceSteps(language: NotebookLanguage): readonly (() => void)[] {
  return Array.from({ length: ROUNDS }, (_, round) => roundOf(language, round)).flat();
}

function roundOf(language: NotebookLanguage, round: number): (() => void)[] {
  const record = `interface Row${round} { id: number; name: string }`;
  const checked = `${record}\nconst rows${round}: Row${round}[] = [{ id: ${round}, name: "a" }]\nrows${round}.length`;
  const free = `const total${round} = ${round}\ntotal${round} + 1`;
  const run = (code: string, check: "error" | "off") => {
    const { cell } = language.compile({ code, check });
    if (!cell) throw new Error(`A sample cell does not compile: ${code}`);
    const assigned = cell.declarations.map(({ name }) => name);
    language.commit(cell.version, assigned);
  };
  const member = `rows${round}.ma`;
  return [
    () => run(checked, "error"),
    () => run(free, "off"),
    () => void language.complete({ code: member, offset: member.length }),
    () => void language.inspect({ code: member, offset: 1 }),
  ];
}

/** Takes its steps one by one, while nobody asks. */
export class Practice {
  readonly #steps: readonly (() => void)[];
  readonly #done: () => void;
  #next = 0;
  #isQuiet = false;
  #quiet: NodeJS.Timeout | undefined;

  /** @param done - called after the last step, or when one has failed. */
  constructor(steps: readonly (() => void)[], done: () => void) {
    this.#steps = steps;
    this.#done = done;
  }

  start(): void {
    this.#quiet = setTimeout(() => {
      this.#isQuiet = true;
      this.#step();
    }, QUIET_MS).unref();
  }

  /** Somebody asked: practice waits. */
  interrupt(): void {
    this.#isQuiet = false;
    if (this.#next < this.#steps.length) this.#quiet?.refresh();
  }

  #step(): void {
    if (!this.#isQuiet) return;
    try {
      this.#steps[this.#next++]?.();
    } catch (error) {
      process.emitWarning(`The language service could not practise: ${String(error)}`);
      this.#next = this.#steps.length;
    }
    if (this.#next < this.#steps.length) setImmediate(() => this.#step());
    else this.#done();
  }
}
