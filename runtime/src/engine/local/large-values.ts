/** Buffers of large objects: written to shared memory, mapped from there, and found again when they were moved. */
import { EngineClosedError, hasCode } from "../../errors.ts";
import type { ClientId, ObjectId } from "../../protocol/ids.ts";
import type { ObjectPlace, ToHead, WireRegion } from "../../protocol/messages.ts";
import { Arena, isCopied, mapSpillFile } from "../../store/index.ts";
import type { Garbage } from "./garbage.ts";
import type { HeadLink } from "./head-link.ts";
import { SpareRegions } from "./spare-regions.ts";

/** How often the head may say that there is room while the mount says that there is none. */
const MOUNT_TRIES = 5;

export class LargeValues {
  readonly #link: HeadLink;
  readonly #clientId: ClientId;
  readonly #garbage: Garbage;
  /** Gives up what was collected; for the moments in which this thread waits for room. */
  readonly #giveUpGarbage: () => void;
  #arenaDirectory: string | undefined;
  #spillDirectory = "";
  #arena: Arena | undefined;
  readonly #spares = new SpareRegions();
  /** What the head must hear of the spare that was being written when this thread was stopped. */
  #unfinished: Extract<ToHead, { type: "spare-unused" }> | undefined;

  constructor(link: HeadLink, clientId: ClientId, garbage: Garbage, giveUpGarbage: () => void) {
    this.#link = link;
    this.#clientId = clientId;
    this.#garbage = garbage;
    this.#giveUpGarbage = giveUpGarbage;
  }

  /** They lie there; opened when the first large object is. */
  useDirectories(arena: string, spill: string): void {
    this.#arenaDirectory = arena;
    this.#spillDirectory = spill;
  }

  #open(): Arena {
    if (this.#arena !== undefined) return this.#arena;
    if (this.#arenaDirectory === undefined) throw new EngineClosedError("it has not started");
    this.#arena = Arena.open(this.#arenaDirectory);
    this.#arena.usePins(this.#clientId);
    return this.#arena;
  }

  /**
   * Store buffers as the object `owner`; blocks this thread until there is room.
   *
   * @param holder - who keeps the object
   * @throws ObjectStoreFullError
   */
  write(owner: ObjectId, buffers: readonly Uint8Array[], holder: ClientId): WireRegion {
    const lengths = buffers.map((buffer) => buffer.byteLength);
    return this.#writeSpare(owner, buffers, lengths, holder) ?? this.#writeAsked(owner, buffers, lengths, holder);
  }

  addSpares(regions: readonly WireRegion[]): void {
    this.#spares.add(regions);
  }

  /** Without a message to wait for. @returns undefined when there is no spare of that size, or no memory behind it */
  #writeSpare(
    objectId: ObjectId,
    buffers: readonly Uint8Array[],
    lengths: readonly number[],
    holder: ClientId,
  ): WireRegion | undefined {
    this.#returnUnfinished();
    for (let spare = this.#spares.take(lengths); spare !== undefined; spare = this.#spares.take(lengths)) {
      const { slot, version } = spare;
      const region = { ...spare, lengths };
      const arena = this.#open();
      // From here on this thread may be stopped at any point.
      this.#unfinished = { type: "spare-unused", slot, version };
      if (!arena.claim(region)) {
        this.#unfinished = undefined;
        continue;
      }
      try {
        if (!arena.note(region, { objectId, lengths, holder })) return undefined;
        arena.write(region, buffers);
      } catch (error) {
        if (hasCode(error, "OBJECT_STORE_FULL")) return undefined;
        throw error;
      }
      arena.seal(region);
      this.#link.send({ type: "spare-stored", objectId, slot, version, lengths, holder });
      this.#unfinished = undefined;
      this.#used(lengths);
      return region;
    }
    return undefined;
  }

  #returnUnfinished(): void {
    if (this.#unfinished !== undefined) this.#link.send(this.#unfinished);
    this.#unfinished = undefined;
  }

  #writeAsked(
    owner: ObjectId,
    buffers: readonly Uint8Array[],
    lengths: readonly number[],
    holder: ClientId,
  ): WireRegion {
    for (let attempt = 0; ; attempt++) {
      const asked = { objectId: owner, lengths, holder, ...(attempt === 0 ? {} : { isMountFull: true }) };
      const { region, spares, arenaDirectory } = this.#link.allocate(asked, this.#giveUpGarbage);
      this.#arenaDirectory = arenaDirectory;
      this.#spares.add(spares);
      try {
        const arena = this.#open();
        arena.write(region, buffers);
        arena.seal(region);
      } catch (error) {
        this.#link.send({ type: "abandon", objectId: owner, slot: region.slot });
        if (!hasCode(error, "OBJECT_STORE_FULL") || attempt >= MOUNT_TRIES) throw error;
        continue;
      }
      this.#used(lengths);
      this.#link.send({ type: "sealed", objectId: owner, slot: region.slot });
      return region;
    }
  }

  /** Is there a good chance that `map` gives the buffers? */
  isThere(region: WireRegion): boolean {
    return this.#open().isReadable(region);
  }

  /** @returns undefined when they are not there any more: ask `locate`. */
  map(region: WireRegion, onRelease: () => void): Uint8Array[] | undefined {
    const buffers = this.#open().tryMap(region, onRelease);
    if (buffers === undefined) return undefined;
    if (isCopied(region)) this.#garbage.copied(totalOf(region.lengths));
    else this.#used(region.lengths);
    return buffers;
  }

  /** @returns undefined when the file is gone: ask `locate`. */
  mapFile(place: Extract<ObjectPlace, { file: string }>, onRelease: () => void): Uint8Array[] | undefined {
    try {
      const buffers = mapSpillFile(`${this.#spillDirectory}/${place.file}`, place, onRelease);
      this.#used(place.lengths);
      return buffers;
    } catch {
      return undefined;
    }
  }

  #used(lengths: readonly number[]): void {
    this.#garbage.used(totalOf(lengths));
  }

  /** Where the head has the object now. */
  async locate(objectId: ObjectId): Promise<ObjectPlace> {
    const reply = await this.#link.request((requestId) => ({ type: "locate", requestId, objectId }));
    if (reply.type !== "located") throw new EngineClosedError("the head sent a wrong reply");
    return reply.place;
  }

  close(): void {
    this.#arena?.close();
  }
}

function totalOf(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}
