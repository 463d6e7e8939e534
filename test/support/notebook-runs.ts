/** Notebooks of this project, run as a user runs them, and what they show. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./jupyterlab.ts";

export interface Output {
  output_type: string;
  ename?: string;
  evalue?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
}
export interface Cell {
  id: string;
  cell_type: string;
  metadata: { tags?: string[] };
  outputs?: Output[];
}

/** How far the tasks of a cell are: whether there is such a line depends on the machine's speed. */
const PROGRESS = /^\d+\/\d+ · [^\n]*$/;

export interface NotebookRun {
  readonly status: number | null;
  readonly stderr: string;
  readonly cells: Cell[];
}

/**
 * `mobula run` of a notebook below `notebooks/`.
 *
 * @param folder - where the executed copy goes
 * @param env - added to the environment
 */
export function runNotebook(
  folder: string,
  name: string,
  options: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): NotebookRun {
  const output = join(folder, name.replaceAll("/", "-"));
  const program = join(ROOT, "runtime/dist/cli/main.js");
  const { status, stderr } = spawnSync(
    process.execPath,
    [program, "run", join(ROOT, "notebooks", name), "-o", output, "--show", "none", ...options],
    { encoding: "utf8", timeout: 110_000, env: { ...process.env, ...env } },
  );
  return { status, stderr, cells: cellsOf(output) };
}

export function cellsOf(path: string): Cell[] {
  return JSON.parse(readFileSync(path, "utf8")).cells;
}

/** What every cell prints and shows as text, without what differs from run to run. */
export function shownBy(cells: readonly Cell[]): Record<string, string[]> {
  const code = cells.filter((cell) => cell.cell_type === "code" && !cell.metadata.tags?.includes("varies"));
  return Object.fromEntries(
    code.map(({ id, outputs = [] }) => {
      const printed = outputs.map(({ text }) => joined(text)).join("");
      const shown = outputs.flatMap(({ data, evalue }) => evalue ?? joined(data?.["text/plain"]));
      return [id, [printed, ...shown].filter((text) => text !== "" && !PROGRESS.test(text))];
    }),
  );
}

/** A notebook file holds texts as one string or as a list of lines. */
export function joined(text: unknown): string {
  return Array.isArray(text) ? text.join("") : typeof text === "string" ? text : "";
}
