/** Names that cells of a notebook declare. They are properties of the global object, so V8 shows them in no scope. */

/** The part of the kernel's `NotebookHost` that capturing needs. */
export interface CellNames {
  /** Directory of the notebook: where relative imports start. */
  readonly directory: string;
  isCellName(globalName: string): boolean;
  /** The number that the user sees before the cell which runs as `url`. */
  executionCountOf?(url: string): number | undefined;
  importOf(globalName: string): { readonly specifier: string; readonly imported: string } | undefined;
}

const NOTEBOOK_HOST = Symbol.for("mobula.notebook");

/** The notebook this process runs, if it runs one. */
export function notebookNames(): CellNames | undefined {
  return (globalThis as { [NOTEBOOK_HOST]?: CellNames })[NOTEBOOK_HOST];
}
