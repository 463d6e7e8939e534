/** Round positions and short labels for axes. */

export interface Tick {
  readonly value: number;
  readonly label: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30.44 * DAY;
const YEAR = 365.25 * DAY;

/** 1, 2 or 5 times a power of ten, so that `span` holds about `count` steps. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const ratio = rough / power;
  return power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
}

export function linearTicks(low: number, high: number, count: number): Tick[] {
  const step = niceStep(high - low, count);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: Tick[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    const value = Number((k * step).toFixed(Math.min(100, decimals + 2)));
    ticks.push({ value, label: numberLabel(value, decimals) });
  }
  return ticks;
}

function numberLabel(value: number, decimals: number): string {
  const size = Math.abs(value);
  if (size >= 1e15 || decimals > 6) return value.toExponential(1).replace("+", "").replace(".0e", "e");
  for (const [unit, suffix] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= 10 * unit || (size >= unit && unit > 1e3)) return `${Number((value / unit).toPrecision(6))}${suffix}`;
  }
  return value.toFixed(decimals);
}

/** Powers of ten between `low` and `high`, given as exponents; their halves where there are few. */
export function logTicks(low: number, high: number): Tick[] {
  const step = Math.max(1, Math.round((high - low) / 6));
  const factors = high - low < 2 ? [1, 2, 5] : [1];
  const ticks: Tick[] = [];
  for (let exponent = Math.floor(low); exponent <= Math.ceil(high); exponent += step) {
    for (const factor of factors) {
      const value = exponent + Math.log10(factor);
      if (value >= low - 1e-9 && value <= high + 1e-9) ticks.push({ value, label: powerLabel(factor, exponent) });
    }
  }
  return ticks;
}

function powerLabel(factor: number, exponent: number): string {
  const value = factor * 10 ** exponent;
  return exponent >= -3 && exponent < 15 ? numberLabel(value, Math.max(0, -exponent)) : `${factor}e${exponent}`;
}

/** Round times in UTC between `low` and `high`, in milliseconds. */
export function dateTicks(low: number, high: number, count: number): Tick[] {
  const rough = (high - low) / count;
  if (rough > 0.7 * MONTH) return calendarTicks(low, high, rough);
  const steps = [1, 10, 100, 500, SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE];
  steps.push(30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY);
  const step = steps.find((candidate) => candidate >= rough) ?? 14 * DAY;
  const ticks: Tick[] = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    ticks.push({ value, label: timeLabel(value, step) });
  }
  return ticks;
}

function timeLabel(value: number, step: number): string {
  const text = new Date(value).toISOString();
  if (step >= DAY) return text.slice(0, 10);
  if (value % DAY === 0) return text.slice(5, 10);
  if (step >= MINUTE) return text.slice(11, 16);
  return step >= SECOND ? text.slice(11, 19) : text.slice(17, 23);
}

function calendarTicks(low: number, high: number, rough: number): Tick[] {
  const months = [1, 2, 3, 6].find((count) => count * MONTH >= rough);
  const step = months ?? 12 * Math.max(1, niceStep(rough / YEAR, 1));
  const first = new Date(low);
  const ticks: Tick[] = [];
  const start = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / step) * step;
  for (let month = start; ; month += step) {
    const value = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (value > high) return ticks;
    if (value >= low)
      ticks.push({ value, label: new Date(value).toISOString().slice(0, months === undefined ? 4 : 7) });
  }
}
