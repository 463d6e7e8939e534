/**
 * A place where tasks and actors run. Works on payloads: what the values mean, and what a user sees, is the public API's
 * business. Calls after `close` throw or reject with code ENGINE_CLOSED.
 */
import type { Payload } from "../protocol/codec.ts";
import type { ActorId, ClientId, ObjectId, PlacementGroupId, TaskId } from "../protocol/ids.ts";
import type {
  ActorDescription,
  ClusterDescription,
  ConcurrencyGroupSpec,
  FromWorker,
  HttpAddress,
  PlacementGroupDescription,
  PlacementGroupState,
  PlacementStrategy,
  ResourceAmounts,
  WireEnvironment,
  WireExecution,
  WirePlacement,
  WireScheduling,
} from "../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../protocol/state.ts";

/** An encoded value and the actor handles inside it. */
export interface EncodedValue extends Payload {
  readonly handles?: readonly ActorId[];
}

/** A function or class; equal ids are equal code. */
export interface TaskCode {
  readonly id: string;
  readonly payload: EncodedValue;
}

/** What a thrown value looks like to `retryOn`. */
export interface Thrown {
  readonly error: unknown;
  /** Names of its classes, most derived first. */
  readonly classNames: readonly string[];
}

/** On whose behalf a call is made; without `jobId`, this process's own. */
export interface CallJob {
  readonly jobId?: ClientId;
  readonly namespace: string;
}

interface CallSpec {
  /** How errors, views and progress call it. */
  readonly name: string;
  /** The argument list, with `undefined` where a ref stands. */
  readonly args: EncodedValue;
  /** Arguments that are refs: the call waits for them and gets their values. */
  readonly refs?: readonly { readonly index: number; readonly id: ObjectId }[] | undefined;
  /** Runs again this often after a crash of its worker, or an error that `shouldRetry` accepts. */
  readonly retries: number;
  /** Runs again this often after it was ended because memory ran short. Default 0. */
  readonly oomRetries?: number;
  /** A promise when the one who decides is another process. */
  readonly shouldRetry?: ((thrown: Thrown) => boolean | Promise<boolean>) | undefined;
  readonly timeoutMs?: number | undefined;
  /** Items a stream may be ahead of its consumer. Default 16. */
  readonly streamWindow?: number | undefined;
  readonly execution?: WireExecution | undefined;
  /** Default: the engine's own process, and the namespace `default`. */
  readonly job?: CallJob | undefined;
  /** The task whose code makes this call; `cancel` of it may include this one. */
  readonly parent?: TaskId | undefined;
  readonly depth: number;
}

/** Where work runs, and in what kind of process. */
interface Requirements {
  readonly resources: ResourceAmounts;
  readonly environment?: WireEnvironment | undefined;
  readonly placement?: WirePlacement | undefined;
  readonly scheduling?: WireScheduling | undefined;
}

export interface TaskSpec extends CallSpec, Requirements {
  readonly code: TaskCode;
  /** For `submitMany`: it returns an array of so many values. */
  readonly numReturns?: number | undefined;
}

export interface ActorCallSpec extends CallSpec {
  readonly actorId: ActorId;
  readonly method: string;
}

export interface NewActorSpec extends Requirements {
  readonly code: TaskCode;
  readonly className: string;
  readonly args: EncodedValue;
  readonly refs?: readonly { readonly index: number; readonly id: ObjectId }[] | undefined;
  readonly name?: string;
  /** Where `name` is unique. Default `default`. */
  readonly namespace?: string;
  /** It outlives its job; it must have a name. */
  readonly lifetime?: "detached";
  readonly isGetIfExists: boolean;
  readonly maxConcurrency: number;
  /** Methods with limits of their own. */
  readonly groups?: readonly ConcurrencyGroupSpec[];
  /** Calls of one process that may be unfinished at once. Default: no limit. */
  readonly maxPendingCalls?: number;
  /** The method that runs first in a restarted actor, with `{ restarts }`. */
  readonly onRestart?: string;
  readonly job?: CallJob;
  /** -1: without limit. */
  readonly maxRestarts: number;
  readonly maxTaskRetries: number;
  readonly methods: readonly string[];
  readonly streamMethods: readonly string[];
  readonly execution?: WireExecution | undefined;
  readonly depth: number;
}

export interface NewPlacementGroupSpec {
  readonly strategy: PlacementStrategy;
  readonly bundles: readonly ResourceAmounts[];
  readonly name?: string;
  /** It outlives the job that makes it. */
  readonly isDetached: boolean;
  readonly depth: number;
}

/** What an autoscaler should make room for. */
export interface RoomSpec {
  readonly cpus: number;
  readonly bundles: readonly ResourceAmounts[];
}

/** Items of a streaming task, in order. Not asking for more holds the task back. */
export interface ItemStream {
  readonly taskId: TaskId;
  /** The next item, or undefined after the last. Rejects with the task's error. */
  next(): Promise<ObjectId | undefined>;
  /** No more items are wanted: the task is cancelled. */
  close(): void;
}

export interface CancelOptions {
  /** Kill the process when the task has begun. */
  readonly isForced?: boolean;
  /** Also what the task itself submitted. Default true. */
  readonly isRecursive?: boolean;
  /** For the error, e.g. `the cell was interrupted`. */
  readonly reason?: string;
}

