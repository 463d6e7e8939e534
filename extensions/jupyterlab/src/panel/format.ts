/** Numbers as the panel shows them: short, with their unit, and of steady width where they change often. */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaleBytes(bytes);
  return `${value} ${unit}`;
}

/** Used of total in the unit of the total where both share it: `1.2 / 7.8 GiB`, else `300 MiB / 7.8 GiB`. */
export function formatBytesOf(usedBytes: number, totalBytes: number): string {
  const used = scaleBytes(usedBytes);
  const total = scaleBytes(totalBytes);
  const isPlain = used.unit === total.unit || usedBytes === 0;
  return isPlain
    ? `${used.value} / ${total.value} ${total.unit}`
    : `${used.value} ${used.unit} / ${total.value} ${total.unit}`;
}

function scaleBytes(bytes: number): { value: string; unit: string } {
  let value = Math.max(0, bytes);
  let power = 0;
  while (value >= 999.5 && power < BYTE_UNITS.length - 1) {
    value /= 1024;
    power += 1;
  }
  return {
    value: power > 0 && value > 0 ? threeDigits(value) : String(Math.round(value)),
    unit: BYTE_UNITS[power] ?? "B",
  };
}

/** Slots are fractional: `2`, `1.5`, `0.25`. */
export function formatSlots(slots: number): string {
  return String(Math.round(slots * 100) / 100);
}

/** `61.4` → `61 %`. */
export function formatPercent(percent: number): string {
  return `${Math.round(percent)} %`;
}

/** `1234` → `1,234`, `123456` → `123k`, `2345678` → `2.35M`. */
export function formatCount(count: number): string {
  if (count < 10_000) return Math.round(count).toLocaleString("en");
  if (count < 999_500) return `${threeDigits(count / 1000)}k`;
  return `${threeDigits(count / 1e6)}M`;
}

/** Tasks per second: `1,250/s`, `3.4/s`, `12/min`; nothing to say below one an hour. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 100) return `${formatCount(perSecond)}/s`;
  if (perSecond >= 0.5) return `${threeDigits(perSecond, 2)}/s`;
  if (perSecond * 60 >= 0.5) return `${Math.round(perSecond * 60)}/min`;
  return `${Math.round(perSecond * 3600)}/h`;
}

/** `4.2` → `4 s`, `75` → `1 min 15 s`, `7500` → `2 h 05 min`, `200000` → `2 d 7 h`. Negative counts as zero. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${twoDigits(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** A share of a whole in percent, 0–100; nothing of nothing is 0. */
export function percentOf(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.max(0, (part * 100) / whole)) : 0;
}

function threeDigits(value: number, digits = 3): string {
  const decimals = value >= 100 ? 0 : value >= 10 ? digits - 2 : digits - 1;
  return String(Number(value.toFixed(Math.max(0, decimals))));
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
