/** Messages of a cluster as a panel hears them, for pictures and tests. */
import type { LinkEvent } from "../../../extensions/jupyterlab/src/link/state.ts";
import type {
  ActorView,
  NodeView,
  ResourcesView,
  TaskGroupView,
  ViewReply,
  ViewTopic,
  WorkerView,
} from "../../../runtime/src/protocol/cluster-view.ts";

/** When the recordings end. */
export const NOW_MS = 1_790_000_000_000;

const GIB = 2 ** 30;
const MIB = 2 ** 20;

export const WELCOME: ViewReply = {
  op: "welcome",
  protocol: 1,
  cluster: { id: "c-7f3a", engine: "local", version: "0.1.0", startedAtMs: NOW_MS - 754_000 },
};

export function resourcesAt(atMs: number, load = 0.6): ResourcesView {
  return {
    atMs,
    cpus: { used: Math.round(load * 4) / 2, total: 2 },
    cpuPercent: load * 100,
    memory: { usedBytes: (3 + load) * GIB, totalBytes: 7.8 * GIB },
    objectStore: {
      usedBytes: load * 600 * MIB,
      capacityBytes: 2 * GIB,
      objects: Math.round(load * 30),
      spilledBytes: 0,
    },
  };
}

/** Five minutes of a machine that works in waves. */
export function history(): ResourcesView[] {
  return Array.from({ length: 300 }, (_, second) => {
    const load = 0.45 + 0.35 * Math.sin(second / 20) + 0.15 * Math.sin(second / 3);
    return resourcesAt(NOW_MS - (300 - second) * 1000, Math.max(0, load));
  });
}

export function group(changes: Partial<TaskGroupView> = {}): TaskGroupView {
  return {
    function: "area",
    cellId: "cell-7",
    executionCount: 7,
    queued: 0,
    running: 0,
    finished: 0,
    failed: 0,
    cancelled: 0,
    retried: 0,
    firstAtMs: NOW_MS - 60_000,
    lastAtMs: NOW_MS - 1_000,
    ...changes,
  };
}

export const SMALL_GROUPS: readonly TaskGroupView[] = [
  group({
    function: "simulate",
    executionCount: 9,
    cellId: "cell-9",
    queued: 480,
    running: 2,
    finished: 1210,
    retried: 3,
  }),
  group({ function: "loadPartition", finished: 64, failed: 2, retried: 4 }),
  group({
    function: "Counter.add",
    executionCount: 12,
    cellId: "cell-12",
    finished: 20_000,
    lastAtMs: NOW_MS - 30_000,
  }),
  group({
    function: "slowSearch",
    executionCount: 4,
    cellId: "cell-4",
    finished: 3,
    cancelled: 37,
    lastAtMs: NOW_MS - 50_000,
  }),
];

export const SMALL_WORKERS: readonly WorkerView[] = [
  {
    id: "w1",
    pid: 41234,
    state: "running",
    running: "simulate",
    cpuPercent: 98.2,
    rssBytes: 142 * MIB,
    tasksFinished: 640,
  },
  {
    id: "w2",
    pid: 41235,
    state: "blocked",
    running: "loadPartitionFromObjectStorage",
    cpuPercent: 0.4,
    rssBytes: 1.3 * GIB,
    tasksFinished: 571,
  },
  {
    id: "w3",
    pid: 41236,
    state: "actor",
    running: "Counter",
    cpuPercent: 12,
    rssBytes: 88 * MIB,
    tasksFinished: 20_000,
  },
  { id: "w4", pid: 41237, state: "idle", cpuPercent: 0, rssBytes: 61 * MIB, tasksFinished: 0 },
];

export const SMALL_ACTORS: readonly ActorView[] = [
  { id: "a1", class: "Counter", name: "c", state: "alive", pid: 41236, callsPending: 0, callsFinished: 20_000 },
  { id: "a2", class: "ParameterServerWithLongName", state: "restarting", callsPending: 14, callsFinished: 233 },
];

const VERBS = ["load", "parse", "clean", "join", "train", "score", "plot", "store"];

