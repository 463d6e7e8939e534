/** Filters and limits of the state API. */
import { UnsupportedError } from "../errors.ts";
import type { StateList, StateParameters } from "../protocol/state.ts";

const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 10_000;

export interface StateQuery {
  readonly limit: number;
  /** What fields have to be, as texts. */
  readonly filters: ReadonlyMap<string, string>;
}

/**
 * @param fields - what may be filtered by.
 * @throws UnsupportedError naming the fields, when a parameter is none of them
 */
export function readQuery(parameters: StateParameters, fields: readonly string[]): StateQuery {
  const filters = new Map<string, string>();
  for (const [name, value] of Object.entries(parameters)) {
    if (name === "limit") continue;
    if (!fields.includes(name)) {
      throw new UnsupportedError(`The filter '${name}'`, `Filter by ${fields.join(", ")}, or set a limit.`);
    }
    filters.set(name, value);
  }
  return { limit: limitOf(parameters["limit"]), filters };
}

/** @throws UnsupportedError when it is not a whole number from 1 */
export function limitOf(text: string | undefined, usual: number = DEFAULT_LIMIT): number {
  if (text === undefined) return usual;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UnsupportedError(`The limit '${text}'`, `Use a whole number from 1 to ${MAX_LIMIT}.`);
  }
  return Math.min(limit, MAX_LIMIT);
}

export function matches(row: object, { filters }: StateQuery): boolean {
  for (const [name, wanted] of filters) {
    const value = (row as Record<string, string | number | undefined>)[name];
    if (String(value ?? "") !== wanted) return false;
  }
  return true;
}

/** The first of `rows` that match. @param more - how many match beside those in `rows`. */
export function toList<Row extends object>(
  rows: readonly Row[],
  query: StateQuery,
  notes: readonly string[] = [],
  more = 0,
): StateList<Row> {
  const matching = query.filters.size === 0 ? rows : rows.filter((row) => matches(row, query));
  const items = matching.slice(0, query.limit);
  const total = matching.length + more;
  return { items, total, truncated: items.length < total, notes };
}
