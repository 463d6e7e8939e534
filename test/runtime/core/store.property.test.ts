import fc from "fast-check";
import { describe, it } from "vitest";
import { chooseVictims, type Victim } from "../../../runtime/src/core/victims.ts";
import type { ObjectPlace, WireRegion } from "../../../runtime/src/protocol/messages.ts";
import { Pins, retract } from "../../../runtime/src/store/region-words.ts";
import { PAGE, StoreWorld } from "./store-world.ts";

/** What happens, and how much more often than the rarest. */
const KINDS = {
  put: 8,
  ask: 2,
  write: 2,
  store: 8,
  arrive: 8,
  release: 2,
  read: 8,
  unmap: 9,
  locate: 4,
  copy: 8,
  break: 1,
  tick: 6,
  collect: 4,
  die: 1,
};
const kinds = Object.entries(KINDS).map(([kind, weight]) => ({
  weight,
  arbitrary: fc.constant(kind as keyof typeof KINDS),
}));

const happening = fc.record({
  kind: fc.oneof(...kinds),
  pick: fc.nat(30),
  other: fc.nat(30),
  /** What the head does between two steps of a reader, or a reader between two steps of the head. */
  between: fc.array(fc.constantFrom("copy", "tick", "put", "collect"), { maxLength: 3 }),
  meanwhile: fc.array(fc.nat(30), { maxLength: 3 }),
});

type Happening = typeof happening extends fc.Arbitrary<infer Each> ? Each : never;

interface Mapping {
  readonly id: string;
  readonly region: WireRegion;
  readonly reader: number;
}

/** Readers and the head at work, in any order. */
class Run {
  readonly world: StoreWorld = new StoreWorld({ capacityBytes: 24 * PAGE, spillLimitBytes: 30 * PAGE, readers: 2 });
  readonly mappings: Mapping[] = [];
  readonly #readers: Pins[];
  #next = 0;

  constructor() {
    this.#readers = this.world.pins.map((words) => new Pins(words));
    this.world.core.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" });
  }

  happen({ kind, pick, other, between, meanwhile }: Happening): void {
    const { world } = this;
    const id = this.#idAt(pick);
    // In between the steps of the head, readers begin to read, and look at once.
    const picks = [...meanwhile];
    world.meanwhile = () => {
      const next = picks.shift();
      if (next !== undefined) this.#read(this.#idAt(next), next % 2, []);
    };
    switch (kind) {
      case "put":
        world.put(`d.${this.#next++}`, 1 + (pick % 3), { writer: other % 3 === 0 ? "w1" : "d", holder: "d" });
        break;
      case "ask":
        world.ask(`d.${this.#next++}`, 1 + (pick % 5), { writer: other % 3 === 0 ? "w1" : "d", holder: "d" });
        break;
      case "write":
        world.write(id);
        break;
      case "store":
        world.store(`d.${this.#next++}`, other % 3 === 0 ? "w1" : "d", "d", other % 7 === 0);
        break;
      case "arrive":
        this.#arrive();
        break;
      case "release":
        this.#release(id);
        break;
      case "read":
        this.#read(id, other % 2, between);
        break;
      case "unmap":
        this.#unmap(pick);
        break;
      case "locate":
        world.locate(id);
        break;
      case "copy":
        world.copyNext();
        break;
      case "break":
        world.copyNext({ damage: "it is damaged" });
        break;
      case "collect":
        world.collected("d");
        break;
      case "die":
        // Its mappings end with it, and so do its regions that nobody will read.
        if (other % 5 === 0) this.#replaceWorker();
        break;
      case "tick":
        world.tick(other * 20);
        break;
    }
    this.check();
  }

  /** Nobody has released it: what is stored in a spare is there when the head hears of it. */
  #arrive(): void {
    const event = this.world.arrive();
    if (event?.type !== "spare-stored" || this.world.placeOf(event.objectId) !== undefined) return;
    throw new Error(`${event.objectId} was stored, and the head does not have it`);
  }

  #idAt(pick: number): string {
    const ids = [...this.world.core.state.objects.keys()];
    return ids[pick % Math.max(1, ids.length)] ?? "d.none";
  }

  #replaceWorker(): void {
    this.world.leave("w1");
    this.world.core.apply({ type: "client-joined", clientId: "w1" as never, kind: "worker" });
  }

  /** Only what no process needs is released. */
  #release(id: string): void {
    if (this.mappings.some((mapping) => mapping.id === id)) return;
    if (this.world.core.state.objects.get(id as never)?.holders.has("d" as never) !== true) return;
    this.world.perform(this.world.core.release("d", id));
  }

  /** As a process does it: pin, look, and only then read. The head works on between pin and look. */
  #read(id: string, reader: number, between: Happening["between"]): void {
    const place = this.#placeFor(id);
    if (place === undefined || !("region" in place)) return;
    const { region } = place;
    const slots = {
      isReadable: (tag: { slot: number; version: number }): boolean => {
        for (const [index, kind] of between.entries()) {
          this.happen({ kind, pick: index, other: 3, between: [], meanwhile: [] });
        }
        return this.world.slots.isReadable(tag);
      },
    };
    if (this.#readers[reader]?.tryPin(slots, region) === true) this.mappings.push({ id, region, reader });
  }

  /** What a reader was told of the object: long ago, or just now. */
  #placeFor(id: string): ObjectPlace | undefined {
    const region = this.world.told.get(id);
    return region === undefined ? undefined : { region };
  }

  #unmap(pick: number): void {
    const [mapping] = this.mappings.splice(pick % Math.max(1, this.mappings.length), 1);
    if (mapping !== undefined) this.#readers[mapping.reader]?.unpin(mapping.region);
  }

  /** Whoever has something mapped sees the object that it wanted. */
  check(): void {
    for (const { id, region } of this.mappings) {
      const content = this.world.contentOf(region);
      if (content !== id) throw new Error(`a reader of ${id} sees ${content}`);
    }
    for (const { objectId, stored } of this.world.core.state.objects.values()) {
      const content = stored?.place === "arena" ? this.world.contentOf(stored.region) : objectId;
      if (content !== objectId) throw new Error(`${objectId} lies in the arena as ${content}`);
      const file = stored?.place === "file" ? this.world.files.get(stored.file.name) : objectId;
      if (file !== undefined && file !== objectId) throw new Error(`${objectId} lies in a file as ${file}`);
    }
  }
}

