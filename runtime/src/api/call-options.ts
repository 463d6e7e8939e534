/** What tasks and methods of actors make of their options. */
import type { Thrown } from "../engine/engine.ts";
import type { ObjectId } from "../protocol/ids.ts";
import type { TaskOptions } from "./options.ts";
import type { Runtime } from "./runtime.ts";

function cancelFor(runtime: Runtime, id: ObjectId): void {
  runtime.engine.cancel(id, { reason: "its signal was aborted" });
}

export function cancelOnAbort(runtime: Runtime, id: ObjectId, signal: AbortSignal): void {
  const onAbort = (): void => cancelFor(runtime, id);
  signal.addEventListener("abort", onAbort, { once: true });
  runtime.engine.whenSettled(id, () => signal.removeEventListener("abort", onAbort));
}

/** @param result - the id that stands for the stream's task. */
export function cancelStreamOnAbort(runtime: Runtime, result: ObjectId, signal: AbortSignal): void {
  signal.addEventListener("abort", () => cancelFor(runtime, result), { once: true });
}

export function retryRule(retryOn: TaskOptions["retryOn"]): ((thrown: Thrown) => boolean) | undefined {
  if (retryOn === undefined) return undefined;
  if (typeof retryOn === "function") {
    return ({ error }) => retryOn(error);
  }
  const names = new Set(retryOn.map((type) => type.name));
  return ({ error, classNames }) =>
    classNames.some((name) => names.has(name)) || names.has((error as { name?: string }).name ?? "");
}
