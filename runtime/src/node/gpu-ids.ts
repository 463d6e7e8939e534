/** Which GPUs a cluster may give out, by the ids that CUDA knows them by. */
import { existsSync, readdirSync } from "node:fs";

/** What limits a process, and all it starts, to some of the machine's GPUs. */
export const VISIBLE_GPUS_VARIABLE = "CUDA_VISIBLE_DEVICES";

/**
 * Ids of the GPUs to give out, and how many they are.
 *
 * @param wanted - slots asked for; more than the machine has are fine, then they are just numbers.
 * @throws RangeError when more are asked for than CUDA_VISIBLE_DEVICES lists
 */
export function gpusToGive(wanted: number | undefined): { readonly gpus: number; readonly gpuIds: readonly string[] } {
  const visible = visibleGpus();
  const ids = visible ?? deviceNumbers();
  const gpus = wanted ?? ids.length;
  const needed = Math.ceil(gpus);
  if (visible !== undefined && visible.length > 0 && needed > visible.length) {
    throw new RangeError(
      `gpus: ${wanted} is more than ${VISIBLE_GPUS_VARIABLE}=${visible.join(",")} shows. Ask for at most ` +
        `${visible.length}, or unset ${VISIBLE_GPUS_VARIABLE}.`,
    );
  }
  return { gpus, gpuIds: ids.length >= needed ? ids.slice(0, needed) : numbersTo(needed) };
}

/** Ids in the variable; undefined when it is not set. */
function visibleGpus(): string[] | undefined {
  const text = process.env[VISIBLE_GPUS_VARIABLE];
  if (text === undefined) return undefined;
  const ids = text.split(",").map((id) => id.trim());
  // For CUDA, too, what follows an id that is none does not count.
  const end = ids.findIndex((id) => id === "" || id === "-1");
  return [...new Set(end < 0 ? ids : ids.slice(0, end))];
}

/** NVIDIA's device files. */
function deviceNumbers(): string[] {
  if (!existsSync("/dev")) return [];
  return numbersTo(readdirSync("/dev").filter((name) => /^nvidia\d+$/.test(name)).length);
}

function numbersTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
