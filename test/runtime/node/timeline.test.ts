import { describe, expect, it } from "vitest";
import { timelineOf } from "../../../runtime/src/node/timeline.ts";
import type { TaskRow } from "../../../runtime/src/protocol/state.ts";

const processes = [
  { id: "d", pid: 10, kind: "driver", name: "notebook" },
  { id: "w1", pid: 11, kind: "worker" },
] as const;

function ran(id: string, startedAtMs: number, endedAtMs: number, more: Partial<TaskRow> = {}): TaskRow {
  const base = { id, name: "f", state: "FINISHED", job: "d", worker: "w1", pid: 11, attempt: 0 } as const;
  return { ...base, submittedAtMs: startedAtMs - 1, startedAtMs, endedAtMs, ...more };
}

describe("the timeline", () => {
  it("shows runs, where they were called, and calls of an actor that overlap side by side", async () => {
    const actor = { name: "Log.add", actor: "d.A0", cellId: "c7" };
    const tasks = [
      ran("d.0", 1000, 1010, { name: "outer", state: "FAILED", errorType: "RangeError", error: "no" }),
      ran("w1.0", 1005, 1006, { name: "inner", parent: "d.0", submittedAtMs: 1003 }),
      ran("d.1", 1020, 1030, actor),
      ran("d.2", 1022, 1028, { ...actor, attempt: 1 }),
      { ...ran("d.3", 1035, 0), state: "RUNNING" as const, endedAtMs: undefined },
      { id: "d.4", name: "f", state: "QUEUED" as const, job: "d", attempt: 0, submittedAtMs: 1 },
    ] as TaskRow[];
    const timeline = timelineOf(tasks, processes, 1040);
    const text = `${JSON.stringify(timeline, undefined, 1)
      .replaceAll(/\n {3,}/g, " ")
      .replaceAll(/\n {2}\}/g, " }")}\n`;
    await expect(text).toMatchFileSnapshot("../../golden/state/timeline.json");
  });

  it("gives every slice of one lane a time of its own, and every arrow both ends", () => {
    const tasks = Array.from({ length: 50 }, (_, index) => ran(`d.${index}`, index * 3, index * 3 + (index % 7) * 4));
    const { traceEvents } = timelineOf(tasks, processes, 1000);
    const slices = traceEvents.filter(({ ph, pid }) => ph === "X" && pid === 11);
    for (const lane of new Set(slices.map(({ tid }) => tid))) {
      let free = 0;
      for (const { ts, dur } of slices.filter(({ tid }) => tid === lane) as unknown as { ts: number; dur: number }[]) {
        expect(ts).toBeGreaterThanOrEqual(free);
        free = ts + dur;
      }
    }
    const ends = (ph: string): unknown[] => traceEvents.filter((event) => event.ph === ph).map(({ id }) => id);
    expect(ends("s")).toEqual(ends("f"));
    expect(ends("s")).toHaveLength(50);
  });
});
