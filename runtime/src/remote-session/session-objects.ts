/** What a remote driver holds: how often each thing was handed to it, and what it waits to hear about. */
import type { EncodedValue } from "../engine/engine.ts";
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { toWireError } from "../errors.ts";
import { payloadBytes } from "../protocol/codec.ts";
import type { ActorId, ObjectId } from "../protocol/ids.ts";
import type { WireValue } from "../protocol/messages.ts";
import { REMOTE_INLINE_BYTES, type RemoteValue } from "../protocol/remote.ts";
import type { SessionLink } from "./session-link.ts";

export class SessionObjects {
  readonly #engine: LocalEngine;
  readonly #link: SessionLink;
  readonly #handed = new Map<string, number>();
  /** Ways to stop waiting, of what is not there yet. */
  readonly #watched = new Map<ObjectId, () => void>();

  constructor(engine: LocalEngine, link: SessionLink) {
    this.#engine = engine;
    this.#link = link;
  }

  /** The driver has, or is about to have, this once more. @param isUsed - the engine counts a use of it already. */
  hand(id: ObjectId | ActorId, isUsed = false): void {
    const count = this.#handed.get(id);
    this.#handed.set(id, (count ?? 0) + 1);
    // One use in the engine stands for all that the driver has.
    if (count === undefined && !isUsed) this.#engine.use(id);
    else if (count !== undefined && isUsed) this.#engine.unuse(id);
  }

  release(id: ObjectId, count: number): void {
    const left = (this.#handed.get(id) ?? 0) - count;
    if (left > 0) {
      this.#handed.set(id, left);
      return;
    }
    if (!this.#handed.delete(id)) return;
    this.#watched.get(id)?.();
    this.#watched.delete(id);
    this.#engine.unuse(id);
  }

  /** Tell the driver when it is there. */
  watch(id: ObjectId): void {
    if (this.#watched.has(id)) return;
    let isThere = false;
    const stop = this.#engine.whenSettled(id, () => {
      isThere = true;
      this.#watched.delete(id);
      this.#report(id);
    });
    if (!isThere) this.#watched.set(id, stop);
  }

  #report(id: ObjectId): void {
    let value: WireValue;
    try {
      value = this.#engine.objects.valueOf(id);
    } catch (error) {
      this.#link.send({ type: "failed", id, error: toWireError(error) });
      return;
    }
    const sizeBytes = inlineBytes(value);
    if (sizeBytes > REMOTE_INLINE_BYTES) this.#link.send({ type: "ready", id });
    else this.#link.send({ type: "ready", id, value: this.#small(value) }, sizeBytes);
  }

  #small(value: WireValue): RemoteValue {
    const { bytes, buffers } = value;
    return { bytes, ...(buffers === undefined ? {} : { buffers }), ...this.#inside(value) };
  }

  #inside({ refs, handles }: Pick<WireValue, "refs" | "handles">): Pick<RemoteValue, "refs" | "handles"> {
    for (const id of refs ?? []) this.hand(id);
    for (const id of handles ?? []) this.hand(id);
    return { ...(refs === undefined ? {} : { refs }), ...(handles === undefined ? {} : { handles }) };
  }

  /** Send a large value, out of shared memory piece by piece. */
  fetch(id: ObjectId): void {
    this.#engine.whenReadable(id, () => void this.#send(id));
  }

  async #send(id: ObjectId): Promise<void> {
    try {
      const value = this.#engine.objects.valueOf(id);
      // Whoever asked holds the ref as long as this takes.
      const { bytes, buffers } = await this.#engine.objects.toPayload(value);
      const blob = this.#link.sendBlob([bytes, ...buffers]);
      this.#link.send({ type: "value", id, value: { blob, ...this.#inside(value) } });
    } catch (error) {
      this.#link.send({ type: "failed", id, error: toWireError(error) });
    }
  }

  /** A value of the driver's, when all of it is here. */
  encoded(value: RemoteValue, use: (value: EncodedValue) => void): void {
    const { refs = [], handles } = value;
    const inside = handles === undefined ? { refs } : { refs, handles };
    if ("bytes" in value) {
      use({ bytes: value.bytes, buffers: value.buffers ?? [], ...inside });
      return;
    }
    this.#link.blobs.take(value.blob, ([bytes = new Uint8Array(0), ...buffers]) => use({ bytes, buffers, ...inside }));
  }
}

/** Size of a value that lies in a message, else infinity. */
function inlineBytes(value: WireValue): number {
  if (value.region !== undefined) return Number.POSITIVE_INFINITY;
  return payloadBytes({ bytes: value.bytes, buffers: value.buffers ?? [], refs: [] });
}
