/** `actor(class)`: objects that live in processes of their own. */

import type { TaskCode } from "../engine/engine.ts";
import type { ConcurrencyGroupSpec } from "../protocol/messages.ts";
import { actorDescriptionOf, actorIdOf, makeHandle, runtimeOf } from "./actor-handle.ts";
import { currentRuntime } from "./lifecycle.ts";
import {
  type ActorOptions,
  type ConcurrencyGroup,
  checkCount,
  type MethodName,
  type MethodOptions,
} from "./options.ts";
import { placementOf } from "./placement-group.ts";
import { resourceAmounts } from "./resources.ts";
import type { Runtime } from "./runtime.ts";
import { schedulingOf } from "./scheduling.ts";
import type { ResultOf, WithRefs } from "./task.ts";
import type { ArgumentCodec } from "./value-codec.ts";

/** A method as a handle has it: the call goes to the actor, a ref to the result comes back at once. */
export interface RemoteMethod<Args extends readonly unknown[], Result> {
  (...args: WithRefs<Args>): ResultOf<Result>;
  /** The same method with options; those not named stay. */
  with(options: MethodOptions): RemoteMethod<Args, Result>;
}

/** What a method of a class becomes. */
export type ActorMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? RemoteMethod<Args, Result>
  : never;

/** The methods of an actor of class `Instance`. Its properties are its own: read them through methods. */
export type ActorHandle<Instance> = {
  readonly [Key in MethodName<Instance>]: ActorMethod<Instance[Key]>;
} & {
  /** Wait for the calls made from here, then end the actor: `await using counter = new Counter()`. */
  [Symbol.asyncDispose](): Promise<void>;
};

/** Makes actors. */
export interface ActorClass<Args extends readonly unknown[], Instance> {
  /** Start an actor. The handle can be used at once; a constructor that throws shows in its calls. */
  new (...args: WithRefs<Args>): ActorHandle<Instance>;
  /** The same class with other options; those not named stay. */
  with(options: ActorOptions<Instance>): ActorClass<Args, Instance>;
  readonly options: ActorOptions<Instance>;
}

/** Where to look for names. */
export interface NamespaceOptions {
  /** Default: that of the driver, from `init({ namespace })`. */
  readonly namespace?: string;
}

interface ActorFunction {
  /** Make `type` a class of actors. */
  <Args extends unknown[], Instance>(
    type: new (...args: Args) => Instance,
    options?: ActorOptions<NoInfer<Instance>>,
  ): ActorClass<Args, Instance>;
  /** The living actor of that name, from any process of the cluster; undefined when there is none. */
  get<Instance>(name: string, options?: NamespaceOptions): Promise<ActorHandle<Instance> | undefined>;
  /** Names of the living actors in a namespace, sorted. */
  list(options?: NamespaceOptions): Promise<readonly string[]>;
}

/** Calls in progress at once, in a class with `async` methods; as in Ray. */
const ASYNC_CONCURRENCY = 1_000;
const ASYNC_KINDS = new Set(["AsyncFunction", "AsyncGeneratorFunction"]);
const STREAM_KINDS = new Set(["GeneratorFunction", "AsyncGeneratorFunction"]);

function makeActorClass<Args extends unknown[], Instance>(
  type: new (...args: Args) => Instance,
  options: ActorOptions<Instance> = {},
): ActorClass<Args, Instance> {
  if (typeof type !== "function") throw new TypeError("actor() takes a class");
  const className = type.name === "" ? (options.name ?? "anonymous") : type.name;
  const source: ActorSource = {
    className,
    kinds: methodKinds(type),
    capture: (runtime) => runtime.capture(type, className).code,
  };
  return actorClassOf(source, options) as ActorClass<Args, Instance>;
}

/** What an actor is made from. */
export interface ActorSource {
  readonly className: string;
  /** Its methods, by the kind of function they are. */
  readonly kinds: ReadonlyMap<string, string>;
  capture(runtime: Runtime): TaskCode;
  /** How arguments of its constructor are encoded. Default: as values of this program. */
  readonly codec?: ArgumentCodec;
}

