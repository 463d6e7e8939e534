/** A copy of `value` that JSON can hold: typed arrays and columns as arrays, dates as ISO text, BigInt as numbers. */
export function plainJson(value: unknown): unknown {
  return copy(value, new Set());
}

function copy(value: unknown, ancestors: ReadonlySet<unknown>): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (ancestors.has(value)) return null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  const inside = new Set(ancestors).add(value);
  const items = itemsOf(value);
  if (items !== undefined) return items.map((item) => copy(item, inside));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, inside)]));
}

/** The items of an array, a typed array, or a column with `toArray` (Arrow, Polars); undefined for other objects. */
export function itemsOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float64Array);
  if (typeof value !== "object" || value === null) return undefined;
  const { toArray } = value as { toArray?: unknown };
  if (typeof toArray !== "function") return undefined;
  const items: unknown = toArray.call(value);
  return Array.isArray(items) || ArrayBuffer.isView(items) ? itemsOf(items) : undefined;
}
