/** What a connection does next: events in, effects out. Nothing here touches a kernel, a clock or the page. */
import { CLUSTER_VIEW_PROTOCOL, type ViewReply, type ViewTopic } from "../protocol.ts";
import { receiveSnapshot } from "./receive.ts";
import {
  type Attention,
  type CancelRequest,
  groupKey,
  type LinkEffect,
  type LinkEvent,
  type LinkState,
  type LinkTimer,
  type LossReason,
  noData,
  type Phase,
} from "./state.ts";

/** The state after an event and what is to be done. */
export interface Step {
  readonly state: LinkState;
  readonly effects: readonly LinkEffect[];
}

const PANEL_TOPICS: readonly ViewTopic[] = ["resources", "workers", "nodes", "tasks", "actors"];
const STATUS_TOPICS: readonly ViewTopic[] = ["resources", "tasks"];

const PULSE_MS = 5_000;
const PING_MS = 10_000;
const PINGS_UNTIL_LOST = 3;
/** A cell that just began needs about this long to start a cluster. */
const SOON_MS = 400;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5_000;

/** Apply one event. */
export function step(state: LinkState, event: LinkEvent): Step {
  switch (event.type) {
    case "kernel-changed":
      return changeKernel(state, event.kernel, event.kernelName);
    case "kernel-restarting":
      return loseKernel(state, "kernel-restarted");
    case "kernel-died":
      return loseKernel(state, "kernel-died");
    case "kernel-ready":
      return open(state);
    case "connection-down":
      return state.phase.name === "live"
        ? still({ ...state, isConnectionDown: true, phase: { name: "lost", why: "disconnected" } })
        : still({ ...state, isConnectionDown: true });
    case "connection-up":
      return state.isConnectionDown ? reopen({ ...state, isConnectionDown: false }) : still(state);
    case "kernel-active":
      return retrySoon(state);
    case "comm-closed":
      return afterComm(state);
    case "reply-received":
      return receive({ ...state, unanswered: 0 }, event.reply, event.atMs);
    case "timer-fired":
      return fireTimer(state, event.timer);
    case "attention-changed":
      return changeAttention(state, event.attention);
    case "reconnect-asked":
      return reopen({ ...state, attempts: 0 });
    case "cancel-asked":
      return askCancel(state, event);
  }
}

function changeKernel(state: LinkState, kernel: LinkState["kernel"], kernelName: string): Step {
  const closed = { ...withoutComm(state), kernel, data: noData(), cancels: new Map(), attempts: 0 };
  const forget: LinkEffect[] = state.comm === "closed" ? [] : [{ type: "drop-comm" }];
  const opened = open({ ...closed, phase: phaseBeforeOpening(kernel, kernelName) });
  return { state: opened.state, effects: [...forget, ...stopTimers(), ...opened.effects] };
}

function phaseBeforeOpening(kernel: LinkState["kernel"], kernelName: string): Phase {
  const phases: Record<LinkState["kernel"], Phase> = {
    none: { name: "no-kernel" },
    unknown: { name: "kernel-starting" },
    other: { name: "other-kernel", kernelName },
    shared: { name: "shared-kernel" },
    mobula: { name: "connecting" },
  };
  return phases[kernel];
}

function loseKernel(state: LinkState, why: LossReason): Step {
  if (state.kernel !== "mobula") return still(state);
  const forget: LinkEffect[] = state.comm === "closed" ? [] : [{ type: "drop-comm" }];
  const hadCluster = state.phase.name === "live" || state.phase.name === "lost";
  const phase: Phase = hadCluster || why === "kernel-died" ? { name: "lost", why } : { name: "kernel-starting" };
  return { state: { ...withoutComm(state), phase, attempts: 0 }, effects: [...forget, ...stopTimers()] };
}

