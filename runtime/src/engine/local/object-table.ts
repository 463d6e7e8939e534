/**
 * The objects this process knows: results it waits for, values it put, refs it was given.
 *
 * Two counts per object. `uses`: how many things in this process need it (refs, values that contain it, calls under way,
 * mapped arrays). `held`: how often the head counts this process as a holder. When `uses` falls to zero, the process
 * forgets the object and releases what it holds.
 */
import { errorFromWire, ObjectLostError, toWireError } from "../../errors.ts";
import { runFinalizers } from "../../finalizers.ts";
import type { Payload } from "../../protocol/codec.ts";
import type { ActorId, ClientId, IdMaker, ObjectId } from "../../protocol/ids.ts";
import {
  INLINE_BYTES,
  type ObjectPlace,
  type WireArgument,
  type WireRegion,
  type WireResult,
  type WireValue,
} from "../../protocol/messages.ts";
import type { EncodedValue } from "../engine.ts";
import type { Garbage } from "./garbage.ts";
import type { HeadLink } from "./head-link.ts";
import type { KeepAlive } from "./keep-alive.ts";
import { LargeValues } from "./large-values.ts";

interface ObjectEntry {
  readonly id: ObjectId;
  state: "pending" | "ready" | "failed";
  value: WireValue | undefined;
  error: Error | undefined;
  uses: number;
  held: number;
  /** Made in this process; others learn of it when it is published. */
  readonly isOwn: boolean;
  /** The head knows it. */
  isPublished: boolean;
  isSought: boolean;
  /** Its end is told to the lineage. */
  isKept: boolean;
  listeners: (() => void)[] | undefined;
  /** Those of `listeners` that keep the process running. */
  awaited: number;
}

/** With so many, and whenever they have doubled, those whose refs were collected are looked for. */
const MANY_OBJECTS = 50_000;
const NO_IDS: readonly ObjectId[] = [];
const turn: Promise<void> = Promise.resolve();

/** What a value needs to be alive; see `dependenciesOf` of the core, which this one avoids arrays for. */
function dependenciesOf(value: WireValue): readonly ObjectId[] {
  if (value.refs === undefined && value.handles === undefined && value.owner === undefined) return NO_IDS;
  const ids: ObjectId[] = [...(value.refs ?? NO_IDS), ...((value.handles ?? []) as readonly string[] as ObjectId[])];
  if (value.owner !== undefined) ids.push(value.owner);
  return ids;
}

export class ObjectTable {
  readonly #link: HeadLink;
  readonly #clientId: ClientId;
  readonly #ids: IdMaker;
  readonly #garbage: Garbage;
  readonly #keepAlive: KeepAlive;
  readonly #entries = new Map<ObjectId, ObjectEntry>();
  #cleanAt = MANY_OBJECTS;
  #releases = new Map<ObjectId, number>();
  readonly #large: LargeValues;
  /** Where objects are that moved since their values were sent; by the owner of the region. */
  readonly #moved = new Map<ObjectId, ObjectPlace>();
  #keptGone: (id: ObjectId, isPublished: boolean) => void = () => {};
  #closedWith: Error | undefined;

  constructor(link: HeadLink, clientId: ClientId, ids: IdMaker, garbage: Garbage, keepAlive: KeepAlive) {
    this.#link = link;
    this.#keepAlive = keepAlive;
    this.#garbage = garbage;
    this.#clientId = clientId;
    this.#ids = ids;
    this.#large = new LargeValues(link, clientId, garbage, () => this.giveUpGarbage());
  }

  useDirectories(arena: string, spill: string): void {
    this.#large.useDirectories(arena, spill);
  }

  addSpares(regions: readonly WireRegion[]): void {
    this.#large.addSpares(regions);
  }

