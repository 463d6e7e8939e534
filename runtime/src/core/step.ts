/** The head's state machine: what happened in, what to do out. No clock, no sockets, no chance. */
import type { ActorId, ClientId } from "../protocol/ids.ts";
import { clientOf, clientOfWorker } from "../protocol/ids.ts";
import {
  actorExited,
  actorFailed,
  actorOutOfScope,
  actorProcessDied,
  actorReady,
  askActor,
  endActorsOf,
  killActor,
  listActorNames,
  seekActor,
  watchActor,
} from "./actors.ts";
import {
  environmentFailed,
  environmentReady,
  environmentStartFailed,
  forgetUnusedEnvironments,
} from "./environments.ts";
import { endJob, jobOf, startJob } from "./jobs.ts";
import { relieveMemory } from "./memory.ts";
import {
  type Dropped,
  dropUnheld,
  endMappings,
  forgetObjects,
  holdObjects,
  keepMapped,
  publishObject,
  publishResult,
  releaseClient,
  releaseObjects,
  seekObject,
} from "./objects.ts";
import { askGroup, askGroupRemoval, forgetGroupsOf, seekGroup, watchGroup } from "./placement-groups.ts";
import {
  askRoom,
  forgetAsks,
  garbageCollected,
  grantAll,
  makeRoom,
  pinsScanned,
  regionRetracted,
  serve,
  spillEnded,
} from "./room.ts";
import { assign, changeDemand, returnLeases } from "./scheduler.ts";
import { refill, revokeIdle, sparesRevoked } from "./spares.ts";
import { startFailed } from "./start-failures.ts";
import type { CoreEffect, CoreEvent, CoreState } from "./state.ts";
import { abandonRegion, fileRead, locateObject, returnSpare, sealRegion, storeInSpare } from "./stored-objects.ts";
import { addReport, forgetClientWork } from "./task-groups.ts";
import { addWorkers, joinWorker, removeWorker, setBlocked, stopSpareWorkers, stopWorker } from "./workers.ts";

/** Apply one event; the only function that changes `state`. */
export function step(state: CoreState, event: CoreEvent): CoreEffect[] {
  const effects = apply(state, event);
  if (state.store.asks.length > 0) effects.push(...grantAll(state));
  return effects;
}

function apply(state: CoreState, event: CoreEvent): CoreEffect[] {
  switch (event.type) {
    case "client-joined":
      state.clients.add(event.clientId);
      if (event.kind === "driver") startJob(state, event);
      return [];
    case "mappings-ended":
      return dropAll(state, endMappings(state, event.clientId));
    case "client-left":
      if (event.mappedSlots !== undefined) keepMapped(state, event.clientId, event.mappedSlots);
      return removeClient(state, event.clientId, event.atMs);
    case "workers-wanted":
      return addWorkers(state, event.count);
    case "worker-joined":
      return joinWorker(state, event);
    case "worker-died":
      return workerDied(state, event);
    case "demand-changed":
      return changeDemand(state, event);
    case "leases-returned":
      return returnLeases(state, event);
    case "worker-blocked":
    case "worker-unblocked":
      return setBlocked(state, event.workerId, event.type === "worker-blocked", event.atMs);
    case "task-cancel-asked": {
      const { taskId, isForced, isRecursive } = event;
      if (!state.workers.has(event.workerId)) return [];
      const message = { type: "stop-task", taskId, isForced, isRecursive } as const;
      return [{ type: "send", to: clientOfWorker(event.workerId), message }];
    }
    case "object-cancel-asked": {
      const { objectId, isForced, isRecursive } = event;
      const to = clientOf(objectId);
      // One that is gone has taken its work along.
      if (!state.clients.has(to)) return [];
      return [{ type: "send", to, message: { type: "cancel-call", objectId, isForced, isRecursive } }];
    }
    case "group-cancel-asked": {
      const cell = event.cellId === undefined ? {} : { cellId: event.cellId };
      const message = { type: "cancel-group", function: event.function, ...cell } as const;
      const { jobId } = event;
      const clients = [...state.clients].filter((each) => jobId === undefined || jobOf(state, each) === jobId);
      return clients.map((to) => ({ type: "send", to, message }));
    }
    case "actor-asked":
      return askActor(state, event);
    case "actor-sought":
      return seekActor(state, event);
    case "actor-names-asked":
      return listActorNames(state, event);
    case "actor-watched":
      return watchActor(state, event.clientId, event.actorId);
    case "actor-ready":
      return actorReady(state, event);
    case "actor-failed":
      return actorFailed(state, event);
    case "actor-exited":
      return actorExited(state, event);
    case "actor-kill-asked":
      return killActor(state, event);
    case "room-asked":
      return askRoom(state, event);
    case "region-sealed":
      return sealRegion(state, event.objectId, event.slot);
    case "spare-stored": {
      const effects = storeInSpare(state, event);
      return [...effects, ...dropAll(state, dropUnheld(state, event.objectId)), ...refill(state, event.owner)];
    }
    case "spare-unused":
      return returnSpare(state, event);
    case "spares-revoked":
      return [...sparesRevoked(state, event.regions, event.slots), ...serve(state, event.atMs)];
    case "region-abandoned":
      return abandonRegion(state, event.objectId, event.slot);
    case "garbage-collected":
      return garbageCollected(state, event.clientId, event.atMs);
    case "pins-scanned":
      return pinsScanned(state, event);
    case "region-retracted":
      return regionRetracted(state, event);
    case "spill-ended":
      return spillEnded(state, event);
    case "file-read":
      return fileRead(state, event);
    case "object-located":
      return locateObject(state, event);
    case "objects-held":
      holdObjects(state, event.clientId, event.objectIds);
      return [];
    case "objects-released":
      return dropAll(state, releaseObjects(state, event));
    case "objects-forgotten":
      return dropAll(state, forgetObjects(state, event.clientId, event.objectIds));
    case "object-published":
      publishObject(state, event.clientId, event.objectId);
      return [];
    case "result-published":
      return publishResult(state, event);
    case "object-sought":
      return seekObject(state, event.clientId, event.objectId);
    case "work-reported":
      addReport(state, event);
      return [];
    case "environment-ready":
      return environmentReady(state, event);
    case "environment-failed":
      return environmentFailed(state, event);
    case "group-asked":
      return askGroup(state, event);
    case "group-sought":
      return seekGroup(state, event);
    case "group-watched":
      return watchGroup(state, event.clientId, event.groupId);
    case "group-remove-asked":
      return askGroupRemoval(state, event);
    case "memory-short":
      return relieveMemory(state, event);
    case "ticked":
      forgetUnusedEnvironments(state);
      return [
        ...assign(state, event.atMs),
        ...stopSpareWorkers(state, event.atMs),
        ...revokeIdle(state, event.atMs),
        ...makeRoom(state, event.atMs),
      ];
  }
}

