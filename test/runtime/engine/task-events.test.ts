import { describe, expect, it } from "vitest";
import { type EndedRun, TaskEventLog } from "../../../runtime/src/engine/local/task-events.ts";

function run(id: string, durationMs: number, more: Partial<EndedRun> = {}): EndedRun {
  return {
    id,
    name: "f",
    execution: undefined,
    attempt: 0,
    submittedMs: 1,
    startedMs: 2,
    endedMs: 2 + durationMs,
    parent: undefined,
    actor: undefined,
    ...more,
  };
}

describe("the log of ended runs", () => {
  it("lists every run while there are few", () => {
    const log = new TaskEventLog();
    for (const id of ["d.1", "d.2"]) if (log.finished(1, 3)) log.list(run(id, 1));
    const events = log.take();
    expect(events?.columns.ids).toEqual(["d.1", "d.2"]);
    expect(events?.ended).toEqual([2, 0, 0]);
    expect(log.take()).toBeUndefined();
  });

  it("thins a flood of short runs evenly, and counts all of them", () => {
    const log = new TaskEventLog();
    for (let index = 0; index < 100_000; index++)
      if (log.finished(0.01, index / 100)) log.list(run(`d.${index}`, 0.01));
    const events = log.take();
    const listed = events?.columns.ids.map((id) => Number(id.slice(2))) ?? [];
    expect(listed.length).toBeGreaterThan(5);
    expect(listed.length).toBeLessThanOrEqual(64);
    expect(Math.max(...listed)).toBeGreaterThan(80_000);
    expect(events?.ended).toEqual([100_000, 0, 0]);
    expect(events?.durations[0]).toBe(100_000);
  });

  it("lists every run again once the flood is over", () => {
    const log = new TaskEventLog();
    for (let index = 0; index < 100_000; index++)
      if (log.finished(0.01, index / 100)) log.list(run(`d.${index}`, 0.01));
    log.take();
    for (const id of ["e.1", "e.2"]) if (log.finished(1, 2_000)) log.list(run(id, 1));
    expect(log.take()?.columns.ids).toEqual(["e.1", "e.2"]);
  });

  it("keeps what failed and what took long beside a flood", () => {
    const log = new TaskEventLog();
    log.ended("failed", run("d.bad", 1), { type: "RangeError", message: "no\nmore" });
    if (log.finished(50, 52)) log.list(run("d.long", 50));
    for (let index = 0; index < 10_000; index++) if (log.finished(0.01, index / 100)) log.list(run(`d.${index}`, 0.01));
    const events = log.take();
    expect(events?.columns.ids).toEqual(expect.arrayContaining(["d.bad", "d.long"]));
    const { index, ...detail } = events?.details[0] ?? { index: -1 };
    expect(events?.columns.ids[index]).toBe("d.bad");
    expect(detail).toEqual({ errorType: "RangeError", error: "no" });
  });

  it("tells what never ran with no start", () => {
    const log = new TaskEventLog();
    const never = run("d.1", 0, { startedMs: undefined });
    log.ended("cancelled", never, { type: "TASK_CANCELLED", message: "" });
    const events = log.take();
    expect(events?.columns.started).toEqual([0]);
    expect(events?.durations.every((count) => count === 0)).toBe(true);
  });
});
