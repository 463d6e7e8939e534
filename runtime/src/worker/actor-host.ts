/** Makes this worker the process of one actor. */

import type { ValueCodec } from "../api/value-codec.ts";
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { toWireError } from "../errors.ts";
import type { ActorSpec } from "../protocol/messages.ts";
import { READY } from "../python/ready.ts";
import type { CodeCache, UserFunction } from "./code-cache.ts";
import type { Executor } from "./executor.ts";
import type { RunningCall } from "./running-call.ts";
import { userStack } from "./thrown.ts";

export class ActorHost {
  readonly #engine: LocalEngine;
  readonly #codec: ValueCodec;
  readonly #codes: CodeCache;
  #instance: object | undefined;
  spec: ActorSpec | undefined;

  constructor(engine: LocalEngine, codec: ValueCodec, codes: CodeCache) {
    this.#engine = engine;
    this.#codec = codec;
    this.#codes = codes;
  }

  /** @param restarts - how often the actor has lost its process before. */
  async start(spec: ActorSpec, restarts: number, executor: Executor): Promise<void> {
    this.spec = spec;
    executor.becomeActor(spec);
    const { objects, link } = this.#engine;
    const { actorId, resolved = [], onRestart } = spec;
    let during: "constructor" | "onRestart" = "constructor";
    // The head holds what the spec needs as long as the actor may start again; this process holds it once more.
    const values = [spec.code.value, spec.args, ...resolved.map(({ value }) => value)];
    for (const value of values) objects.receive(value);
    try {
      if (link.debuggerFlags.isHeld) await link.released();
      const type = (await this.#codes.revive(spec.code.value)) as unknown as new (...args: unknown[]) => object;
      const args = (await this.#codec.decode(await objects.toPayload(spec.args))) as unknown[];
      for (const { index, value } of resolved) args[index] = await this.#codec.decode(await objects.toPayload(value));
      this.#instance = new type(...args);
      const ready = (this.#instance as { readonly [READY]?: Promise<void> })[READY];
      if (ready !== undefined) await ready;
      executor.useSelf(this.#instance);
      during = "onRestart";
      if (restarts > 0 && onRestart !== undefined) await this.#restarted(onRestart, restarts);
      link.send({ type: "actor-ready", actorId });
    } catch (error) {
      const wire = toWireError(error);
      const shown = wire.stack === undefined ? wire : { ...wire, stack: userStack(wire.stack) };
      link.send({ type: "actor-failed", actorId, error: shown, during });
    }
  }

  async #restarted(method: string, restarts: number): Promise<void> {
    const instance = this.#instance as Record<string, (about: { restarts: number }) => unknown>;
    await instance[method]?.({ restarts });
  }

  /** The method that a call names, bound to the actor. */
  methodOf(running: RunningCall): UserFunction {
    const { call } = running;
    const method = "method" in call ? call.method : "";
    const instance = this.#instance as Record<string, unknown> | undefined;
    const fn = instance?.[method];
    if (typeof fn !== "function") throw new TypeError(`Actor '${this.spec?.className}' has no method '${method}'`);
    return (...args) => (fn as UserFunction).apply(instance, args);
  }
}
