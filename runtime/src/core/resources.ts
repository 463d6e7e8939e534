/** Amounts of resources, counted in ten-thousandths so that sums of fractions stay exact, and pools they are taken from. */
import type { ResourceAmounts, WireEnvironment, WirePlacement, WireScheduling } from "../protocol/messages.ts";

const UNITS = 10_000;

/** Counted in bytes, not in ten-thousandths. */
const BYTES_RESOURCE = "memoryBytes";

/** `0.3 * 10_000` is a little less than 3000. */
const ROUNDING = 1e-6;
/** Signs that separate names and amounts in a shape. */
const RESERVED_SIGNS = /[,;=]|^__proto__$/;

/**
 * Fractions are rounded down to a ten-thousandth: n holders of 1/n always fit into 1.
 *
 * @throws RangeError when an amount is negative, not finite, too large to be counted, or less than a ten-thousandth
 */
export function toAmounts(resources: Readonly<Record<string, number | undefined>>): ResourceAmounts {
  const amounts: Record<string, number> = {};
  for (const [name, value] of Object.entries(resources)) {
    if (value === undefined || value === 0) continue;
    if (name === "" || RESERVED_SIGNS.test(name)) {
      throw new RangeError(`A resource cannot be called '${name}': its name must have letters, and none of , ; =`);
    }
    if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} must be 0 or more, not ${value}`);
    const amount = name === BYTES_RESOURCE ? Math.ceil(value) : Math.floor(value * UNITS + ROUNDING);
    if (amount === 0) throw new RangeError(`${name} is counted in steps of ${1 / UNITS}; ${value} is too small`);
    if (amount > Number.MAX_SAFE_INTEGER) throw new RangeError(`${name}: ${value} is more than can be counted`);
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

/** 0 for what is not there; names such as `constructor` are names like others. */
function amountIn(amounts: ResourceAmounts, name: string): number {
  return Object.hasOwn(amounts, name) ? (amounts[name] ?? 0) : 0;
}

/** Equal requirements have equal keys. */
export function placedShapeOf(
  resources: ResourceAmounts,
  environment: WireEnvironment | undefined,
  placement: WirePlacement | undefined,
  scheduling: WireScheduling | undefined,
): string {
  const place = placement === undefined ? "" : `${placement.groupId}#${placement.bundleIndex ?? ""}`;
  const nodes = scheduling === undefined ? "" : `;${JSON.stringify(scheduling)}`;
  return `${shapeOf(resources)};${environment?.id ?? ""};${place}${nodes}`;
}

export function fits(free: ResourceAmounts, wanted: ResourceAmounts): boolean {
  return lacking(free, wanted).length === 0;
}

/** Names of which there is less than wanted. */
function lacking(free: ResourceAmounts, wanted: ResourceAmounts): string[] {
  return Object.keys(wanted).filter((name) => amountIn(free, name) < amountIn(wanted, name));
}

export function take(free: Record<string, number>, wanted: ResourceAmounts): void {
  for (const name of Object.keys(wanted)) free[name] = amountIn(free, name) - amountIn(wanted, name);
}

export function giveBack(free: Record<string, number>, wanted: ResourceAmounts): void {
  for (const name of Object.keys(wanted)) free[name] = amountIn(free, name) + amountIn(wanted, name);
}

/** In units, as users give them. */
export function fromAmounts(amounts: ResourceAmounts): Record<string, number> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, fromAmount(name, amount)]));
}

export function sumOf(list: readonly ResourceAmounts[]): ResourceAmounts {
  const sum: Record<string, number> = {};
  for (const amounts of list) giveBack(sum, amounts);
  return sum;
}

// ── pools ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A part of one GPU, or all of it. */
export interface GpuShare {
  readonly id: string;
  readonly amount: number;
}

