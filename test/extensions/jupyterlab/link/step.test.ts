import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Attention,
  initialLinkState,
  type LinkEffect,
  type LinkEvent,
  type LinkState,
} from "../../../../extensions/jupyterlab/src/link/state.ts";
import { step } from "../../../../extensions/jupyterlab/src/link/step.ts";
import type { ViewRequest } from "../../../../runtime/src/protocol/cluster-view.ts";
import { group, liveEvents, MOBULA_KERNEL, NOW_MS, received, resourcesAt, snapshot, WELCOME } from "../recordings.ts";

/** A state and the effects of the last event that led to it. */
function after(
  events: readonly LinkEvent[],
  attention: Attention = "panel",
): { state: LinkState; effects: readonly LinkEffect[] } {
  let result = { state: initialLinkState(attention), effects: [] as readonly LinkEffect[] };
  for (const event of events) result = step(result.state, event);
  return result;
}

function requests(effects: readonly LinkEffect[]): ViewRequest[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [effect.request] : []));
}

function timers(effects: readonly LinkEffect[]): [string, number][] {
  return effects.flatMap((effect) => (effect.type === "start-timer" ? [[effect.timer, effect.afterMs]] : []));
}

const CLOSED: LinkEvent = { type: "comm-closed" };
const RETRY: LinkEvent = { type: "timer-fired", timer: "retry" };
const PULSE: LinkEvent = { type: "timer-fired", timer: "pulse" };
const ALIVE: LinkEvent = { type: "timer-fired", timer: "alive" };

describe("a kernel", () => {
  it("that is not Mobula's is never sent a comm", () => {
    const { state, effects } = after([{ type: "kernel-changed", kernel: "other", kernelName: "Python 3" }]);
    expect(state.phase).toEqual({ name: "other-kernel", kernelName: "Python 3" });
    expect(effects.filter(({ type }) => type === "open-comm")).toEqual([]);
  });

  it("of Mobula's gets a comm and says hello with all topics while the panel is in view", () => {
    const { state, effects } = after([MOBULA_KERNEL]);
    expect(state.phase).toEqual({ name: "connecting" });
    expect(effects).toContainEqual({ type: "open-comm" });
    expect(requests(effects)).toEqual([
      { op: "hello", protocol: 1, topics: ["resources", "workers", "nodes", "tasks", "actors"] },
    ]);
  });

  it("is left alone while nobody looks, and asked when somebody does", () => {
    expect(after([MOBULA_KERNEL], "none").effects.some(({ type }) => type === "open-comm")).toBe(false);
    const { effects } = after([MOBULA_KERNEL, { type: "attention-changed", attention: "panel" }], "none");
    expect(effects).toContainEqual({ type: "open-comm" });
  });

  it("that restarts loses its cluster, and is asked again when it is ready", () => {
    const restarting = after([...liveEvents(), { type: "kernel-restarting" }]);
    expect(restarting.state.phase).toEqual({ name: "lost", why: "kernel-restarted" });
    expect(restarting.effects).toContainEqual({ type: "drop-comm" });
    const ready = step(restarting.state, { type: "kernel-ready" });
    expect(ready.effects).toContainEqual({ type: "open-comm" });
    const refused = step(ready.state, CLOSED);
    expect(refused.state.phase).toEqual({ name: "no-cluster", after: "kernel-restarted" });
    expect(refused.state.data.workers).toBeUndefined();
  });

  it("that restarts before it had a cluster is only starting", () => {
    const { state } = after([MOBULA_KERNEL, CLOSED, { type: "kernel-restarting" }]);
    expect(state.phase).toEqual({ name: "kernel-starting" });
  });

  it("that dies keeps its last numbers on show and is not asked again", () => {
    const { state, effects } = after([...liveEvents(), { type: "kernel-died" }]);
    expect(state.phase).toEqual({ name: "lost", why: "kernel-died" });
    expect(state.data.workers).toHaveLength(4);
    expect(timers(effects)).toEqual([]);
  });

  it("of another notebook brings nothing of the last one's cluster along", () => {
    const { state, effects } = after([...liveEvents(), MOBULA_KERNEL]);
    expect(state.data.tasks).toBeUndefined();
    expect(effects[0]).toEqual({ type: "drop-comm" });
  });
});

