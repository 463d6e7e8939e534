import type { HistoryRequestContent, HistoryTuple } from "../protocol/messages.ts";

interface Entry {
  readonly line: number;
  readonly input: string;
  output: string | null;
}

/** This kernel keeps the history of its own session only; clients number sessions from 1, and 0 means the current one. */
const SESSION = 1;

/** The oldest entries go first. */
const MAX_ENTRIES = 10_000;

/** What was executed in this kernel, for `history_request`. */
export class History {
  private readonly entries: Entry[] = [];

  add(line: number, input: string): void {
    this.entries.push({ line, input, output: null });
    if (this.entries.length > MAX_ENTRIES) this.entries.shift();
  }

  /** Remember the plain text of a line's result. */
  setOutput(line: number, output: string): void {
    const entry = this.entries.findLast((candidate) => candidate.line === line);
    if (entry) entry.output = output;
  }

  query(request: HistoryRequestContent): readonly HistoryTuple[] {
    return this.select(request).map(({ line, input, output }) => [
      SESSION,
      line,
      request.output ? [input, output] : input,
    ]);
  }

  private select(request: HistoryRequestContent): readonly Entry[] {
    if (request.hist_access_type === "tail") return lastOf(this.entries, request.n);
    if (request.hist_access_type === "range") {
      const { session, start, stop = Number.POSITIVE_INFINITY } = request;
      if (session !== 0 && session !== SESSION) return [];
      return this.entries.filter(({ line }) => line >= start && line < stop);
    }
    const pattern = globToRegExp(request.pattern);
    const matches = this.entries.filter(({ input }) => pattern.test(input));
    const found = request.unique ? newestOfEach(matches) : matches;
    return request.n === undefined ? found : lastOf(found, request.n);
  }
}

function lastOf(entries: readonly Entry[], count: number): readonly Entry[] {
  return count <= 0 ? [] : entries.slice(-count);
}

function newestOfEach(entries: readonly Entry[]): readonly Entry[] {
  const newest = new Map(entries.map((entry) => [entry.input, entry]));
  return entries.filter((entry) => newest.get(entry.input) === entry);
}

/** `*` stands for any text, `?` for one character; the whole input must match. */
function globToRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, "[^]*")
    .replace(/\?/g, "[^]");
  return new RegExp(`^${source}$`, "u");
}
