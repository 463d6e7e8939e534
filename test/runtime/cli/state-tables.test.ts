import { describe, expect, it } from "vitest";
import { formatLine } from "../../../runtime/src/cli/logs.ts";
import { formatMemory, largestFirst } from "../../../runtime/src/cli/memory.ts";
import { formatStacks } from "../../../runtime/src/cli/stack.ts";
import { formatList } from "../../../runtime/src/cli/state-tables.ts";
import { formatSpan, formatTable } from "../../../runtime/src/cli/table.ts";
import type { ObjectRow, StateList, TaskRow } from "../../../runtime/src/protocol/state.ts";

const noon = new Date(2026, 0, 2, 12, 0, 0).getTime();
const size = { width: 100, nowMs: noon };

function list<Row>(items: readonly Row[], more: Partial<StateList<Row>> = {}): StateList<Row> {
  return { items, total: items.length, truncated: false, notes: [], ...more };
}

const tasks: TaskRow[] = [
  {
    id: "d.2",
    name: "train\u001b[31m\nred",
    state: "RUNNING",
    job: "d",
    worker: "w1",
    pid: 4711,
    attempt: 1,
    submittedAtMs: noon - 90_000,
    startedAtMs: noon - 89_000,
    executionCount: 7,
  },
  {
    id: "d.1",
    name: "load",
    state: "FAILED",
    job: "d",
    worker: "w2",
    pid: 4712,
    attempt: 0,
    errorType: "RangeError",
    error: "the file has no rows, and this message goes on for longer than a terminal is wide",
    submittedAtMs: noon - 86_400_000,
    startedAtMs: noon - 86_400_000,
    endedAtMs: noon - 86_399_650,
  },
];

const objects: ObjectRow[] = [
  { id: "d.3", sizeBytes: 10, state: "in-memory", owner: "d", job: "d", holders: { d: 1 }, isPinned: false },
  {
    id: "d.4",
    sizeBytes: 800_000_000,
    state: "in-store",
    owner: "d",
    job: "d",
    holders: { d: 2, "in d.A0": 1 },
    isPinned: true,
  },
];

describe("tables of the command line", () => {
  it("look like this", async () => {
    const stack = {
      worker: "w1",
      pid: 4711,
      state: "running",
      task: "d.2",
      name: "train",
      sinceMs: noon - 89_000,
      frames: [{ function: "step", file: "file:///home/ada/train.ts", line: 12, column: 3 }],
    } as const;
    const store = {
      spilledBytes: 250_000_000,
      usedBytes: 800_000_000,
      capacityBytes: 2_000_000_000,
      objects: 1,
      directory: "/dev/shm/x",
    };
    const line = {
      atMs: noon,
      worker: "w1",
      pid: 4711,
      stream: "stderr",
      text: "low on memory",
      name: "train",
    } as const;
    const texts = [
      formatList("tasks", list(tasks, { total: 345, truncated: true, notes: ["3 short tasks ended too fast"] }), size),
      formatList("tasks", list<TaskRow>([]), size),
      formatList("tasks", list<TaskRow>([]), size, true),
      formatMemory({ objectStore: store }, largestFirst(list(objects), 100), size),
      formatStacks(list([stack, { worker: "w2", pid: 4712, state: "idle", frames: [] }]), noon),
      formatLine(line, noon),
    ];
    await expect(`${texts.join("\n\n")}\n`).toMatchFileSnapshot("../../golden/state/tables.txt");
  });

  it("fit any terminal that has room for their columns, and lose nothing in a pipe", () => {
    for (let width = 78; width < 200; width += 7) {
      const text = formatList("tasks", list(tasks), { width, nowMs: noon });
      expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(width);
    }
    expect(formatList("tasks", list(tasks), { width: Number.POSITIVE_INFINITY, nowMs: noon })).toContain(
      "terminal is wide",
    );
  });

  it("leave out columns that say nothing", () => {
    const columns = [
      { title: "A", value: ({ a }: { a: number; b: string }) => a, align: "right" as const },
      { title: "B", value: ({ b }: { a: number; b: string }) => b },
    ];
    expect(
      formatTable(
        columns,
        [
          { a: 1, b: "" },
          { a: 20, b: "" },
        ],
        80,
      ),
    ).toBe(" A\n 1\n20");
  });

  it("tell spans in the unit that fits", () => {
    expect([0.04, 350, 2_400, 59_960, 185_000, 7_800_000].map(formatSpan)).toEqual([
      "0.0 ms",
      "350 ms",
      "2.4 s",
      "1 min 00 s",
      "3 min 05 s",
      "2 h 10 min",
    ]);
  });
});
