/**
 * The objects and actors a remote driver knows, as far as it has been told.
 *
 * `uses` counts what in this process needs one; `handed` counts how often the session handed it over, its making
 * included. With the last use both ends forget it, and the session is told that count: what it hands over meanwhile
 * stays counted.
 */
import { ObjectLostError } from "../../errors.ts";
import type { Payload } from "../../protocol/codec.ts";
import type { ActorId, ObjectId } from "../../protocol/ids.ts";
import type { RemoteValue } from "../../protocol/remote.ts";
import type { RemoteLink } from "./remote-link.ts";

interface Entry {
  readonly id: ObjectId;
  state: "pending" | "ready" | "failed";
  /** A small value, from when it is ready. */
  value: Payload | undefined;
  kept: Payload | undefined;
  error: Error | undefined;
  uses: number;
  handed: number;
  /** The session tells when it is there. */
  isWatched: boolean;
  settledListeners: (() => void)[];
  /** A large value on its way to those who asked for it, or arrived and not yet read by all of them. */
  fetch: { readonly listeners: (() => void)[]; value?: Payload; readers: number } | undefined;
  /** What the value needs, as soon as it has been here once. */
  inside: readonly ObjectId[];
}

const NONE: readonly never[] = [];
const turn: Promise<void> = Promise.resolve();

export class ObjectMirror {
  readonly #link: RemoteLink;
  readonly #entries = new Map<ObjectId, Entry>();
  #releases = new Map<ObjectId, number>();
  #closedWith: Error | undefined;

  constructor(link: RemoteLink) {
    this.#link = link;
  }

  get size(): number {
    return this.#entries.size;
  }

  #entry(id: ObjectId): Entry {
    const known = this.#entries.get(id);
    if (known !== undefined) return known;
    const entry: Entry = {
      id,
      state: "pending",
      value: undefined,
      kept: undefined,
      error: undefined,
      uses: 0,
      handed: 0,
      isWatched: false,
      settledListeners: [],
      fetch: undefined,
      inside: NONE,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  /** An object or actor made here, or an item of a stream: used once, and the session reports on it. */
  create(id: ObjectId | ActorId): void {
    const entry = this.#entry(id as string as ObjectId);
    entry.uses++;
    entry.handed++;
    entry.isWatched = true;
  }

  /** What this process has stored itself, and need not ask for: a small value without refs, from when it is ready. */
  keep(id: ObjectId, value: Payload): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.kept = value;
  }

  /** An actor found by its name: used once. */
  found(id: ActorId): void {
    const entry = this.#entry(id as string as ObjectId);
    entry.uses++;
    entry.handed++;
  }

  use(id: ObjectId | ActorId): void {
    this.#entry(id as string as ObjectId).uses++;
  }

  unuse(id: ObjectId | ActorId): void {
    const entry = this.#entries.get(id as string as ObjectId);
    if (entry === undefined || --entry.uses > 0) return;
    this.#entries.delete(entry.id);
    if (entry.handed > 0) this.#releaseLater(entry.id, entry.handed);
    for (const inner of entry.inside) this.unuse(inner);
  }

  #releaseLater(id: ObjectId, count: number): void {
    if (this.#releases.size === 0) void turn.then(() => this.flushReleases());
    this.#releases.set(id, (this.#releases.get(id) ?? 0) + count);
  }

  flushReleases(): void {
    if (this.#releases.size === 0) return;
    const ids = [...this.#releases.keys()];
    const counts = [...this.#releases.values()];
    this.#releases = new Map();
    this.#link.send({ type: "release", ids, counts });
  }

  // ── what the session says ─────────────────────────────────────────────────────────────────────────────────────────

  /** The object is there; a small value comes with the news. */
  ready(id: ObjectId, value?: RemoteValue): void {
    const entry = this.#entries.get(id);
    if (value !== undefined) this.#arrived(entry, value);
    if (entry === undefined || entry.state !== "pending") return;
    entry.state = "ready";
    if (value !== undefined && "bytes" in value) entry.value = payloadOf(value, value.bytes, value.buffers ?? NONE);
    else entry.value = entry.kept;
    this.#settled(entry);
  }

  /** The session counts everything inside as handed over, whether or not somebody still wants the value. */
  #arrived(entry: Entry | undefined, { refs = NONE, handles = NONE }: RemoteValue): void {
    const ids = [...refs, ...(handles as readonly string[] as ObjectId[])];
    for (const id of ids) {
      const inner = this.#entry(id);
      inner.handed++;
      inner.uses++;
    }
    if (entry !== undefined && entry.inside.length === 0) entry.inside = ids;
    else for (const id of ids) this.unuse(id);
  }

  failed(id: ObjectId, error: Error): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state === "failed") return;
    entry.state = "failed";
    entry.error = error;
    this.#settled(entry);
    const { fetch } = entry;
    entry.fetch = undefined;
    for (const listener of fetch?.listeners ?? NONE) listener();
  }

