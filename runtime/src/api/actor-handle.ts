/** Handles: what `new Counter()` gives, and what arrives when one is passed to another process. */
import { ACTOR_BRAND } from "../protocol/codec.ts";
import type { ActorId } from "../protocol/ids.ts";
import type { ActorDescription } from "../protocol/messages.ts";
import { checkCount, type MethodOptions } from "./options.ts";
import type { Runtime } from "./runtime.ts";

/** Read on a handle, gives its description. */
const DESCRIPTION: unique symbol = Symbol.for("mobula.actor.description");
const RUNTIME: unique symbol = Symbol("runtime");

/** In the place of methods' names, where these are known in Python only. */
export const ANY_METHOD = "*";

export function isOfPython({ methods }: Pick<ActorDescription, "methods">): boolean {
  return methods[0] === ANY_METHOD;
}

interface HandleTarget {
  readonly [ACTOR_BRAND]: true;
  readonly [DESCRIPTION]: ActorDescription;
  readonly [RUNTIME]: Runtime;
}

/** A handle whose methods call the actor. The actor must be used once for it. */
export function makeHandle(runtime: Runtime, description: ActorDescription): object {
  const handle: HandleTarget & Record<string | symbol, unknown> = Object.create(null);
  const define = (key: string | symbol, value: unknown, enumerable = false): void => {
    Object.defineProperty(handle, key, { value, enumerable });
  };
  define(ACTOR_BRAND, true);
  define(DESCRIPTION, description);
  define(RUNTIME, runtime);
  define(Symbol.toStringTag, `Actor ${description.className}`);
  define(Symbol.for("nodejs.util.inspect.custom"), () => describeHandle(description));
  define(Symbol.for("Jupyter.display"), () => ({ "text/plain": describeHandle(description) }));
  if (!isOfPython(description)) {
    for (const method of description.methods) {
      define(method, methodOf(runtime, handle, description, method, undefined), true);
    }
  }
  define(Symbol.asyncDispose, () => runtime.engine.endActor(description.actorId));
  runtime.engine.knowActor(description);
  Object.freeze(handle);
  const shown = isOfPython(description) ? withAnyMethod(runtime, handle, description) : handle;
  runtime.collected.register(shown, { id: description.actorId });
  return shown;
}

/** Of an actor in Python: there is a method under every name, and Python says which it has. */
function withAnyMethod(runtime: Runtime, handle: HandleTarget, description: ActorDescription): object {
  const methods = new Map<string, unknown>();
  return new Proxy(handle, {
    get: (target, key) => {
      // A handle with `then` would be taken for a promise.
      if (typeof key !== "string" || key === "then") return Reflect.get(target, key) as unknown;
      if (!methods.has(key)) methods.set(key, methodOf(runtime, handle, description, key, undefined));
      return methods.get(key);
    },
  });
}

function methodOf(
  runtime: Runtime,
  handle: object,
  description: ActorDescription,
  method: string,
  options: MethodOptions | undefined,
): unknown {
  const call = (...args: unknown[]): unknown => runtime.callActor(handle, description, method, args, options);
  return Object.assign(call, {
    with: (more: MethodOptions) => {
      checkCount("maxTaskRetries", more.maxTaskRetries, -1);
      checkCount("streamWindow", more.streamWindow, 1);
      return methodOf(runtime, handle, description, method, { ...options, ...more });
    },
  });
}

function describeHandle(description: ActorDescription): string {
  const name = description.name === undefined ? "" : ` "${description.name}"`;
  const methods = isOfPython(description) ? "in Python" : description.methods.join(", ");
  return `Actor ${description.className}${name} (${methods})`;
}

export function isActorHandle(value: unknown): value is object {
  return typeof value === "object" && value !== null && (value as Partial<HandleTarget>)[ACTOR_BRAND] === true;
}

/** @throws TypeError when `handle` is no actor handle */
export function actorDescriptionOf(handle: unknown): ActorDescription {
  if (!isActorHandle(handle)) throw new TypeError("An actor handle is expected, as `new Counter()` gives it");
  return (handle as HandleTarget)[DESCRIPTION];
}

export function runtimeOf(handle: object): Runtime {
  return (handle as HandleTarget)[RUNTIME];
}

export function actorIdOf(handle: unknown): ActorId {
  return actorDescriptionOf(handle).actorId;
}
