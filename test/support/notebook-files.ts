/** Notebook files as tests write and read them. */
import { readFileSync, writeFileSync } from "node:fs";
import { kernelInfo } from "../../kernel/src/core/kernel-info.ts";

export interface Output {
  readonly output_type: string;
  readonly ename?: string;
  readonly evalue?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, string | readonly string[]>>;
}

export interface Cell {
  readonly id: string;
  readonly source: string | readonly string[];
  readonly metadata: { readonly tags?: readonly string[]; readonly execution?: Readonly<Record<string, string>> };
  readonly outputs: readonly Output[];
}

/** Write a notebook of code cells for this kernel, with the metadata that JupyterLab writes; a cell named `parameters` gets that tag. */
export function writeNotebook(path: string, cells: Readonly<Record<string, string>>): void {
  const content = Object.entries(cells).map(([id, source]) => ({
    cell_type: "code",
    id,
    metadata: id === "parameters" ? { tags: [id] } : {},
    execution_count: null,
    outputs: [],
    source,
  }));
  const metadata = {
    kernelspec: { name: "mobula", display_name: "TypeScript (Mobula)", language: "typescript" },
    language_info: kernelInfo.typescript.language_info,
  };
  writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells: content }));
}

export function readNotebook(path: string): readonly Cell[] {
  return JSON.parse(readFileSync(path, "utf8")).cells;
}

/** A notebook file holds texts as one string or as a list of lines. */
export function joined(text: string | readonly string[] | undefined): string {
  return typeof text === "string" ? text : (text ?? []).join("");
}

/** What a cell printed, and its values as plain text, in order. */
export function shownBy(cell: Cell | undefined): string {
  return (cell?.outputs ?? []).map(({ text, data }) => joined(text ?? data?.["text/plain"])).join("");
}
