/**
 * Follows a file that only grows by looking at its end again and again: Ray's dashboard gives the last lines of a log file, and
 * does not say where in the file they stand.
 */

/** How many lines each look asks for: more when the ones before leave open what is new. */
const LOOKS: readonly number[] = [100, 1_000, 10_000];

/** The most lines of a file that are looked at. */
export const MOST_LINES: number = LOOKS.at(-1) as number;

/** The last lines of the file; the last one may have no end yet. */
export type ReadTail = (lines: number) => Promise<string>;

interface Tail {
  /** Those that have an end. */
  readonly lines: readonly string[];
  /** What stands behind them. */
  readonly rest: string;
  /** There is nothing before them in the file. */
  readonly isWhole: boolean;
}

/** What came between two looks. */
export interface News {
  readonly lines: readonly string[];
  /** More came than is looked at, or the file began anew: lines before these are missing. */
  readonly isCut: boolean;
}

/**
 * Each line is given once, in the order of the file.
 *
 * Lines are missing only where `isCut` tells so: when more than `MOST_LINES` came between two looks. A file that has had fewer
 * is counted. In a longer one the lines that are known are looked for, so where its last `MOST_LINES` are one pattern again and
 * again, as when a library prints the same line for ever, the least that can have come is taken for what came. Lines of a Node
 * process have their time with them and never look like that.
 */
export class LogTail {
  readonly #read: ReadTail;
  /** The last lines that were given, and how many were in all. */
  #seen: readonly string[] = [];
  #count = 0;
  #rest = "";

  /** At the start of the file. */
  constructor(read: ReadTail) {
    this.#read = read;
  }

  /** What stands at the end of the file without an end of its line. */
  get rest(): string {
    return this.#rest;
  }

  /** Lines that have come since the last time. */
  async next(): Promise<News> {
    for (const most of LOOKS) {
      const tail = parseTail(await this.#read(most), most);
      const news = this.#newsIn(tail, most);
      if (news === undefined) continue;
      this.#rest = tail.rest;
      this.#count = tail.isWhole ? tail.lines.length : this.#count + news.lines.length;
      this.#seen = [...this.#seen, ...news.lines].slice(-MOST_LINES);
      return news;
    }
    throw new Error("The last look always tells what is new.");
  }

  /** Undefined when more lines have to be looked at. */
  #newsIn({ lines, isWhole }: Tail, most: number): News | undefined {
    if (isWhole) {
      const isNew = lines.length < this.#count;
      return { lines: isNew ? lines : lines.slice(this.#count), isCut: isNew };
    }
    const [least, other] = newCounts(this.#seen, lines);
    if (most === MOST_LINES) {
      return least === undefined ? { lines, isCut: true } : { lines: lines.slice(lines.length - least), isCut: false };
    }
    // A few lines may be equal by chance.
    const isSure = least !== undefined && other === undefined && lines.length - least >= most / 2;
    return isSure ? { lines: lines.slice(lines.length - least), isCut: false } : undefined;
  }
}

export function parseTail(text: string, most: number): Tail {
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  return { lines, rest, isWhole: lines.length + (rest === "" ? 0 : 1) < most };
}

/** How many of the last of `now` can be new, when all before them are the end of `before`: up to two numbers, ascending. */
function newCounts(before: readonly string[], now: readonly string[]): readonly number[] {
  const counts: number[] = [];
  for (let count = 0; count < now.length && counts.length < 2; count++) {
    const known = now.length - count;
    if (known <= before.length && isEndOf(before, now, known)) counts.push(count);
  }
  return counts;
}

function isEndOf(before: readonly string[], now: readonly string[], known: number): boolean {
  const from = before.length - known;
  for (let index = known - 1; index >= 0; index--) {
    if (before[from + index] !== now[index]) return false;
  }
  return true;
}
