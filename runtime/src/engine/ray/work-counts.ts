/** Counts what the calls of this driver come to, by function and cell, for the panel. */
import type { TaskGroupView } from "../../protocol/cluster-view.ts";
import type { WireExecution } from "../../protocol/messages.ts";
import type { TaskObserver, TaskOutcome } from "../engine.ts";

/** News are told at once, at most so often: the next cell may spin. */
const NEWS_EVERY_MS = 100;
/** And that there are none: so this thread is not busy. */
const TELL_EVERY_MS = 500;

type Group = { -readonly [Field in keyof TaskGroupView]: TaskGroupView[Field] };

export class WorkCounts implements TaskObserver {
  /** By function, and then by cell. */
  readonly #groups = new Map<string, Map<string | undefined, Group>>();
  readonly #tell: (groups: readonly TaskGroupView[]) => void;
  readonly #timer: NodeJS.Timeout;
  #news: NodeJS.Timeout | undefined;
  #toldAtMs = 0;

  /** @param tell - what is not over counts as `queued`: what runs is known to the cluster. No groups: no news. */
  constructor(tell: (groups: readonly TaskGroupView[]) => void) {
    this.#tell = tell;
    this.#timer = setInterval(() => tell([]), TELL_EVERY_MS).unref();
  }

  submitted(execution: WireExecution | undefined, name: string): void {
    const group = this.#group(execution, name);
    group.queued++;
    group.lastAtMs = Date.now();
    this.#planNews();
  }

  ended(execution: WireExecution | undefined, name: string, outcome: TaskOutcome): void {
    const group = this.#group(execution, name);
    group[outcome]++;
    if (outcome !== "retried") group.queued--;
    group.lastAtMs = Date.now();
    this.#planNews();
  }

  output(): void {}

  #planNews(): void {
    const waitMs = Math.max(0, this.#toldAtMs + NEWS_EVERY_MS - performance.now());
    this.#news ??= setTimeout(() => {
      this.#news = undefined;
      this.#toldAtMs = performance.now();
      this.#tell(this.groups());
    }, waitMs).unref();
  }

  groups(): readonly TaskGroupView[] {
    return [...this.#groups.values()].flatMap((cells) => [...cells.values()].map((group) => ({ ...group })));
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#news);
  }

  #group(execution: WireExecution | undefined, name: string): Group {
    let cells = this.#groups.get(name);
    if (cells === undefined) this.#groups.set(name, (cells = new Map()));
    const { cellId, executionCount } = execution ?? {};
    let group = cells.get(cellId);
    if (group === undefined) {
      const now = Date.now();
      const counts = { queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, retried: 0 };
      group = { function: name, ...counts, firstAtMs: now, lastAtMs: now };
      if (cellId !== undefined) group.cellId = cellId;
      cells.set(cellId, group);
    }
    if (executionCount !== undefined) group.executionCount = executionCount;
    return group;
  }
}