describe("a kernel without a cluster", () => {
  it("is asked again after 1 second, then ever later, up to 5 seconds", () => {
    const waits: number[] = [];
    let { state } = after([MOBULA_KERNEL]);
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const closed = step(state, CLOSED);
      waits.push(timers(closed.effects)[0]?.[1] ?? Number.NaN);
      state = step(closed.state, RETRY).state;
    }
    expect(waits).toEqual([1000, 1500, 2250, 3375, 5000, 5000, 5000]);
    expect(state.phase).toEqual({ name: "no-cluster" });
  });

  it("is asked soon when a cell runs, once for all that the cell prints", () => {
    const first = after([MOBULA_KERNEL, CLOSED, { type: "kernel-active" }]);
    expect(timers(first.effects)).toEqual([["retry", 400]]);
    expect(step(first.state, { type: "kernel-active" }).effects).toEqual([]);
    const retried = step(step(first.state, RETRY).state, CLOSED).state;
    expect(timers(step(retried, { type: "kernel-active" }).effects)).toEqual([["retry", 400]]);
  });

  it("is asked when a cell runs, and at no other time, while only the status bar shows it", () => {
    const closed = after([MOBULA_KERNEL, CLOSED], "status");
    expect(timers(closed.effects)).toEqual([]);
    expect(timers(step(closed.state, { type: "kernel-active" }).effects)).toEqual([["retry", 400]]);
  });
});

describe("a live cluster", () => {
  it("shows what its snapshots say", () => {
    const { state } = after(liveEvents());
    expect(state.phase.name).toBe("live");
    expect(state.data.history).toHaveLength(300);
    expect(state.data.tasks?.[0]?.function).toBe("simulate");
  });

  it("ends in the state `lost`, and the panel tries again", () => {
    const { state, effects } = after([...liveEvents(), CLOSED]);
    expect(state.phase).toEqual({ name: "lost", why: "cluster-ended" });
    expect(timers(effects)).toEqual([["retry", 1000]]);
  });

  it("that comes back is live again with its old numbers until new ones arrive", () => {
    const { state } = after([...liveEvents(), { type: "connection-down" }, { type: "connection-up" }]);
    expect(state.phase).toEqual({ name: "lost", why: "disconnected" });
    expect(step(state, received(WELCOME)).state.phase.name).toBe("live");
  });

  it("is connected to anew when the user asks for it", () => {
    const { state, effects } = after([...liveEvents(), { type: "reconnect-asked" }]);
    expect(state.phase).toEqual({ name: "connecting" });
    expect(effects.map(({ type }) => type).filter((type) => type.endsWith("-comm"))).toEqual([
      "close-comm",
      "open-comm",
    ]);
  });

  it("that is silent through three pings is lost", () => {
    let { state } = after(liveEvents());
    for (let ping = 0; ping < 3; ping += 1) {
      const pinged = step(state, ALIVE);
      expect(requests(pinged.effects)).toEqual([{ op: "ping" }]);
      state = pinged.state;
    }
    expect(step(state, received({ op: "pong" })).state.unanswered).toBe(0);
    const silent = step(state, ALIVE);
    expect(silent.effects[0]).toEqual({ type: "close-comm" });
    expect(silent.state.phase.name).toBe("lost");
  });

  it("that refuses the protocol is not asked again by itself, only by the user", () => {
    const { state, effects } = after([
      MOBULA_KERNEL,
      received({ op: "refused", protocol: 2, reason: "Too old." }),
      CLOSED,
    ]);
    expect(state.phase).toEqual({ name: "refused", reason: "Too old." });
    expect(timers(effects)).toEqual([]);
    expect(step(state, { type: "kernel-active" }).effects).toEqual([]);
    expect(step(state, { type: "reconnect-asked" }).effects).toContainEqual({ type: "open-comm" });
  });
});

describe("the status bar", () => {
  const seen = [received(snapshot("resources", 1, resourcesAt(NOW_MS))), received(snapshot("tasks", 2, []))];

  it("takes one look, is silent for five seconds, and looks again", () => {
    const looked = after([MOBULA_KERNEL, received(WELCOME), ...seen], "status");
    expect(requests(looked.effects)).toEqual([{ op: "unsubscribe", topics: ["resources", "tasks"] }]);
    expect(timers(looked.effects)).toEqual([["pulse", 5000]]);
    const again = step(looked.state, PULSE);
    expect(requests(again.effects)).toEqual([{ op: "subscribe", topics: ["resources", "tasks"] }]);
  });

  it("gives way to the panel, which asks for the topics that are missing", () => {
    const { effects } = after(
      [MOBULA_KERNEL, received(WELCOME), { type: "attention-changed", attention: "panel" }],
      "status",
    );
    expect(requests(effects)).toEqual([{ op: "subscribe", topics: ["workers", "nodes", "actors"] }]);
  });

  it("and the panel both out of view, a lost connection closes the comm for good, its timers too", () => {
    const { effects } = after([
      ...liveEvents(),
      { type: "attention-changed", attention: "none" },
      { type: "connection-down" },
      { type: "connection-up" },
    ]);
    expect(effects).toContainEqual({ type: "close-comm" });
    expect(effects).toContainEqual({ type: "stop-timer", timer: "alive" });
    expect(effects.some(({ type }) => type === "open-comm")).toBe(false);
  });

  it("and the panel both out of view, nothing is subscribed and the comm stays", () => {
    const { state, effects } = after([...liveEvents(), { type: "attention-changed", attention: "none" }]);
    expect(requests(effects)).toEqual([
      { op: "unsubscribe", topics: ["resources", "workers", "nodes", "tasks", "actors"] },
    ]);
    expect(state.comm).toBe("open");
  });
});

