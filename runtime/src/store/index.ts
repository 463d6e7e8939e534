/** The shared memory of a node: one file, mapped by every process. */

export { Arena, type ArenaOptions, type Region } from "./arena.ts";
export { RegionAllocator, regionBytes } from "./regions.ts";
export { sweepStaleArenas } from "./sweep.ts";
