import type { HistoryRequestContent, HistoryTuple } from "../protocol/messages.ts";

/** One executed cell. */
export interface HistoryEntry {
  /** 1 for the first process of a kernel; each restart adds one. */
  readonly session: number;
  readonly line: number;
  readonly input: string;
  /** Plain text of its result. */
  readonly output: string | null;
}

/** Keeps entries for the process that follows a restart. */
export interface HistoryStore {
  /** What earlier processes of this kernel executed, oldest first. */
  readonly earlier: readonly HistoryEntry[];
  /** A cell begins, or its result is there: the entry of this `session` and `line` is now this one. */
  save(entry: HistoryEntry): void;
}

/** The oldest entries go first. */
const MAX_ENTRIES = 10_000;

const NO_STORE: HistoryStore = { earlier: [], save: () => {} };

/** What was executed in this kernel, for `history_request`. */
export class History {
  private readonly store: HistoryStore;
  private readonly session: number;
  private readonly entries: HistoryEntry[];

  /** @param store - Default: nothing is kept, and nothing was before. */
  constructor(store: HistoryStore = NO_STORE) {
    this.store = store;
    this.entries = store.earlier.slice(-MAX_ENTRIES);
    this.session = 1 + this.entries.reduce((newest, { session }) => Math.max(newest, session), 0);
  }

  add(line: number, input: string): void {
    const entry = { session: this.session, line, input, output: null };
    this.entries.push(entry);
    if (this.entries.length > MAX_ENTRIES) this.entries.shift();
    this.store.save(entry);
  }

  /** Remember the plain text of a line's result. */
  setOutput(line: number, output: string): void {
    const index = this.entries.findLastIndex((entry) => entry.session === this.session && entry.line === line);
    const entry = this.entries[index];
    if (!entry) return;
    this.entries[index] = { ...entry, output };
    this.store.save({ ...entry, output });
  }

  query(request: HistoryRequestContent): readonly HistoryTuple[] {
    return this.select(request).map(({ session, line, input, output }) => [
      session,
      line,
      request.output ? [input, output] : input,
    ]);
  }

  private select(request: HistoryRequestContent): readonly HistoryEntry[] {
    if (request.hist_access_type === "tail") return lastOf(this.entries, request.n);
    if (request.hist_access_type === "range") {
      const { start, stop = Number.POSITIVE_INFINITY } = request;
      // 0 is the present session, and negative numbers count back from it.
      const session = request.session <= 0 ? this.session + request.session : request.session;
      return this.entries.filter((entry) => entry.session === session && entry.line >= start && entry.line < stop);
    }
    const pattern = globToRegExp(request.pattern);
    const matches = this.entries.filter(({ input }) => pattern.test(input));
    const found = request.unique ? newestOfEach(matches) : matches;
    return request.n === undefined ? found : lastOf(found, request.n);
  }
}

function lastOf(entries: readonly HistoryEntry[], count: number): readonly HistoryEntry[] {
  return count <= 0 ? [] : entries.slice(-count);
}

function newestOfEach(entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
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
