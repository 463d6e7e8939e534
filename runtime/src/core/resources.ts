/** Amounts of resources, counted in ten-thousandths so that sums of fractions stay exact. */
import type { ResourceAmounts } from "../protocol/messages.ts";

const UNITS = 10_000;

/** Counted in bytes, not in ten-thousandths. */
const BYTES_RESOURCE = "memoryBytes";

/** @throws RangeError when an amount is negative, not finite, or finer than a ten-thousandth. */
export function toAmounts(resources: Readonly<Record<string, number | undefined>>): ResourceAmounts {
  const amounts: Record<string, number> = {};
  for (const [name, value] of Object.entries(resources)) {
    if (value === undefined || value === 0) continue;
    if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} must be 0 or more, not ${value}`);
    const amount = name === BYTES_RESOURCE ? Math.ceil(value) : Math.round(value * UNITS);
    if (amount === 0) throw new RangeError(`${name} is counted in steps of ${1 / UNITS}; ${value} is too small`);
    amounts[name] = amount;
  }
  return amounts;
}

export function fromAmount(name: string, amount: number): number {
  return name === BYTES_RESOURCE ? amount : amount / UNITS;
}

/** Equal amounts have equal keys. */
export function shapeOf(amounts: ResourceAmounts): string {
  return Object.keys(amounts)
    .sort()
    .map((name) => `${name}=${amounts[name]}`)
    .join(",");
}

export function fits(free: ResourceAmounts, wanted: ResourceAmounts): boolean {
  for (const name in wanted) if ((free[name] ?? 0) < (wanted[name] ?? 0)) return false;
  return true;
}

export function take(free: Record<string, number>, wanted: ResourceAmounts): void {
  for (const name in wanted) free[name] = (free[name] ?? 0) - (wanted[name] ?? 0);
}

export function giveBack(free: Record<string, number>, wanted: ResourceAmounts): void {
  for (const name in wanted) free[name] = (free[name] ?? 0) + (wanted[name] ?? 0);
}

/** In units, as users give them. */
export function fromAmounts(amounts: ResourceAmounts): Record<string, number> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, fromAmount(name, amount)]));
}