/** Resources that are given out: those of the node, or of one bundle of a placement group. */
export interface ResourcePool {
  readonly total: Record<string, number>;
  readonly free: Record<string, number>;
  /** How much of each GPU belongs to the pool, by its id. */
  readonly gpus: ReadonlyMap<string, number>;
  /** How much of each is free. Its sum is `free.gpus`. */
  readonly freeGpus: Map<string, number>;
}

/** What a process has been given. */
export interface Holding {
  pool: ResourcePool;
  readonly resources: ResourceAmounts;
  readonly gpus: readonly GpuShare[];
}

/** @param gpus - together the `gpus` of `total`. */
export function createPool(total: ResourceAmounts, gpus: readonly GpuShare[]): ResourcePool {
  const parts = new Map(gpus.map(({ id, amount }) => [id, amount]));
  return { total: { ...total }, free: { ...total }, gpus: parts, freeGpus: new Map(parts) };
}

/** GPUs of a node by their ids, in order; the last one may be there in part. */
export function gpuShares(total: ResourceAmounts, ids: readonly string[]): GpuShare[] {
  const amount = amountIn(total, "gpus");
  return Array.from({ length: Math.ceil(amount / UNITS) }, (_, index) => ({
    id: ids[index] ?? String(index),
    amount: Math.min(UNITS, amount - index * UNITS),
  }));
}

/** A copy to try things on. */
export function draftOf(pool: ResourcePool): ResourcePool {
  const { total, free, gpus, freeGpus } = pool;
  return { total, free: { ...free }, gpus, freeGpus: gpus.size === 0 ? freeGpus : new Map(freeGpus) };
}

/** The pool as it would be if nobody held a part of it. */
export function emptied({ total, gpus }: ResourcePool): ResourcePool {
  return { total, free: { ...total }, gpus, freeGpus: new Map(gpus) };
}

/** Take resources, or nothing when they do not fit. */
export function takeFrom(pool: ResourcePool, resources: ResourceAmounts): Holding | undefined {
  if (!fits(pool.free, resources)) return undefined;
  const gpus = chooseGpus(pool.freeGpus, amountIn(resources, "gpus"));
  if (gpus === undefined) return undefined;
  const holding: Holding = { pool, resources, gpus };
  hold(holding);
  return holding;
}

/** Take what `holding` says from its pool, where it is free. */
export function hold({ pool, resources, gpus }: Holding): void {
  take(pool.free, resources);
  for (const { id, amount } of gpus) pool.freeGpus.set(id, (pool.freeGpus.get(id) ?? 0) - amount);
}

export function letGo({ pool, resources, gpus }: Holding): void {
  giveBack(pool.free, resources);
  for (const { id, amount } of gpus) pool.freeGpus.set(id, (pool.freeGpus.get(id) ?? 0) + amount);
}

/** Names that keep `resources` from fitting; `gpus` also when enough are free, but in parts of several. */
export function lackingIn(pool: ResourcePool, resources: ResourceAmounts): string[] {
  const names = lacking(pool.free, resources);
  if (!names.includes("gpus") && chooseGpus(pool.freeGpus, amountIn(resources, "gpus")) === undefined) {
    names.push("gpus");
  }
  return names;
}

/** Whole GPUs, then for a fraction the one that is fullest already; undefined when there are none such. */
function chooseGpus(free: ReadonlyMap<string, number>, amount: number): GpuShare[] | undefined {
  if (amount === 0) return [];
  const whole = [...free].filter(([, part]) => part === UNITS).map(([id]) => ({ id, amount: UNITS }));
  const chosen = whole.slice(0, Math.floor(amount / UNITS));
  const rest = amount - chosen.length * UNITS;
  if (rest >= UNITS) return undefined;
  if (rest === 0) return chosen;
  const ids = new Set(chosen.map(({ id }) => id));
  const [best] = [...free].filter(([id, part]) => part >= rest && !ids.has(id)).sort(([, a], [, b]) => a - b);
  return best === undefined ? undefined : [...chosen, { id: best[0], amount: rest }];
}
