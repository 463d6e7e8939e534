/** `task(fn)`: a function that runs in the cluster. */

import type { TaskSpec, Thrown } from "../engine/engine.ts";
import { type ObjectId, resultOf } from "../protocol/ids.ts";
import { currentRuntime } from "./lifecycle.ts";
import { ObjectRef } from "./object-ref.ts";
import { checkCount, type TaskOptions, timesOf } from "./options.ts";
import { resourceAmounts } from "./resources.ts";
import type { ResultStream } from "./result-stream.ts";
import type { Runtime } from "./runtime.ts";

/** A ref is accepted wherever its value is. */
export type WithRefs<Args extends readonly unknown[]> = { [Index in keyof Args]: Args[Index] | ObjectRef<Args[Index]> };

/** Calling it starts a task, at once, and gives a ref to its result. */
export interface Task<Args extends readonly unknown[], Result> {
  (...args: WithRefs<Args>): ObjectRef<Awaited<Result>>;
  /** The same function with other options; those not named stay. */
  with(options: TaskOptions): Task<Args, Result>;
  readonly options: TaskOptions;
}

/** A task of a generator: a call gives its items while it runs. */
export interface StreamingTask<Args extends readonly unknown[], Item> {
  (...args: WithRefs<Args>): ResultStream<Awaited<Item>>;
  /** The same function with other options; those not named stay. */
  with(options: TaskOptions): StreamingTask<Args, Item>;
  readonly options: TaskOptions;
}

/** What a call gives: a ref, or a stream of what is yielded. */
export type ResultOf<Result> = 0 extends 1 & Result
  ? ObjectRef<Result>
  : [Result] extends [never]
    ? ObjectRef<never>
    : [Result] extends [AsyncGenerator<infer Item, unknown, never> | Generator<infer Item, unknown, never>]
      ? ResultStream<Awaited<Item>>
      : ObjectRef<Awaited<Result>>;

/** What a function becomes. */
export type TaskOf<Args extends readonly unknown[], Result> =
  ResultOf<Result> extends ResultStream<infer Item> ? StreamingTask<Args, Item> : Task<Args, Result>;

const EXCERPT_LENGTH = 32;
const DEFAULT_RETRIES = 3;

/**
 * Make `fn` a task: calling it runs it in a worker process. It may capture variables, imports, other tasks, refs and
 * actor handles; captured values are taken as they are at the first call after a change.
 *
 * @throws SerializationError at the first call, naming the variable that cannot travel
 */
export function task<Args extends unknown[], Result>(
  fn: (...args: Args) => Result,
  options: TaskOptions = {},
): TaskOf<Args, Result> {
  if (typeof fn !== "function") throw new TypeError("task() takes a function");
  checkCount("retries", options.retries, -1);
  const name = options.name ?? (fn.name === "" ? excerptOf(fn) : fn.name);
  const resources = resourceAmounts(options, 1);
  const call = (...args: unknown[]): unknown => {
    const runtime = currentRuntime();
    options.signal?.throwIfAborted();
    const { captured, code } = runtime.capture(fn, name);
    const shouldRetry = retryRule(options.retryOn);
    const spec: TaskSpec = {
      ...runtime.encodeArguments(args, `${name} arguments`),
      ...runtime.origin(),
      name,
      code,
      resources,
      retries: timesOf(options.retries ?? DEFAULT_RETRIES),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      ...(shouldRetry === undefined ? {} : { shouldRetry }),
    };
    if (captured.kind === "generator" || captured.kind === "async-generator") {
      const stream = runtime.engine.submitStream(spec);
      const result = resultOf(stream.taskId);
      options.signal?.addEventListener("abort", () => cancelFor(runtime, result), { once: true });
      return runtime.items(stream);
    }
    const ref = new ObjectRef<unknown>(runtime, runtime.engine.submit(spec));
    if (options.signal !== undefined) cancelOnAbort(runtime, ref, options.signal);
    return ref;
  };
  const withOptions = (more: TaskOptions): unknown => task(fn, { ...options, ...more });
  return Object.assign(call, { with: withOptions, options }) as unknown as TaskOf<Args, Result>;
}

/** The beginning of a function's text: says more than «anonymous» in a panel that lists several. */
function excerptOf(fn: unknown): string {
  const text = String(fn).replaceAll(/\s+/g, " ");
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}

function cancelFor(runtime: Runtime, id: ObjectId): void {
  runtime.engine.cancel(id, { reason: "its signal was aborted" });
}

function cancelOnAbort(runtime: Runtime, ref: ObjectRef<unknown>, signal: AbortSignal): void {
  const id = ref.id as ObjectId;
  const onAbort = (): void => cancelFor(runtime, id);
  signal.addEventListener("abort", onAbort, { once: true });
  runtime.engine.whenSettled(id, () => signal.removeEventListener("abort", onAbort));
}

function retryRule(retryOn: TaskOptions["retryOn"]): ((thrown: Thrown) => boolean) | undefined {
  if (retryOn === undefined) return undefined;
  if (typeof retryOn === "function") {
    return ({ error }) => retryOn(error);
  }
  const names = new Set(retryOn.map((type) => type.name));
  return ({ error, classNames }) =>
    classNames.some((name) => names.has(name)) || names.has((error as { name?: string }).name ?? "");
}