/** Open the comm, if there is somebody to open it to and somebody to look. */
function open(state: LinkState): Step {
  const cannot = state.kernel !== "mobula" || state.comm !== "closed" || state.isConnectionDown;
  if (cannot || state.attention === "none") return still(state);
  const topics = wantedTopics(state.attention);
  return {
    state: {
      ...state,
      comm: "opening",
      isRetrySoon: false,
      subscribed: topics,
      awaited: state.attention === "status" ? topics : [],
      sequences: {},
      unanswered: 0,
    },
    effects: [
      { type: "stop-timer", timer: "retry" },
      { type: "open-comm" },
      { type: "send", request: { op: "hello", protocol: CLUSTER_VIEW_PROTOCOL, topics } },
      { type: "start-timer", timer: "alive", afterMs: PING_MS },
    ],
  };
}

function reopen(state: LinkState): Step {
  if (state.comm === "closed") return open(state);
  const phase: Phase = state.phase.name === "live" ? { name: "connecting" } : state.phase;
  const opened = open({ ...withoutComm(state), phase });
  return { state: opened.state, effects: [{ type: "close-comm" }, ...stopTimers(), ...opened.effects] };
}

/** The comm is closed by the other side. Without a welcome before, the kernel has no cluster to show. */
function afterComm(state: LinkState): Step {
  if (state.comm === "closed") return still(state);
  const wasOpen = state.comm === "open";
  const closed = withoutComm(state);
  if (state.phase.name === "refused") return { state: closed, effects: stopTimers() };
  const next: LinkState = wasOpen
    ? { ...closed, phase: { name: "lost", why: "cluster-ended" }, attempts: 0 }
    : { ...closed, phase: noCluster(state.phase), data: noData(), cancels: new Map(), attempts: state.attempts + 1 };
  return { state: next, effects: [...stopTimers(), ...retryLater(next)] };
}

function noCluster(before: Phase): Phase {
  if (before.name === "lost") return { name: "no-cluster", after: before.why };
  return before.name === "no-cluster" ? before : { name: "no-cluster" };
}

function retryLater(state: LinkState): LinkEffect[] {
  if (state.attention !== "panel") return [];
  const afterMs = Math.min(FIRST_RETRY_MS * 1.5 ** Math.max(0, state.attempts - 1), LONGEST_RETRY_MS);
  return [{ type: "start-timer", timer: "retry", afterMs }];
}

function retrySoon(state: LinkState): Step {
  const isWaiting = state.phase.name === "no-cluster" || state.phase.name === "lost";
  if (!isWaiting || state.kernel !== "mobula" || state.comm !== "closed") return still(state);
  if (state.isRetrySoon || state.attention === "none") return still(state);
  return {
    state: { ...state, isRetrySoon: true, attempts: 0 },
    effects: [{ type: "start-timer", timer: "retry", afterMs: SOON_MS }],
  };
}

function receive(state: LinkState, reply: ViewReply, atMs: number): Step {
  switch (reply.op) {
    case "welcome":
      return welcome(state, reply);
    case "refused":
      return {
        state: { ...withoutComm(state), phase: { name: "refused", reason: reply.reason } },
        effects: [{ type: "close-comm" }, ...stopTimers()],
      };
    case "snapshot": {
      const received = receiveSnapshot(state, reply, atMs);
      return received === state ? still(state) : endPulse(received);
    }
    case "ack":
      return still(settleCancel(state, reply.id, { state: "accepted" }));
    case "error":
      return still(settleCancel(state, reply.id, { state: "failed", message: reply.message }));
    case "pong":
    default: // whatever a newer cluster may add
      return still(state);
  }
}

function welcome(state: LinkState, reply: Extract<ViewReply, { op: "welcome" }>): Step {
  const isSame = state.phase.name === "live" && state.phase.cluster.id === reply.cluster.id;
  return still({
    ...state,
    comm: "open",
    attempts: 0,
    phase: { name: "live", cluster: reply.cluster },
    ...(isSame ? {} : { data: noData(), cancels: new Map() }),
  });
}

