/** What the session knows about the cells it has run: their texts, for errors, and the names they declare. */
import type { CompiledCell } from "../language/language.ts";

export interface CellRecord {
  readonly executionCount: number;
  readonly source: string;
}

export interface ImportedName {
  readonly specifier: string;
  readonly imported: string;
}

export class CellRegistry {
  readonly #cells = new Map<string, CellRecord>();
  /** Global name → the import it stands for, or `undefined` for a declaration. */
  readonly #names = new Map<string, ImportedName | undefined>();

  addCell(cell: CompiledCell, executionCount: number): void {
    this.#cells.set(cell.fileName, { executionCount, source: cell.source });
  }

  /** The cell that V8 calls `fileName` in a stack. */
  cell(fileName: string): CellRecord | undefined {
    return this.#cells.get(fileName);
  }

  define(globalName: string, imported?: ImportedName): void {
    this.#names.set(globalName, imported);
  }

  delete(globalName: string): void {
    this.#names.delete(globalName);
  }

  isCellName(globalName: string): boolean {
    return this.#names.has(globalName);
  }

  /** The names that cells declare, imports left out. A name that a built-in has already lives under another. */
  declaredNames(): readonly { readonly name: string; readonly globalName: string }[] {
    const declared = [...this.#names].filter(([, imported]) => imported === undefined);
    return declared.map(([globalName]) => ({ name: globalName.replace(/^\u01C3/, ""), globalName }));
  }

  importOf(globalName: string): ImportedName | undefined {
    return this.#names.get(globalName);
  }
}
