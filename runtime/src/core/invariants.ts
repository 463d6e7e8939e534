/** Rules that hold after every step, in words. */
import type { HeadCheck } from "../protocol/messages.ts";
import { resourcesOf } from "./scheduler.ts";
import type { CoreState } from "./state.ts";

/** The rules that `state` breaks; none in a sound state. */
export function brokenInvariants(state: CoreState): string[] {
  return [
    ...brokenSums(state),
    ...brokenLeases(state),
    ...brokenActors(state),
    ...brokenObjects(state),
    ...brokenJobs(state),
  ];
}

function brokenJobs(state: CoreState): string[] {
  return [...state.jobs.values()].flatMap(({ jobId, state: now }) => {
    if ((now === "running") === state.clients.has(jobId)) return [];
    return [`job ${jobId} is ${now}, and its driver ${now === "running" ? "is gone" : "is here"}`];
  });
}

/** What a running head says of itself. */
export function checkState(state: CoreState): HeadCheck {
  const { clients, workers, leases, demands, actors, objects, earlyWatchers, actorAliases } = state;
  const maps = { clients, workers, leases, demands, actors, objects, earlyWatchers, actorAliases };
  const sizes = Object.entries(maps).map(([name, { size }]) => [name, size] as const);
  const regions = [...objects.values()].filter(({ region }) => region !== undefined).length;
  return { broken: brokenInvariants(state), counts: { ...Object.fromEntries(sizes), regions } };
}

function brokenSums(state: CoreState): string[] {
  const used: Record<string, number> = {};
  for (const worker of state.workers.values()) {
    const { work } = worker;
    if ("isBlocked" in work && work.isBlocked) continue;
    for (const [name, amount] of Object.entries(resourcesOf(state, worker))) used[name] = (used[name] ?? 0) + amount;
  }
  return Object.keys({ ...state.total, ...used })
    .filter((name) => (state.free[name] ?? 0) + (used[name] ?? 0) !== (state.total[name] ?? 0))
    .map(
      (name) => `free and used ${name} are not the total: ${state.free[name]} + ${used[name]} ≠ ${state.total[name]}`,
    );
}

function brokenLeases(state: CoreState): string[] {
  const broken: string[] = [];
  for (const lease of state.leases.values()) {
    const work = state.workers.get(lease.workerId)?.work;
    if (work?.state !== "leased" || work.leaseId !== lease.leaseId) {
      broken.push(`lease ${lease.leaseId} is of worker ${lease.workerId}, which is ${work?.state ?? "gone"}`);
    }
  }
  for (const { work, workerId } of state.workers.values()) {
    if (work.state === "leased" && !state.leases.has(work.leaseId))
      broken.push(`worker ${workerId} has a lease nobody knows`);
  }
  for (const demand of state.demands.values()) {
    if (!state.clients.has(demand.clientId)) broken.push(`a demand of ${demand.clientId}, who is gone`);
  }
  return broken;
}

function brokenActors(state: CoreState): string[] {
  const broken: string[] = [];
  for (const { spec, work } of state.actors.values()) {
    if (work.state !== "alive" && work.state !== "starting") continue;
    const hosted = state.workers.get(work.workerId)?.work;
    // A worker that stops still counts: its end is on the way.
    if (hosted?.state === "stopping") continue;
    if (hosted?.state !== "actor" || hosted.actorId !== spec.actorId) {
      broken.push(`actor ${spec.actorId} is ${work.state} on worker ${work.workerId}, which does not host it`);
    }
  }
  for (const [name, actorId] of state.actorNames) {
    const actor = state.actors.get(actorId);
    if (actor === undefined || actor.work.state === "dead") broken.push(`the name ${name} is of a dead actor`);
  }
  return broken;
}

function brokenObjects(state: CoreState): string[] {
  const broken: string[] = [];
  for (const { objectId, holders, waiters, result } of state.objects.values()) {
    for (const [holder, count] of holders) {
      if (count === 0) broken.push(`object ${objectId} counts 0 for ${holder}`);
      if (!holder.startsWith("in ") && !state.clients.has(holder))
        broken.push(`object ${objectId} is held by ${holder}, who is gone`);
    }
    if (result !== undefined && waiters.size > 0) broken.push(`object ${objectId} is there, and clients wait for it`);
  }
  return broken;
}
