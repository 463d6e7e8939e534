/** What a panel shows of a Ray cluster, from what its dashboard and its driver tell. */
import type { ActorView, NodeView, ResourcesView, TaskGroupView } from "../../protocol/cluster-view.ts";
import type { ActorRow, NodeRow, TaskSummaryRow } from "../../protocol/state.ts";
import type { RayRow, UsageByNode } from "./jobs-api.ts";
import { numberOf, textOf } from "./ray-fields.ts";

/** @param machines - what nodes measure of themselves; a new one has not yet. */
export function nodeViews(
  nodes: readonly NodeRow[],
  machines: readonly RayRow[],
  running: readonly RayRow[],
): NodeView[] {
  const measured = new Map(machines.map((row) => [textOf((row["raylet"] as RayRow | undefined)?.["nodeId"]), row]));
  const tasks = countBy(running, "node_id");
  return nodes
    .filter(({ state }) => state === "alive")
    .map(({ id, host, isHead, resources, used = {} }): NodeView => {
      const machine = measured.get(id);
      const cpuPercent = numberOf(machine?.["cpu"]);
      const [totalBytes, , , usedBytes] = (machine?.["mem"] ?? []) as number[];
      return {
        id,
        host,
        isHead,
        resources: Object.fromEntries(
          Object.entries(resources).map(([name, total]) => [name, { used: used[name] ?? 0, total }]),
        ),
        ...(cpuPercent === undefined ? {} : { cpuPercent }),
        ...(totalBytes === undefined || usedBytes === undefined ? {} : { memory: { usedBytes, totalBytes } }),
        running: tasks.get(id) ?? 0,
      };
    });
}

/** All nodes together; the load is the mean of those that tell, by their CPUs. */
export function resourcesView(nodes: readonly NodeView[], usage: UsageByNode, atMs: number): ResourcesView {
  const cpus = { used: 0, total: 0 };
  const memory = { usedBytes: 0, totalBytes: 0 };
  const objectStore = { usedBytes: 0, capacityBytes: 0 };
  let load = 0;
  let loaded = 0;
  for (const { resources, memory: ofNode, cpuPercent, id } of nodes) {
    const { used = 0, total = 0 } = resources["cpus"] ?? {};
    cpus.used += used;
    cpus.total += total;
    memory.usedBytes += ofNode?.usedBytes ?? 0;
    memory.totalBytes += ofNode?.totalBytes ?? 0;
    const [storedBytes, capacityBytes] = usage[id]?.["objectStoreMemory"] ?? [0, 0];
    objectStore.usedBytes += storedBytes;
    objectStore.capacityBytes += capacityBytes;
    if (cpuPercent === undefined) continue;
    load += cpuPercent * Math.max(1, total);
    loaded += Math.max(1, total);
  }
  const cpuPercent = loaded === 0 ? 0 : Math.round((10 * load) / loaded) / 10;
  return { atMs, cpus, cpuPercent, memory, objectStore };
}

export function actorViews(actors: readonly ActorRow[]): ActorView[] {
  return actors.map(({ id, class: name, name: called, state, pid }) => ({
    id,
    class: name,
    ...(called === undefined ? {} : { name: called }),
    state,
    ...(pid === undefined ? {} : { pid }),
  }));
}

/**
 * The driver's counts, of which Ray knows what runs. Ray knows names but no cells: the latest cell comes first.
 *
 * @param told - what has ended since the driver was heard last, when it is busy
 */
export function taskViews(
  groups: readonly TaskGroupView[],
  running: readonly RayRow[],
  told: readonly TaskSummaryRow[] = [],
): TaskGroupView[] {
  const runs = countBy(running, "name");
  const known = new Map<string, { finished: number; failed: number; cancelled: number }>();
  for (const { function: name, finished, failed, cancelled } of groups) {
    const sum = known.get(name) ?? { finished: 0, failed: 0, cancelled: 0 };
    known.set(name, {
      finished: sum.finished + finished,
      failed: sum.failed + failed,
      cancelled: sum.cancelled + cancelled,
    });
  }
  const summaries = new Map(told.map((row) => [row.name, row]));
  const views = groups
    .toSorted((a, b) => b.lastAtMs - a.lastAtMs)
    .map((group) => {
      const view = { ...group };
      const summary = summaries.get(view.function);
      const before = known.get(view.function);
      for (const outcome of ["finished", "failed", "cancelled"] as const) {
        const news = Math.min(view.queued, Math.max(0, (summary?.[outcome] ?? 0) - (before?.[outcome] ?? 0)));
        view[outcome] += news;
        view.queued -= news;
        if (before !== undefined) before[outcome] += news;
      }
      view.running = Math.min(view.queued, runs.get(view.function) ?? 0);
      runs.set(view.function, (runs.get(view.function) ?? 0) - view.running);
      view.queued -= view.running;
      return view;
    });
  return views.sort((a, b) => a.firstAtMs - b.firstAtMs);
}

function countBy(rows: readonly RayRow[], field: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const key = textOf(row[field]) ?? "";
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
