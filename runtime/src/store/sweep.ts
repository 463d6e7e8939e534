/** Folders that nobody removed: their owner was killed together with everyone who would have cleaned up. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arenaMounts, isStaleArena } from "./arena.ts";
import { processStamp } from "./process-stamp.ts";

/** Folders of arenas and of sockets begin so. */
const PREFIX = "mobula-";

/** The folder is this process's, and may be removed when that is gone; arenas have such a mark from the start. */
export function markOwner(directory: string): void {
  writeFileSync(join(directory, "owner"), JSON.stringify(processStamp(process.pid)), { mode: 0o600 });
}

/** Remove folders of arenas and sockets whose owner process is gone. Returns the removed directories. */
export function sweepStaleArenas(mount?: string): string[] {
  const removed: string[] = [];
  for (const folder of mount === undefined ? arenaMounts() : [mount]) {
    for (const name of namesIn(folder)) {
      const directory = join(folder, name);
      if (!name.startsWith(PREFIX) || !isStaleArena(directory)) continue;
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
