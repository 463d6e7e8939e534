import type { ActorId } from "../protocol/ids.ts";
import type { ActorDescription } from "../protocol/messages.ts";
import type { NewActorSpec } from "./engine.ts";

/** What handles to a new actor carry. */
export function describeActor(actorId: ActorId, spec: Omit<NewActorSpec, "code" | "args">): ActorDescription {
  const { className, name, maxTaskRetries, methods, streamMethods } = spec;
  const named = name === undefined ? {} : { name };
  return { actorId, className, maxTaskRetries, methods, streamMethods, ...named };
}
