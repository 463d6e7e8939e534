/** Actors: one process each, from the wish for one to its death. */
import type { ActorId, ClientId, ObjectId } from "../protocol/ids.ts";
import type { ActorDeath, ActorState, FromHead } from "../protocol/messages.ts";
import { reasonOfEnd } from "../protocol/process-end.ts";
import { wantEnvironment } from "./environments.ts";
import { jobOf } from "./jobs.ts";
import { type Misfit, misfit } from "./node-choice.ts";
import { actorDependencies, holdInside, holdObjects, releaseInside } from "./objects.ts";
import { misplacement } from "./placement-groups.ts";
import { fromAmounts } from "./resources.ts";
import { assign, couldFit } from "./scheduler.ts";
import type { ActorRecord, CoreEffect, CoreEvent, CoreState } from "./state.ts";
import { stopWorker } from "./workers.ts";

/** Dead actors that views still show. */
const LISTED_DEATHS = 100;
/** The second crash in a row is followed by this pause, each further one by twice the last. */
const RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 10_000;
/** An actor that has lived this long starts at once again when its process ends. */
const STABLE_MS = 10_000;

/** Names are unique in their namespace. */
export function nameKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}\0${name}`;
}

export function askActor(state: CoreState, event: Extract<CoreEvent, { type: "actor-asked" }>): CoreEffect[] {
  const { clientId, requestId, spec, description, atMs } = event;
  const jobId = jobOf(state, clientId);
  type Refusal = Extract<FromHead, { type: "actor-refused" }>["reason"];
  const refuse = (reason: Refusal, why: Partial<Misfit> = {}): CoreEffect[] => {
    const lack = { needs: fromAmounts(spec.resources), has: fromAmounts(state.total) };
    return [{ type: "send", to: clientId, message: { type: "actor-refused", requestId, reason, ...lack, ...why } }];
  };
  const nowhere = misfit(state.node, spec.scheduling);
  if (nowhere !== undefined) return refuse("unschedulable", nowhere);
  if (spec.placement !== undefined) {
    const group = state.placementGroups.get(spec.placement.groupId);
    if (group === undefined) return refuse("group-removed");
    const explanation = misplacement(group, spec.placement, spec.resources);
    if (explanation !== undefined) return refuse("unschedulable", { explanation });
  } else if (!couldFit(state, spec.resources)) return refuse("unschedulable");
  // The last wish of a worker that is about to be ended.
  const isOver = jobId !== undefined && state.jobs.get(jobId)?.state === "ended";
  if (isOver && spec.lifetime !== "detached") return refuse("job-ended");
  const key = spec.name === undefined ? undefined : nameKey(spec.namespace, spec.name);
  const holder = key === undefined ? undefined : state.actorNames.get(key);
  if (holder !== undefined) {
    const living = state.actors.get(holder);
    if (living !== undefined && event.isGetIfExists) {
      // The asker's handle, and all it has given away, keep the id they have.
      state.actorAliases.set(spec.actorId, holder);
      holdActor(state, clientId, spec.actorId);
      const early = state.earlyWatchers.get(spec.actorId) ?? new Set();
      state.earlyWatchers.delete(spec.actorId);
      const told = [...early].flatMap((watcher) => watchActor(state, watcher, spec.actorId));
      return [{ type: "send", to: clientId, message: { type: "actor-registered", requestId, description } }, ...told];
    }
    return refuse("name-taken");
  }
  if (key !== undefined) state.actorNames.set(key, spec.actorId);
  state.actors.set(spec.actorId, {
    spec,
    description,
    ownerId: clientId,
    jobId,
    restartsLeft: spec.maxRestarts < 0 ? Number.POSITIVE_INFINITY : spec.maxRestarts,
    restarts: 0,
    crashesInRow: 0,
    sinceMs: atMs,
    work: { state: "pending" },
    watchers: new Map([[spec.actorId, state.earlyWatchers.get(spec.actorId) ?? new Set()]]),
    callsPending: new Map(),
    callsFinished: 0,
  });
  state.earlyWatchers.delete(spec.actorId);
  holdActor(state, clientId, spec.actorId);
  holdInside(state, spec.actorId, actorDependencies(spec));
  const registered: CoreEffect = {
    type: "send",
    to: clientId,
    message: { type: "actor-registered", requestId, description },
  };
  return [registered, ...wantEnvironment(state, spec.environment), ...assign(state, atMs)];
}

/** Handles are counted like refs. */
function holdActor(state: CoreState, clientId: ClientId, actorId: ActorId): void {
  holdObjects(state, clientId, [actorId as string as ObjectId]);
}

export function seekActor(state: CoreState, event: Extract<CoreEvent, { type: "actor-sought" }>): CoreEffect[] {
  const { clientId, requestId, name } = event;
  const actorId = state.actorNames.get(nameKey(event.namespace, name));
  const actor = actorId === undefined ? undefined : state.actors.get(actorId);
  if (actor !== undefined) holdActor(state, clientId, actor.spec.actorId);
  const found = actor === undefined ? {} : { description: actor.description };
  return [{ type: "send", to: clientId, message: { type: "actor-found", requestId, ...found } }];
}

export function listActorNames(
  state: CoreState,
  { clientId, requestId, namespace }: Extract<CoreEvent, { type: "actor-names-asked" }>,
): CoreEffect[] {
  const prefix = nameKey(namespace, "");
  const keys = [...state.actorNames.keys()].filter((key) => key.startsWith(prefix));
  const names = keys.map((key) => key.slice(prefix.length)).sort();
  return [{ type: "send", to: clientId, message: { type: "actors-listed", requestId, names } }];
}

export function watchActor(state: CoreState, clientId: ClientId, actorId: ActorId): CoreEffect[] {
  const actor = actorOf(state, actorId);
  if (actor === undefined) {
    const death = state.deaths.get(actorId);
    if (death === undefined) {
      // A handle may outrun its actor's creation, which its maker announces on another socket.
      state.earlyWatchers.set(actorId, (state.earlyWatchers.get(actorId) ?? new Set()).add(clientId));
      return [];
    }
    return [{ type: "send", to: clientId, message: { type: "actor-state", actorId, state: { state: "dead", death } } }];
  }
  actor.watchers.set(actorId, (actor.watchers.get(actorId) ?? new Set()).add(clientId));
  return [{ type: "send", to: clientId, message: { type: "actor-state", actorId, state: stateFor(state, actor) } }];
}

function stateFor(state: CoreState, actor: ActorRecord): ActorState {
  const { work } = actor;
  switch (work.state) {
    case "alive": {
      const worker = state.workers.get(work.workerId);
      const { address = "", pid = 0 } = worker ?? {};
      return { state: "alive", workerId: work.workerId, address, pid };
    }
    case "starting":
      return { state: work.isRestart ? "restarting" : "pending" };
    case "dead":
      return work;
    case "pending":
    case "restarting":
      return { state: work.state };
  }
}

function tellWatchers(state: CoreState, actor: ActorRecord): CoreEffect[] {
  const now = stateFor(state, actor);
  return [...actor.watchers].flatMap(([actorId, clients]) =>
    [...clients].map((to) => ({ type: "send", to, message: { type: "actor-state", actorId, state: now } }) as const),
  );
}

function actorOf(state: CoreState, actorId: ActorId): ActorRecord | undefined {
  return state.actors.get(state.actorAliases.get(actorId) ?? actorId);
}

export function actorReady(state: CoreState, event: Extract<CoreEvent, { type: "actor-ready" }>): CoreEffect[] {
  const actor = state.actors.get(event.actorId);
  if (actor?.work.state !== "starting" || actor.work.workerId !== event.workerId) return [];
  actor.work = { state: "alive", workerId: event.workerId, sinceMs: event.atMs };
  return tellWatchers(state, actor);
}

/** The constructor, or what runs after a restart, threw: it would throw again, so the actor is not restarted. */
export function actorFailed(state: CoreState, event: Extract<CoreEvent, { type: "actor-failed" }>): CoreEffect[] {
  const actor = state.actors.get(event.actorId);
  if (actor === undefined) return [];
  const message = `its ${event.during === "constructor" ? "constructor" : "onRestart method"} failed: ${event.error.message}`;
  return endActor(state, actor, { reason: "constructor-failed", message, error: event.error });
}

export function killActor(state: CoreState, event: Extract<CoreEvent, { type: "actor-kill-asked" }>): CoreEffect[] {
  const actor = actorOf(state, event.actorId);
  if (actor === undefined || actor.work.state === "dead") return [];
  if (event.isRestartable && actor.restartsLeft > 0) return stopProcess(state, actor);
  return endActor(state, actor, { reason: "killed", message: event.message ?? "it was killed" });
}

/** It wanted its own end. */
export function actorExited(state: CoreState, event: Extract<CoreEvent, { type: "actor-exited" }>): CoreEffect[] {
  const actor = state.actors.get(event.actorId);
  if (actor?.work.state !== "alive" || actor.work.workerId !== event.workerId) return [];
  return endActor(state, actor, { reason: "exited", message: "it exited, by exitActor()" });
}

export function actorOutOfScope(state: CoreState, actorId: ActorId): CoreEffect[] {
  if (state.actorAliases.delete(actorId)) return [];
  const actor = state.actors.get(actorId);
  if (actor === undefined || actor.work.state === "dead" || actor.spec.name !== undefined) return [];
  return endActor(state, actor, { reason: "out-of-scope", message: "nobody holds a handle to it any more" });
}

/** The actor's process ended: again from the start, or the end. */
export function actorProcessDied(
  state: CoreState,
  actorId: ActorId,
  event: Extract<CoreEvent, { type: "worker-died" }>,
): CoreEffect[] {
  const actor = state.actors.get(actorId);
  if (actor === undefined || actor.work.state === "dead") return [];
  if (actor.restartsLeft > 0) {
    const isStable = actor.work.state === "alive" && event.atMs - actor.work.sinceMs >= STABLE_MS;
    actor.restartsLeft--;
    actor.restarts++;
    actor.crashesInRow = isStable ? 1 : actor.crashesInRow + 1;
    actor.work = { state: "restarting", notBeforeMs: event.atMs + restartDelayMs(actor.crashesInRow) };
    actor.sinceMs = event.atMs;
    return [...tellWatchers(state, actor), ...wantEnvironment(state, actor.spec.environment)];
  }
  const { stderrTail } = event.end;
  const message = `its process ended (${reasonOfEnd(event.end)})${stderrTail === "" ? "" : `:\n${stderrTail}`}`;
  const isMemory = event.end.reason === "memory";
  const error = isMemory ? { error: { name: "OutOfMemoryError", code: "OUT_OF_MEMORY", message } } : {};
  return endActor(state, actor, { reason: "crashed", message, ...error });
}

function restartDelayMs(crashesInRow: number): number {
  return crashesInRow <= 1 ? 0 : Math.min(MAX_RESTART_DELAY_MS, RESTART_DELAY_MS * 2 ** (crashesInRow - 2));
}

/** A job is over, and its actors with it, but for those that were made to last. */
export function endActorsOf(state: CoreState, jobId: ClientId): CoreEffect[] {
  const death: ActorDeath = { reason: "job-ended", message: "the driver that made it has ended" };
  const effects: CoreEffect[] = [];
  for (const actor of [...state.actors.values()]) {
    if (actor.jobId !== jobId || actor.work.state === "dead" || actor.spec.lifetime === "detached") continue;
    effects.push(...endActor(state, actor, death));
  }
  return effects;
}

export function endActor(state: CoreState, actor: ActorRecord, death: ActorDeath): CoreEffect[] {
  const stop = stopProcess(state, actor);
  actor.work = { state: "dead", death };
  actor.callsPending.clear();
  const { name, namespace, actorId } = actor.spec;
  if (name !== undefined && state.actorNames.get(nameKey(namespace, name)) === actorId) {
    state.actorNames.delete(nameKey(namespace, name));
  }
  const dropped = releaseInside(state, actor.spec.actorId, actorDependencies(actor.spec));
  const effects = [...tellWatchers(state, actor), ...stop, ...dropped.effects];
  for (const objectId of dropped.objectIds) effects.push(...actorOutOfScope(state, objectId as string as ActorId));
  unlistOldDeaths(state);
  return effects;
}

function unlistOldDeaths(state: CoreState): void {
  const dead = [...state.actors.values()].filter(({ work }) => work.state === "dead");
  for (const { spec, work } of dead.slice(0, Math.max(0, dead.length - LISTED_DEATHS))) {
    state.actors.delete(spec.actorId);
    if (work.state === "dead") state.deaths.set(spec.actorId, work.death);
  }
}

function stopProcess(state: CoreState, actor: ActorRecord): CoreEffect[] {
  if (actor.work.state !== "alive" && actor.work.state !== "starting") return [];
  const worker = state.workers.get(actor.work.workerId);
  return worker === undefined ? [] : stopWorker(worker);
}
