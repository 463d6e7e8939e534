/** What the manual tells its reader to type, taken out of it. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import blankSpace from "ts-blank-space";

/** A fenced block. */
export interface ManualBlock {
  /** After the fence: `ts`, `yaml`; empty for what is typed. */
  readonly language: string;
  readonly text: string;
}

/** What is typed on one machine, in one shell. */
export interface Typed {
  readonly machine: string;
  readonly lines: readonly string[];
}

/** The blocks of a file of `docs/`, those below a heading if one is named. */
export function blocksOf(file: string, heading = ""): ManualBlock[] {
  const text = readFileSync(resolve(import.meta.dirname, "../../docs", file), "utf8");
  const from = text.indexOf(heading === "" ? "" : `\n${heading}\n`);
  if (from < 0) throw new Error(`docs/${file} has no '${heading}'`);
  const below = text.slice(from + heading.length + 1);
  const next = heading === "" ? -1 : below.search(/^#+ /m);
  const section = next < 0 ? below : below.slice(0, next);
  return [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = "", body = ""]) => ({
    language,
    text: body,
  }));
}

/** The one block of these that holds `words`. */
export function blockWith(blocks: readonly ManualBlock[], words: string): ManualBlock {
  const found = blocks.filter(({ text }) => text.includes(words));
  if (found.length !== 1) throw new Error(`the manual has ${found.length} blocks with '${words}'`);
  return found[0] as ManualBlock;
}

/** Lines such as `head$ ray start`, those that follow each other on one machine together. */
export function typedIn({ text }: ManualBlock): Typed[] {
  const typed: { machine: string; lines: string[] }[] = [];
  for (const [, machine = "", line = ""] of text.matchAll(/^(\w+)\$ +(.*)$/gm)) {
    if (typed.at(-1)?.machine !== machine) typed.push({ machine, lines: [] });
    typed.at(-1)?.lines.push(line);
  }
  return typed;
}

/** Whether `node file.ts` runs here. */
const RUNS_TYPESCRIPT = Boolean((process.features as { readonly typescript?: unknown }).typescript);

/** A program of the manual as a file, and a command for it as this Node takes it. */
export function runnable({ text }: ManualBlock): { readonly name: string; readonly text: string } {
  const name = /^\/\/ ([\w-]+)\.ts\b/.exec(text)?.[1] ?? "program";
  return RUNS_TYPESCRIPT ? { name: `${name}.ts`, text } : { name: `${name}.mjs`, text: blankSpace(text) };
}

/** A line of the manual as this Node takes it. */
export function runnableLine(line: string): string {
  return RUNS_TYPESCRIPT ? line : line.replace(/\bnode (\S+)\.ts\b/g, "node $1.mjs");
}
