/** Histograms, counted here so that the drawing sees bars. */
import type { Coordinate } from "./figure.ts";
import { niceStep } from "./ticks.ts";

export interface Bars {
  readonly kind: "bars";
  readonly name: string;
  readonly colour: string;
  /** One per bar where the figure gives them. */
  readonly colours: readonly string[] | undefined;
  /** Where the bars stand, along the axis that is not measured. */
  readonly positions: readonly Coordinate[];
  readonly values: readonly (number | null)[];
  readonly isHorizontal: boolean;
  /** Width of a bar in units of its axis; undefined to share the room between bars. */
  readonly widthInUnits: number | undefined;
  readonly opacity: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Bins chosen here, and bins at all: a figure that asks for more gets wider ones. */
const CHOSEN_BINS = 40;
const MAX_BINS = 500;

export function readHistogram(trace: Fields, name: string, colour: string): Bars | undefined {
  const isHorizontal = !Array.isArray(trace.x) && Array.isArray(trace.y);
  const column = isHorizontal ? trace.y : trace.x;
  if (!Array.isArray(column)) return undefined;
  const numbers = column.filter((value): value is number => typeof value === "number");
  const counted = numbers.length > 0 ? countNumbers(numbers, trace) : countCategories(column);
  const opacity = typeof trace.opacity === "number" ? trace.opacity : 1;
  return { kind: "bars", name, colour, colours: undefined, isHorizontal, opacity, ...counted };
}

type Counted = Pick<Bars, "positions" | "values" | "widthInUnits">;

function countCategories(column: readonly unknown[]): Counted {
  const counts = new Map<string, number>();
  for (const value of column) {
    if (typeof value === "string") counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return { positions: [...counts.keys()], values: [...counts.values()], widthInUnits: undefined };
}

function countNumbers(numbers: readonly number[], trace: Fields): Counted {
  const low = numbers.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = numbers.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const asked = typeof trace.nbinsx === "number" ? trace.nbinsx : trace.nbinsy;
  const target = typeof asked === "number" ? asked : Math.ceil(Math.sqrt(numbers.length));
  const wanted = binSize(trace) ?? niceStep(high - low, Math.min(CHOSEN_BINS, Math.max(1, target)));
  // Values that hardly differ would need bins too narrow for their magnitude.
  const narrowest = Math.max((high - low) / MAX_BINS, Math.max(Math.abs(low), Math.abs(high)) * 1e-9, 1e-300);
  const size = high > low ? Math.max(wanted, narrowest) : 1;
  const start = Math.floor(low / size) * size;
  const counts = Array.from({ length: Math.floor((high - start) / size) + 1 }, () => 0);
  for (const value of numbers) {
    const bin = Math.min(counts.length - 1, Math.floor((value - start) / size));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const scale = normalization(trace.histnorm, numbers.length, size);
  return {
    positions: counts.map((_, bin) => start + (bin + 0.5) * size),
    values: counts.map((count) => count * scale),
    widthInUnits: size,
  };
}

function binSize({ xbins, ybins }: Fields): number | undefined {
  const { size } = (xbins ?? ybins ?? {}) as { size?: unknown };
  return typeof size === "number" && size > 0 ? size : undefined;
}

function normalization(mode: unknown, total: number, binWidth: number): number {
  switch (mode) {
    case "percent":
      return 100 / total;
    case "probability":
      return 1 / total;
    case "density":
      return 1 / binWidth;
    case "probability density":
      return 1 / (total * binWidth);
    default:
      return 1;
  }
}
