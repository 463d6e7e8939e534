import { expect, test } from "vitest";
import { nodeViews, resourcesView, taskViews } from "../../../../runtime/src/engine/ray/ray-view-rows.ts";
import type { TaskGroupView } from "../../../../runtime/src/protocol/cluster-view.ts";
import type { NodeRow, TaskSummaryRow } from "../../../../runtime/src/protocol/state.ts";

const node = (id: string, more: Partial<NodeRow> = {}): NodeRow => ({
  id,
  host: id,
  state: "alive",
  isHead: false,
  labels: {},
  resources: { cpus: 2 },
  ...more,
});

test("nodes have what they measured, new ones nothing yet, and dead ones are gone", () => {
  const machine = { raylet: { nodeId: "n1" }, cpu: 50, mem: [100, 60, 40, 40] };
  const running = [{ node_id: "n1" }, { node_id: "n1" }];
  const nodes = [node("n1", { isHead: true, used: { cpus: 1.5 } }), node("n2"), node("n3", { state: "dead" })];
  const views = nodeViews(nodes, [machine], running);
  expect(views).toEqual([
    {
      id: "n1",
      host: "n1",
      isHead: true,
      resources: { cpus: { used: 1.5, total: 2 } },
      cpuPercent: 50,
      memory: { usedBytes: 40, totalBytes: 100 },
      running: 2,
    },
    { id: "n2", host: "n2", isHead: false, resources: { cpus: { used: 0, total: 2 } }, running: 0 },
  ]);
  expect(resourcesView(views, { n1: { objectStoreMemory: [3, 10] }, n2: { objectStoreMemory: [0, 10] } }, 7)).toEqual({
    atMs: 7,
    cpus: { used: 1.5, total: 4 },
    cpuPercent: 50,
    memory: { usedBytes: 40, totalBytes: 100 },
    objectStore: { usedBytes: 3, capacityBytes: 20 },
  });
});

const group = (cellId: string, queued: number, more: Partial<TaskGroupView> = {}): TaskGroupView => ({
  function: "f",
  cellId,
  queued,
  running: 0,
  finished: 0,
  failed: 0,
  cancelled: 0,
  retried: 0,
  firstAtMs: 1,
  lastAtMs: 1,
  ...more,
});

test("what runs is what Ray says, in the latest cell first", () => {
  const groups = [group("old", 3), group("new", 2, { firstAtMs: 5, lastAtMs: 5 })];
  const views = taskViews(groups, [{ name: "f" }, { name: "f" }, { name: "f" }, { name: "other" }]);
  expect(views.map(({ cellId, queued, running }) => [cellId, queued, running])).toEqual([
    ["old", 2, 1],
    ["new", 0, 2],
  ]);
});

test("of a busy driver's calls Ray tells which have ended meanwhile", () => {
  const told: TaskSummaryRow = { name: "f", queued: 1, running: 1, finished: 5, failed: 1, cancelled: 0, retried: 0 };
  const [view] = taskViews([group("c", 6, { finished: 2 })], [{ name: "f" }], [told]);
  expect(view).toMatchObject({ queued: 1, running: 1, finished: 5, failed: 1 });
});
