import { describe, expect, it } from "vitest";
import { receiveSnapshot } from "../../../../extensions/jupyterlab/src/link/receive.ts";
import { initialLinkState, type LinkState } from "../../../../extensions/jupyterlab/src/link/state.ts";
import type { ViewReply, ViewTopic } from "../../../../runtime/src/protocol/cluster-view.ts";
import { group, history, NOW_MS, resourcesAt, SMALL_WORKERS, snapshot } from "../recordings.ts";

type Snapshot = Extract<ViewReply, { op: "snapshot" }>;

function receive(state: LinkState, topic: ViewTopic, sequence: number, data: unknown, more: object = {}): LinkState {
  return receiveSnapshot(state, snapshot(topic, sequence, data, more) as Snapshot, NOW_MS);
}

const empty = initialLinkState("panel");

describe("a snapshot", () => {
  it("replaces its topic and leaves the others", () => {
    const state = receive(receive(empty, "tasks", 1, [group()]), "workers", 2, SMALL_WORKERS);
    expect(state.data.tasks).toEqual([group()]);
    expect(receive(state, "workers", 3, []).data.workers).toEqual([]);
  });

  it("that is older than what is known changes nothing", () => {
    const state = receive(empty, "workers", 5, SMALL_WORKERS);
    expect(receive(state, "workers", 5, [])).toBe(state);
    expect(receive(state, "workers", 4, [])).toBe(state);
  });

  it("of a topic that only a newer cluster has changes nothing", () => {
    expect(receive(empty, "trials" as ViewTopic, 1, [])).toBe(empty);
  });
});

describe("the history", () => {
  it("is taken over from the cluster and goes on with what arrives, one value a second", () => {
    let state = receive(empty, "resources", 1, resourcesAt(NOW_MS), { history: history() });
    expect(state.data.history.at(-1)?.atMs).toBe(NOW_MS);
    state = receive(state, "resources", 2, resourcesAt(NOW_MS + 500));
    expect(state.data.history.at(-1)?.atMs).toBe(NOW_MS);
    state = receive(state, "resources", 3, resourcesAt(NOW_MS + 1000));
    expect(state.data.history.at(-1)?.atMs).toBe(NOW_MS + 1000);
    expect(state.data.resources?.atMs).toBe(NOW_MS + 1000);
  });

  it("never grows over 300 values", () => {
    let state = receive(empty, "resources", 1, resourcesAt(NOW_MS), { history: history() });
    for (let second = 1; second <= 20; second += 1) {
      state = receive(state, "resources", 1 + second, resourcesAt(NOW_MS + second * 1000));
    }
    expect(state.data.history).toHaveLength(300);
  });
});
