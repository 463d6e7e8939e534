/**
 * Which names of a notebook are alive, and which cell version each one belongs to. Plain state: no compiler, no files.
 *
 * A name belongs to the newest committed version that declared it. A version whose cell ran again, or was deleted,
 * loses the names that nobody declares any more.
 */
import { globalNameOf } from "./cell/reserved-names.ts";
import { isRuntimeKind, type NameKind } from "./cell/top-level-names.ts";

/** A name that later cells can use. */
export interface LiveName {
  readonly name: string;
  readonly kind: NameKind;
  /** The cell version whose module exports it. */
  readonly version: number;
  readonly cellId?: string;
  /** The property of the global object that holds it; absent for types and `declare`d names. */
  readonly globalName?: string;
}

/** A compiled cell, as far as other cells are concerned. */
export interface CellRecord {
  readonly version: number;
  readonly cellId?: string;
  readonly names: readonly { readonly name: string; readonly kind: NameKind }[];
  /** Versions whose modules this one imports. */
  readonly dependencies: readonly number[];
  /** It holds `declare global` or `declare module`, which every later cell must see. */
  readonly isAugmenting: boolean;
  /** The text that was compiled. */
  readonly code: string;
}

/** Cells that were compiled but never committed (refused, or expressions of the front end) are dropped beyond this. */
const MAX_PENDING = 64;

export class NotebookWorld {
  readonly #names = new Map<string, LiveName>();
  readonly #records = new Map<number, CellRecord>();
  readonly #pending = new Map<number, CellRecord>();
  /** Cells that run, and whose names others may use already; all are pending. */
  readonly #lent = new Set<number>();
  /** The text of each cell that ran to its end, by the cell's id. */
  readonly #runTexts = new Map<string, string>();
  #revision = 0;

  /** Changes with every change of what cells can see. */
  get revision(): number {
    return this.#revision;
  }

  /** Is this what the cell ran last, and did all its names get their values? */
  hasRun(cellId: string, code: string): boolean {
    return this.#runTexts.get(cellId) === code;
  }

  /** Remember a compiled cell until it is committed. */
  add(record: CellRecord): void {
    this.#pending.set(record.version, record);
    const oldest = this.#pending.keys().next();
    if (this.#pending.size > MAX_PENDING && !oldest.done) {
      this.#pending.delete(oldest.value);
      this.#lent.delete(oldest.value);
    }
  }