  /** Collect what is not used any more, and tell the head. */
  giveUpGarbage(): void {
    this.#garbage.collect();
    runFinalizers();
    this.flushReleases();
    this.#link.send({ type: "collected" });
    this.#link.flush();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A new object of this process, used once. */
  create(id: ObjectId): void {
    const entry = this.#newEntry(id, true);
    entry.uses = 1;
  }

  #newEntry(id: ObjectId, isOwn: boolean): ObjectEntry {
    const entry: ObjectEntry = {
      id,
      state: "pending",
      value: undefined,
      error: undefined,
      uses: 0,
      held: 0,
      isOwn,
      isPublished: !isOwn,
      isSought: false,
      isKept: false,
      listeners: undefined,
      awaited: 0,
    };
    this.#entries.set(id, entry);
    if (this.#entries.size >= this.#cleanAt) this.#cleanUp();
    return entry;
  }

  /** Code that never lets the event loop turn never hears of what was collected: objects would pile up behind it. */
  #cleanUp(): void {
    runFinalizers();
    this.#cleanAt = Math.max(MANY_OBJECTS, 2 * this.#entries.size);
  }

  use(id: ObjectId | ActorId): void {
    const objectId = id as string as ObjectId;
    (this.#entries.get(objectId) ?? this.#newEntry(objectId, false)).uses++;
  }

  unuse(id: ObjectId | ActorId): void {
    const entry = this.#entries.get(id as string as ObjectId);
    if (entry === undefined || --entry.uses > 0) return;
    this.#entries.delete(entry.id);
    if (this.#moved.size > 0) this.#forgetMove(entry.id);
    if (entry.isKept) this.#keptGone(entry.id, entry.isPublished);
    if (entry.held > 0) this.#releaseLater(entry.id, entry.held);
    if (entry.value !== undefined) this.#dropInside(entry.id, entry.value);
  }

  /** Call back when an object with `keepMark` is not used here any more. */
  onKeptGone(listener: (id: ObjectId, isPublished: boolean) => void): void {
    this.#keptGone = listener;
  }

  /** Returns false when the object is gone already. */
  keepMark(id: ObjectId): boolean {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.isKept = true;
    return entry !== undefined;
  }

  has(id: ObjectId): boolean {
    return this.#entries.has(id);
  }

  /** The wire value of an object, if it is there. */
  peek(id: ObjectId): WireValue | undefined {
    return this.#entries.get(id)?.value;
  }

  /** An object was lost and made again, as this; its dependencies count as received. */
  replace(id: ObjectId, value: WireValue): void {
    const entry = this.#entries.get(id);
    if (entry?.state !== "ready" || entry.value === undefined) {
      this.settle(id, value);
      return;
    }
    const old = entry.value;
    entry.value = value;
    this.#dropInside(id, old);
  }

  #forgetMove(owner: ObjectId): void {
    const place = this.#moved.get(owner);
    this.#moved.delete(owner);
    if (place !== undefined && "value" in place) this.drop(place.value);
  }

  #releaseLater(id: ObjectId, count: number): void {
    if (this.#releases.size === 0) void turn.then(() => this.flushReleases());
    this.#releases.set(id, (this.#releases.get(id) ?? 0) + count);
  }

  flushReleases(): void {
    if (this.#releases.size === 0) return;
    const objectIds = [...this.#releases.keys()];
    const counts = [...this.#releases.values()];
    this.#releases = new Map();
    this.#link.send({ type: "release", objectIds, counts });
  }

  /** A value has arrived, and with it one hold on everything it needs. */
  receive(value: WireValue): void {
    for (const id of dependenciesOf(value)) {
      const entry = this.#entries.get(id) ?? this.#newEntry(id, false);
      entry.held++;
      entry.uses++;
    }
  }

  /** Keep a value made here by `toWire`, until it is dropped. A region made for it was allocated for this process. */
  adopt(value: WireValue): void {
    for (const id of dependenciesOf(value)) {
      this.use(id);
      if (id === value.owner) this.#countAllocation(id);
    }
  }

  #countAllocation(id: ObjectId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.held++;
    entry.isPublished = true;
  }

  /** The value is not needed any more. */
  drop(value: WireValue): void {
    for (const id of dependenciesOf(value)) this.unuse(id);
  }

  #dropInside(container: ObjectId, value: WireValue): void {
    for (const id of dependenciesOf(value)) if (id !== container) this.unuse(id);
  }

  /**
   * Hand everything a value needs to another process, before the value itself goes there.
   *
   * @param isAllocatedFor - the value's own region was allocated for the receiver, which holds it already.
   */
  handOver(values: readonly WireValue[], receiver: ClientId, isAllocatedFor = false): void {
    let objectIds: ObjectId[] | undefined;
    for (const value of values) {
      for (const id of dependenciesOf(value)) {
        if (isAllocatedFor && id === value.owner) continue;
        const entry = this.#entries.get(id);
        if (entry !== undefined) this.#publish(entry);
        objectIds ??= [];
        objectIds.push(id);
      }
    }
    if (objectIds !== undefined) this.#link.send({ type: "hold", objectIds, holder: receiver });
  }

  /** `handOver` for a call's arguments, which mostly need nothing. */
  handOverArguments(args: WireValue, resolved: readonly WireArgument[] | undefined, receiver: ClientId): void {
    const isPlain = resolved === undefined || resolved.length === 0;
    if (isPlain && dependenciesOf(args).length === 0) return;
    this.handOver(isPlain ? [args] : [args, ...resolved.map(({ value }) => value)], receiver);
  }

  /** Make everything these values need known to the head, before it holds that for them. */
  publishInside(values: readonly WireValue[]): void {
    for (const value of values) {
      for (const id of dependenciesOf(value)) {
        const entry = this.#entries.get(id);
        if (entry !== undefined) this.#publish(entry);
      }
    }
  }

  /** The head counts this process as a holder once more. */
  heldByHead(id: ActorId): void {
    const entry = this.#entries.get(id as string as ObjectId);
    if (entry !== undefined) entry.held++;
    else this.#releaseLater(id as string as ObjectId, 1);
  }

  #publish(entry: ObjectEntry): void {
    if (entry.isPublished) return;
    entry.isPublished = true;
    entry.held++;
    this.#link.send({ type: "publish", objectId: entry.id });
    if (entry.state !== "pending") this.#publishResult(entry);
  }

  #publishResult(entry: ObjectEntry): void {
    const { id, value, error } = entry;
    // What is inside must be known first: the head holds it for the value.
    if (value !== undefined) {
      for (const inner of dependenciesOf(value)) {
        const known = this.#entries.get(inner);
        if (known !== undefined && inner !== id) this.#publish(known);
      }
    }
    const result: WireResult = value !== undefined ? { ok: true, value } : { ok: false, error: toWireError(error) };
    this.#link.send({ type: "publish-result", objectId: id, result });
  }

