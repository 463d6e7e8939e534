/** Names of things that cross wires. Made here only, so that no two makers can collide. */

type Branded<Name extends string> = string & { readonly __brand: Name };

/** A process that talks to the head: the driver or a worker. A worker's client id is its worker id. */
export type ClientId = Branded<"ClientId">;
export type WorkerId = Branded<"WorkerId">;
export type LeaseId = Branded<"LeaseId">;
export type TaskId = Branded<"TaskId">;
export type ObjectId = Branded<"ObjectId">;
export type ActorId = Branded<"ActorId">;
export type PlacementGroupId = Branded<"PlacementGroupId">;

/** The first driver of a cluster. Workers are named by the head as it starts them. */
export const DRIVER_ID: ClientId = "d" as ClientId;

export function workerIdOf(number: number): WorkerId {
  return `w${number}` as WorkerId;
}

/** The client that a worker process is, for requests that it makes itself. */
export function clientOfWorker(workerId: WorkerId): ClientId {
  return workerId as string as ClientId;
}

export function leaseIdOf(number: number): LeaseId {
  return `l${number}` as LeaseId;
}

/**
 * The object that owns the region of a large result until its caller has it. A run that ends with its process may have
 * stored what nobody hears of, so each run has a name of its own: that of its attempt and its worker.
 */
export function regionOwnerOf(result: ObjectId, attempt: number, worker: ClientId | WorkerId): ObjectId {
  return `${result}#${attempt}${worker}` as ObjectId;
}

/** Without the signs that ids have between their parts. */
function placeMark(place: string | undefined): string {
  return place === undefined ? "" : `@${encodeURIComponent(place).replaceAll(".", "%2E")}`;
}

/** An id as messages show it: without what made the object. */
export function shownId(id: string): string {
  return id.split("@", 1)[0] ?? id;
}

/** Object, task and actor ids of one client: its own id and a counter. A task and its result carry the same number. */
export class IdMaker {
  readonly #prefix: string;
  #next = 0;

  /** @param mark - what sets these ids apart from others of the same client; upper case. */
  constructor(clientId: ClientId, mark = "") {
    this.#prefix = `${clientId}.${mark}`;
  }

  /** @param place - what makes it, `prices.ts:12` or the number of a cell: whoever loses the object can tell then. */
  objectId(place?: string): ObjectId {
    return `${this.#prefix}${(this.#next++).toString(36)}${placeMark(place)}` as ObjectId;
  }

  /** Upper case, which numbers never have: objects and actors are counted in one table. */
  actorId(): ActorId {
    return `${this.#prefix}A${(this.#next++).toString(36)}` as ActorId;
  }

  /** Of no other cluster either: a group is a plain value that outlives its cluster. */
  placementGroupId(): PlacementGroupId {
    const salt = Math.random().toString(36).slice(2, 8);
    return `${this.#prefix}G${(this.#next++).toString(36)}-${salt}` as PlacementGroupId;
  }
}

/** For an engine that works for somebody else, who names objects and actors and tells us. */
export class GivenIds extends IdMaker {
  #given: string | undefined;

  constructor(clientId: ClientId) {
    // What the engine makes beside (owners of regions) must never collide with what is given.
    super(clientId, "S");
  }

  /** The next id that is asked for is this one. */
  give(id: ObjectId | ActorId): void {
    this.#given = id;
  }

  override objectId(place?: string): ObjectId {
    return (this.#take() ?? super.objectId(place)) as ObjectId;
  }

  override actorId(): ActorId {
    return (this.#take() ?? super.actorId()) as ActorId;
  }

  #take(): string | undefined {
    const id = this.#given;
    this.#given = undefined;
    return id;
  }
}

/** The result of a task has the task's name: one task, one result. */
export function resultOf(taskId: TaskId): ObjectId {
  return taskId as string as ObjectId;
}

export function taskOf(result: ObjectId): TaskId {
  return result as string as TaskId;
}

/** One of several results of a task: the item of a stream, or the element of what it returns, that has this index. */
export function partOf(taskId: TaskId, index: number): ObjectId {
  return `${taskId}.${index}` as ObjectId;
}

/** The task that makes an object, be it its only result or a part of it. */
export function makerOf(id: ObjectId): TaskId {
  const [client, number] = id.split(".", 2);
  return `${client}.${number}` as TaskId;
}

/** The process that an object's id is from. */
export function clientOf(id: ObjectId): ClientId {
  return id.slice(0, id.indexOf(".")) as ClientId;
}
