/** Environments: kinds of processes, from the first wish for one to its last process. */
import type { ClientId } from "../protocol/ids.ts";
import type { WireEnvironment, WireExecution } from "../protocol/messages.ts";
import { reasonOfEnd } from "../protocol/process-end.ts";
import type { WireError } from "../protocol/wire-error.ts";
import { endActor } from "./actors.ts";
import { assign } from "./scheduler.ts";
import type { ActorRecord, CoreEffect, CoreEvent, CoreState } from "./state.ts";

/** So many processes in a row that die at their start mean that none will start. */
const MAX_START_FAILURES = 3;

export interface EnvironmentRecord {
  readonly environment: WireEnvironment;
  state: "preparing" | "ready";
  /** Processes that died before they were ready, since the last that became ready. */
  startFailures: number;
}

/** Somebody wants processes of it: it is prepared the first time. */
export function wantEnvironment(state: CoreState, environment: WireEnvironment | undefined): CoreEffect[] {
  if (environment === undefined || state.environments.has(environment.id)) return [];
  const isReady = environment.workingDir === undefined && environment.npm === undefined;
  state.environments.set(environment.id, { environment, state: isReady ? "ready" : "preparing", startFailures: 0 });
  return isReady ? [] : [{ type: "prepare-environment", environment }];
}

export function environmentReady(
  state: CoreState,
  event: Extract<CoreEvent, { type: "environment-ready" }>,
): CoreEffect[] {
  const record = state.environments.get(event.environmentId);
  if (record === undefined) return [];
  record.state = "ready";
  return assign(state, event.atMs);
}

/** All who wait for it hear why. It is forgotten: the next wish tries again. */
export function environmentFailed(
  state: CoreState,
  event: Pick<Extract<CoreEvent, { type: "environment-failed" }>, "environmentId" | "error" | "atMs">,
): CoreEffect[] {
  const { environmentId, error, atMs } = event;
  if (!state.environments.delete(environmentId)) return [];
  const effects: CoreEffect[] = [];
  const told = new Set<ClientId>();
  for (const [key, demand] of state.demands) {
    if (demand.environmentId !== environmentId) continue;
    state.demands.delete(key);
    told.add(demand.clientId);
  }
  for (const to of told)
    effects.push({ type: "send", to, message: { type: "environment-failed", environmentId, error } });
  for (const actor of waitingActors(state, environmentId)) {
    effects.push(...endActor(state, actor, { reason: "environment-failed", message: error.message, error }));
  }
  return [...effects, ...assign(state, atMs)];
}

/** A process of it died before it was ready. */
export function environmentStartFailed(
  state: CoreState,
  environmentId: string,
  { end, atMs }: Extract<CoreEvent, { type: "worker-died" }>,
): CoreEffect[] {
  const record = state.environments.get(environmentId);
  if (record === undefined || ++record.startFailures < MAX_START_FAILURES) return [];
  const how = reasonOfEnd(end);
  const message =
    `Processes of this runtimeEnv end while they start (${how})` +
    `${end.stderrTail === "" ? "" : `:\n${end.stderrTail}`}\nCheck its envVars and workingDir.`;
  const error: WireError = { name: "RuntimeEnvError", code: "RUNTIME_ENV_SETUP", message };
  return environmentFailed(state, { environmentId, error, atMs });
}

/** Who waits until it is prepared, and in which cell. */
export function waitingFor(
  state: CoreState,
  environmentId: string,
): { readonly clientId: ClientId; readonly execution: WireExecution | undefined }[] {
  const waiting = [
    ...[...state.demands.values()].filter((demand) => demand.environmentId === environmentId),
    ...waitingActors(state, environmentId).map(({ ownerId, spec }) => ({
      clientId: ownerId,
      execution: spec.execution,
    })),
  ];
  return waiting.map(({ clientId, execution }) => ({ clientId, execution }));
}

function waitingActors(state: CoreState, environmentId: string): ActorRecord[] {
  return [...state.actors.values()].filter(
    ({ spec, work }) =>
      spec.environment?.id === environmentId && (work.state === "pending" || work.state === "restarting"),
  );
}

/** Those that no wish, actor or process has any more. */
export function forgetUnusedEnvironments(state: CoreState): void {
  if (state.environments.size === 0) return;
  const used = new Set<string | undefined>();
  for (const { environmentId } of state.demands.values()) used.add(environmentId);
  for (const { environmentId } of state.workers.values()) used.add(environmentId);
  for (const { spec, work } of state.actors.values()) if (work.state !== "dead") used.add(spec.environment?.id);
  for (const id of state.environments.keys()) if (!used.has(id)) state.environments.delete(id);
}
