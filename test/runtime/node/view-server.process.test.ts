import { cancel, init, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TaskGroupView, WorkerView } from "../../../runtime/src/protocol/cluster-view.ts";
import { eventually } from "../../support/driver-program.ts";
import { openPanel, type Panel } from "../../support/view-panel.ts";

let panel: Panel;

beforeAll(async () => {
  await init({ cpus: 2 });
  panel = await openPanel();
});

afterAll(async () => {
  panel.close();
  await shutdown();
});

it("welcomes a panel and shows each topic it asks for", async () => {
  panel.send({ op: "hello", protocol: 1, topics: ["resources", "workers", "tasks", "actors"] });
  expect(await eventually(() => panel.last("actors") !== undefined, 3_000)).toBe(true);
  expect(panel.replies[0]).toMatchObject({ op: "welcome", protocol: 1, cluster: { engine: "local" } });
  const resources = panel.last("resources")?.data as { cpus: { total: number }; memory: { totalBytes: number } };
  expect(resources.cpus.total).toBe(2);
  expect(resources.memory.totalBytes).toBeGreaterThan(0);
});

it("refuses another protocol in words, and answers pings", async () => {
  panel.send({ op: "hello", protocol: 99, topics: [] });
  panel.send({ op: "ping" });
  expect(await eventually(() => panel.replies.some(({ op }) => op === "pong"), 2_000)).toBe(true);
  expect(panel.replies.some(({ op }) => op === "refused")).toBe(true);
});

it("counts tasks, shows what workers run, and cancels a group, while the workers spin", async () => {
  const spin = task(
    () => {
      for (;;);
    },
    { name: "spinner" },
  );
  const refs = [spin(), spin(), spin()];
  const outcomes = Promise.allSettled(refs);
  const group = (): TaskGroupView | undefined =>
    (panel.last("tasks")?.data as TaskGroupView[] | undefined)?.find((each) => each.function === "spinner");
  expect(await eventually(() => group()?.running === 2 && group()?.queued === 1, 4_000)).toBe(true);
  const isSeen = (): boolean =>
    ((panel.last("workers")?.data ?? []) as WorkerView[]).filter(
      (worker) => worker.running === "spinner" && worker.cpuPercent > 5,
    ).length === 2;
  expect(await eventually(isSeen, 5_000)).toBe(true);
  panel.send({ op: "cancel-tasks", id: 5, function: "spinner" });
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(panel.replies).toContainEqual({ op: "ack", id: 5 });
  expect(await eventually(() => group()?.cancelled === 3, 3_000)).toBe(true);
  for (const ref of refs) cancel(ref);
});
