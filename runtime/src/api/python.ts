/** `py.task`, `py.actor`: functions and classes of Python, called as those of TypeScript are. */
import { createHash } from "node:crypto";
import type { TaskCode } from "../engine/engine.ts";
import { encode, REDUCE, type Reduced } from "../protocol/codec.ts";
import { pythonCodec } from "../python/python-codec.ts";
import { type ActorHandle, type ActorSource, actorClassOf } from "./actor.ts";
import { ANY_METHOD } from "./actor-handle.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { ActorOptions, TaskOptions } from "./options.ts";
import { PythonKwargs } from "./python-values.ts";
import type { ResultStream } from "./result-stream.ts";
import { taskOf, type WithRefs } from "./task.ts";

/** Options of `py.task`: those of `task`. */
export interface PythonTaskOptions extends TaskOptions {
  /** The function is a generator, or returns something to iterate over: a call gives its items while it runs. Default false. */
  readonly streaming?: boolean;
}

/** Options of `py.actor`: those of `actor`, but that its calls run one after the other. */
export type PythonActorOptions = Omit<ActorOptions, "maxConcurrency" | "concurrencyGroups" | "onRestart">;

/** All arguments by position, or the first of them, and others by name. */
type WithKwargs<Args extends readonly unknown[]> =
  | readonly [...WithRefs<Args>, PythonKwargs]
  | (number extends Args["length"]
      ? never
      : Args extends readonly [...infer First, unknown]
        ? WithKwargs<First>
        : never);

/** Arguments by position, each as its value or a ref to it; then, if wanted, `py.kwargs({ … })`. */
export type PythonArguments<Args extends readonly unknown[]> = Readonly<WithRefs<Args>> | WithKwargs<Args>;

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

/** Any method, where a class in Python has no type here. */
export type AnyPythonMethods = Record<string, (...args: unknown[]) => unknown>;

/** Makes actors of a class in Python. */
export interface PythonActorClass<Args extends readonly unknown[], Instance> {
  /** Start an actor. The handle can be used at once; a constructor that throws shows in its calls. */
  new (...args: PythonArguments<Args>): ActorHandle<Instance>;
  /** The same class with other options; those not named stay. */
  with(options: PythonActorOptions): PythonActorClass<Args, Instance>;
  readonly options: PythonActorOptions;
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
  task<Args extends readonly unknown[] = unknown[], Result = unknown>(
    reference: string,
    options?: PythonTaskOptions,
  ): PythonTask<Args, Result>;
  /**
   * A class in Python as a class of actors: `module:Class`. Each is an object in a Python process of its own; its calls run
   * one after the other. `Instance` says what methods it has, as they look from TypeScript.
   */
  actor<Instance = AnyPythonMethods, Args extends readonly unknown[] = unknown[]>(
    reference: string,
    options?: PythonActorOptions,
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
  const code = codeOf("pythonFunction", reference, isStream);
  const captured = { kind: isStream ? "async-generator" : "async" } as const;
  const name = reference.slice(reference.indexOf(":") + 1);
  return taskOf({ name, codec: pythonCodec, capture: () => ({ code, captured }) }, options);
}

function makeActorClass(reference: string, options: PythonActorOptions = {}): unknown {
  checkReference("py.actor", reference, "model:Model");
  const code = codeOf("pythonClass", reference, false);
  const source: ActorSource = {
    className: reference.slice(reference.lastIndexOf(":") + 1),
    kinds: new Map([[ANY_METHOD, "Function"]]),
    codec: pythonCodec,
    capture: () => code,
  };
  return actorClassOf(source, options);
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
function codeOf(maker: "pythonFunction" | "pythonClass", reference: string, isStream: boolean): TaskCode {
  const folder = process.cwd();
  const made = {
    [REDUCE]: (): Reduced => ({ specifier: MODULE, imported: maker, args: [reference, folder, isStream] }),
  };
  const digest = createHash("sha256").update(`${maker} ${folder} ${isStream}`).digest("hex").slice(0, 12);
  return { id: `python:${reference}@${digest}`, payload: encode(made) };
}

const MODULE = "mobula-own:python/python-call";