  /**
   * The value as it goes over a wire; large ones are written to the arena.
   *
   * @param owner - the object that owns the region; made when absent.
   * @param holder - who keeps the region; default this process, which must then `adopt` the value.
   */
  toWire(payload: EncodedValue, options: { owner?: ObjectId; holder?: ClientId } = {}): WireValue {
    const refs = payload.refs.length === 0 ? undefined : (payload.refs as readonly ObjectId[]);
    const handles = payload.handles === undefined || payload.handles.length === 0 ? undefined : payload.handles;
    const isPlain = refs === undefined && handles === undefined;
    if (isPlain && payload.buffers.length === 0 && payload.bytes.byteLength <= INLINE_BYTES)
      return { bytes: payload.bytes };
    const inside = { ...(refs === undefined ? {} : { refs }), ...(handles === undefined ? {} : { handles }) };
    let sizeBytes = payload.bytes.byteLength;
    for (const buffer of payload.buffers) sizeBytes += buffer.byteLength;
    if (sizeBytes <= INLINE_BYTES) {
      if (payload.buffers.length === 0) return { bytes: payload.bytes, ...inside };
      // The caller may change its arrays before the frame is made.
      return { bytes: payload.bytes, buffers: payload.buffers.map((buffer) => Uint8Array.from(buffer)), ...inside };
    }
    const isBytesInRegion = payload.bytes.byteLength > INLINE_BYTES;
    const buffers = isBytesInRegion ? [...payload.buffers, payload.bytes] : payload.buffers;
    const owner = options.owner ?? this.#ids.objectId();
    const region = this.#large.write(owner, buffers, options.holder ?? this.#clientId);
    const bytes = isBytesInRegion ? new Uint8Array(0) : payload.bytes;
    return { bytes, region, owner, ...(isBytesInRegion ? { isBytesInRegion } : {}), ...inside };
  }

