/** Arenas that nobody removed: their owner was killed together with everyone who would have cleaned up. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { arenaMounts, arenaPrefix, isStaleArena } from "./arena.ts";

/** Remove arenas whose owner process is gone. Returns the removed directories. */
export function sweepStaleArenas(mount?: string): string[] {
  const removed: string[] = [];
  for (const folder of mount === undefined ? arenaMounts() : [mount]) {
    for (const name of namesIn(folder)) {
      const directory = join(folder, name);
      if (!name.startsWith(arenaPrefix()) || !isStaleArena(directory)) continue;
      rmSync(directory, { recursive: true, force: true });
      removed.push(directory);
    }
  }
  return removed;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such mount
  }
}
