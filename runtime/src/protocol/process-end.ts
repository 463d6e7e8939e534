/** Why a process ended, in words. */
import type { ProcessEnd } from "./messages.ts";

/** What V8 prints before it aborts a process whose heap is full. */
const HEAP_IS_FULL = /JavaScript heap out of memory|Reached heap limit|invalid table size/i;

/** E.g. `signal SIGKILL`, `exit code 3`. */
export function reasonOfEnd({ exitCode, signal, stderrTail }: ProcessEnd): string {
  const how = signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
  if (!HEAP_IS_FULL.test(stderrTail)) return how;
  return `its JavaScript heap was full (${how}); typed arrays lie outside of that heap, and NODE_OPTIONS=--max-old-space-size=<MB> makes it larger`;
}