/** A class of actors, with its `with` and `options`. */
export function actorClassOf<Instance>(source: ActorSource, options: ActorOptions<Instance>): unknown {
  const { className, kinds, codec } = source;
  checkCount("maxConcurrency", options.maxConcurrency, 1);
  checkCount("maxPendingCalls", options.maxPendingCalls, 1);
  checkCount("maxRestarts", options.maxRestarts, -1);
  checkCount("maxTaskRetries", options.maxTaskRetries, -1);
  const resources = resourceAmounts(options, 0);
  const placed = { ...placementOf(options), ...schedulingOf(options) };
  const methods = [...kinds.keys()];
  const streamMethods = methods.filter((method) => STREAM_KINDS.has(kinds.get(method) ?? ""));
  const groups = concurrencyGroups(options.concurrencyGroups, methods);
  checkMethods("onRestart", options.onRestart === undefined ? [] : [options.onRestart], methods);
  if (options.lifetime === "detached" && options.name === undefined) {
    throw new TypeError('An actor with lifetime: "detached" needs a name, or nobody could find it later');
  }
  const isAsync = methods.some((method) => ASYNC_KINDS.has(kinds.get(method) ?? ""));
  const create = function (...args: unknown[]): object {
    const runtime = currentRuntime();
    const code = source.capture(runtime);
    const environment = runtime.environmentFor(options.runtimeEnv);
    const description = runtime.engine.createActor({
      ...runtime.encodeArguments(args, `new ${className} arguments`, codec),
      ...runtime.origin(),
      className,
      code,
      resources,
      ...placed,
      ...(environment === undefined ? {} : { environment }),
      isGetIfExists: options.getIfExists ?? false,
      maxConcurrency: options.maxConcurrency ?? (isAsync ? ASYNC_CONCURRENCY : 1),
      maxRestarts: options.maxRestarts ?? 0,
      maxTaskRetries: options.maxTaskRetries ?? 0,
      methods,
      streamMethods,
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      ...(options.lifetime === undefined ? {} : { lifetime: options.lifetime }),
      ...(groups.length === 0 ? {} : { groups }),
      ...(options.maxPendingCalls === undefined ? {} : { maxPendingCalls: options.maxPendingCalls }),
      ...(options.onRestart === undefined ? {} : { onRestart: options.onRestart }),
    });
    return makeHandle(runtime, description);
  };
  const withOptions = (more: ActorOptions<Instance>): unknown => actorClassOf(source, { ...options, ...more });
  return Object.assign(create, { with: withOptions, options });
}

function concurrencyGroups(
  given: Readonly<Record<string, ConcurrencyGroup>> | undefined,
  methods: readonly string[],
): ConcurrencyGroupSpec[] {
  const taken = new Map<string, string>();
  return Object.entries(given ?? {}).map(([name, group]) => {
    checkCount(`concurrencyGroups.${name}.maxConcurrency`, group.maxConcurrency, 1);
    checkMethods(`concurrencyGroups.${name}`, group.methods, methods);
    for (const method of group.methods) {
      const other = taken.get(method);
      if (other !== undefined) throw new TypeError(`The method '${method}' is in two groups: '${other}' and '${name}'`);
      taken.set(method, name);
    }
    return { name, maxConcurrency: group.maxConcurrency, methods: group.methods };
  });
}

/** Types say the same; a program in JavaScript hears it here. */
function checkMethods(option: string, named: readonly string[], methods: readonly string[]): void {
  for (const name of named) {
    if (!methods.includes(name)) {
      throw new TypeError(`${option} names '${name}'; the class has the methods ${methods.join(", ")}`);
    }
  }
}

/** Public methods of the class and those it inherits, by the kind of function they are. */
function methodKinds(type: abstract new (...args: never[]) => unknown): Map<string, string> {
  const kinds = new Map<string, string>();
  let prototype = type.prototype as object | null;
  while (prototype !== null && prototype !== Object.prototype) {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (key === "constructor" || typeof value !== "function" || kinds.has(key)) continue;
      kinds.set(key, Object.prototype.toString.call(value).slice("[object ".length, -1));
    }
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return kinds;
}

async function getActor<Instance>(
  name: string,
  options: NamespaceOptions = {},
): Promise<ActorHandle<Instance> | undefined> {
  const runtime = currentRuntime();
  const description = await runtime.engine.findActor(name, options.namespace ?? runtime.job.namespace);
  return description === undefined ? undefined : (makeHandle(runtime, description) as ActorHandle<Instance>);
}

function listActors(options: NamespaceOptions = {}): Promise<readonly string[]> {
  const runtime = currentRuntime();
  return runtime.engine.listActors(options.namespace ?? runtime.job.namespace);
}

/**
 * Make a class of actors: `const Counter = actor(class { … }); const c = new Counter()`. Each actor is a process of its own.
 * Calls of one caller run in the order they were made. An actor without a name ends when nobody holds a handle to it.
 */
export const actor: ActorFunction = Object.assign(makeActorClass, { get: getActor, list: listActors });

/** End an actor. Its pending calls fail with ActorDiedError. With `restart`, `maxRestarts` still applies. */
export function kill(handle: object, options: { readonly restart?: boolean } = {}): void {
  actorDescriptionOf(handle);
  runtimeOf(handle).engine.killActor(actorIdOf(handle), { isRestartable: options.restart ?? false });
}

/**
 * Inside a method of an actor: end the actor when the calls that have begun are over, this one included; their results
 * are delivered. Calls that have not begun, and later ones, fail with ActorDiedError. It is not restarted.
 *
 * @throws TypeError outside of an actor
 */
export function exitActor(): void {
  const { worker } = currentRuntime();
  if (worker?.actor() === undefined) throw new TypeError("exitActor() is for methods of actors; see kill(handle)");
  worker.exitActor();
}
