/** The GPUs that this worker's work may use. */
import { VISIBLE_GPUS_VARIABLE } from "../node/gpu-ids.ts";

let shown: readonly string[] = [];

/** Libraries read the variable when they are loaded, so a process is shown other GPUs only before it had any. */
export function showGpus(ids: readonly string[]): void {
  shown = ids;
  process.env[VISIBLE_GPUS_VARIABLE] = ids.join(",");
}

export function shownGpus(): readonly string[] {
  return shown;
}
