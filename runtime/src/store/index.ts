/** The shared memory of a node: one file, mapped by every process. */

export { RegionAllocator, regionBytes } from "../core/regions.ts";
export { Arena, type ArenaOptions, isCopied, type Region, sharedMemoryMount, type TaggedRegion } from "./arena.ts";
export { defaultSpillBytes, mapSpillFile, spillDirectoryOf, spillRoot } from "./spill-files.ts";
export { markOwner, sweepStaleArenas } from "./sweep.ts";