describe("a request to cancel", () => {
  const asked: LinkEvent = { type: "cancel-asked", function: "simulate", cellId: "cell-9" };

  it("is sent with an id of its own and is told to be under way", () => {
    const { state, effects } = after([...liveEvents(), asked]);
    expect(requests(effects)).toEqual([{ op: "cancel-tasks", id: 1, function: "simulate", cellId: "cell-9" }]);
    expect([...state.cancels.values()]).toEqual([{ state: "asked", id: 1 }]);
  });

  it("that is refused says why, until it is asked again", () => {
    const { state } = after([...liveEvents(), asked, received({ op: "error", id: 1, message: "No such function" })]);
    expect([...state.cancels.values()]).toEqual([{ state: "failed", message: "No such function" }]);
    expect([...step(state, asked).state.cancels.values()]).toEqual([{ state: "asked", id: 2 }]);
  });

  it("that is accepted is told until the group has nothing left to cancel", () => {
    const { state } = after([...liveEvents(), asked, received({ op: "ack", id: 1 })]);
    expect([...state.cancels.values()]).toEqual([{ state: "accepted" }]);
    const settled = group({ function: "simulate", cellId: "cell-9", finished: 1210, cancelled: 482 });
    expect(step(state, received(snapshot("tasks", 9, [settled]))).state.cancels.size).toBe(0);
  });

  it("is not sent without a comm", () => {
    const { state, effects } = after([...liveEvents(), CLOSED, asked]);
    expect(effects).toEqual([]);
    expect(state.cancels.size).toBe(0);
  });
});

describe("in any order of events", () => {
  const anyEvent: fc.Arbitrary<LinkEvent> = fc.oneof(
    fc.constantFrom<LinkEvent>(
      MOBULA_KERNEL,
      { type: "kernel-changed", kernel: "none", kernelName: "" },
      { type: "kernel-restarting" },
      { type: "kernel-ready" },
      { type: "kernel-died" },
      { type: "connection-down" },
      { type: "connection-up" },
      { type: "kernel-active" },
      { type: "reconnect-asked" },
      CLOSED,
      RETRY,
      PULSE,
      ALIVE,
      received(WELCOME),
      received({ op: "refused", protocol: 2, reason: "" }),
      received(snapshot("tasks", 5, [group()])),
      { type: "cancel-asked", function: "area" },
    ),
    fc
      .constantFrom<Attention>("panel", "status", "none")
      .map((attention): LinkEvent => ({ type: "attention-changed", attention })),
  );

  it("at most one comm is open, requests go to an open one, and timers do not outlive it", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        let state = initialLinkState("panel");
        let isOpen = false;
        const running = new Set<string>();
        for (const event of events) {
          if (event.type === "timer-fired" && !running.delete(event.timer)) continue;
          if (event.type === "comm-closed") isOpen = false;
          if (event.type === "reply-received" && !isOpen) continue;
          const result = step(state, event);
          for (const effect of result.effects) {
            if (effect.type === "open-comm") {
              expect(isOpen).toBe(false);
              isOpen = true;
            }
            if (effect.type === "close-comm" || effect.type === "drop-comm") isOpen = false;
            if (effect.type === "send") expect(isOpen).toBe(true);
            if (effect.type === "start-timer") running.add(effect.timer);
            if (effect.type === "stop-timer") running.delete(effect.timer);
          }
          state = result.state;
          expect(state.comm !== "closed").toBe(isOpen);
          expect(running.has("alive")).toBe(isOpen);
          if (state.phase.name === "live") expect(state.comm).toBe("open");
        }
      }),
      { numRuns: 2000 },
    );
  });
});
