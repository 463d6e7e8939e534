import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TaskHistory } from "../../../runtime/src/core/task-history.ts";
import type { TaskEvents } from "../../../runtime/src/protocol/task-events.ts";

interface Run {
  readonly id: string;
  readonly outcome: number;
  readonly startedMs: number;
  readonly endedMs: number;
}

function eventsOf(runs: readonly Run[], more = 0): TaskEvents {
  return {
    names: ["f"],
    executions: [null],
    columns: {
      ids: runs.map(({ id }) => id),
      name: runs.map(() => 0),
      execution: runs.map(() => 0),
      outcome: runs.map(({ outcome }) => outcome),
      attempt: runs.map(() => 0),
      submitted: runs.map(({ startedMs }) => startedMs),
      started: runs.map(({ startedMs }) => startedMs),
      ended: runs.map(({ endedMs }) => endedMs),
    },
    details: [],
    ended: [0, 1, 2].map(
      (outcome) => runs.filter((each) => each.outcome === outcome).length + (outcome === 0 ? more : 0),
    ),
    durations: [runs.length + more],
    totalMs: 0,
  };
}

const facts = () => ({ pid: 1, job: "d", resources: undefined });

describe("the history of tasks", () => {
  it("keeps failed and long runs when short ones push each other out", () => {
    const history = new TaskHistory({ short: 3, long: 2, failed: 2 });
    history.add("w1", eventsOf([{ id: "bad", outcome: 1, startedMs: 1, endedMs: 2 }]), facts);
    history.add("w1", eventsOf([{ id: "long", outcome: 0, startedMs: 1, endedMs: 100 }]), facts);
    for (let index = 0; index < 10; index++) {
      history.add(
        "w1",
        eventsOf([{ id: `s${index}`, outcome: 0, startedMs: 200 + index, endedMs: 201 + index }]),
        facts,
      );
    }
    expect(history.newestFirst().map(({ id }) => id)).toEqual(["s9", "s8", "s7", "long", "bad"]);
  });

  it("counts what was left out, and what never ran has no worker", () => {
    const history = new TaskHistory();
    history.add("d", eventsOf([{ id: "d.1", outcome: 2, startedMs: 0, endedMs: 5 }], 40), facts);
    expect(history.totals).toMatchObject({ ended: [40, 0, 1], unlisted: 40 });
    expect(history.newestFirst()[0]).toMatchObject({ outcome: "CANCELLED", worker: "" });
  });

  it("never holds more than its capacity, and always the newest of each kind", () => {
    const run = fc.record({ outcome: fc.nat(2), startedMs: fc.nat(1000), lengthMs: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(fc.array(run, { maxLength: 8 }), { maxLength: 12 }), (batches) => {
        const history = new TaskHistory({ short: 5, long: 4, failed: 3 });
        let number = 0;
        for (const batch of batches) {
          const runs = batch.map(({ outcome, startedMs, lengthMs }) => ({
            id: `d.${number++}`,
            outcome,
            startedMs,
            endedMs: startedMs + lengthMs,
          }));
          history.add("w1", eventsOf(runs), facts);
        }
        const rows = history.newestFirst();
        const failed = batches.flat().filter(({ outcome }) => outcome > 0).length;
        return (
          history.size <= 12 && rows.filter(({ outcome }) => outcome !== "FINISHED").length === Math.min(3, failed)
        );
      }),
    );
  });
});
