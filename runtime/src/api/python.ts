/** `py.task`, `py.actor`: functions and classes of Python, called as those of TypeScript are. */
import { createHash } from "node:crypto";
import type { TaskCode } from "../engine/engine.ts";
import { encode, REDUCE, type Reduced } from "../protocol/codec.ts";
import { pythonCodec } from "../python/python-codec.ts";
import { type ActorHandle, type ActorSource, actorClassOf } from "./actor.ts";
import { ANY_METHOD } from "./actor-handle.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { ActorOptions, MethodName, TaskOptions } from "./options.ts";
import { type NumberArray, PythonKwargs } from "./python-values.ts";
import type { ResultStream } from "./result-stream.ts";
import { type RefsTo, taskOf } from "./task.ts";

/** Options of `py.task`: those of `task`. */
export interface PythonTaskOptions extends TaskOptions {
  /** The function is a generator, or returns something to iterate over: a call gives its items while it runs. Default false. */
  readonly streaming?: boolean;
}

/**
 * Options of `py.actor`: those of `actor`, and which methods stream.
 *
 * @typeParam Instance - its methods, as they look from here.
 */
export interface PythonActorOptions<Instance = AnyPythonMethods>
  extends Omit<ActorOptions, "maxConcurrency" | "concurrencyGroups" | "onRestart"> {
  /**
   * Calls in progress at once, each in a thread of its own; `async def` methods interleave in one event loop. Default 1: each
   * call ends before the next begins. In threads a cancelled call goes on to its end, and its result is dropped.
   */
  readonly maxConcurrency?: number;
  /** Methods that are generators, or return something to iterate over: their calls give items while they run. Default: none. */
  readonly streaming?: readonly MethodName<Instance>[];
}

/** What has no parts that could be refs. */
type Whole = NumberArray | DataView | ArrayBuffer | Date | URL | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>;

/** A value, a ref to it, or an array or object of such. */
export type WithRefsInside<Value> =
  | Value
  | ObjectRef<Value>
  | (Value extends Whole | ((...args: never[]) => unknown)
      ? never
      : Value extends object
        ? { readonly [Key in keyof Value]: WithRefsInside<Value[Key]> }
        : never);

type AllWithRefs<Args extends readonly unknown[]> = { [Index in keyof Args]: WithRefsInside<Args[Index]> };

/** All arguments by position, or the first of them, and others by name. */
type WithKwargs<Args extends readonly unknown[]> =
  | readonly [...AllWithRefs<Args>, PythonKwargs]
  | (number extends Args["length"]
      ? never
      : Args extends readonly [...infer First, unknown]
        ? WithKwargs<First>
        : never);

/**
 * Arguments by position, then, if wanted, `py.kwargs({ … })`. Each is a value or a ref to it; refs inside arrays and objects
 * are accepted too. Python gets the values.
 */
export type PythonArguments<Args extends readonly unknown[]> = Readonly<AllWithRefs<Args>> | WithKwargs<Args>;

/** Calling it calls the function in Python, at once, and gives a ref to its result. */
export interface PythonTask<Args extends readonly unknown[], Result> {
  (...args: PythonArguments<Args>): ObjectRef<Result>;
  /** The same function with other options; those not named stay. */
  with(options: TaskOptions): PythonTask<Args, Result>;
  readonly options: PythonTaskOptions;
}

/** A generator in Python: a call gives its items while it runs. */
export interface PythonStreamingTask<Args extends readonly unknown[], Item> {
  (...args: PythonArguments<Args>): ResultStream<Item>;
  /** The same function with other options; those not named stay. */
  with(options: TaskOptions): PythonStreamingTask<Args, Item>;
  readonly options: PythonTaskOptions;
}

/** A function in Python that returns several results in a list or tuple: a call gives a ref to each. */
export interface PythonMultiTask<Args extends readonly unknown[], Returns extends readonly unknown[]> {
  (...args: PythonArguments<Args>): RefsTo<Returns>;
  /** The same function with other options; those not named stay. */
  with(options: TaskOptions): PythonMultiTask<Args, Returns>;
  readonly options: PythonTaskOptions;
}

/** Any method, where a class in Python has no type here. */
export type AnyPythonMethods = Record<string, (...args: unknown[]) => unknown>;

/** Makes actors of a class in Python. */
export interface PythonActorClass<Args extends readonly unknown[], Instance> {
  /** Start an actor. The handle can be used at once; a constructor that throws shows in its calls. */
  new (...args: PythonArguments<Args>): ActorHandle<Instance>;
  /** The same class with other options; those not named stay. */
  with(options: PythonActorOptions<Instance>): PythonActorClass<Args, Instance>;
  readonly options: PythonActorOptions<Instance>;
}