  /**
   * Names that a cell may use: all live ones, without those that an earlier version of the same cell left behind and
   * that the commit of this one will remove.
   */
  visibleNames(cellId?: string): LiveName[] {
    const isOther = (live: LiveName): boolean => cellId === undefined || live.cellId !== cellId;
    const committed = [...this.#names.values()].filter(isOther);
    if (this.#lent.size === 0) return committed;
    const lent = [...this.#lentNames().values()].filter(isOther);
    return [...new Map([...committed, ...lent].map((live) => [live.name, live])).values()];
  }

  find(name: string): LiveName | undefined {
    return this.#lentNames().get(name) ?? this.#names.get(name);
  }

  /** The cell runs: others may use all its names until it is committed. */
  lend(version: number): void {
    if (!this.#pending.has(version)) return;
    this.#lent.add(version);
    this.#revision++;
  }

  /**
   * Versions that every cell has to import for their effect on other modules.
   *
   * @param without - ids of further cells that are left out.
   */
  augmentingVersions(cellId?: string, without: ReadonlySet<string> = new Set()): number[] {
    const isLeftOut = (id: string | undefined) => id !== undefined && (id === cellId || without.has(id));
    const records = [...this.#records.values()].filter((record) => record.isAugmenting && !isLeftOut(record.cellId));
    return records.map(({ version }) => version);
  }

  /** Global names that the earlier version of a cell declared and the new one does not. */
  obsoleteGlobals(cellId: string | undefined, declared: ReadonlySet<string>): string[] {
    if (cellId === undefined) return [];
    return globalsOf([...this.#names.values()].filter((live) => live.cellId === cellId && !declared.has(live.name)));
  }

  /**
   * A cell ran: its `assigned` names, its types and its ambient names become visible. An unknown version (dropped, or
   * committed before) changes nothing.
   */
  commit(version: number, assigned: readonly string[]): void {
    const record = this.#pending.get(version);
    if (!record) return;
    this.#pending.delete(version);
    this.#lent.delete(version);
    this.#records.set(version, record);
    this.#removeUndeclared(record);
    this.#revision++;
    const hasValue = new Set(assigned);
    const isWhole = record.names.every(({ name, kind }) => !isRuntimeKind(kind) || hasValue.has(name));
    if (record.cellId !== undefined) {
      if (isWhole) this.#runTexts.set(record.cellId, record.code);
      else this.#runTexts.delete(record.cellId);
    }
    for (const { name, kind } of record.names) {
      if (kind === "using" || (isRuntimeKind(kind) && !hasValue.has(name))) continue;
      this.#names.set(name, liveName(record, name, kind));
    }
    this.#dropUnreachable();
  }

  /** @returns the global names to delete. */
  forget(cellIds: readonly string[]): string[] {
    this.#revision++;
    const deleted = new Set(cellIds);
    for (const cellId of cellIds) this.#runTexts.delete(cellId);
    const gone = [...this.#names.values()].filter(({ cellId }) => cellId !== undefined && deleted.has(cellId));
    for (const { name } of gone) this.#names.delete(name);
    for (const [version, record] of this.#records) {
      if (record.cellId !== undefined && deleted.has(record.cellId)) {
        this.#records.set(version, { ...record, isAugmenting: false });
      }
    }
    this.#dropUnreachable();
    return globalsOf(gone);
  }

  /** Is the module of this version still needed, by a live name or through another module? */
  isKept(version: number): boolean {
    return this.#records.has(version) || this.#pending.has(version);
  }

  #lentNames(): Map<string, LiveName> {
    const records = [...this.#lent].flatMap((version) => this.#pending.get(version) ?? []);
    const usable = records.flatMap((record) =>
      record.names.flatMap(({ name, kind }) => (kind === "using" ? [] : [liveName(record, name, kind)])),
    );
    return new Map(usable.map((live) => [live.name, live]));
  }

  #removeUndeclared(record: CellRecord): void {
    if (record.cellId === undefined) return;
    const declared = new Set(record.names.map(({ name }) => name));
    for (const live of this.#names.values()) {
      if (live.cellId === record.cellId && !declared.has(live.name)) this.#names.delete(live.name);
    }
    for (const [version, old] of this.#records) {
      if (old.cellId === record.cellId && version !== record.version && old.isAugmenting) {
        this.#records.set(version, { ...old, isAugmenting: false });
      }
    }
  }

  #dropUnreachable(): void {
    const reached = new Set<number>();
    const reach = (version: number): void => {
      if (reached.has(version)) return;
      reached.add(version);
      const record = this.#records.get(version) ?? this.#pending.get(version);
      for (const dependency of record?.dependencies ?? []) reach(dependency);
    };
    for (const { version } of this.#names.values()) reach(version);
    for (const version of this.#pending.keys()) reach(version);
    for (const { version, isAugmenting } of this.#records.values()) if (isAugmenting) reach(version);
    for (const version of this.#records.keys()) if (!reached.has(version)) this.#records.delete(version);
  }
}

/** A name that a version of a cell declares, as other cells see it. */
export function liveName(
  { version, cellId }: Pick<CellRecord, "version" | "cellId">,
  name: string,
  kind: NameKind,
): LiveName {
  return {
    name,
    kind,
    version,
    ...(cellId !== undefined && { cellId }),
    ...(isRuntimeKind(kind) && { globalName: globalNameOf(name) }),
  };
}

function globalsOf(names: readonly LiveName[]): string[] {
  return names.flatMap(({ globalName }) => (globalName === undefined ? [] : [globalName]));
}