  #settled(entry: Entry): void {
    const listeners = entry.settledListeners;
    entry.settledListeners = [];
    for (const listener of listeners) listener();
  }

  /** A large value that was asked for. */
  value(id: ObjectId, value: RemoteValue): void {
    const entry = this.#entries.get(id);
    this.#arrived(entry, value);
    const deliver = (parts: readonly Uint8Array[]): void => {
      const [bytes = new Uint8Array(0), ...buffers] = parts;
      // Nobody may have waited for it.
      const fetch = this.#entries.get(id)?.fetch;
      if (fetch === undefined) return;
      fetch.value = payloadOf(value, bytes, buffers);
      const { listeners } = fetch;
      fetch.readers += listeners.length;
      for (const listener of listeners.splice(0)) listener();
    };
    if ("blob" in value) this.#link.blobs.take(value.blob, deliver);
    else deliver([value.bytes, ...(value.buffers ?? NONE)]);
  }

  // ── what the driver asks ──────────────────────────────────────────────────────────────────────────────────────────

  isSettled(id: ObjectId): boolean {
    const state = this.#entries.get(id)?.state;
    return state === "ready" || state === "failed";
  }

  isReadable(id: ObjectId): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && (entry.value !== undefined || entry.state === "failed");
  }

  whenSettled(id: ObjectId, listener: () => void): () => void {
    const entry = this.#entry(id);
    if (this.#closedWith !== undefined) this.failed(id, this.#closedWith);
    if (entry.state !== "pending") {
      listener();
      return () => {};
    }
    if (!entry.isWatched) {
      entry.isWatched = true;
      this.#link.send({ type: "watch", ids: [id] });
    }
    entry.settledListeners.push(listener);
    return () => remove(entry.settledListeners, listener);
  }

  /** Each call of a listener stands for one `read`. */
  whenReadable(id: ObjectId, listener: () => void): () => void {
    let stopFetching: (() => void) | undefined;
    const stopWaiting = this.whenSettled(id, () => {
      stopFetching = this.#whenFetched(id, listener);
    });
    return () => {
      stopWaiting();
      stopFetching?.();
    };
  }

  #whenFetched(id: ObjectId, listener: () => void): () => void {
    const entry = this.#entries.get(id);
    // What was not fetched in time never will be.
    if (this.#closedWith !== undefined && !this.isReadable(id)) this.failed(id, this.#closedWith);
    if (entry === undefined || this.isReadable(id)) {
      listener();
      return () => {};
    }
    if (entry.fetch?.value !== undefined) {
      entry.fetch.readers++;
      listener();
      return () => {};
    }
    if (entry.fetch === undefined) {
      entry.fetch = { listeners: [], readers: 0 };
      this.#link.send({ type: "fetch", id });
    }
    const { listeners } = entry.fetch;
    listeners.push(listener);
    return () => remove(listeners, listener);
  }

  /**
   * A large value is handed out as it arrived to the last reader that waits for it, as a copy to those before, and is
   * not kept: who wants it again fetches it again.
   *
   * @throws the error it failed with
   */
  read(id: ObjectId): Payload {
    const entry = this.#entries.get(id);
    if (entry?.value !== undefined) return copyOf(entry.value);
    const fetched = entry?.fetch?.value;
    if (entry?.fetch === undefined || fetched === undefined) {
      throw entry?.error ?? this.#closedWith ?? new ObjectLostError(id, "its ref was disposed");
    }
    if (--entry.fetch.readers > 0) return copyOf(fetched);
    entry.fetch = undefined;
    return fetched;
  }

  /** Everything that is not there yet will never be. */
  close(error: Error): void {
    this.#closedWith = error;
    for (const entry of this.#entries.values()) {
      const isFetching = entry.fetch !== undefined && entry.fetch.value === undefined;
      if (entry.state === "pending" || isFetching) this.failed(entry.id, error);
    }
  }
}

function payloadOf({ refs = NONE }: RemoteValue, bytes: Uint8Array, buffers: readonly Uint8Array[]): Payload {
  return { bytes, buffers, refs };
}

/** Decoded arrays are views on the buffers, and their reader may change them. */
function copyOf({ bytes, buffers, refs }: Payload): Payload {
  return buffers.length === 0
    ? { bytes, buffers, refs }
    : { bytes, buffers: buffers.map((buffer) => Uint8Array.from(buffer)), refs };
}

function remove(listeners: (() => void)[], listener: () => void): void {
  const index = listeners.indexOf(listener);
  if (index >= 0) listeners.splice(index, 1);
}
