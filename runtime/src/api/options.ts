/** Options of tasks and actors. */
import type { PlacementGroup } from "./placement-group.ts";
import type { RuntimeEnv } from "./runtime-env.ts";
import type { SchedulingStrategy } from "./scheduling.ts";

interface ResourceOptions {
  /** CPU slots held while it runs; fractions are fine. */
  readonly cpus?: number;
  /** GPUs, whole or parts of one: `context().gpuIds` and CUDA_VISIBLE_DEVICES say which. Default 0. */
  readonly gpus?: number;
  /** Memory it is expected to need, in bytes: fewer run at once; not enforced. Default 0. */
  readonly memoryBytes?: number;
  /** Amounts of resources that `init({ resources })` named. */
  readonly resources?: Readonly<Record<string, number>>;
  /** What its process is like: variables, folder, npm packages. Default: as `init`, or the task that starts it, has it. */
  readonly runtimeEnv?: RuntimeEnv;
  /** Take resources from this group only. */
  readonly placementGroup?: PlacementGroup;
  /** Which bundle of the group. Default: any that has room. */
  readonly bundleIndex?: number;
  /** Which of the nodes that have room; not together with `placementGroup`. Default `"default"`. */
  readonly schedulingStrategy?: SchedulingStrategy;
  /**
   * Only nodes with these labels: `{ zone: "a", disk: "!hdd", gpu: "in(a100,h100)", tier: "!in(spot,old)" }`. A node
   * without a label has none of its values. Default: all.
   */
  readonly labelSelector?: Readonly<Record<string, string>>;
}

/** A class of errors; matched by its name, because the error was thrown in another process. */
export type ErrorClass = abstract new (...args: never[]) => unknown;

/** Options of `task`, and of its `with`. */
export interface TaskOptions extends ResourceOptions {
  /** CPU slots held while it runs; fractions are fine. Default 1. */
  readonly cpus?: number;
  /** Run it again this often after its worker died, or after an error that `retryOn` accepts; -1: without limit. Default 3. */
  readonly retries?: number;
  /**
   * Run it again this often when memory ran short and its process was ended for it; counted apart from `retries`, with
   * growing pauses. -1: without limit. Default 10: more than crashes, because the task is rarely at fault; not without
   * limit as in Ray, because on one machine nobody adds memory, and a task that never fits should say so.
   */
  readonly oomRetries?: number;
  /** Which errors of the function to retry. Default: none, only crashes. */
  readonly retryOn?: readonly ErrorClass[] | ((error: unknown) => boolean);
  /** Stop a run that takes longer. Default: no limit. */
  readonly timeoutMs?: number;
  /** For a generator: items it may be ahead of its reader. Default 16. */
  readonly streamWindow?: number;
  /** How errors, progress and views call it. Default: the function's name, or how its text begins. */
  readonly name?: string;
  /** Cancels its calls when aborted. */
  readonly signal?: AbortSignal;
}

/** Options of `actor`, and of its `with`. */
/** Names of the methods of a class, as options take them. */
export type MethodName<Instance> = {
  [Key in keyof Instance]: Instance[Key] extends (...args: never[]) => unknown ? Key : never;
}[keyof Instance] &
  string;

/** Methods that may run after a restart. */
export type RestartMethodName<Instance> = {
  [Key in keyof Instance]: Instance[Key] extends (about: { readonly restarts: number }) => unknown ? Key : never;
}[keyof Instance] &
  string;

/** Methods that share a limit of their own. */
export interface ConcurrencyGroup<Method extends string = string> {
  /** Calls of these methods in progress at once. */
  readonly maxConcurrency: number;
  readonly methods: readonly Method[];
}

/** Options of one method, or of one call: `counter.add.with({ timeoutMs: 100 })(1)`. */
export interface MethodOptions {
  /** Stop a run that takes longer. Default: no limit. */
  readonly timeoutMs?: number;
  /** Repeat the call this often when the actor is restarted under it; -1: without limit. Default: the actor's. */
  readonly maxTaskRetries?: number;
  /** Repeat the call also after these errors, as often as `maxTaskRetries` says. Default: none. */
  readonly retryOn?: readonly ErrorClass[] | ((error: unknown) => boolean);
  /** Cancels its calls when aborted. */
  readonly signal?: AbortSignal;
  /** How errors, progress and views call it. Default: `Class.method`. */
  readonly name?: string;
  /** For a generator: items it may be ahead of its reader. Default 16. */
  readonly streamWindow?: number;
}

// Any class, when it is not known which.
type AnyInstance = Record<string, (...args: never[]) => unknown>;

/**
 * Options of `actor`, and of its `with`.
 *
 * @typeParam Instance - the actor's class, whose methods options may name.
 */
export interface ActorOptions<Instance = AnyInstance> extends ResourceOptions {
  /** CPU slots held while it lives. Default 0: as in Ray, an idle actor keeps no task from running. */
  readonly cpus?: number;
  /** Others find it by `actor.get(name)`. It then lives until it is killed, or until the driver that made it ends. */
  readonly name?: string;
  /** Where the name is unique. Default: that of the driver, from `init({ namespace })`. */
  readonly namespace?: string;
  /** `detached`: it outlives the driver that made it, on a cluster that does. It must have a name. */
  readonly lifetime?: "detached";
  /** Take the living actor of that name, if there is one. Default false: then a second one is refused. */
  readonly getIfExists?: boolean;
  /**
   * Calls in progress at once. Default: 1000 when the class has `async` methods, which then interleave at their awaits
   * as in any object, else 1. With 1, each call ends before the next begins.
   */
  readonly maxConcurrency?: number;
  /**
   * Methods with limits of their own: calls of different groups do not wait for each other. `maxConcurrency` is for the
   * methods in no group. Calls of one caller begin in the order in which they were made inside a group.
   */
  readonly concurrencyGroups?: Readonly<Record<string, ConcurrencyGroup<MethodName<Instance>>>>;
  /** Unfinished calls that one process may have; the next one throws PendingCallsLimitError. Default: no limit. */
  readonly maxPendingCalls?: number;
  /** Start it anew this often after its process died; -1: without limit. Default 0. */
  readonly maxRestarts?: number;
  /**
   * The method that a restarted actor runs before any call, with `{ restarts }`: how often it has lost its process. The
   * constructor has run before, with the same arguments.
   */
  readonly onRestart?: RestartMethodName<Instance>;
  /** Repeat a call this often when the actor is restarted under it; -1: without limit. Default 0: the call fails. */
  readonly maxTaskRetries?: number;
}

/** @throws RangeError */
export function checkCount(name: string, value: number | undefined, least = 0): void {
  if (value === undefined) return;
  if (!Number.isInteger(value) || value < least)
    throw new RangeError(`${name} must be a whole number from ${least}, not ${value}`);
}

/** Counts of retries and restarts: -1 stands for no limit. */
export function timesOf(count: number): number {
  return count < 0 ? Number.POSITIVE_INFINITY : count;
}
