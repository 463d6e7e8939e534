/** Carries out what the core says about the store: words of regions, memory of the arena, files. */
import type { CoreEvent, StoreEffect } from "../core/state.ts";
import type { ClientId } from "../protocol/ids.ts";
import type { WireRegion } from "../protocol/messages.ts";
import { type Arena, regionBytes } from "../store/index.ts";
import { isSameProcess, processStamp } from "../store/process-stamp.ts";
import { type FromSpillThread, Spiller } from "./spiller.ts";

/** How often to look whether a process that has left still has something mapped. */
const MAPPED_CHECK_MS = 1_000;

export class NodeStore {
  readonly arena: Arena;
  readonly #spiller: Spiller;
  readonly #checks = new Set<NodeJS.Timeout>();
  readonly #apply: (event: CoreEvent) => void;
  readonly #freeRanges: () => readonly { readonly start: number; readonly end: number }[];

  constructor(
    arena: Arena,
    spillDirectory: string,
    hooks: {
      apply(event: CoreEvent): void;
      freeRanges(): readonly { readonly start: number; readonly end: number }[];
    },
  ) {
    this.arena = arena;
    this.#apply = (event) => hooks.apply(event);
    this.#freeRanges = () => hooks.freeRanges();
    this.#spiller = new Spiller({ arena: arena.file, directory: spillDirectory }, (answer) => this.#answered(answer));
  }

  get spillDirectory(): string {
    return this.#spiller.directory;
  }

  mappedSlots(): ReadonlySet<number> {
    return this.arena.pinnedSlots();
  }

  /** Did its writer finish? */
  isWritten(region: WireRegion): boolean {
    return this.arena.isReadable(region);
  }

  /**
   * A client has left. The process of a driver may live on, and read what it has mapped.
   *
   * @returns the slots of these regions; undefined when there are none.
   */
  clientLeft(clientId: ClientId, pid: number | undefined): ReadonlySet<number> | undefined {
    const slots = pid === undefined ? undefined : this.arena.slotsPinnedBy(clientId);
    if (pid === undefined || slots === undefined || slots.size === 0) {
      this.arena.forgetPins(clientId);
      return undefined;
    }
    const stamp = processStamp(pid);
    const check = setInterval(() => {
      if (isSameProcess(stamp) && this.arena.slotsPinnedBy(clientId).size > 0) return;
      clearInterval(check);
      this.#checks.delete(check);
      this.arena.forgetPins(clientId);
      this.#apply({ type: "mappings-ended", clientId });
    }, MAPPED_CHECK_MS);
    this.#checks.add(check);
    return slots;
  }

  perform(effect: StoreEffect): void {
    const { arena } = this;
    switch (effect.type) {
      case "open-region":
        arena.open(effect.region);
        return;
      case "offer-region":
        arena.offer(effect.region);
        return;
      case "revoke-spares": {
        const { regions } = effect;
        const slots = new Set(regions.filter((region) => arena.revoke(region)).map(({ slot }) => slot));
        this.#apply({ type: "spares-revoked", regions, slots, atMs: Date.now() });
        return;
      }
      case "publish-region":
        arena.seal(effect.region);
        return;
      case "free-region":
        arena.empty(effect.region);
        if (effect.isDiscarded) arena.discard(effect.region);
        return;
      case "discard-free":
        for (const { start, end } of this.#freeRanges()) arena.discardRange(start, end);
        return;
      case "scan-pins": {
        const { mountFreeBytes } = arena;
        this.#apply({ type: "pins-scanned", pinned: arena.pinnedSlots(), mountFreeBytes, atMs: Date.now() });
        return;
      }
      case "retract-region": {
        const { objectId, region } = effect;
        this.#apply({ type: "region-retracted", objectId, isMapped: !arena.retract(region) });
        return;
      }
      case "spill-region": {
        const { file, region } = effect;
        this.#spiller.order({ type: "spill", file, offset: region.offset, sizeBytes: regionBytes(region.lengths) });
        return;
      }
      case "restore-file": {
        const { name, sizeBytes, checksum } = effect.file;
        this.#spiller.order({ type: "read", file: name, sizeBytes, checksum, offset: effect.region.offset });
        return;
      }
      case "check-file": {
        const { name, sizeBytes, checksum } = effect.file;
        this.#spiller.order({ type: "read", file: name, sizeBytes, checksum });
        return;
      }
      case "delete-file":
        this.#spiller.order({ type: "delete", file: effect.file });
        return;
    }
  }

  #answered(answer: FromSpillThread): void {
    const { file } = answer;
    const atMs = Date.now();
    if (answer.type === "spilled") this.#apply({ type: "spill-ended", file, outcome: answer.outcome, atMs });
    else this.#apply({ type: "file-read", file, outcome: answer.outcome, atMs });
  }

  /** Remove arena and files. */
  close(): void {
    for (const check of this.#checks) clearInterval(check);
    this.#spiller.close();
    this.arena.unlink();
  }
}
