/** Resource options as the engine counts them. */
import { toAmounts } from "../core/resources.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";

/** @throws RangeError for amounts that cannot be */
export function resourceAmounts(
  options: {
    readonly cpus?: number;
    readonly gpus?: number;
    readonly memoryBytes?: number;
    readonly resources?: Readonly<Record<string, number>>;
  },
  defaultCpus: number,
): ResourceAmounts {
  const { cpus = defaultCpus, gpus, memoryBytes, resources } = options;
  return toAmounts({ ...resources, cpus, gpus, memoryBytes });
}
