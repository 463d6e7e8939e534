/** What the head knows of the store: which bytes are taken, what lies in files, who waits for room. */
import type { ClientId, ObjectId } from "../protocol/ids.ts";
import type { WireRegion } from "../protocol/messages.ts";
import { RegionAllocator } from "./regions.ts";
import { SlotAllotment, slotsOf } from "./slots.ts";
import type { Spare, SpareDemand } from "./spares.ts";

/** A spilled object. */
export interface SpillFile {
  /** In the cluster's spill directory. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly lengths: readonly number[];
  readonly checksum: number;
  /** Its bytes were compared with the checksum since they were written. */
  isChecked: boolean;
}

/** Where the buffers of an object lie. */
export type Stored =
  /** Its writer is not done with it. */
  | { readonly place: "writing"; readonly region: WireRegion; readonly writer: ClientId }
  /** Readers map it. `since` orders objects by when they came there. */
  | { readonly place: "arena"; readonly region: WireRegion; readonly since: number }
  /** Taken from readers and being copied to a file; the first who asks for it gets it back. */
  | { readonly place: "spilling"; readonly region: WireRegion; readonly since: number; readonly file: string }
  | { readonly place: "file"; readonly file: SpillFile }
  /** Being copied back. */
  | { readonly place: "restoring"; readonly file: SpillFile; readonly region: WireRegion }
  | { readonly place: "lost"; readonly reason: string; isRebuilding: boolean };

/** A process that waits for room. Its main thread stands still meanwhile. */
export interface RoomAsk {
  readonly requestId: number;
  readonly objectId: ObjectId;
  readonly lengths: readonly number[];
  readonly sizeBytes: number;
  readonly writer: ClientId;
  readonly holder: ClientId;
  readonly atMs: number;
}

/** A copy under way between arena and file. `region` is not free before it ends. */
export interface Copy {
  readonly objectId: ObjectId;
  readonly kind: "spill" | "restore" | "check";
  readonly sizeBytes: number;
  readonly region?: WireRegion;
}

export interface StoreState {
  readonly allocator: RegionAllocator;
  readonly slots: SlotAllotment;
  /** Bytes that files may take; 0 when nothing is spilled. */
  readonly spillLimitBytes: number;
  /** Bytes of files that exist or are being written. */
  spilledBytes: number;
  /** By the file's name. */
  readonly copies: Map<string, Copy>;
  /** Regions, by slot, that nobody wants although their writer is not done. */
  readonly unwanted: Map<number, { readonly region: WireRegion; readonly writer: ClientId }>;
  /** Regions that processes have ahead of their need, by slot. */
  readonly spares: Map<number, Spare>;
  /** Of processes that asked for room. */
  readonly spareDemands: Map<ClientId, SpareDemand>;
  /** What processes have mapped whose clients have left. */
  readonly stillMapped: Map<ClientId, readonly ObjectId[]>;
  /** First come, first served. */
  readonly asks: RoomAsk[];
  /** Processes that were told to collect garbage and have not reported; until when to wait for them. */
  collecting: { readonly clients: Set<ClientId>; readonly untilMs: number; readonly usedBytes: number } | undefined;
  /** Collecting was in vain: not again before this time. */
  collectAgainMs: number;
  /** Bytes that processes read, and that could not be spilled therefore, when that was looked at last. */
  mappedBytes: number;
  /** When room was last made. */
  progressMs: number;
  /** Files cannot be written at the moment. */
  disk: { readonly problem: string; readonly untilMs: number } | undefined;
  /** The mount was full before the arena was: its free bytes, as far as known. Freed memory goes back to it then. */
  mountFreeBytes: number | undefined;
  nextFile: number;
  nextSince: number;
}

export interface StoreLimits {
  readonly capacityBytes: number;
  readonly spillLimitBytes: number;
}

export function createStore({ capacityBytes, spillLimitBytes }: StoreLimits): StoreState {
  return {
    allocator: new RegionAllocator(capacityBytes),
    slots: new SlotAllotment(slotsOf(capacityBytes)),
    spillLimitBytes,
    spilledBytes: 0,
    copies: new Map(),
    unwanted: new Map(),
    spares: new Map(),
    spareDemands: new Map(),
    stillMapped: new Map(),
    asks: [],
    collecting: undefined,
    collectAgainMs: 0,
    mappedBytes: 0,
    progressMs: 0,
    disk: undefined,
    mountFreeBytes: undefined,
    nextFile: 1,
    nextSince: 1,
  };
}
