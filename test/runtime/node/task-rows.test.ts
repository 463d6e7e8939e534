import { describe, expect, it } from "vitest";
import { unfinishedTasks } from "../../../runtime/src/node/task-rows.ts";
import type { ClientId } from "../../../runtime/src/protocol/ids.ts";
import type { TaskListing, TaskListings } from "../../../runtime/src/protocol/task-events.ts";

const called = (id: string, more: Partial<TaskListing> = {}): TaskListing => ({
  id,
  name: "f",
  state: "QUEUED",
  attempt: 0,
  submittedAtMs: 10,
  ...more,
});
const answer = (items: readonly TaskListing[], more: Partial<TaskListings> = {}): TaskListings => ({
  items,
  counts: { QUEUED: items.length },
  ...more,
});
const join = (answers: Record<string, TaskListings | undefined>): ReturnType<typeof unfinishedTasks> =>
  unfinishedTasks(
    new Map(Object.entries(answers) as [ClientId, TaskListings | undefined][]),
    (id) => (id.startsWith("w") ? { pid: 7, running: "spin" } : undefined),
    () => "d",
  );

describe("unfinished tasks", () => {
  it("run where their worker says so, and wait otherwise", () => {
    const { rows } = join({
      d: answer([called("d.1", { worker: "w1", resources: { cpus: 1 } }), called("d.2")]),
      w1: answer([called("d.1", { state: "BLOCKED", startedAtMs: 20 })], { counts: {} }),
    });
    expect(rows).toEqual([
      expect.objectContaining({
        id: "d.1",
        state: "BLOCKED",
        worker: "w1",
        pid: 7,
        startedAtMs: 20,
        resources: { cpus: 1 },
      }),
      expect.objectContaining({ id: "d.2", state: "QUEUED" }),
    ]);
  });

  it("are known from the worker alone while their owner is busy", () => {
    const busy = { items: [], counts: {}, busy: {} };
    const { rows, silent } = join({ d: busy, w1: answer([called("d.1", { state: "RUNNING", startedAtMs: 20 })]) });
    expect(rows).toEqual([expect.objectContaining({ id: "d.1", state: "RUNNING", job: "d" })]);
    expect(silent).toEqual(["d"]);
  });

  it("run in a worker whose main thread cannot answer", () => {
    const busy = { items: [], counts: {}, busy: { taskId: "d.1", sinceMs: 30 } };
    const { rows } = join({ d: answer([called("d.1", { name: "g" })]), w1: busy });
    expect(rows).toEqual([expect.objectContaining({ name: "g", state: "RUNNING", worker: "w1", startedAtMs: 30 })]);
    expect(join({ w1: busy }).rows).toEqual([expect.objectContaining({ id: "d.1", name: "spin", state: "RUNNING" })]);
  });

  it("that are too many to list are counted", () => {
    expect(join({ d: answer([called("d.1")], { counts: { QUEUED: 90, PENDING_ARGS: 10 } }) }).unlisted).toBe(99);
  });
});