function settleCancel(state: LinkState, id: number, outcome: CancelRequest): LinkState {
  const cancels = new Map(
    [...state.cancels].map(([key, cancel]) => [key, cancel.state === "asked" && cancel.id === id ? outcome : cancel]),
  );
  return { ...state, cancels };
}

/** The status bar has what it wanted: be silent until the next look. */
function endPulse(state: LinkState): Step {
  if (state.attention !== "status" || state.awaited.length > 0 || state.subscribed.length === 0) return still(state);
  return {
    state: { ...state, subscribed: [] },
    effects: [
      { type: "send", request: { op: "unsubscribe", topics: state.subscribed } },
      { type: "start-timer", timer: "pulse", afterMs: PULSE_MS },
    ],
  };
}

function fireTimer(state: LinkState, timer: LinkTimer): Step {
  if (timer === "retry") return open({ ...state, isRetrySoon: false });
  if (timer === "alive") return checkAlive(state);
  const isDue = state.attention === "status" && state.comm === "open";
  return isDue ? subscribe(state, STATUS_TOPICS) : still(state);
}

function checkAlive(state: LinkState): Step {
  if (state.comm === "closed") return still(state);
  if (state.comm === "opening" || state.unanswered >= PINGS_UNTIL_LOST) {
    const closed = afterComm(state);
    return { state: closed.state, effects: [{ type: "close-comm" }, ...closed.effects] };
  }
  return {
    state: { ...state, unanswered: state.unanswered + 1 },
    effects: [
      { type: "send", request: { op: "ping" } },
      { type: "start-timer", timer: "alive", afterMs: PING_MS },
    ],
  };
}

function changeAttention(state: LinkState, attention: Attention): Step {
  if (attention === state.attention) return still(state);
  const changed = { ...state, attention };
  if (changed.comm === "closed") {
    return attention === "none" ? { state: changed, effects: [{ type: "stop-timer", timer: "retry" }] } : open(changed);
  }
  const step = subscribe(changed, wantedTopics(attention));
  return { state: step.state, effects: [{ type: "stop-timer", timer: "pulse" }, ...step.effects] };
}

/** Ask for exactly these topics; a topic that stays is not asked for again. */
function subscribe(state: LinkState, wanted: readonly ViewTopic[]): Step {
  const added = wanted.filter((topic) => !state.subscribed.includes(topic));
  const removed = state.subscribed.filter((topic) => !wanted.includes(topic));
  const effects: LinkEffect[] = [];
  if (removed.length > 0) effects.push({ type: "send", request: { op: "unsubscribe", topics: removed } });
  if (added.length > 0) effects.push({ type: "send", request: { op: "subscribe", topics: added } });
  const sequences = Object.fromEntries(
    Object.entries(state.sequences).filter(([topic]) => !added.some((name) => name === topic)),
  );
  const awaited = state.attention === "status" ? wanted : [];
  return { state: { ...state, subscribed: wanted, awaited, sequences }, effects };
}

function askCancel(state: LinkState, asked: { function: string; cellId?: string }): Step {
  if (state.comm !== "open") return still(state);
  const id = state.nextRequestId;
  const group = { function: asked.function, ...(asked.cellId === undefined ? {} : { cellId: asked.cellId }) };
  const cancels = new Map(state.cancels).set(groupKey(group), { state: "asked", id });
  return {
    state: { ...state, cancels, nextRequestId: id + 1 },
    effects: [{ type: "send", request: { op: "cancel-tasks", id, ...group } }],
  };
}

function wantedTopics(attention: Attention): readonly ViewTopic[] {
  if (attention === "none") return [];
  return attention === "panel" ? PANEL_TOPICS : STATUS_TOPICS;
}

function withoutComm(state: LinkState): LinkState {
  return { ...state, comm: "closed", subscribed: [], awaited: [], isRetrySoon: false, unanswered: 0 };
}

function stopTimers(): LinkEffect[] {
  return (["retry", "pulse", "alive"] as const).map((timer) => ({ type: "stop-timer", timer }));
}

function still(state: LinkState): Step {
  return { state, effects: [] };
}
