/** Resource options as the engine counts them. */
import { toAmounts } from "../core/resources.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";

/** @throws TypeError for names that have an option of their own */
export function checkResourceNames(resources: Readonly<Record<string, number>> | undefined): void {
  for (const name of ["cpus", "gpus", "memoryBytes"]) {
    if (resources !== undefined && Object.hasOwn(resources, name)) {
      throw new TypeError(`resources.${name}: use the option ${name} itself`);
    }
  }
}

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
  checkResourceNames(options.resources);
  const { cpus = defaultCpus, gpus, memoryBytes, resources } = options;
  return toAmounts({ ...resources, cpus, gpus, memoryBytes });
}
