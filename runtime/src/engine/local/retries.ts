/** When a call runs again, and what the user is told about it. */
import type { Call } from "./calls.ts";

/** The second crash in a row waits this long, each further one twice as long. */
const CRASH_DELAY_MS = 100;
/** Memory that ran short does not come back at once: already the first retry waits. */
const MEMORY_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
/** One line per function and this time; what is beyond is counted. */
const NOTE_EVERY_MS = 1_000;

/** How long to wait before a call runs again whose process has ended under it `crashes` times. */
export function retryDelayMs(crashes: number, isMemory: boolean): number {
  if (crashes <= 1 && !isMemory) return 0;
  const doublings = isMemory ? crashes - 1 : crashes - 2;
  return Math.min(MAX_DELAY_MS, (isMemory ? MEMORY_DELAY_MS : CRASH_DELAY_MS) * 2 ** doublings);
}

/** `attempt 2 of 4`, of a call that was counted down already. */
export function attemptOf({ attempt, retriesLeft }: Call): string {
  return `attempt ${attempt + 1}${Number.isFinite(retriesLeft) ? ` of ${attempt + 1 + retriesLeft}` : ""}`;
}

/** Lines about retries: thousands of tasks may lose their workers at once. */
export class RetryNotes {
  readonly #show: (call: Call, text: string) => void;
  readonly #held = new Map<string, { readonly timer: NodeJS.Timeout; count: number }>();

  constructor(show: (call: Call, text: string) => void) {
    this.#show = show;
  }

  add(call: Call, text: string): void {
    const held = this.#held.get(call.name);
    if (held !== undefined) {
      held.count++;
      return;
    }
    this.#show(call, text);
    this.#held.set(call.name, { timer: setTimeout(() => this.#release(call), NOTE_EVERY_MS).unref(), count: 0 });
  }

  #release(call: Call): void {
    const count = this.#held.get(call.name)?.count ?? 0;
    this.#held.delete(call.name);
    if (count > 0) this.#show(call, `… ${count} more ${count === 1 ? "run" : "runs"} of '${call.name}' again`);
  }

  close(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
  }
}
