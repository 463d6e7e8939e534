/**
 * A store without disk or processes: memory, files and the words that processes share are plain arrays. Readers take the
 * steps of the real protocol one at a time, so that the head's steps fall between any two of them.
 */
import type { CoreEffect, CoreEvent, StateOptions } from "../../../runtime/src/core/state.ts";
import type { ClientId, ObjectId } from "../../../runtime/src/protocol/ids.ts";
import type { FromHead, ObjectPlace, WireRegion } from "../../../runtime/src/protocol/messages.ts";
import { retract, SlotWords } from "../../../runtime/src/store/region-words.ts";
import { CoreWorld, sent } from "./core-world.ts";

export const PAGE = 4096;

type Copying = Extract<CoreEffect, { type: "spill-region" | "restore-file" | "check-file" }>;

export class StoreWorld {
  readonly core: CoreWorld;
  /** Which object's bytes lie at each page. */
  readonly memory: string[] = [];
  readonly files = new Map<string, string>();
  readonly slots: SlotWords = new SlotWords(new Int32Array(1024));
  /** One table per reader. */
  readonly pins: Int32Array[] = [];
  /** Copies that the disk has not done yet. */
  readonly disk: Copying[] = [];
  readonly messages: (FromHead & { to: string })[] = [];
  /** Spares by their owner. */
  readonly given = new Map<string, WireRegion[]>();
  /** What processes have told the head of their spares, and it has not heard. */
  readonly onTheirWay: Extract<CoreEvent, { type: "spare-stored" | "spare-unused" }>[] = [];
  /** Where each object was when its writer told others of it. */
  readonly told = new Map<string, WireRegion>();

  /** What others do while the head is about to take a region: it is another process's time, too. */
  meanwhile: () => void = () => {};

  constructor(options: StateOptions & { readers?: number } = {}) {
    this.core = new CoreWorld({ cpus: 2 }, options);
    for (let index = 0; index < (options.readers ?? 2); index++) this.pins.push(new Int32Array(1024));
  }

  perform(effects: readonly CoreEffect[]): void {
    this.messages.push(...sent(effects));
    for (const message of sent(effects)) {
      const spares = message.type === "spares" ? message.regions : message.type === "allocated" ? message.spares : [];
      if (spares !== undefined) this.given.set(message.to, [...(this.given.get(message.to) ?? []), ...spares]);
    }
    for (const effect of effects) {
      switch (effect.type) {
        case "open-region":
          this.slots.open(effect.region);
          break;
        case "publish-region":
          this.slots.publish(effect.region);
          break;
        case "offer-region":
          this.slots.offer(effect.region);
          break;
        case "revoke-spares": {
          const { regions } = effect;
          // Their owners may be quicker.
          this.meanwhile();
          const slots = new Set(regions.filter((region) => this.slots.revoke(region)).map(({ slot }) => slot));
          this.perform(this.core.apply({ type: "spares-revoked", regions, slots, atMs: this.core.nowMs }));
          break;
        }
        case "free-region":
          this.slots.empty(effect.region);
          break;
        case "scan-pins":
          this.scanPins();
          break;
        case "retract-region": {
          const { objectId, region } = effect;
          this.meanwhile();
          const isPinned = ({ slot }: { slot: number }): boolean => {
            this.meanwhile();
            return this.pins.some((words) => words[slot] !== 0);
          };
          const isMapped = !retract(this.slots, { refresh: () => this.meanwhile(), isPinned }, region);
          this.perform(this.core.apply({ type: "region-retracted", objectId, isMapped }));
          break;
        }
        case "delete-file":
          this.files.delete(effect.file);
          break;
        case "spill-region":
        case "restore-file":
        case "check-file":
          this.disk.push(effect);
          break;
        case "send":
        case "start-worker":
        case "stop-worker":
        case "prepare-environment":
        case "refuse-room":
        case "discard-free":
          break;
      }
    }
  }

  scanPins(): void {
    const pinned = new Set<number>();
    for (const words of this.pins) for (const [slot, count] of words.entries()) if (count !== 0) pinned.add(slot);
    this.perform(
      this.core.apply({ type: "pins-scanned", pinned, mountFreeBytes: Number.MAX_SAFE_INTEGER, atMs: this.core.nowMs }),
    );
  }

  tick(ms = 50): void {
    this.core.nowMs += ms;
    this.perform(this.core.apply({ type: "ticked", atMs: this.core.nowMs }));
  }

  /** Ask for room. What is granted, now or later, is written by `write`. */
  ask(id: string, pages: number, options: { writer?: string; holder?: string } = {}): void {
    this.perform(this.core.askRoom(id, { ...options, pages }));
  }

