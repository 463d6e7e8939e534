/** `task(fn)`: a function that runs in the cluster. */

import type { FunctionKind } from "../closure/index.ts";
import type { TaskCode, TaskSpec } from "../engine/engine.ts";
import { type ObjectId, resultOf } from "../protocol/ids.ts";
import { cancelOnAbort, cancelStreamOnAbort, retryRule } from "./call-options.ts";
import { currentRuntime } from "./lifecycle.ts";
import { ObjectRef } from "./object-ref.ts";
import { checkCount, type TaskOptions, timesOf } from "./options.ts";
import { placementOf } from "./placement-group.ts";
import { resourceAmounts } from "./resources.ts";
import type { ResultStream } from "./result-stream.ts";
import type { Runtime } from "./runtime.ts";
import { schedulingOf } from "./scheduling.ts";
import type { ArgumentCodec } from "./value-codec.ts";

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

/** A task of several results: a call gives a ref to each, so that large ones are stored and passed on separately. */
export interface MultiTask<Args extends readonly unknown[], Returns extends readonly unknown[]> {
  (...args: WithRefs<Args>): RefsTo<Returns>;
  /** The same function with other options; those not named stay. */
  with(options: TaskOptions): MultiTask<Args, Returns>;
  readonly options: TaskOptions;
}

/** A ref to each value of a tuple. */
export type RefsTo<Returns extends readonly unknown[]> = {
  -readonly [Index in keyof Returns]: ObjectRef<Awaited<Returns[Index]>>;
};

type Repeat<Item, Count extends number, Items extends unknown[] = []> = Items["length"] extends Count
  ? Items
  : Repeat<Item, Count, [...Items, Item]>;

/** The first `Count` of what an array holds; a tuple as it is. */
export type ReturnsOf<Result, Count extends number> =
  Awaited<Result> extends infer Values extends readonly unknown[]
    ? number extends Values["length"]
      ? Repeat<Values[number], Count>
      : Values
    : never;

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

interface TaskFunction {
  /**
   * Nobody waits for it: a call gives no ref, its result is dropped, and a failure is printed.
   */
  <Args extends unknown[]>(
    fn: (...args: Args) => unknown,
    options: TaskOptions & { readonly numReturns: 0 },
  ): MultiTask<Args, []>;
  /**
   * `fn` returns `numReturns` values in an array; a call gives a ref to each. Write down its result, `: [A, B]`, for refs
   * of types of their own: the compiler takes `[a, b]` for an array of one type.
   */
  <
    Args extends unknown[],
    Result extends readonly unknown[] | PromiseLike<readonly unknown[]>,
    const Count extends Awaited<Result>["length"],
  >(
    fn: (...args: Args) => Result,
    options: TaskOptions & { readonly numReturns: Count },
  ): MultiTask<Args, ReturnsOf<Result, Count>>;
  /**
   * Make `fn` a task: calling it runs it in a worker process. It may capture variables, imports, other tasks, refs and
   * actor handles; captured values are taken as they are at the first call after a change.
   *
   * @throws SerializationError at the first call, naming the variable that cannot travel
   */
  <Args extends unknown[], Result>(fn: (...args: Args) => Result, options?: TaskOptions): TaskOf<Args, Result>;
}

const EXCERPT_LENGTH = 32;
const DEFAULT_RETRIES = 3;
const DEFAULT_OOM_RETRIES = 10;

/** Make a function a task; see the signatures. */
export const task: TaskFunction = makeTask as TaskFunction;

function makeTask(
  fn: (...args: unknown[]) => unknown,
  options: TaskOptions & { readonly numReturns?: number } = {},
): unknown {
  if (typeof fn !== "function") throw new TypeError("task() takes a function");
  const name = fn.name === "" ? excerptOf(fn) : fn.name;
  return taskOf({ name, capture: (runtime, name) => runtime.capture(fn, name) }, options);
}

/** What a task runs. */
export interface TaskSource {
  /** How it is called when the options do not say. */
  readonly name: string;
  capture(
    runtime: Runtime,
    name: string,
  ): { readonly code: TaskCode; readonly captured: { readonly kind: FunctionKind } };
  /** How its arguments are encoded. Default: as values of this program. */
  readonly codec?: ArgumentCodec;
}

/** A function that submits tasks, with its `with` and `options`. */
export function taskOf(source: TaskSource, options: TaskOptions & { readonly numReturns?: number }): unknown {
  const { codec } = source;
  const { numReturns } = options;
  checkCount("retries", options.retries, -1);
  checkCount("oomRetries", options.oomRetries, -1);
  checkCount("streamWindow", options.streamWindow, 1);
  checkCount("numReturns", numReturns);
  if (numReturns === 0 && options.signal !== undefined) {
    throw new TypeError("With numReturns: 0 there is no ref that a signal could cancel");
  }
  const name = options.name ?? source.name;
  const resources = resourceAmounts(options, 1);
  const path = `${name} arguments`;
  const shouldRetry = retryRule(options.retryOn);
  const retries = timesOf(options.retries ?? DEFAULT_RETRIES);
  const oomRetries = timesOf(options.oomRetries ?? DEFAULT_OOM_RETRIES);
  const { placement } = placementOf(options);
  const { scheduling } = schedulingOf(options);
  const call = (...args: unknown[]): unknown => {
    const runtime = currentRuntime();
    options.signal?.throwIfAborted();
    const { captured, code } = source.capture(runtime, name);
    const { args: encoded, refs } = runtime.encodeArguments(args, path, codec);
    const { execution, parent, depth, job } = runtime.origin();
    // Written out: spreads would cost more than the rest of a short call.
    const spec: TaskSpec = {
      args: encoded,
      refs,
      execution,
      parent,
      depth,
      job,
      name,
      code,
      resources,
      environment: runtime.environmentFor(options.runtimeEnv),
      placement,
      scheduling,
      retries,
      oomRetries,
      numReturns,
      streamWindow: options.streamWindow,
      timeoutMs: options.timeoutMs,
      shouldRetry,
    };
    const isStream = captured.kind === "generator" || captured.kind === "async-generator";
    if (isStream && numReturns !== undefined) {
      throw new TypeError(`'${name}' is a generator: it streams its items, and takes no numReturns`);
    }
    if (numReturns !== undefined) return submitMany(runtime, spec, options.signal);
    if (isStream) {
      const stream = runtime.engine.submitStream(spec);
      const result = resultOf(stream.taskId);
      if (options.signal !== undefined) cancelStreamOnAbort(runtime, result, options.signal);
      return runtime.items(stream);
    }
    const ref = new ObjectRef<unknown>(runtime, runtime.engine.submit(spec));
    if (options.signal !== undefined) cancelOnAbort(runtime, ref.id as ObjectId, options.signal);
    return ref;
  };
  const withOptions = (more: TaskOptions): unknown => taskOf(source, { ...options, ...more });
  return Object.assign(call, { with: withOptions, options });
}

function submitMany(runtime: Runtime, spec: TaskSpec, signal: AbortSignal | undefined): ObjectRef<unknown>[] {
  const refs = runtime.engine.submitMany(spec).map((id) => new ObjectRef<unknown>(runtime, id));
  // They are there, or fail, together.
  if (signal !== undefined && refs[0] !== undefined) cancelOnAbort(runtime, refs[0].id as ObjectId, signal);
  return refs;
}

/** The beginning of a function's text: says more than «anonymous» in a panel that lists several. */
function excerptOf(fn: unknown): string {
  const text = String(fn).replaceAll(/\s+/g, " ");
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}