describe("the store", () => {
  it("shows every reader the object that it wanted, whatever is spilled, restored, dropped and written meanwhile", () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 80, maxLength: 150, size: "max" }), (happenings) => {
        const run = new Run();
        for (const each of happenings) run.happen(each);
      }),
      { numRuns: 400 },
    );
  });

  it("is empty, and has no file, once everybody is gone", () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 80, maxLength: 150, size: "max" }), (happenings) => {
        const run = new Run();
        for (const each of happenings) run.happen(each);
        const { world } = run;
        for (const client of ["w1", "d"]) world.leave(client);
        while (world.copyNext());
        const { allocator, spilledBytes } = world.core.state.store;
        const left = { usedBytes: allocator.usedBytes, spilledBytes, files: world.files.size };
        if (Object.values(left).some((count) => count !== 0)) throw new Error(JSON.stringify(left));
      }),
      { numRuns: 200 },
    );
  });

  it("has no order of steps in which a reader maps a region that the head takes", () => {
    // Both protocols in full, with the other's whole protocol at each point in between.
    for (const readerFirst of [true, false]) {
      const words = new Int32Array(4);
      const world = new StoreWorld({ capacityBytes: PAGE, spillLimitBytes: 0, readers: 0 });
      const tag = { slot: 1, version: 1 };
      world.slots.publish(tag);
      const pins = new Pins(words);
      let isPinned: boolean | undefined;
      let isTaken: boolean | undefined;
      const take = (): void => {
        const seen = { refresh: () => (readerFirst ? undefined : read()), isPinned: () => words[1] !== 0 };
        isTaken = retract(world.slots, seen, tag);
      };
      const read = (): void => {
        const look = {
          isReadable: () => (readerFirst ? (take(), world.slots.isReadable(tag)) : world.slots.isReadable(tag)),
        };
        isPinned = pins.tryPin(look, tag);
      };
      if (readerFirst) read();
      else take();
      if (isPinned === true && isTaken === true) throw new Error("the reader reads what was taken");
      if (isPinned !== true && isTaken !== true && words[1] !== 0) throw new Error("a pin is left");
    }
  });
});

describe("the choice of what is spilled", () => {
  it("makes a hole that is large enough, of what may go, within the budget", () => {
    const pages = fc.array(fc.constantFrom("free", "old", "new", "fixed"), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(pages, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 20 }), (kinds, size, budget) => {
        const free = kinds.flatMap((kind, page) =>
          kind === "free" ? [{ start: page * PAGE, end: (page + 1) * PAGE }] : [],
        );
        const candidates = kinds.flatMap((kind, page): Victim[] => {
          if (kind !== "old" && kind !== "new") return [];
          const region = { offset: page * PAGE, lengths: [PAGE], slot: page, version: 1 };
          return [
            { objectId: `d.${page}` as never, region, since: kind === "old" ? page : 100 + page, sizeBytes: PAGE },
          ];
        });
        const need = { sizeBytes: size * PAGE, budget: budget * PAGE, mountDeficit: 0 };
        const chosen = new Set(chooseVictims(free, candidates, need).map(({ region }) => region.slot));
        const after = kinds.map((kind, page) => (kind === "free" || chosen.has(page) ? "free" : kind));
        const isThere = longestRun(after) >= size;
        const couldBe = windows(kinds, size).some(
          (window) => window.filter((kind) => kind !== "free").length <= budget,
        );
        if (chosen.size > budget) throw new Error("more than the budget");
        if (chosen.size > 0 && !isThere) throw new Error("spilled for nothing");
        if (!isThere && couldBe) throw new Error("there was a way");
      }),
      { numRuns: 2_000 },
    );
  });
});

function longestRun(kinds: readonly string[]): number {
  let longest = 0;
  let run = 0;
  for (const kind of kinds) {
    run = kind === "free" ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** Groups of neighbours of which none is fixed. */
function windows(kinds: readonly string[], size: number): string[][] {
  return kinds
    .map((_, start) => kinds.slice(start, start + size))
    .filter((window) => window.length === size && !window.includes("fixed"));
}