  /**
   * Is the object settled, and may `toPayload` give its value at once? True is only likely: objects are moved at any time.
   */
  isReadable(id: ObjectId): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state === "pending") return false;
    return entry.value?.region === undefined || this.#isAtHand(entry.value, entry.value.region);
  }

  #isAtHand(value: WireValue, region: WireRegion): boolean {
    if (this.#closedWith !== undefined) return true;
    const place = value.owner === undefined ? undefined : this.#moved.get(value.owner);
    if (place === undefined) return this.#large.isThere(region);
    return "region" in place ? this.#large.isThere(place.region) : true;
  }

  /**
   * Large arrays are views on shared memory, which stays as long as they do.
   *
   * @returns a promise when the value lies elsewhere by now. Rejects with ObjectLostError, or with what the task that was
   * to make it again failed with.
   */
  toPayload(value: WireValue): Payload | Promise<Payload> {
    if (value.region === undefined) return { bytes: value.bytes, buffers: value.buffers ?? [], refs: value.refs ?? [] };
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const { owner } = value;
    if (owner === undefined) throw new Error("a region without an owner");
    return this.#mapAt(value, owner, this.#moved.get(owner) ?? { region: value.region }) ?? this.#find(value, owner);
  }

  /** @returns undefined when the value is not there any more. */
  #mapAt(value: WireValue, owner: ObjectId, place: ObjectPlace): Payload | Promise<Payload> | undefined {
    if ("value" in place) return this.toPayload(place.value);
    if ("lost" in place) throw new ObjectLostError(owner, place.lost);
    if ("error" in place) throw errorFromWire(place.error);
    this.use(owner);
    const release = (): void => this.unuse(owner);
    const buffers = "region" in place ? this.#large.map(place.region, release) : this.#large.mapFile(place, release);
    if (buffers === undefined) {
      release();
      return undefined;
    }
    const bytes = value.isBytesInRegion === true ? buffers.pop() : value.bytes;
    return { bytes: bytes ?? value.bytes, buffers, refs: value.refs ?? [] };
  }

  /** Bring a settled object within reach, for those who read it in this turn. What is wrong with it they learn then. */
  async bring(id: ObjectId): Promise<void> {
    try {
      const payload = await this.toPayload(this.valueOf(id));
      // As long as it is mapped it stays.
      setImmediate(() => payload.buffers.length);
    } catch {
      // It is kept with the place.
    }
  }

  /** Ask the head where it is; again, when it has moved on by the time of the answer. */
  async #find(value: WireValue, owner: ObjectId): Promise<Payload> {
    this.use(owner);
    try {
      for (;;) {
        const place = await this.#large.locate(owner);
        if ("value" in place) this.receive(place.value);
        this.#forgetMove(owner);
        this.#moved.set(owner, place);
        const payload = this.#mapAt(value, owner, place);
        if (payload !== undefined) return await payload;
      }
    } finally {
      this.unuse(owner);
    }
  }

  /** An object of this process is there. The value's dependencies count as received. */
  settle(id: ObjectId, value: WireValue): void {
    this.#settle(id, value, undefined);
  }

  fail(id: ObjectId, error: Error): void {
    this.#settle(id, undefined, error);
  }

  #settle(id: ObjectId, value: WireValue | undefined, error: Error | undefined): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state !== "pending") {
      if (value !== undefined) this.#dropInside(id, value);
      return;
    }
    entry.state = value === undefined ? "failed" : "ready";
    entry.value = value;
    entry.error = error;
    if (entry.isOwn && entry.isPublished) this.#publishResult(entry);
    const { listeners, awaited } = entry;
    entry.listeners = undefined;
    entry.awaited = 0;
    if (awaited > 0) this.#keepAlive.remove(awaited);
    if (listeners !== undefined) for (const listener of listeners) listener();
  }

  /** The head's answer to `resolve`; it holds what is inside for us. */
  resolved(id: ObjectId, result: WireResult): void {
    if (result.ok) {
      this.receive(result.value);
      // The owner of its own region: the ref holds it already, so the extra use goes, the extra hold stays.
      if (result.value.owner === id) this.unuse(id);
      this.settle(id, result.value);
    } else {
      this.fail(id, "lost" in result ? new ObjectLostError(id, result.lost) : errorFromWire(result.error));
    }
  }

  /** Store a value of this process under a new id, used once. */
  put(payload: EncodedValue): ObjectId {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const id = this.#ids.objectId();
    const value = this.toWire(payload, { owner: id });
    this.create(id);
    const entry = this.#entries.get(id);
    if (entry !== undefined && value.owner === id) entry.held = 1;
    for (const inner of dependenciesOf(value)) if (inner !== id) this.use(inner);
    this.settle(id, value);
    return id;
  }

  /** The value of an object made by `create`, which others may know already. Nothing happens when nobody uses it any more. */
  fill(id: ObjectId, payload: EncodedValue): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    try {
      const value = this.toWire(payload, { owner: id });
      if (value.owner === id) entry.held++;
      for (const inner of dependenciesOf(value)) if (inner !== id) this.use(inner);
      this.settle(id, value);
    } catch (error) {
      this.fail(id, error as Error);
    }
  }

  isSettled(id: ObjectId): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && entry.state !== "pending";
  }

  /** @param isAwaited - keep the process running until then. */
  whenSettled(id: ObjectId, listener: () => void, isAwaited = false): () => void {
    const entry = this.#entries.get(id) ?? this.#newEntry(id, false);
    if (entry.state !== "pending") {
      listener();
      return () => {};
    }
    if (this.#closedWith !== undefined) this.fail(id, this.#closedWith);
    if (!entry.isOwn && !entry.isSought) {
      entry.isSought = true;
      this.#link.send({ type: "resolve", objectId: id });
    }
    if (entry.listeners === undefined) entry.listeners = [listener];
    else entry.listeners.push(listener);
    if (isAwaited) {
      entry.awaited++;
      this.#keepAlive.add();
    }
    return () => {
      const index = entry.listeners?.indexOf(listener) ?? -1;
      if (index < 0) return;
      entry.listeners?.splice(index, 1);
      if (!isAwaited) return;
      entry.awaited--;
      this.#keepAlive.remove();
    };
  }

  /** The wire value of a settled object. @throws the error it failed with */
  valueOf(id: ObjectId): WireValue {
    const entry = this.#entries.get(id);
    if (entry?.value !== undefined) return entry.value;
    throw entry?.error ?? this.#closedWith ?? new ObjectLostError(id, "its ref was disposed");
  }

  /** Everything that is not there yet will never be. */
  close(error: Error): void {
    this.#closedWith = error;
    this.#large.close();
    this.#garbage.close();
    for (const entry of this.#entries.values()) if (entry.state === "pending") this.fail(entry.id, error);
  }
}