  /** The writer of `id` does its work, if it has room. */
  write(id: string): boolean {
    const stored = this.core.state.objects.get(id as ObjectId)?.stored;
    if (stored?.place !== "writing") return false;
    const { region } = stored;
    this.#fill(region, id);
    this.slots.publish(region);
    this.told.set(id, region);
    this.perform(this.core.apply({ type: "region-sealed", objectId: id as ObjectId, slot: region.slot }));
    return true;
  }

  put(id: string, pages: number, options: { writer?: string; holder?: string } = {}): boolean {
    this.ask(id, pages, options);
    return this.write(id);
  }

  /** A process takes its last spare, and stores an object there. What it tells the head arrives by `arrive`. */
  store(id: string, owner: string, holder: string, isInterrupted = false): boolean {
    const region = this.given.get(owner)?.pop();
    if (region === undefined || !this.slots.claim(region)) return false;
    const tag = { slot: region.slot, version: region.version };
    const lengths = region.lengths;
    if (isInterrupted) {
      this.onTheirWay.push({ type: "spare-unused", owner: owner as ClientId, tag });
      return true;
    }
    this.#fill(region, id);
    this.slots.publish(region);
    this.told.set(id, region);
    const [objectId, atMs] = [id as ObjectId, this.core.nowMs];
    const stored = { type: "spare-stored", objectId, tag, lengths, atMs } as const;
    this.onTheirWay.push({ ...stored, owner: owner as ClientId, holder: holder as ClientId });
    return true;
  }

  /** The head hears of what was stored in a spare. */
  arrive(): (typeof this.onTheirWay)[number] | undefined {
    const event = this.onTheirWay.shift();
    if (event !== undefined) this.perform(this.core.apply(event));
    return event;
  }

  /** A process is gone: as the head does it, what it stored and did not tell is read from its notes. */
  leave(client: string): void {
    for (const event of this.onTheirWay.splice(0)) {
      if (event.owner !== client) this.onTheirWay.push(event);
      else if (event.type === "spare-stored") this.perform(this.core.apply(event));
    }
    this.given.delete(client);
    this.perform(this.core.leave(client));
  }

  #fill({ offset, lengths }: WireRegion, id: string): void {
    const first = offset / PAGE;
    const count = Math.max(1, Math.ceil((lengths[0] ?? 0) / PAGE));
    for (let page = first; page < first + count; page++) this.memory[page] = id;
  }

  contentOf({ offset, lengths }: WireRegion): string {
    const pages = this.memory.slice(offset / PAGE, (offset + (lengths[0] ?? 0)) / PAGE);
    return new Set(pages).size === 1 ? (pages[0] ?? "") : pages.join(",");
  }

  /** The disk does its next copy. */
  copyNext(failure?: { problem: string } | { damage: string }): boolean {
    const order = this.disk.shift();
    if (order === undefined) return false;
    const atMs = this.core.nowMs;
    if (order.type === "spill-region") {
      const isOk = failure === undefined;
      if (isOk) this.files.set(order.file, this.contentOf(order.region));
      const outcome = isOk ? ({ isOk, checksum: 1 } as const) : ({ isOk, problem: "no disk" } as const);
      this.perform(this.core.apply({ type: "spill-ended", file: order.file, outcome, atMs }));
      return true;
    }
    const content = this.files.get(order.file.name);
    const isDamaged = content === undefined || failure !== undefined;
    if (order.type === "restore-file" && !isDamaged) this.#fill(order.region, content);
    const outcome = isDamaged ? { damage: "it is damaged" } : ("ok" as const);
    this.perform(this.core.apply({ type: "file-read", file: order.file.name, outcome, atMs }));
    return true;
  }

  /** All that can happen by itself happens. */
  settle(): void {
    for (let round = 0; round < 100; round++) {
      for (const { type, to } of this.messages.splice(0)) {
        if (type === "collect") this.collected(to);
      }
      if (!this.copyNext()) this.tick();
      if (this.disk.length === 0 && this.core.state.store.asks.length === 0) return;
    }
  }

  collected(client: string): void {
    this.perform(this.core.apply({ type: "garbage-collected", clientId: client as never, atMs: this.core.nowMs }));
  }

  locate(id: string, client = "d"): ObjectPlace | undefined {
    this.messages.length = 0;
    const asked = { clientId: client as never, requestId: 7, objectId: id as ObjectId };
    this.perform(this.core.apply({ type: "object-located", ...asked }));
    return this.answer();
  }

  answer(): ObjectPlace | undefined {
    const located = this.messages.find((message) => message.type === "located");
    return located?.type === "located" ? located.place : undefined;
  }

  placeOf(id: string): string | undefined {
    return this.core.state.objects.get(id as ObjectId)?.stored?.place;
  }
}
