/** The cells that the debugger knows: which text of the front end runs under which name in V8. */
import { murmur2 } from "./murmur2.ts";
import { type BreakablePlace, type CellLines, type CellTexts, linesOf } from "./positions.ts";

/** Any number does; JupyterLab is told this one. */
export const HASH_SEED = 0xc70f6907;
export const SOURCE_SUFFIX = ".ts";

/** How many runs of one text are remembered: functions that an older run made get no breakpoints any more. */
const MAX_RUNS = 20;

/** A cell about to run. */
export interface StartedCell extends CellTexts {
  /** The text as the front end has it, by which it names the cell. `source` differs from it in a magic line. */
  readonly code: string;
  /** The `file:` URL by which V8 knows its scripts. */
  readonly url: string;
  readonly executionCount: number;
  /** Names that the cell declares, by the property of the global object that holds each. */
  readonly names: Readonly<Record<string, string>>;
}

export interface KnownCell extends StartedCell {
  /** Its path for the front end. */
  readonly path: string;
  readonly lines: CellLines;
  /** Where V8 can stop, once it was asked. */
  places?: readonly BreakablePlace[];
}

export class CellBook {
  readonly prefix: string;
  readonly #texts = new Map<string, string>();
  readonly #byUrl = new Map<string, KnownCell>();
  /** Oldest run first. */
  readonly #runs = new Map<string, KnownCell[]>();
  readonly #names = new Map<string, string>();

  /** @param prefix - start of the paths by which the front end names cells; no such files exist. */
  constructor(prefix: string) {
    this.prefix = prefix;
  }

  pathOf(code: string): string {
    return `${this.prefix}${murmur2(code, HASH_SEED)}${SOURCE_SUFFIX}`;
  }

  /** Remember a text that may run one day; returns its path. */
  addText(code: string): string {
    const path = this.pathOf(code);
    this.#texts.set(path, code);
    return path;
  }

  addRun(cell: StartedCell): KnownCell {
    const path = this.addText(cell.code);
    const known: KnownCell = { ...cell, path, lines: linesOf(cell) };
    this.#byUrl.set(cell.url, known);
    const runs = [...(this.#runs.get(path) ?? []), known];
    if (runs.length > MAX_RUNS) runs.shift();
    this.#runs.set(path, runs);
    for (const [globalName, name] of Object.entries(cell.names)) this.#names.set(globalName, name);
    return known;
  }

  byUrl(url: string): KnownCell | undefined {
    return this.#byUrl.get(url);
  }

  runsOf(path: string): readonly KnownCell[] {
    return this.#runs.get(path) ?? [];
  }

  textOf(path: string): string | undefined {
    return this.#texts.get(path);
  }

  isCellPath(path: string): boolean {
    return path.startsWith(this.prefix);
  }

  /** Global property → the name that a cell declares it by. */
  get names(): ReadonlyMap<string, string> {
    return this.#names;
  }

  /** The process that ran the cells is gone; their texts are still known. */
  forgetRuns(): void {
    this.#byUrl.clear();
    this.#runs.clear();
    this.#names.clear();
  }
}
