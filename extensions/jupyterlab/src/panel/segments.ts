/** How the states of a task group share the width of its bar. */
import type { TaskGroupView } from "../protocol.ts";

export type SegmentKind = "done" | "failed" | "running" | "queued" | "cancelled";

export interface Segment {
  readonly kind: SegmentKind;
  readonly count: number;
  /** Share of the bar, in percent. */
  readonly widthPercent: number;
}

/** One failed task among ten thousand must still be seen. */
const SMALLEST_PERCENT = 2;

/**
 * The non-empty states of a group, in the order of the bar. Widths add up to 100; none is below 2 percent, which the
 * wide ones pay for in proportion.
 */
export function barSegments(group: TaskGroupView): readonly Segment[] {
  const counts = countByKind(group).filter(({ count }) => count > 0);
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const wanted = counts.map(({ count }) => Math.max(SMALLEST_PERCENT, (count * 100) / total));
  const spare = wanted.reduce((sum, width) => sum + width - SMALLEST_PERCENT, 0);
  const excess = wanted.reduce((sum, width) => sum + width, 0) - 100;
  return counts.map(({ kind, count }, index) => {
    const width = wanted[index] ?? 0;
    const share = spare > 0 ? ((width - SMALLEST_PERCENT) / spare) * excess : 0;
    return { kind, count, widthPercent: width - share };
  });
}

/** Tasks of a group, whatever became of them. */
export function totalTasks(group: TaskGroupView): number {
  return countByKind(group).reduce((sum, { count }) => sum + count, 0);
}

/** Share of a group's tasks that have ended in any way, 0–100; rounded down, so that 100 means all. */
export function settledPercent(group: TaskGroupView): number {
  const total = totalTasks(group);
  return total === 0 ? 0 : Math.floor(((total - group.queued - group.running) * 100) / total);
}

/** Whether some task of the group is still waiting or running. */
export function isBusy(group: TaskGroupView): boolean {
  return group.queued + group.running > 0;
}

/** Busy groups first, then the ones that changed last. */
export function inDisplayOrder(groups: readonly TaskGroupView[]): readonly TaskGroupView[] {
  return [...groups].sort(
    (a, b) =>
      Number(isBusy(b)) - Number(isBusy(a)) || (isBusy(a) ? b.firstAtMs - a.firstAtMs : b.lastAtMs - a.lastAtMs),
  );
}

function countByKind(group: TaskGroupView): { kind: SegmentKind; count: number }[] {
  return [
    { kind: "done", count: group.finished },
    { kind: "failed", count: group.failed },
    { kind: "cancelled", count: group.cancelled },
    { kind: "running", count: group.running },
    { kind: "queued", count: group.queued },
  ];
}
