/** One axis: from coordinates of a figure to pixels. */
import type { AxisOptions, Coordinate } from "./figure.ts";
import { dateTicks, linearTicks, logTicks, type Tick } from "./ticks.ts";

export interface Axis {
  readonly title: string;
  readonly ticks: readonly { readonly pixel: number; readonly label: string }[];
  /** Room between two neighbouring categories or values, in pixels: what bars share. */
  readonly slotPixels: number;
  /** Undefined for a gap, and for what a logarithmic axis cannot show. */
  pixel(coordinate: Coordinate): number | undefined;
}

/** What has to fit on an axis. */
export interface AxisContent {
  readonly coordinates: readonly Coordinate[];
  /** Coordinates have room on both sides: bars and heat map cells. */
  readonly hasSlots: boolean;
  /** Include zero: bars and filled areas start there. */
  readonly includesZero: boolean;
  /** Share of the range left free at the ends. */
  readonly padding: number;
}

type Kind = NonNullable<AxisOptions["type"]>;

/** Fit an axis to `content`, from pixel `start` to pixel `end`. */
export function fitAxis(
  options: AxisOptions,
  content: AxisContent,
  start: number,
  end: number,
  tickCount: number,
): Axis {
  const kind = options.type ?? guessKind(content.coordinates);
  return kind === "category"
    ? categoryAxis(options.title, content.coordinates, start, end)
    : continuousAxis(kind, options, content, start, end, tickCount);
}

function guessKind(coordinates: readonly Coordinate[]): Kind {
  const texts = coordinates.filter((coordinate): coordinate is string => typeof coordinate === "string");
  if (texts.length === 0) return "linear";
  if (texts.every((text) => /^\d{4}-\d{2}(-\d{2})?([T ]|$)/.test(text) && !Number.isNaN(toTime(text)))) return "date";
  return texts.every((text) => text.trim() !== "" && Number.isFinite(Number(text))) ? "linear" : "category";
}

function categoryAxis(title: string, coordinates: readonly Coordinate[], start: number, end: number): Axis {
  const names = [...new Set(coordinates.filter((coordinate) => coordinate !== null).map(String))];
  const places = new Map(names.map((name, index) => [name, index]));
  const slot = (end - start) / Math.max(1, names.length);
  const pixelAt = (index: number): number => start + (index + 0.5) * slot;
  const every = Math.ceil(names.length / Math.max(1, Math.floor(Math.abs(end - start) / 24)));
  return {
    title,
    ticks: names.flatMap((label, index) => (index % every === 0 ? [{ pixel: pixelAt(index), label }] : [])),
    slotPixels: Math.abs(slot),
    pixel: (coordinate) => {
      const index = places.get(String(coordinate));
      return index === undefined ? undefined : pixelAt(index);
    },
  };
}

function continuousAxis(
  kind: Exclude<Kind, "category">,
  options: AxisOptions,
  content: AxisContent,
  start: number,
  end: number,
  tickCount: number,
): Axis {
  const toUnits = (coordinate: Coordinate): number | undefined => toUnitsOf(kind, coordinate);
  const units = content.coordinates.flatMap((coordinate) => toUnits(coordinate) ?? []);
  const gap = smallestGap(units);
  const [low, high] = domainOf(kind, options, content, units, gap);
  const scale = (end - start) / (high - low);
  const pixelAt = (unit: number): number => start + (unit - low) * scale;
  return {
    title: options.title,
    ticks: ticksOf(kind, Math.min(low, high), Math.max(low, high), tickCount).map(({ value, label }) => ({
      pixel: pixelAt(value),
      label,
    })),
    slotPixels: Math.abs(gap * scale),
    pixel: (coordinate) => {
      const unit = toUnits(coordinate);
      return unit === undefined ? undefined : pixelAt(unit);
    },
  };
}

function toUnitsOf(kind: Kind, coordinate: Coordinate): number | undefined {
  if (coordinate === null) return undefined;
  const number = kind === "date" && typeof coordinate === "string" ? toTime(coordinate) : Number(coordinate);
  const unit = kind === "log" ? Math.log10(number) : number;
  return Number.isFinite(unit) ? unit : undefined;
}

/** Milliseconds of a date text, in UTC where it names no zone. */
function toTime(text: string): number {
  const iso = text.replace(" ", "T");
  return Date.parse(/T/.test(iso) && !/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? `${iso}Z` : iso);
}

function domainOf(
  kind: Kind,
  { range }: AxisOptions,
  { hasSlots, includesZero, padding }: AxisContent,
  units: readonly number[],
  gap: number,
): readonly [number, number] {
  if (range !== undefined) {
    // A logarithmic range is given in exponents already.
    const ends = range.map((coordinate) => (kind === "log" ? Number(coordinate) : toUnitsOf(kind, coordinate)));
    const [first, last] = ends;
    if (first !== undefined && last !== undefined && first !== last) return [first, last];
  }
  let low = units.reduce((least, unit) => Math.min(least, unit), Number.POSITIVE_INFINITY);
  let high = units.reduce((most, unit) => Math.max(most, unit), Number.NEGATIVE_INFINITY);
  if (low > high) return [0, 1];
  if (hasSlots) return [low - gap / 2, high + gap / 2];
  const pinned = includesZero && kind === "linear";
  if (pinned) [low, high] = [Math.min(0, low), Math.max(0, high)];
  if (low === high) return [low - 1, high + 1];
  const room = (high - low) * padding;
  return [pinned && low === 0 ? 0 : low - room, pinned && high === 0 ? 0 : high + room];
}

function smallestGap(units: readonly number[]): number {
  const sorted = [...new Set(units)].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((unit, index) => unit - (sorted[index] ?? 0));
  return gaps.length === 0 ? 1 : gaps.reduce((least, gap) => Math.min(least, gap), Number.POSITIVE_INFINITY);
}

function ticksOf(kind: Exclude<Kind, "category">, low: number, high: number, count: number): Tick[] {
  if (kind === "log") return logTicks(low, high);
  return kind === "date" ? dateTicks(low, high, count) : linearTicks(low, high, count);
}
