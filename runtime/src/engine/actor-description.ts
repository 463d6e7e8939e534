import type { ActorId } from "../protocol/ids.ts";
import type { ActorDescription } from "../protocol/messages.ts";
import type { NewActorSpec } from "./engine.ts";

/** What handles to a new actor carry. */
export function describeActor(actorId: ActorId, spec: Omit<NewActorSpec, "code" | "args">): ActorDescription {
  const { className, name, maxTaskRetries, methods, streamMethods, maxPendingCalls, groups } = spec;
  const groupOf = groups?.flatMap((group) => group.methods.map((method) => [method, group.name] as const));
  return {
    actorId,
    className,
    maxTaskRetries,
    methods,
    streamMethods,
    ...(name === undefined ? {} : { name }),
    ...(maxPendingCalls === undefined ? {} : { maxPendingCalls }),
    ...(groupOf === undefined ? {} : { groupOf: Object.fromEntries(groupOf) }),
  };
}
