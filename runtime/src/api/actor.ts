/** `actor(class)`: objects that live in processes of their own. */
import { actorDescriptionOf, actorIdOf, makeHandle, runtimeOf } from "./actor-handle.ts";
import { currentRuntime } from "./lifecycle.ts";
import { type ActorOptions, checkCount } from "./options.ts";
import { placementOf } from "./placement-group.ts";
import { resourceAmounts } from "./resources.ts";
import type { ResultOf, WithRefs } from "./task.ts";

/** A method as a handle has it: the call goes to the actor, a ref to the result comes back at once. */
export type ActorMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? (...args: WithRefs<Args>) => ResultOf<Result>
  : never;

/** The methods of an actor of class `Instance`. Its properties are its own: read them through methods. */
export type ActorHandle<Instance> = {
  readonly [Key in keyof Instance as Instance[Key] extends (...args: never[]) => unknown ? Key : never]: ActorMethod<
    Instance[Key]
  >;
};

/** Makes actors. */
export interface ActorClass<Args extends readonly unknown[], Instance> {
  /** Start an actor. The handle can be used at once; a constructor that throws shows in its calls. */
  new (...args: WithRefs<Args>): ActorHandle<Instance>;
  /** The same class with other options; those not named stay. */
  with(options: ActorOptions): ActorClass<Args, Instance>;
  readonly options: ActorOptions;
}

interface ActorFunction {
  /** Make `type` a class of actors. */
  <Args extends unknown[], Instance>(
    type: new (...args: Args) => Instance,
    options?: ActorOptions,
  ): ActorClass<Args, Instance>;
  /** The living actor of that name, from any process of the cluster; undefined when there is none. */
  get<Instance>(name: string): Promise<ActorHandle<Instance> | undefined>;
}

/** Calls in progress at once, in a class with `async` methods; as in Ray. */
const ASYNC_CONCURRENCY = 1_000;
const ASYNC_KINDS = new Set(["AsyncFunction", "AsyncGeneratorFunction"]);
const STREAM_KINDS = new Set(["GeneratorFunction", "AsyncGeneratorFunction"]);

function makeActorClass<Args extends unknown[], Instance>(
  type: new (...args: Args) => Instance,
  options: ActorOptions = {},
): ActorClass<Args, Instance> {
  if (typeof type !== "function") throw new TypeError("actor() takes a class");
  checkCount("maxConcurrency", options.maxConcurrency, 1);
  checkCount("maxRestarts", options.maxRestarts, -1);
  checkCount("maxTaskRetries", options.maxTaskRetries, -1);
  const className = type.name === "" ? (options.name ?? "anonymous") : type.name;
  const resources = resourceAmounts(options, 0);
  const placed = placementOf(options);
  const kinds = methodKinds(type);
  const methods = [...kinds.keys()];
  const streamMethods = methods.filter((method) => STREAM_KINDS.has(kinds.get(method) ?? ""));
  const isAsync = methods.some((method) => ASYNC_KINDS.has(kinds.get(method) ?? ""));
  const create = function (...args: unknown[]): object {
    const runtime = currentRuntime();
    const { code } = runtime.capture(type, className);
    const environment = runtime.environmentFor(options.runtimeEnv);
    const description = runtime.engine.createActor({
      ...runtime.encodeArguments(args, `new ${className} arguments`),
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
    });
    return makeHandle(runtime, description);
  };
  const withOptions = (more: ActorOptions): unknown => makeActorClass(type, { ...options, ...more });
  return Object.assign(create, { with: withOptions, options }) as unknown as ActorClass<Args, Instance>;
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

async function getActor<Instance>(name: string): Promise<ActorHandle<Instance> | undefined> {
  const runtime = currentRuntime();
  const description = await runtime.engine.findActor(name);
  return description === undefined ? undefined : (makeHandle(runtime, description) as ActorHandle<Instance>);
}

/**
 * Make a class of actors: `const Counter = actor(class { … }); const c = new Counter()`. Each actor is a process of its own.
 * Calls of one caller run in the order they were made. An actor without a name ends when nobody holds a handle to it.
 */
export const actor: ActorFunction = Object.assign(makeActorClass, { get: getActor });

/** End an actor. Its pending calls fail with ActorDiedError. With `restart`, `maxRestarts` still applies. */
export function kill(handle: object, options: { readonly restart?: boolean } = {}): void {
  actorDescriptionOf(handle);
  runtimeOf(handle).engine.killActor(actorIdOf(handle), { isRestartable: options.restart ?? false });
}
