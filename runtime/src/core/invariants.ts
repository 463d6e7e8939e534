/** Rules that hold after every step, in words. */
import type { HeadCheck } from "../protocol/messages.ts";
import type { GpuShare, ResourcePool } from "./resources.ts";
import type { CoreState } from "./state.ts";
import { brokenStore } from "./store-invariants.ts";
import { regionOf } from "./stored-objects.ts";
import { holdingOf } from "./workers.ts";

/** Objects that a check names. */
const LISTED_OBJECTS = 100;

/** The rules that `state` breaks; none in a sound state. */
export function brokenInvariants(state: CoreState): string[] {
  return [
    ...brokenSums(state),
    ...brokenLeases(state),
    ...brokenActors(state),
    ...brokenObjects(state),
    ...brokenStore(state),
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
  const regions = [...objects.values()].filter(({ stored }) => regionOf(stored) !== undefined).length;
  const listed = [...objects.values()].slice(0, LISTED_OBJECTS).map(({ objectId, holders, stored }) => {
    const held = [...holders].map(([holder, count]) => `${count} × ${holder}`);
    const where = stored === undefined ? "" : ` (${stored.place})`;
    return `${objectId}${where}, held ${held.join(", ")}`;
  });
  return { broken: brokenInvariants(state), counts: { ...Object.fromEntries(sizes), regions }, objects: listed };
}

/** What is taken from a pool, each with what it takes. */
type Users = readonly { readonly resources: Readonly<Record<string, number>>; readonly gpus: readonly GpuShare[] }[];

function brokenSums(state: CoreState): string[] {
  const bundles: ResourcePool[] = [...state.placementGroups.values()].flatMap(({ pools }) => pools ?? []);
  const holdings = [...state.workers.values()].flatMap((worker) => holdingOf(worker) ?? []);
  const broken = holdings
    .filter(({ pool }) => pool !== state && !bundles.includes(pool))
    .map(() => "a worker holds a part of a bundle that is gone");
  const parts = bundles.map(({ total, gpus }) => ({
    resources: total,
    gpus: [...gpus].map(([id, amount]) => ({ id, amount })),
  }));
  for (const [index, pool] of [state, ...bundles].entries()) {
    const users = holdings.filter((holding) => holding.pool === pool);
    broken.push(...brokenPool(index === 0 ? "the node" : "a bundle", pool, index === 0 ? [...users, ...parts] : users));
  }
  return broken;
}

function brokenPool(what: string, { total, free, gpus, freeGpus }: ResourcePool, users: Users): string[] {
  const used: Record<string, number> = {};
  const usedGpus = new Map<string, number>();
  for (const user of users) {
    for (const [name, amount] of Object.entries(user.resources)) used[name] = (used[name] ?? 0) + amount;
    for (const { id, amount } of user.gpus) usedGpus.set(id, (usedGpus.get(id) ?? 0) + amount);
  }
  const broken = Object.keys({ ...total, ...used })
    .filter((name) => (free[name] ?? 0) + (used[name] ?? 0) !== (total[name] ?? 0))
    .map(
      (name) => `free and used ${name} of ${what} are not the total: ${free[name]} + ${used[name]} ≠ ${total[name]}`,
    );
  // CPUs were lent and taken back by workers that waited; nothing else is ever promised twice.
  for (const [name, amount] of Object.entries(free)) {
    if (name !== "cpus" && amount < 0) broken.push(`${what} has ${amount} ${name}`);
  }
  for (const [id, amount] of gpus) {
    const left = freeGpus.get(id) ?? 0;
    if (left < 0 || left + (usedGpus.get(id) ?? 0) !== amount) broken.push(`GPU ${id} of ${what} is given out wrongly`);
  }
  const sum = [...freeGpus.values()].reduce((all, amount) => all + amount, 0);
  if (sum !== (free["gpus"] ?? 0)) broken.push(`${what} has ${free["gpus"]} gpus free, and ${sum} by their ids`);
  return broken;
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
  for (const { spec, work, jobId } of state.actors.values()) {
    const isJobOver = jobId !== undefined && state.jobs.get(jobId)?.state === "ended";
    if (isJobOver && spec.lifetime !== "detached" && work.state !== "dead") {
      broken.push(`actor ${spec.actorId} is ${work.state}, and its job ${jobId} has ended`);
    }
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