interface PythonCalls {
  /**
   * A function in Python as a task: `module:function`, or `module:Class.method` for a static one. Python finds the module in
   * the working directory, on PYTHONPATH, or installed. Types of arguments and result are yours to say: Python has none here.
   */
  task<Args extends readonly unknown[] = unknown[], Item = unknown>(
    reference: string,
    options: PythonTaskOptions & { readonly streaming: true },
  ): PythonStreamingTask<Args, Item>;
  /**
   * The function returns `numReturns` values in a list or tuple; a call gives a ref to each, so that large ones are stored and
   * passed on separately: `py.task<[number[]], [number, number]>("stats:mean_and_deviation", { numReturns: 2 })`. With 0 nobody
   * waits for it: its result is dropped, and a failure is printed.
   */
  task<Args extends readonly unknown[] = unknown[], Returns extends readonly unknown[] = unknown[]>(
    reference: string,
    options: PythonTaskOptions & { readonly numReturns: Returns["length"] },
  ): PythonMultiTask<Args, Returns>;
  task<Args extends readonly unknown[] = unknown[], Result = unknown>(
    reference: string,
    options?: PythonTaskOptions,
  ): PythonTask<Args, Result>;
  /**
   * A class in Python as a class of actors: `module:Class`. Each is an object in a Python process of its own; its calls run
   * one after the other, unless `maxConcurrency` says otherwise. `Instance` says what methods it has, as they look from
   * TypeScript; one that `streaming` names is a `Generator` there.
   */
  actor<Instance = AnyPythonMethods, Args extends readonly unknown[] = unknown[]>(
    reference: string,
    options?: PythonActorOptions<Instance>,
  ): PythonActorClass<Args, Instance>;
  /** Arguments by name: the last argument of a call. */
  kwargs(values: Readonly<Record<string, unknown>>): PythonKwargs;
}

/** Call Python: `await py.task<[number], number>("math:sqrt")(2)`. */
export const py: PythonCalls = {
  task: makeTask as PythonCalls["task"],
  actor: makeActorClass as PythonCalls["actor"],
  kwargs: (values) => new PythonKwargs(values),
};

function makeTask(reference: string, options: PythonTaskOptions = {}): unknown {
  checkReference("py.task", reference, "math:sqrt");
  const isStream = options.streaming === true;
  const code = codeOf("pythonFunction", reference, [isStream]);
  const captured = { kind: isStream ? "async-generator" : "async" } as const;
  const name = reference.slice(reference.indexOf(":") + 1);
  return taskOf({ name, codec: pythonCodec, capture: () => ({ code, captured }) }, options);
}

function makeActorClass(reference: string, options: PythonActorOptions = {}): unknown {
  checkReference("py.actor", reference, "model:Model");
  const { streaming = [], ...rest } = options;
  if (!Array.isArray(streaming)) throw new TypeError('py.actor() takes methods that stream: { streaming: ["totals"] }');
  const code = codeOf("pythonClass", reference, [streaming, options.maxConcurrency ?? 1]);
  const source: ActorSource = {
    className: reference.slice(reference.lastIndexOf(":") + 1),
    kinds: new Map([[ANY_METHOD, "Function"], ...streaming.map((name) => [name, "GeneratorFunction"] as const)]),
    codec: pythonCodec,
    capture: () => code,
  };
  const withOptions = (more: PythonActorOptions): unknown => makeActorClass(reference, { ...options, ...more });
  return Object.assign(actorClassOf(source, rest) as object, { with: withOptions, options });
}

const REFERENCE = /^[\p{ID_Start}_][\p{ID_Continue}.]*:[\p{ID_Start}_][\p{ID_Continue}.]*$/u;

function checkReference(where: string, reference: unknown, example: string): void {
  if (typeof reference === "string" && REFERENCE.test(reference)) return;
  const given = typeof reference === "string" ? `"${reference}"` : typeof reference;
  throw new TypeError(`${where}() takes "module:name", such as "${example}", not ${given}`);
}

/**
 * Code that a worker revives as a function of `python-call.ts`; Ray's workers are in Python, and read the id. The folder is
 * that of the program: modules beside it are found, where the cluster is on this machine.
 */
function codeOf(maker: "pythonFunction" | "pythonClass", reference: string, more: readonly unknown[]): TaskCode {
  const folder = process.cwd();
  const made = {
    [REDUCE]: (): Reduced => ({ specifier: MODULE, imported: maker, args: [reference, folder, ...more] }),
  };
  const digest = createHash("sha256")
    .update(`${maker} ${folder} ${JSON.stringify(more)}`)
    .digest("hex")
    .slice(0, 12);
  return { id: `python:${reference}@${digest}`, payload: encode(made) };
}

const MODULE = "mobula-own:python/python-call";
