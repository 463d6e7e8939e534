/** Why a process ended, in words. */
import type { MemoryShortage, ProcessEnd } from "./messages.ts";

/** What V8 prints before it aborts a process whose heap is full. */
const HEAP_IS_FULL = /JavaScript heap out of memory|Reached heap limit|invalid table size/i;

/** E.g. `signal SIGKILL`, `exit code 3`. */
export function reasonOfEnd({ exitCode, signal, stderrTail, memory }: ProcessEnd): string {
  if (memory !== undefined) return reasonOfShortage(memory);
  const how = signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
  if (!HEAP_IS_FULL.test(stderrTail)) return how;
  return `its JavaScript heap was full (${how}); typed arrays lie outside of that heap, and NODE_OPTIONS=--max-old-space-size=<MB> makes it larger`;
}

function reasonOfShortage({ what, usedBytes, totalBytes, threshold, processBytes, largest }: MemoryShortage): string {
  const list = largest.map(({ name, pid, bytes }) => `${name} ${inUnits(bytes)} (pid ${pid})`).join(", ");
  const percent = Number((100 * threshold).toPrecision(3));
  return (
    `memory ran short: ${what} uses ${inUnits(usedBytes)} of ${inUnits(totalBytes)}, more than ${percent} %; ` +
    `this process had ${inUnits(processBytes)}. The largest: ${list}`
  );
}

function inUnits(bytes: number): string {
  const isLarge = bytes >= 1024 ** 3;
  return `${Number((bytes / 1024 ** (isLarge ? 3 : 2)).toPrecision(3))} ${isLarge ? "GiB" : "MiB"}`;
}
