/** Names of things that cross wires. Made here only, so that no two makers can collide. */

type Branded<Name extends string> = string & { readonly __brand: Name };

/** A process that talks to the head: the driver or a worker. A worker's client id is its worker id. */
export type ClientId = Branded<"ClientId">;
export type WorkerId = Branded<"WorkerId">;
export type LeaseId = Branded<"LeaseId">;
export type TaskId = Branded<"TaskId">;
export type ObjectId = Branded<"ObjectId">;
export type ActorId = Branded<"ActorId">;

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

/** Object, task and actor ids of one client: its own id and a counter. A task and its result carry the same number. */
export class IdMaker {
  readonly #prefix: string;
  #next = 0;

  constructor(clientId: ClientId) {
    this.#prefix = clientId;
  }

  objectId(): ObjectId {
    return `${this.#prefix}.${(this.#next++).toString(36)}` as ObjectId;
  }

  actorId(): ActorId {
    return `${this.#prefix}.a${(this.#next++).toString(36)}` as ActorId;
  }
}

/** The result of a task has the task's name: one task, one result. */
export function resultOf(taskId: TaskId): ObjectId {
  return taskId as string as ObjectId;
}

export function taskOf(result: ObjectId): TaskId {
  return result as string as TaskId;
}

/** The item of a stream that has this index. */
export function streamItemOf(taskId: TaskId, index: number): ObjectId {
  return `${taskId}.${index}` as ObjectId;
}
