/** The cells of a notebook as they stand in a front end, put into the type world as if each had run in its turn. */
import type { CellText } from "../protocol/language-comm.ts";
import { type AnalysedCell, analyseCell } from "./cell/compile-cell.ts";
import { type ParsedCell, parseCell } from "./cell/parse.ts";
import { isAugmentation } from "./cell/top-level-names.ts";
import type { DraftCell } from "./completion.ts";
import { type LiveName, liveName, type NotebookWorld } from "./notebook-world.ts";

/** A cell put into the type world. */
export interface PlacedCell extends DraftCell {
  readonly cell: AnalysedCell;
  readonly dependencies: readonly number[];
}

/** What a cell sees of the others. */
export interface Surroundings {
  readonly names: readonly LiveName[];
  /** Versions to import for their effect on other modules. */
  readonly augmenting: readonly number[];
}

/** Makes modules of cells. */
export interface CellPlacer {
  place(version: number, code: string, cell: AnalysedCell, surroundings: Surroundings): PlacedCell;
  drop(version: number): void;
  /** Which names a cell needs, whether it writes them or not. */
  isUsedBy(cell: AnalysedCell): (name: string) => boolean;
}

interface ReadCell {
  /** Negative, so that it is nobody's version. */
  readonly version: number;
  readonly code: string;
  readonly parsed: ParsedCell;
  readonly analysed: AnalysedCell;
  readonly isAugmenting: boolean;
}

export interface UnrunCell extends PlacedCell, ReadCell {
  /** All names in its scope, used or not. */
  readonly surroundings: Surroundings;
}

interface PlacedNotebook {
  readonly cells: readonly CellText[];
  readonly worldRevision: number;
  readonly placed: ReadonlyMap<string, UnrunCell>;
}

/**
 * `as run`: a cell whose text has run has its names in the world, where a newer cell may have taken them over.
 * `as written`: every name is that of the nearest cell above that declares it, else of the nearest one below.
 */
export type Reading = "as run" | "as written";

/** The two readings of one cell are two modules. */
const FIRST_VERSION: Readonly<Record<Reading, number>> = { "as run": 0, "as written": -1_000_000 };

export class UnrunCells {
  readonly #world: NotebookWorld;
  readonly #placer: CellPlacer;
  readonly #reading: Reading;
  readonly #read = new Map<string, ReadCell>();
  #notebook: PlacedNotebook | undefined;
  #lastVersion: number;

  constructor(world: NotebookWorld, placer: CellPlacer, reading: Reading) {
    this.#world = world;
    this.#placer = placer;
    this.#reading = reading;
    this.#lastVersion = FIRST_VERSION[reading];
  }

  /**
   * Every cell sees the names of the cells above it as they stand now, and of those that ran, wherever they are.
   *
   * @returns the cells by their ids.
   */
  place(cells: readonly CellText[]): ReadonlyMap<string, UnrunCell> {
    const worldRevision = this.#world.revision;
    if (this.#notebook && isSame(this.#notebook, cells, worldRevision)) return this.#notebook.placed;
    this.#forget(new Set(cells.map(({ id }) => id)));
    const placed = this.#placeAll(cells);
    this.#notebook = { cells, worldRevision, placed };
    return placed;
  }

  /**
   * The modules to look at for one cell: all cells, so that they share one program. But a cell that changes types for
   * everybody is part of the program only where it is imported.
   */
  rootsFor(cellId: string): string[] {
    const placed = this.#notebook?.placed;
    const target = placed?.get(cellId);
    if (!placed || !target) return [];
    if (target.isAugmenting) return [target.fileName];
    return [...placed.values()].filter(({ isAugmenting }) => !isAugmenting).map(({ fileName }) => fileName);
  }

  #placeAll(cells: readonly CellText[]): Map<string, UnrunCell> {
    const read = cells.map(({ id, code }) => ({ id, cell: this.#readCell(id, code) }));
    const placed = new Map<string, UnrunCell>();
    const lent = this.#reading === "as written" ? namesFromBelow(read) : new Map<string, LiveName>();
    const augmenting: number[] = [];
    const notRun = new Set<string>();
    for (const { id, cell } of read) {
      const live = this.#world.visibleNames(id).filter(({ name }) => !lent.has(name));
      const names = [...live, ...lent.values()].filter((name) => name.version !== cell.version);
      const surroundings = { names, augmenting: [...this.#world.augmentingVersions(id, notRun), ...augmenting] };
      placed.set(id, { ...cell, ...this.#placeCell(cell, surroundings), surroundings });
      if (this.#reading === "as run" && this.#world.hasRun(id, cell.code)) continue;
      notRun.add(id);
      if (cell.isAugmenting) augmenting.push(cell.version);
      for (const name of namesOf(id, cell)) lent.set(name.name, name);
    }
    return placed;
  }

  #placeCell({ version, code, analysed }: ReadCell, { names, augmenting }: Surroundings): PlacedCell {
    const isUsed = this.#placer.isUsedBy(analysed);
    const used = names.filter(({ name }) => isUsed(name));
    return this.#placer.place(version, code, analysed, { names: used, augmenting });
  }

  #readCell(id: string, code: string): ReadCell {
    const known = this.#read.get(id);
    if (known?.code === code) return known;
    const parsed = parseCell(code);
    const cell: ReadCell = {
      version: known?.version ?? --this.#lastVersion,
      code,
      parsed,
      analysed: analyseCell(parsed.sourceFile, parsed.isTsx),
      isAugmenting: parsed.sourceFile.statements.some(isAugmentation),
    };
    this.#read.set(id, cell);
    return cell;
  }

  #forget(kept: ReadonlySet<string>): void {
    for (const [id, { version }] of this.#read) {
      if (kept.has(id)) continue;
      this.#read.delete(id);
      this.#placer.drop(version);
    }
  }
}

/** What a cell lends to others. */
function namesOf(cellId: string, { version, analysed }: ReadCell): LiveName[] {
  const names = [...analysed.names.values()].filter(({ kind }) => kind !== "using");
  return names.map(({ name, kind }) => liveName({ version, cellId }, name, kind));
}

/** For each name the topmost cell that declares it: what a cell above it means when it uses the name. */
function namesFromBelow(cells: readonly { readonly id: string; readonly cell: ReadCell }[]): Map<string, LiveName> {
  const all = cells.toReversed().flatMap(({ id, cell }) => namesOf(id, cell));
  return new Map(all.map((name) => [name.name, name]));
}

function isSame(
  { cells: known, worldRevision: revision }: PlacedNotebook,
  cells: readonly CellText[],
  now: number,
): boolean {
  if (revision !== now || known.length !== cells.length) return false;
  return known.every(({ id, code }, index) => cells[index]?.id === id && cells[index].code === code);
}