/** Forty functions in every state of work. */
export const MANY_GROUPS: readonly TaskGroupView[] = Array.from({ length: 40 }, (_, index) =>
  group({
    function: `${VERBS[index % 8]}${["Rows", "Columns", "TimeSeriesWindowsOfEveryCustomer", "Model", "Shard"][index % 5]}`,
    cellId: `cell-${index}`,
    executionCount: index + 1,
    finished: index * 37,
    failed: index % 7 === 3 ? index : 0,
    cancelled: index % 9 === 4 ? 5 : 0,
    running: index % 4 === 0 ? 2 : 0,
    queued: index % 4 === 0 ? index * 11 : 0,
    retried: index % 6,
    firstAtMs: NOW_MS - 300_000 + index * 1000,
    lastAtMs: NOW_MS - (40 - index) * 1000,
  }),
);

export function received(reply: ViewReply, atMs = NOW_MS): LinkEvent {
  return { type: "reply-received", reply, atMs };
}

export function snapshot(topic: ViewTopic, sequence: number, data: unknown, more: object = {}): ViewReply {
  return { op: "snapshot", topic, sequence, data, ...more } as ViewReply;
}

export const MOBULA_KERNEL: LinkEvent = { type: "kernel-changed", kernel: "mobula", kernelName: "Mobula" };

/** A panel from the first message to a cluster at work. */
export function liveEvents(groups: readonly TaskGroupView[] = SMALL_GROUPS): LinkEvent[] {
  const earlier = groups.map((each) => ({
    ...each,
    finished: Math.max(0, each.finished - (each.running > 0 ? 68 : 0)),
  }));
  return [
    MOBULA_KERNEL,
    received(WELCOME, NOW_MS - 4_000),
    received(snapshot("resources", 1, resourcesAt(NOW_MS), { history: history() }), NOW_MS - 4_000),
    received(snapshot("workers", 2, SMALL_WORKERS), NOW_MS - 4_000),
    received(snapshot("tasks", 3, earlier), NOW_MS - 2_000),
    received(snapshot("tasks", 4, groups), NOW_MS),
    received(snapshot("actors", 5, SMALL_ACTORS), NOW_MS),
  ];
}

/** A cluster that has done nothing yet. */
export function freshEvents(): LinkEvent[] {
  return [
    MOBULA_KERNEL,
    received(WELCOME),
    received(snapshot("resources", 1, resourcesAt(NOW_MS, 0), { history: [] })),
    received(snapshot("workers", 2, [])),
    received(snapshot("tasks", 3, [])),
    received(snapshot("actors", 4, [])),
  ];
}

const node = (id: string, host: string, used: number, running: number, isHead = false): NodeView => ({
  id,
  host,
  isHead,
  resources: {
    cpus: { used, total: 8 },
    memoryBytes: { used: 0, total: 24 * GIB },
    gpus: { used: running > 4 ? 1 : 0, total: 1 },
  },
  running,
});

/** A Ray cluster of three nodes, of which the last has just joined. */
export const RAY_NODES: readonly NodeView[] = [
  {
    ...node("f7b1", "ray-head-0", 2, 1, true),
    cpuPercent: 31,
    memory: { usedBytes: 6.2 * GIB, totalBytes: 32 * GIB },
  },
  {
    ...node("0c55", "ray-worker-cpu-group-7d9f5c-x2x8q", 8, 7),
    cpuPercent: 97,
    memory: { usedBytes: 20.5 * GIB, totalBytes: 32 * GIB },
  },
  node("a3e0", "ray-worker-cpu-group-7d9f5c-m4k2z", 0, 0),
];

export function rayEvents(): LinkEvent[] {
  const cluster = { id: "session_1", engine: "ray", version: "2.60.0", startedAtMs: NOW_MS - 7_540_000 };
  const { objectStore, ...resources } = resourcesAt(NOW_MS, 0.42);
  const { usedBytes, capacityBytes } = objectStore;
  const actors: ActorView[] = [
    { id: "1e47", class: "Counter", name: "totals", state: "alive", pid: 16_025 },
    { id: "3892", class: "ParameterServer", state: "restarting" },
  ];
  return [
    MOBULA_KERNEL,
    received({ op: "welcome", protocol: 1, cluster }),
    received({
      ...snapshot("resources", 1, {
        ...resources,
        cpus: { used: 10, total: 24 },
        objectStore: { usedBytes, capacityBytes },
      }),
      history: history(),
    } as ViewReply),
    received(snapshot("nodes", 2, RAY_NODES)),
    received(snapshot("tasks", 3, SMALL_GROUPS)),
    received(snapshot("actors", 4, actors)),
  ];
}
