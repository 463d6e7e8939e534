/** Handles: what `new Counter()` gives, and what arrives when one is passed to another process. */
import { ACTOR_BRAND } from "../protocol/codec.ts";
import type { ActorId } from "../protocol/ids.ts";
import type { ActorDescription } from "../protocol/messages.ts";
import { checkCount, type MethodOptions } from "./options.ts";
import type { Runtime } from "./runtime.ts";

/** Read on a handle, gives its description. */
const DESCRIPTION: unique symbol = Symbol.for("mobula.actor.description");
const RUNTIME: unique symbol = Symbol("runtime");

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
  for (const method of description.methods) {
    define(method, methodOf(runtime, handle, description, method, undefined), true);
  }
  define(Symbol.asyncDispose, () => runtime.engine.endActor(description.actorId));
  runtime.engine.knowActor(description);
  runtime.collected.register(handle, { id: description.actorId });
  return Object.freeze(handle);
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
  return `Actor ${description.className}${name} (${description.methods.join(", ")})`;
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
