/** Where the calls of this process run: workers leased for its tasks, actors, and the connections to both. */
import { errorFromWire, PlacementGroupRemovedError } from "../../errors.ts";
import type { ClientId, PlacementGroupId, TaskId, WorkerId } from "../../protocol/ids.ts";
import type { FromHead, FromWorker } from "../../protocol/messages.ts";
import { ActorDirectory } from "./actor-directory.ts";
import type { CallBook } from "./call-book.ts";
import type { Call } from "./calls.ts";
import { CodeTable } from "./code-table.ts";
import type { HeadLink } from "./head-link.ts";
import type { ObjectTable } from "./object-table.ts";
import { TaskPool } from "./task-pool.ts";
import { WorkerConnection } from "./worker-connection.ts";

interface ConnectTarget {
  readonly workerId: WorkerId;
  readonly address: string;
  readonly pid: number;
}

export class CallPlaces {
  readonly tasks: TaskPool;
  readonly actors: ActorDirectory;
  readonly #clientId: ClientId;
  readonly #objects: ObjectTable;
  readonly #calls: CallBook;
  readonly #onMessage: (connection: WorkerConnection, message: FromWorker) => void;
  readonly #codes: CodeTable;
  readonly #connections = new Map<WorkerId, WorkerConnection>();

  /** @param onMessage - for what workers report. */
  constructor(
    link: HeadLink,
    clientId: ClientId,
    objects: ObjectTable,
    calls: CallBook,
    onMessage: (connection: WorkerConnection, message: FromWorker) => void,
  ) {
    this.#clientId = clientId;
    this.#objects = objects;
    this.#calls = calls;
    this.#onMessage = onMessage;
    this.#codes = new CodeTable(objects);
    const shared = {
      connect: (target: ConnectTarget) => this.#connect(target),
      forgetUnsent: (call: Call, workerId: WorkerId) => calls.forgetUnsent(call, workerId),
    };
    this.tasks = new TaskPool({
      ...shared,
      send: (message) => link.send(message),
      fail: (call, error) => calls.fail(call, error),
      endedByCancel: (call) => calls.endedByCancel(call),
      crashed: (call, end, workerId) => calls.crashed(call, end, workerId),
    });
    this.actors = new ActorDirectory(link, objects, this.#codes, {
      ...shared,
      fail: (call, error) => {
        if (!calls.endedByCancel(call)) calls.fail(call, error);
      },
      retry: (call, reason) => calls.retry(call, reason),
      resolveRefs: (call) => calls.resolveRefs(call),
    });
  }

  /** The connection to a worker; a new one when there is none. */
  #connect(target: ConnectTarget): WorkerConnection {
    const known = this.#connections.get(target.workerId);
    if (known !== undefined && !known.isClosed) return known;
    const connection = new WorkerConnection(target, this.#clientId, this.#objects, this.#codes, {
      onMessage: this.#onMessage,
      // The head tells how the process ended, and then its calls are dealt with.
      onClose: (from) => {
        if (this.#connections.get(from.workerId) === from) this.#connections.delete(from.workerId);
      },
    });
    this.#connections.set(target.workerId, connection);
    return connection;
  }

  // ── what runs where ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The connection over which the call was sent; undefined when it was not. */
  connectionOf(taskId: TaskId): WorkerConnection | undefined {
    const call = this.#calls.get(taskId);
    if (call === undefined) return undefined;
    if (call.work.kind === "task") return this.tasks.connectionOf(call);
    const actor = this.actors.get(call.work.actorId);
    return actor?.inflight.has(taskId) === true ? actor.connection : undefined;
  }

  /** Calls that run now, as far as this process can tell. */
  *running(): Iterable<Call> {
    yield* this.tasks.running();
    yield* this.actors.running();
  }

  /** Which worker has a call that was sent. */
  workers(): ReadonlyMap<string, WorkerId> {
    const workers = new Map<string, WorkerId>();
    for (const { connection, inflight } of [...this.tasks.places(), ...this.actors.places()])
      for (const taskId of inflight.keys()) workers.set(taskId, connection.workerId);
    return workers;
  }

  // ── calls that leave their place ──────────────────────────────────────────────────────────────────────────────────

  /** The worker is done with the call, one way or the other: its place is free. */
  left(call: Call, durationMs?: number): void {
    if (call.work.kind === "task") this.tasks.left(call, durationMs);
    else this.actors.get(call.work.actorId)?.finished(call);
  }

  /** An actor's method threw what the user wants to try again. */
  callAgain(call: Call, reason: string): void {
    this.#calls.retry(call, reason);
    if (call.work.kind === "actor") this.actors.get(call.work.actorId)?.submit(call);
  }

  /** Take a call back that was not sent. */
  remove(call: Call): void {
    if (call.work.kind === "task") this.tasks.remove(call);
    else this.actors.get(call.work.actorId)?.remove(call);
  }

  // ── places that go ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Its last results may still be on their way. */
  workerDied({ workerId, end }: Extract<FromHead, { type: "worker-died" }>): void {
    const connection = this.#connections.get(workerId);
    if (connection === undefined) this.tasks.workerDied(workerId, end);
    else connection.whenDrained(() => this.tasks.workerDied(workerId, end));
    this.tasks.leaving(workerId);
  }

  /** No worker will have this environment: its tasks fail. */
  environmentFailed({ environmentId, error }: Extract<FromHead, { type: "environment-failed" }>): void {
    this.tasks.refuse(
      (work) => work.environment?.id === environmentId,
      () => errorFromWire(error),
    );
  }

  /** The processes of its work are being ended; what of it ran or waited here fails for this reason. */
  groupRemoved(groupId: PlacementGroupId): void {
    const error = ({ name, work }: Call): Error => {
      const group = work.kind === "task" ? work.placement?.groupName : undefined;
      return new PlacementGroupRemovedError(name, group ?? groupId);
    };
    this.tasks.refuse((work) => work.placement?.groupId === groupId, error, true);
  }

  // ── the whole ─────────────────────────────────────────────────────────────────────────────────────────────────────

  flush(): void {
    for (const connection of this.#connections.values()) connection.flush();
  }

  closeConnections(): void {
    for (const connection of this.#connections.values()) connection.close();
  }
}
