/** Worker processes that end before they are ready, one after the other: then none will start, and waiting is in vain. */
import { reasonOfEnd } from "../protocol/process-end.ts";
import { endActor } from "./actors.ts";
import { fromAmounts } from "./resources.ts";
import type { CoreEffect, CoreEvent, CoreState } from "./state.ts";

const MAX_START_FAILURES = 3;

/** A worker without an environment of its own died as it started. Who waits is told after some in a row; later wishes try again. */
export function startFailed(state: CoreState, { end }: Extract<CoreEvent, { type: "worker-died" }>): CoreEffect[] {
  if (++state.startFailures < MAX_START_FAILURES) return [];
  state.startFailures = 0;
  const startFailure = `${MAX_START_FAILURES} worker processes ended while they started (${reasonOfEnd(end)})\n${end.stderrTail}`;
  const has = fromAmounts(state.total);
  const effects: CoreEffect[] = [];
  for (const [key, { clientId, shape, resources, environmentId }] of state.demands) {
    if (environmentId !== "") continue;
    state.demands.delete(key);
    const needs = fromAmounts(resources);
    effects.push({ type: "send", to: clientId, message: { type: "unschedulable", shape, needs, has, startFailure } });
  }
  for (const actor of [...state.actors.values()]) {
    const isWaiting = actor.work.state === "pending" || actor.work.state === "restarting";
    if (!isWaiting || actor.spec.environment !== undefined) continue;
    effects.push(...endActor(state, actor, { reason: "unschedulable", message: startFailure }));
  }
  return effects;
}
