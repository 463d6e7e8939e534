/**
 * A kernel's history in a file beside its connection file: a restarted kernel gets the same connection file, so it finds
 * what was executed before. The file ends with the kernel, as the connection file does: history does not outlive the
 * notebook's kernel, and programs that run notebooks unattended leave none in the user's home.
 */
import { appendFile, readFile, rm } from "node:fs/promises";
import type { HistoryEntry, HistoryStore } from "./core/history.ts";

/** A result longer than this is not kept. */
const MAX_OUTPUT_CHARS = 16_384;

/** Cells that follow one another closely are written together, and the next one does not wait for it. */
const DELAY_MS = 100;

export class HistoryFile implements HistoryStore {
  readonly earlier: readonly HistoryEntry[];
  private readonly path: string;
  private readonly warn: (text: string) => void;
  private writing: Promise<void> = Promise.resolve();
  private unwritten = "";
  private timer: NodeJS.Timeout | undefined;
  private hasFailed = false;

  private constructor(path: string, earlier: readonly HistoryEntry[], warn: (text: string) => void) {
    this.path = path;
    this.earlier = earlier;
    this.warn = warn;
  }

  /**
   * @param connectionFile - path of the kernel's connection file.
   * @param warn - told once when the file cannot be written; the kernel goes on without.
   */
  static async open(connectionFile: string, warn: (text: string) => void): Promise<HistoryFile> {
    // Not `.json`: clients take every `kernel-*.json` of the folder for a connection file.
    const path = `${connectionFile.replace(/\.json$/, "")}.history`;
    const text = await readFile(path, "utf8").catch(() => "");
    // A crash can cut off the last line; what comes next begins a new one.
    if (text !== "" && !text.endsWith("\n")) await appendFile(path, "\n").catch(() => {});
    return new HistoryFile(path, readEntries(text), warn);
  }

  save(entry: HistoryEntry): void {
    const output = entry.output !== null && entry.output.length > MAX_OUTPUT_CHARS ? null : entry.output;
    this.unwritten += `${JSON.stringify({ ...entry, output })}\n`;
    this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    this.flush();
    await this.writing;
  }

  /** The kernel will not be restarted. */
  async remove(): Promise<void> {
    this.hasFailed = true; // Nothing is written from now on.
    clearTimeout(this.timer);
    await this.writing;
    await rm(this.path, { force: true });
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const text = this.unwritten;
    this.unwritten = "";
    if (text !== "") this.writing = this.writing.then(() => this.write(text));
  }

  private async write(text: string): Promise<void> {
    if (this.hasFailed) return;
    try {
      await appendFile(this.path, text, { mode: 0o600 });
    } catch (error) {
      this.hasFailed = true;
      this.warn(`The history of this kernel cannot be kept in ${this.path}: ${String(error)}`);
    }
  }
}

/** Lines of the file; the last one for a cell counts, and one that a crash cut off is left out. */
function readEntries(text: string): readonly HistoryEntry[] {
  const entries = new Map<string, HistoryEntry>();
  for (const line of text.split("\n")) {
    const entry = readEntry(line);
    if (entry) entries.set(`${entry.session}:${entry.line}`, entry);
  }
  return [...entries.values()];
}

function readEntry(line: string): HistoryEntry | undefined {
  let value: Partial<HistoryEntry> | null;
  try {
    value = JSON.parse(line) as Partial<HistoryEntry> | null;
  } catch {
    return undefined;
  }
  const { session, line: number, input, output } = value ?? {};
  if (typeof session !== "number" || typeof number !== "number" || typeof input !== "string") return undefined;
  return { session, line: number, input, output: typeof output === "string" ? output : null };
}