export type TaskOutcome = "finished" | "failed" | "cancelled" | "retried";

/** Follows the work of one engine; used for progress. Calls must be cheap. */
export interface TaskObserver {
  submitted(execution: WireExecution | undefined, name: string): void;
  ended(execution: WireExecution | undefined, name: string, outcome: TaskOutcome, taskId: TaskId): void;
  output(output: Extract<FromWorker, { type: "output" }>): void;
}

export interface Engine {
  /** `local` or `ray`. */
  readonly name: string;
  /** Where panels of notebooks connect; see "Delegated comms" in ARCHITECTURE.md. */
  readonly viewAddress: string | undefined;
  /**
   * Let a debugger on this machine reach the workers, those that start later, too; resolves when it has. Undefined: no more.
   * Only engines whose workers run on this machine have it.
   */
  useDebugger?(address: string | undefined): Promise<void>;
  /** The job that this process is or, for a worker, itself. */
  readonly jobId: ClientId | undefined;
  /** Rejects when the engine ends on its own; never resolves before `close`. */
  readonly closed: Promise<Error | undefined>;

  /**
   * Store a value; the caller uses the new object once.
   *
   * @param placeOf - what stores it, for an engine whose nodes may take values along when they end: `prices.ts:12`, or the
   *   number of a cell.
   * @throws ObjectStoreFullError
   */
  put(value: EncodedValue, placeOf?: () => string | undefined): ObjectId;
  /** Submit a task; the caller uses its result once. */
  submit(spec: TaskSpec): ObjectId;
  /** Submit a task with `numReturns`; the caller uses each result once. With 0, a failure is told as output. */
  submitMany(spec: TaskSpec): readonly ObjectId[];
  submitStream(spec: TaskSpec): ItemStream;
  /** The actor starts in the background; a failure shows in its calls. The caller uses it once. */
  createActor(spec: NewActorSpec): ActorDescription;
  /** The living actor of that name, or undefined; or wait for the creation under way of one's own. */
  findActor(name: string, namespace: string): Promise<ActorDescription | undefined>;
  /** Names of living actors, sorted. */
  listActors(namespace: string): Promise<readonly string[]>;
  /** A handle from elsewhere is here, and may be called. */
  knowActor(description: ActorDescription): void;
  /** @throws PendingCallsLimitError */
  callActor(spec: ActorCallSpec): ObjectId;
  callActorStream(spec: ActorCallSpec): ItemStream;
  /** End the actor when the calls made from here are over. */
  endActor(actorId: ActorId): Promise<void>;
  killActor(actorId: ActorId, options: { isRestartable: boolean }): void;

  /** Register a group; it may wait for its resources then. @throws UnschedulableError when it can never have them */
  createPlacementGroup(spec: NewPlacementGroupSpec): Promise<PlacementGroupDescription>;
  findPlacementGroup(name: string): Promise<PlacementGroupDescription | undefined>;
  /** Call `listener` with the state of the group, now and whenever it changes. Returns the way to stop that. */
  watchPlacementGroup(groupId: PlacementGroupId, listener: (state: PlacementGroupState) => void): () => void;
  /** End the group and what runs in it; nothing happens when there is none. Resolves when that has begun. */
  removePlacementGroup(groupId: PlacementGroupId): Promise<void>;
  /** In place of what was requested before. @throws UnsupportedError where nothing can grow */
  requestResources(room: RoomSpec): Promise<void>;

  isSettled(id: ObjectId): boolean;
  /** Call `listener` once when the object is there or has failed; at once, if that is so already. */
  whenSettled(id: ObjectId, listener: () => void): () => void;
  /** May `read` be called? False for a settled object whose value is on another machine. */
  isReadable(id: ObjectId): boolean;
  /** As `whenSettled`, and the value is brought to this process first. */
  whenReadable(id: ObjectId, listener: () => void): () => void;
  /** The value of a readable object; once for each time `whenReadable` called, since a large one is kept no longer. @throws the error it failed with */
  read(id: ObjectId): Payload | Promise<Payload>;
  /** Count one more user of an object or actor in this process. */
  use(id: ObjectId | ActorId): void;
  unuse(id: ObjectId | ActorId): void;
  cancel(id: ObjectId, options?: CancelOptions): void;
  /** Cancel all unfinished tasks that one cell run started here. */
  cancelExecution(messageId: string, reason: string): void;
  /** Tasks of one cell run that run now. */
  runningOf(messageId: string): number;
  /** V8 was made to stop what ran here and dropped pending microtasks: do what was planned for them. */
  recover(): void;
  observe(observer: TaskObserver): () => void;
  /** Resolves when the cluster has answered; rejects with the reason why there is none. */
  connected(): Promise<void>;
  describe(): Promise<ClusterDescription>;
  /** Where the state API answers; starts its server when it does not run yet. */
  openHttp(): Promise<HttpAddress>;
  /**
   * What the cluster tells of its tasks, actors, objects, workers; see protocol/state.ts.
   *
   * @throws UnsupportedError for a route or filter that there is not
   */
  state<Route extends StateRoute>(route: Route, parameters?: StateParameters): Promise<StateRoutes[Route]>;
  close(): Promise<void>;
}
