/** Finalization registries whose callbacks can be run before their turn. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const CLEANUP_FLAG = "harmony-weak-refs-with-cleanup-some";

const registries: FinalizationRegistry<never>[] = [];
let cleanUpSome: ((this: FinalizationRegistry<never>) => void) | undefined;
let isLookedFor = false;

/** A registry for the life of the process. */
export function finalizer<Held>(cleanUp: (held: Held) => void): FinalizationRegistry<Held> {
  const registry = new FinalizationRegistry(cleanUp);
  registries.push(registry);
  return registry;
}

/**
 * Run the callbacks of what was collected, now, inside the running job; for code that cannot wait for the next turn of
 * the event loop. Does nothing where V8 does not offer it.
 */
export function runFinalizers(): void {
  if (!isLookedFor) {
    isLookedFor = true;
    // V8 hands it out to contexts made while the flag is set; a V8 without the flag ignores it.
    setFlagsFromString(`--${CLEANUP_FLAG}`);
    cleanUpSome = runInNewContext("FinalizationRegistry.prototype.cleanupSome") as typeof cleanUpSome;
    setFlagsFromString(`--no-${CLEANUP_FLAG}`);
  }
  if (cleanUpSome === undefined) return;
  for (const registry of registries) cleanUpSome.call(registry);
}