/** An actor that nobody holds any more ends. */
function dropAll(state: CoreState, dropped: Dropped): CoreEffect[] {
  const effects = dropped.effects;
  for (const id of dropped.objectIds) effects.push(...actorOutOfScope(state, id as string as ActorId));
  return effects;
}

/** A process is gone. Workers that do its work do it for nobody: they end, too. */
function removeClient(state: CoreState, clientId: ClientId, atMs: number): CoreEffect[] {
  if (!state.clients.delete(clientId)) return [];
  endJob(state, clientId, atMs);
  for (const [key, demand] of state.demands) if (demand.clientId === clientId) state.demands.delete(key);
  for (const actor of state.actors.values()) for (const clients of actor.watchers.values()) clients.delete(clientId);
  for (const watchers of state.earlyWatchers.values()) watchers.delete(clientId);
  forgetClientWork(state, clientId);
  forgetAsks(state, clientId);
  const effects = [
    ...endActorsOf(state, clientId),
    ...forgetGroupsOf(state, clientId),
    ...dropAll(state, releaseClient(state, clientId)),
  ];
  for (const lease of state.leases.values()) {
    const worker = state.workers.get(lease.workerId);
    if (lease.clientId === clientId && worker !== undefined) effects.push(...stopWorker(worker));
  }
  return [...effects, ...assign(state, atMs)];
}

function workerDied(state: CoreState, died: Extract<CoreEvent, { type: "worker-died" }>): CoreEffect[] {
  const worker = state.workers.get(died.workerId);
  const memory = worker?.memoryEnd;
  const event = memory === undefined ? died : { ...died, end: { ...died.end, reason: "memory" as const, memory } };
  const work = worker?.work;
  const actor = [...state.actors.values()].find(
    (each) => "workerId" in each.work && each.work.workerId === event.workerId,
  );
  const effects = removeWorker(state, event);
  if (work?.state === "starting") {
    const environmentId = worker?.environmentId ?? "";
    if (environmentId === "") effects.push(...startFailed(state, event));
    else effects.push(...environmentStartFailed(state, environmentId, event));
  }
  if (actor !== undefined) effects.push(...actorProcessDied(state, actor.spec.actorId, event));
  effects.push(...removeClient(state, clientOfWorker(event.workerId), event.atMs));
  if (work !== undefined) effects.push(...assign(state, event.atMs));
  return effects;
}
