/** Places in the user's code, as a person would name them. */
import { notebookNames } from "./notebook.ts";

/** How the kernel calls the file of a cell: by its version, which is not the number that the user sees. */
const CELL_FILE = /^\.cell-\d+\./;

/** `line 3 of cell [7]`, `line 12 of train.ts`. @param line - 0-based. */
export function formatPlace(url: string, line: number): string {
  const count = notebookNames()?.executionCountOf?.(url);
  if (count !== undefined) return `line ${line + 1} of cell [${count}]`;
  const file = decodeURI(url.split("/").at(-1) ?? "");
  if (file === "") return "";
  return `line ${line + 1} of ${CELL_FILE.test(file) ? "a cell" : file}`;
}
