/** How a snapshot changes what is known of the cluster. */
import type { ResourcesView, TaskGroupView, ViewReply } from "../protocol.ts";
import { observeGroups } from "./rates.ts";
import { type CancelRequest, type ClusterData, groupKey, type LinkState } from "./state.ts";

type Snapshot = Extract<ViewReply, { op: "snapshot" }>;

const HISTORY_LENGTH = 300;
/** Snapshots come up to twice a second; the history keeps one a second. */
const HISTORY_STEP_MS = 900;

/**
 * The state with the snapshot's data in it.
 *
 * @param atMs - when it arrived, by this machine's clock.
 * @returns the same state, when the snapshot is older than what is known or of an unknown topic.
 */
export function receiveSnapshot(state: LinkState, snapshot: Snapshot, atMs: number): LinkState {
  const known = state.sequences[snapshot.topic];
  if (known !== undefined && snapshot.sequence <= known) return state;
  const data = withTopic(state.data, snapshot, atMs);
  if (data === state.data) return state;
  return {
    ...state,
    data,
    sequences: { ...state.sequences, [snapshot.topic]: snapshot.sequence },
    awaited: state.awaited.filter((topic) => topic !== snapshot.topic),
    cancels: snapshot.topic === "tasks" ? withoutSettled(state.cancels, data.tasks ?? []) : state.cancels,
  };
}

function withTopic(data: ClusterData, snapshot: Snapshot, atMs: number): ClusterData {
  switch (snapshot.topic) {
    case "resources": {
      const resources = snapshot.data as ResourcesView;
      return {
        ...data,
        resources,
        history: nextHistory(snapshot.history ?? data.history, resources),
        // Tasks are sent when they change; resources come every second, and let the rates of still groups fall.
        rates: observeGroups(data.rates, data.tasks ?? [], atMs),
      };
    }
    case "tasks": {
      const tasks = snapshot.data as readonly TaskGroupView[];
      return { ...data, tasks, rates: observeGroups(data.rates, tasks, atMs) };
    }
    case "workers":
    case "nodes":
    case "actors":
      return { ...data, [snapshot.topic]: snapshot.data };
    default: // a topic of a newer cluster
      return data;
  }
}

function nextHistory(history: readonly ResourcesView[], now: ResourcesView): readonly ResourcesView[] {
  const last = history.at(-1);
  if (last && now.atMs - last.atMs < HISTORY_STEP_MS) return history;
  return [...history, now].slice(-HISTORY_LENGTH);
}

/** An accepted cancel is told until its group has nothing left to cancel. A failure stays until it is tried again. */
function withoutSettled(
  cancels: ReadonlyMap<string, CancelRequest>,
  groups: readonly TaskGroupView[],
): ReadonlyMap<string, CancelRequest> {
  const busy = new Set(groups.filter((group) => group.queued + group.running > 0).map(groupKey));
  return new Map([...cancels].filter(([key, cancel]) => cancel.state !== "accepted" || busy.has(key)));
}
